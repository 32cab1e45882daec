"""Pictures of a model's answers to a user's examples, before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from maml_tf.reports import figures
from maml_tf.reports.answers import Answers, thumbnail
from maml_tf.reports.episode_picture import (
    RIGHT,
    WRONG,
    bare,
    draw_caption,
    draw_frame,
    draw_image,
)
from maml_tf.reports.tables import gradient_steps

__all__ = [
    "Answers",
    "image_report",
    "points_report",
    "text_report",
    "thumbnail",
]

_SUPPORT = 5  # Most support images of a class.
_QUERIES = 12  # Most query images of a class.
_UNKNOWN = 36  # Most query images without a known class.
_CLASSES = 30  # Most classes.
_TEXTS = 30  # Most texts.

# Images without a known class in a row.
_IN_A_ROW = 6


# The size of an image with its captions, in widths of an image.
_WIDTH, _HEIGHT = 1.3, 1.62
# The width of an image in inches.
_INCHES = 0.95

_LETTERS = {"fontsize": 8, "parse_math": False}


def image_report(
    support_x: Sequence[np.ndarray],
    support_y: Sequence[str],
    answers: Answers,
    steps: int,
) -> Figure:
    """Draws the images that were learned from, and those that were asked about.

    A class is a row: at the left its support images, at the right its query
    images. Query images without a known class are in further rows below. Under
    each query image are the answers before and after adaptation, with their
    probabilities; blue is right and red is wrong.

    Args:
        support_x: Images as `thumbnail` gives them.
        support_y: Their classes' names.
        answers: `Answers` about images.
        steps: Gradient steps of the adaptation.

    Returns:
        A Matplotlib figure; `maml_tf.reports.save` writes it.
    """
    labels = answers.labels[:_CLASSES]
    support = [np.flatnonzero(np.array(support_y) == name) for name in labels]
    queries = [
        [i for i in answers.counted if answers.y[i] == n] for n in labels
    ]
    known = set(answers.counted)
    unknown = [i for i in range(len(answers.y)) if i not in known]
    columns = _columns(queries, unknown)
    divider = 1.5 + _WIDTH * min(_SUPPORT, max(map(len, support)))
    left = divider + 0.75
    # Beside the classes if no query has a known class.
    below = (len(labels) + 0.35) * _HEIGHT if known else 0.0
    rows = -(-min(len(unknown), _UNKNOWN) // columns)
    height = max(len(labels) * _HEIGHT, (below + rows * _HEIGHT) * bool(rows))
    if len(answers.labels) > _CLASSES:
        height += 0.3
    axes = _canvas(left + columns * _WIDTH, height, 0.8)
    for row, (name, indices) in enumerate(zip(labels, support)):
        top = row * _HEIGHT
        axes.text(
            1.35,
            top + 0.6,
            _shorten(name),
            horizontalalignment="right",
            verticalalignment="center",
            fontsize=10,
            fontweight="bold",
            parse_math=False,
        )
        for column, index in enumerate(indices[:_SUPPORT]):
            x = 1.5 + column * _WIDTH
            draw_image(axes, support_x[index], x, top + 0.1, "antialiased")
            draw_frame(axes, x, top + 0.1, figures.GREY, 0.8)
        _rest(axes, x, top, len(indices) - _SUPPORT)
    for row, class_queries in enumerate(queries):
        drawn = class_queries[:_QUERIES]
        _cells(axes, answers, drawn, left, row * _HEIGHT, columns)
        if drawn:
            x = left + (len(drawn) - 1) * _WIDTH
            _rest(axes, x, row * _HEIGHT, len(class_queries) - _QUERIES)
    _cells(axes, answers, unknown[:_UNKNOWN], left, below, columns)
    if unknown and known:
        _heading(axes, left, below, "Of no class that is known")
    axes.plot([divider] * 2, [0, height - 0.1], color="#BBBBBB", linewidth=1)
    _heading(axes, 1.5, 0, "Learned from")
    heading = "Asked about"
    if len(unknown) > _UNKNOWN:
        heading += f" (the first {_UNKNOWN} of {len(unknown)})"
    _heading(axes, left, 0, f"{heading}, and what it was taken for")
    _title(axes, answers, steps)
    if len(answers.labels) > _CLASSES:
        axes.text(
            0.1,
            height - 0.15,
            f"and {len(answers.labels) - _CLASSES} more classes",
            **_LETTERS,
        )
    return axes.figure


def text_report(
    support_y: Sequence[str], answers: Answers, steps: int
) -> Figure:
    """Draws texts with the model's answers and their probabilities.

    Args:
        support_y: The classes' names of the texts that were learned from.
        answers: `Answers` about texts.
        steps: Gradient steps of the adaptation.

    Returns:
        A Matplotlib figure; `maml_tf.reports.save` writes it.
    """
    number = min(len(answers.x), _TEXTS)
    pitch, bar, first, second = 0.4, 2.6, 5.2, 8.1
    axes = _canvas(11.0, number * pitch + 0.3, 0.85)
    columns = ((first, answers.before), (second, answers.after))
    for row in range(number):
        middle = (row + 0.5) * pitch + 0.1
        axes.text(
            first - 0.2,
            middle,
            _shorten(answers.x[row], 62),
            horizontalalignment="right",
            verticalalignment="center",
            **_LETTERS,
        )
        for left, probabilities in columns:
            name, probability, right = answers.answer(probabilities, row)
            color = _color(right)
            axes.barh(middle, bar, 0.3, left, color="#F0F0F0")
            axes.barh(
                middle, bar * probability, 0.3, left, color=color, alpha=0.35
            )
            axes.text(
                left + 0.06,
                middle,
                _answer_text(name, probability, right, 24),
                verticalalignment="center",
                **_LETTERS,
            )
    axes.text(
        first - 0.2,
        -0.12,
        f"Learned from {len(support_y)} texts of {len(answers.labels)} classes",
        fontsize=10,
        horizontalalignment="right",
        verticalalignment="center",
    )
    _heading(axes, first, 0, "Before adaptation")
    _heading(axes, second, 0, f"After {gradient_steps(steps)}")
    if len(answers.x) > number:
        axes.text(
            first - 0.2,
            number * pitch + 0.3,
            f"and {len(answers.x) - number} more",
            horizontalalignment="right",
            verticalalignment="center",
            **_LETTERS,
        )
    _title(axes, answers, steps)
    return axes.figure


def points_report(
    support: Any, query: Any, before: np.ndarray, after: np.ndarray, steps: int
) -> Figure:
    """Draws points and predictions against the first feature.

    Args:
        support: `maml_tf.learner.user_examples.Points` that were learned from.
        query: `Points` that were asked about.
        before: Predictions before adaptation, `[examples, targets]`.
        after: Predictions after adaptation, `[examples, targets]`.
        steps: Gradient steps of the adaptation.

    Returns:
        A Matplotlib figure with axes for each target; `maml_tf.reports.save`
        writes it.
    """
    number = len(support.targets)
    figure = figures.new_figure(7, 0.6 + 3.6 * number)
    order = np.argsort(query.x[:, 0], kind="stable")
    x = query.x[order, 0]
    # A line between points that differ in other features too has no meaning.
    line = "-" if len(support.features) == 1 else ""
    all_axes = figure.subplots(number, squeeze=False, sharex=True)[:, 0]
    for target, axes in enumerate(all_axes):
        series = [
            (before, "o", figures.ORANGE, "predicted before adaptation"),
            (
                after,
                "s",
                figures.BLUE,
                f"predicted after {gradient_steps(steps)}",
            ),
        ]
        if query.y is not None:
            series.insert(0, (query.y, "x", "black", "truth"))
        for y, marker, color, label in series:
            axes.plot(
                x,
                y[order, target],
                marker + ("" if marker == "x" else line),
                color=color,
                markersize=5 if marker != "x" else 7,
                linewidth=1,
                label=label,
            )
        axes.plot(
            support.x[:, 0],
            support.y[:, target],
            "^",
            color="#AA3399",
            markersize=10,
            label="learned from",
            zorder=5,
        )
        axes.set_ylabel(support.targets[target], parse_math=False)
        axes.grid(alpha=0.3)
    all_axes[-1].set_xlabel(support.features[0], parse_math=False)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, fontsize="small"
    )
    title = f"{len(support.x)} points learned from, {len(x)} asked about"
    if query.y is not None:
        title = "mean absolute error " + "; ".join(
            f"{name}{before:.3g} before, {after:.3g} after adaptation"
            for name, before, after in zip(
                [f"of {t}: " for t in support.targets] if number > 1 else [""],
                *(np.abs(y - query.y).mean(0) for y in (before, after)),
            )
        )
    figure.suptitle(title, parse_math=False)
    return figure


def _columns(queries, unknown):
    """Returns the number of images in a row."""
    longest = max([min(_QUERIES, len(indices)) for indices in queries])
    if not longest:
        return min(_IN_A_ROW, len(unknown))
    # The heading needs the width of three.
    return max(longest, 3)


def _canvas(width, height, head):
    """Makes axes that fill a figure, y downwards from below a head."""
    figure = figures.new_figure(_INCHES * width, _INCHES * (height + head))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    bare(axes)
    # Images would otherwise change the limits.
    axes.set_autoscale_on(False)
    axes.set_xlim(0, width)
    axes.set_ylim(height, -head)
    return axes


def _cells(axes, answers, indices, left, top, columns):
    """Draws query images, some in a row, and the answers below them."""
    for row in range(-(-len(indices) // columns)):
        for line, text in enumerate(("before", "after")):
            draw_caption(
                axes,
                left - 0.85,
                top + row * _HEIGHT + 0.1,
                text,
                "black",
                line,
                fontsize=7.5,
                fontweight="bold" if line else "normal",
            )
    for place, index in enumerate(indices):
        x = left + place % columns * _WIDTH
        y = top + place // columns * _HEIGHT + 0.1
        draw_image(axes, answers.x[index], x, y, "antialiased")
        for line, probabilities in enumerate((answers.before, answers.after)):
            name, probability, right = answers.answer(probabilities, index)
            draw_caption(
                axes,
                x,
                y,
                _answer_text(name, probability, right, 13),
                "black" if right is None else _color(right),
                line,
                fontsize=7.5,
                fontweight="bold" if line else "normal",
            )
        draw_frame(axes, x, y, _color(right))


def _answer_text(name, probability, right, width):
    mark = "" if right is None else (RIGHT if right else WRONG) + " "
    return f"{mark}{_shorten(name, width)} {probability:.0%}"


def _color(right):
    return {True: figures.BLUE, False: figures.RED, None: figures.GREY}[right]


def _rest(axes, left, top, number):
    """Writes how many images are not drawn."""
    if number > 0:
        axes.text(
            left + 1,
            top + 1.54,
            f"+ {number} more",
            horizontalalignment="right",
            verticalalignment="center",
            **_LETTERS,
        )


def _heading(axes, left, top, text):
    axes.text(
        left,
        top - 0.12,
        text,
        fontsize=10,
        verticalalignment="center",
        parse_math=False,
    )


def _title(axes, answers, steps):
    """Writes how many answers were right, if that is known."""
    right, number = answers.accuracy(answers.after)
    if number:
        before, _ = answers.accuracy(answers.before)
        title = (
            f"{before} of {number} right before adaptation, {right} of"
            f" {number} after {gradient_steps(steps)}"
        )
    else:
        title = f"{len(answers.x)} asked about, after {gradient_steps(steps)}"
    axes.set_title(title, y=1, pad=-22)


def _shorten(text, width=16):
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 1] + "…"
