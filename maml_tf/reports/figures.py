"""The colours, labels and files of figures."""

import os
import pathlib

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maml_tf.errors import refusal
from maml_tf.files import replacing
from maml_tf.reports import tables

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#666666",
)
PURPLE = "#CC79A7"
COLORS = (BLUE, RED, GREEN, ORANGE, PURPLE, GREY)

# Markers that can be told apart without colours.
MARKERS = "osD^vP"


def new_figure(width: float, height: float) -> Figure:
    """Makes a figure without a window or a state.

    Args:
        width: Width in inches.
        height: Height in inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure, atomically.

    Args:
        figure: A Matplotlib figure.
        path: Its ending tells the format, such as `.png` or `.svg`.

    Raises:
        InputError: Matplotlib cannot write the format.
    """
    path = pathlib.Path(path)
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix[1:] not in formats:
        raise refusal(
            "output",
            str(path),
            f"its ending must be one of {', '.join(sorted(formats))}",
        )
    with replacing(path) as partial:
        figure.savefig(partial)


def color(number: int) -> str:
    """Returns the color of a line by its number."""
    return COLORS[number % len(COLORS)]


def marker(number: int) -> str:
    """Returns the marker of a line by its number."""
    return MARKERS[number % len(MARKERS)]


def metric_label(metric_name: str) -> str:
    """Returns the label of the axis that shows a metric."""
    names = {
        "mse": "mean squared error",
        "mae": "mean absolute error",
        "return": "mean return",
    }
    return names.get(metric_name, metric_name)


def inner_steps_label(number: int) -> str:
    """Returns "1 step", "2 steps" and so on."""
    return tables.counted(number, "step")
