"""Pictures of the distances that layers move in adaptation."""

import numpy as np
from matplotlib.axes import Axes

from maml_tf.errors import InputError
from maml_tf.evaluation.intervals import interval
from maml_tf.evaluation.what_moved import WhatMoved
from maml_tf.reports import figures


def moved(
    change_axes: Axes, similarity_axes: Axes, runs: dict[str, WhatMoved]
) -> None:
    """Draws how far the inner loop moves each layer, for several runs.

    Bars are means over tasks with their 95 % intervals.

    Args:
        change_axes: Matplotlib axes for the change of weights.
        similarity_axes: Matplotlib axes for the similarity of features.
        runs: Dict of label to `maml_tf.evaluation.what_moved.WhatMoved`.

    Raises:
        InputError: The runs' layers have different names.
    """
    layers = next(iter(runs.values())).layers
    for label, run in runs.items():
        if run.layers != layers:
            raise InputError(
                f"workdir: the network of {label} has the layers"
                f" {', '.join(run.layers)}, another {', '.join(layers)}; give"
                " trainings of the same network."
            )
    places, width = np.arange(len(layers)), 0.8 / len(runs)
    for number, (label, run) in enumerate(runs.items()):
        offset = (number - (len(runs) - 1) / 2) * width
        for axes, values in (
            (change_axes, run.changes),
            (similarity_axes, run.similarities),
        ):
            means, ci95 = values.mean(0), interval(values)
            finite = np.isfinite(means)
            color = figures.color(number)
            axes.bar(
                places + offset,
                np.where(finite, means, 0.0),
                width,
                yerr=np.where(finite, ci95, 0.0),
                color=color,
                edgecolor="white",
                label=label,
                capsize=3,
            )
            # A bar without height gets a text; it would look forgotten.
            for place, mean in zip(places + offset, means):
                if mean == 0 or not np.isfinite(mean):
                    text = "0" if mean == 0 else "∞" if mean > 0 else "?"
                    axes.annotate(
                        text,
                        (place, 0),
                        (0, 2),
                        textcoords="offset points",
                        color=color,
                        fontweight="bold",
                        ha="center",
                    )
    for axes in (change_axes, similarity_axes):
        axes.set_xticks(places, layers)
        axes.set_xlabel("layer, from input to output")
        axes.grid(alpha=0.3, axis="y")
        axes.set_axisbelow(True)
    change_axes.yaxis.set_major_formatter(
        lambda share, _: f"{100 * share:.0f} %"
    )
    change_axes.set_ylabel("‖φ − θ‖ / ‖θ‖ (mean ± 95 %)")
    change_axes.set_title("How far each layer's weights move")
    similarity_axes.set_ylabel("linear CKA (mean ± 95 %)")
    similarity_axes.set_title(
        "How alike each layer's features stay (1: the same)"
    )
    change_axes.legend()
