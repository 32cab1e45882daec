"""A picture of one episode of images: the support set and the predictions.

Each query image is drawn with its predictions before and after adaptation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maml_tf.algorithms import Algorithm
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.reports import figures
from maml_tf.reports.tables import gradient_steps

RIGHT, WRONG = "✓", "✗"
# The size of a cell (an image, its caption, and space) in widths of an image.
_CELL_WIDTH, _CELL_HEIGHT = 1.2, 1.55
# The width of an image in inches.
_INCHES = 0.55


def episode_picture(
    algorithm: Algorithm,
    episode: Episode,
    steps: int,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draws an episode: support set, and queries before and after adaptation.

    A class is a row. Under each query image is a tick if it is classified
    correctly, otherwise a cross and the number of the class that it was taken
    for; its frame is blue or red.

    Args:
        algorithm: One of `maml_tf.algorithms`, with a trained model.
        episode: An `Episode` of images `[images, height, width, channels]` in
            [0, 1], grey (1 channel) or colour (3), and labels `0 … way − 1`.
        steps: Inner steps of the adaptation.
        class_names: Names `[way]` to write beside the rows; by default their
            numbers from 1.
        title: Text above the accuracies, such as the images' subject.

    Returns:
        A Matplotlib figure; `maml_tf.reports.save` writes it.

    Raises:
        InputError: The episode's inputs are not images.
    """
    shape = tuple(episode.query_x.shape)
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise InputError(
            f"episode: its inputs are {shape}; a picture can show images"
            " [images, height, width, channels] of 1 or 3 channels."
        )
    support_y, query_y = episode.support_y.numpy(), episode.query_y.numpy()
    way = int(support_y.max()) + 1
    before, after = _predictions(algorithm, episode, (0, steps))
    blocks = (
        ("Learns from", episode.support_x, support_y, None),
        ("Before", episode.query_x, query_y, before),
        (f"After {gradient_steps(steps)}", episode.query_x, query_y, after),
    )
    columns = [np.bincount(labels).max() for _, _, labels, _ in blocks]
    figure = figures.new_figure(
        _INCHES * (sum(columns) * _CELL_WIDTH + 3),
        _INCHES * way * _CELL_HEIGHT + 1,
    )
    all_axes = figure.subplots(1, len(blocks), width_ratios=columns)
    for axes, number, (heading, x, labels, predicted) in zip(
        all_axes, columns, blocks
    ):
        _block(axes, np.clip(x, 0.0, 1.0), labels, predicted)
        axes.set_xlim(0, number * _CELL_WIDTH)
        axes.set_ylim(way * _CELL_HEIGHT, 0)
        if predicted is not None:
            right = np.count_nonzero(predicted == labels)
            heading += f": {right} of {len(labels)} right"
        axes.set_title(heading, fontsize="medium")
    all_axes[0].set_yticks(
        (np.arange(way) + 0.4) * _CELL_HEIGHT,
        [f"class {1 + label}" for label in range(way)]
        if class_names is None
        else [
            f"{figures.tick_label(name)}  {1 + n}"
            for n, name in enumerate(class_names)
        ],
    )
    accuracies = (
        f"accuracy {np.mean(before == query_y):.0%} before,"
        f" {np.mean(after == query_y):.0%} after adaptation"
    )
    figure.suptitle(accuracies if title is None else f"{title}\n{accuracies}")
    figure.supxlabel(
        f"{RIGHT} right    {WRONG} n  wrong: taken for class n",
        fontsize="medium",
    )
    return figure


def _predictions(algorithm, episode, steps):
    """Predicts each query image's class after some numbers of steps."""
    loop = algorithm.inner_loop
    adaptation = loop.adapt(
        algorithm.theta(),
        episode.support_x,
        episode.support_y,
        max(steps),
        tf.constant([0, 0], tf.int64),
    )
    outputs = (
        loop.predict(
            adaptation.phi[step],
            adaptation.state,
            episode.query_x,
            episode.support_x,
        )
        for step in steps
    )
    return [tf.argmax(output, axis=-1).numpy() for output in outputs]


def _block(axes, images, labels, predicted):
    """Draws images in a grid, a row a class, with marks if predicted."""
    column = np.zeros(labels.max() + 1, int)
    for number, (image, label) in enumerate(zip(images, labels)):
        left = column[label] * _CELL_WIDTH + 0.1
        top = label * _CELL_HEIGHT + 0.1
        column[label] += 1
        draw_image(axes, image, left, top)
        if predicted is not None:
            right = predicted[number] == label
            color = figures.BLUE if right else figures.RED
            draw_frame(axes, left, top, color)
            draw_caption(
                axes,
                left,
                top,
                RIGHT if right else f"{WRONG} {1 + predicted[number]}",
                color,
            )
    bare(axes)


def bare(axes: Axes) -> None:
    """Removes ticks and frame from axes, and makes their units equally long.

    Args:
        axes: Matplotlib axes.
    """
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_image(
    axes: Axes,
    image: np.ndarray,
    left: float,
    top: float,
    interpolation: str = "nearest",
) -> None:
    """Draws an image into the middle of a square of width 1, y downwards.

    Args:
        axes: Matplotlib axes.
        image: Image `[height, width, 1 or 3]` in [0, 1].
        left: The square's left edge.
        top: The square's top edge.
        interpolation: Matplotlib's name of the interpolation.
    """
    height, width = np.array(image.shape[:2]) / max(image.shape[:2])
    left, top = left + (1 - width) / 2, top + (1 - height) / 2
    axes.imshow(
        image[..., 0] if image.shape[-1] == 1 else image,
        extent=(left, left + width, top + height, top),
        cmap="gray",
        interpolation=interpolation,
        vmin=0.0,
        vmax=1.0,
    )


def draw_frame(
    axes: Axes, left: float, top: float, color: str, linewidth: float = 2
) -> None:
    """Frames a square of width 1.

    Args:
        axes: Matplotlib axes.
        left: The square's left edge.
        top: The square's top edge.
        color: A Matplotlib colour.
        linewidth: Line width in points.
    """
    axes.add_patch(
        Rectangle(
            (left, top), 1, 1, fill=False, edgecolor=color, linewidth=linewidth
        )
    )


def draw_caption(
    axes: Axes,
    left: float,
    top: float,
    text: str,
    color: str,
    line: int = 0,
    **style: Any,
) -> None:
    """Writes below a square of width 1.

    Args:
        axes: Matplotlib axes.
        left: The square's left edge.
        top: The square's top edge.
        text: The caption; dollar signs do not begin mathematics.
        color: A Matplotlib colour.
        line: Number of the line, from 0.
        **style: Options of Matplotlib's text; bold by default.
    """
    axes.text(
        left + 0.5,
        top + 1.06 + 0.18 * line,
        text,
        color=color,
        horizontalalignment="center",
        verticalalignment="top",
        parse_math=False,
        **{"fontweight": "bold", **style},
    )
