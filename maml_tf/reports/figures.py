"""The colours, labels and files of figures."""

import os
import pathlib
import re
import warnings

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

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
    check_format(path)
    for text in figure.findobj(Text):
        text.set_text(readable(text.get_text()))
    with warnings.catch_warnings(record=True) as caught, replacing(path) as new:
        warnings.simplefilter("always")
        figure.savefig(new)
    missing = set()
    for warning in caught:
        glyph = re.match(r"Glyph (\d+) .* missing", str(warning.message))
        if glyph:
            missing.add(int(glyph[1]))
        else:
            warnings.warn_explicit(
                warning.message,
                warning.category,
                warning.filename,
                warning.lineno,
            )
    if missing:
        named = " ".join(map(chr, sorted(missing)[:10]))
        warnings.warn(
            f"{path}: the font lacks {len(missing)} of the characters"
            f" ({named}); boxes stand in their place.",
            stacklevel=2,
        )


def check_format(path: pathlib.Path) -> None:
    """Raises `InputError` unless `save` can write the format.

    Args:
        path: The picture's file.
    """
    formats = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix[1:] not in formats:
        raise refusal(
            "output",
            str(path),
            f"its ending must be one of {', '.join(sorted(formats))}",
        )


def readable(text: str) -> str:
    """Returns a text with marks in place of what cannot be drawn or printed.

    A name of a file or class may hold bytes that are not Unicode, or control
    characters.

    Args:
        text: Any string.
    """
    return "".join(
        c
        if c.isprintable() or c == "\n"
        else ("\N{REPLACEMENT CHARACTER}" if "\ud800" <= c <= "\udfff" else "?")
        for c in text
    )


def tick_label(text: str) -> str:
    """Returns a name of the user's own as a label on an axis.

    Args:
        text: Any string; a dollar sign in it does not begin a formula.
    """
    return readable(text).replace("$", r"\$")


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
