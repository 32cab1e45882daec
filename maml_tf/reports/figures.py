"""Figures: their colours, their labels and their files."""

import pathlib

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maml_tf.errors import InputError
from maml_tf.files import replacing

# Okabe and Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#666666",
)


PURPLE = "#CC79A7"


COLORS = (BLUE, RED, GREEN, ORANGE, PURPLE, GREY)


# Told apart without colours too.
MARKERS = "osD^vP"


def new_figure(width, height):
    """A figure of `width` × `height` inches, without a window or a state."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def save(figure, path):
    """Writes a figure, atomically.

    Args:
        figure: A Matplotlib figure.
        path: Its ending says the format, such as `.png` or `.svg`.

    Raises:
        InputError: Matplotlib cannot write the format.
    """
    path = pathlib.Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:] not in known:
        raise InputError(
            f"output: {str(path)!r} was given; its ending must be one of"
            f" {', '.join(sorted(known))}."
        )
    with replacing(path) as partial:
        figure.savefig(partial)


def color(number):
    """Returns the color of a line by its number."""
    return COLORS[number % len(COLORS)]


def marker(number):
    """Returns the marker of a line by its number."""
    return MARKERS[number % len(MARKERS)]


def metric_label(metric_name):
    """Returns the label of the axis that shows a metric."""
    names = {
        "mse": "mean squared error",
        "mae": "mean absolute error",
        "return": "mean return",
    }
    return names.get(metric_name, metric_name)


def inner_steps_label(number):
    """Returns "1 step", "2 steps" and so on."""
    return f"{number} step" + ("s" if number != 1 else "")
