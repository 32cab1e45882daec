"""Pictures of confusion matrices."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from maml_tf.evaluation.confusion import Confusion, counts
from maml_tf.reports import figures

# Perceptually uniform from dark to light, for colour-blind readers too.
_SHADES = "cividis"


# Smaller shares have a shade and no number.
_WRITTEN = 0.05


def confusion_matrix(
    axes: Axes,
    true: Iterable,
    predicted: Iterable,
    labels: Sequence[str],
    title: str = "Confusion matrix",
) -> None:
    """Draws how often each class is taken for each.

    A row is a true class and a column a predicted one; a cell has the number of
    examples, and its shade is their share of the row.

    Args:
        axes: Matplotlib axes.
        true: The true classes' names, `[examples]`.
        predicted: The predicted classes' names, `[examples]`.
        labels: Names of all classes, in the order of rows and columns.
        title: Title of the axes.

    Raises:
        InputError: The numbers of names differ, or `labels` lacks a name.
    """
    matrix = counts(true, predicted, labels)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    texts = [[str(number or "") for number in row] for row in matrix]
    _matrix(axes, shares, texts, labels, title, "share of the row")


def confusion_shares(
    axes: Axes, confusion: Confusion, title: str = "Confusion matrix"
) -> None:
    """Draws how often each class is taken for each, in percent of episodes.

    Args:
        axes: Matplotlib axes.
        confusion: A `maml_tf.evaluation.confusion.Confusion`.
        title: Title of the axes; it should tell the number of tasks.
    """
    shares = confusion.shares
    texts = [
        [f"{100 * share:.0f}" if share >= _WRITTEN else "" for share in row]
        for row in shares
    ]
    _matrix(
        axes,
        np.nan_to_num(shares),
        texts,
        confusion.names,
        title,
        "share of the row's queries taken for the column's class,\n"
        f"in tasks with both (in %, written from {100 * _WRITTEN:.0f} % on)",
    )


def _matrix(axes, shares, texts, labels, title, meaning):
    """Draws shares of 0 to 1 as shades, with texts on them."""
    image = axes.imshow(shares, cmap=_SHADES, vmin=0.0, vmax=1.0)
    size = 10 if len(labels) <= 12 else 8
    for row, (values, words) in enumerate(zip(shares, texts)):
        for column, (value, word) in enumerate(zip(values, words)):
            axes.text(
                column,
                row,
                word,
                ha="center",
                va="center",
                fontsize=size,
                color="black" if value > 0.55 else "white",
            )
    places = np.arange(len(labels))
    labels = [figures.tick_label(str(label)) for label in labels]
    axes.set_xticks(
        places, labels, rotation=45, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(places, labels)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    axes.set_title(title)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8, label=meaning)
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
