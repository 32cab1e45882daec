"""Pictures of the inner learning rates that a training learned."""

import numpy as np
from matplotlib.axes import Axes

from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.errors import InputError
from maml_tf.reports import figures


def learned_rates(axes: Axes, algorithm: Algorithm) -> None:
    """Draws the learned rates of each weight, from input to output.

    Rates of steps are a point each. Of rates of elements it draws the median,
    and a bar from the 5th to the 95th percentile.

    Args:
        axes: Matplotlib axes.
        algorithm: The trained algorithm.

    Raises:
        InputError: Its rates are fixed.
    """
    values = rates_by_weight(algorithm)
    places = np.arange(len(values))
    per_element = all(array.ndim == 1 for array in values.values())
    if per_element:
        low, middle, high = np.array(
            [np.percentile(v, (5, 50, 95)) for v in values.values()]
        ).T
        axes.errorbar(
            places,
            middle,
            (middle - low, high - middle),
            fmt="o",
            capsize=4,
            color=figures.color(0),
            label="median, 5th to 95th percentile",
        )
    else:
        table = np.stack(list(values.values()))[:, :, 0]
        for step, rates in enumerate(table.T):
            label = f"step {step + 1}" if table.shape[1] > 1 else "all steps"
            axes.plot(
                places, rates, "o", color=figures.color(step), label=label
            )
    axes.axhline(0.0, color="gray", linewidth=0.8)
    axes.set_xticks(places, list(values), rotation=60, ha="right")
    axes.set_xlabel("weight, from input to output")
    axes.set_ylabel("inner learning rate")
    axes.grid(alpha=0.3, axis="y")
    axes.legend()


def rates_by_weight(algorithm: Algorithm) -> dict[str, np.ndarray]:
    """Returns the learned rates by the path of their weight.

    Args:
        algorithm: The trained algorithm.

    Returns:
        Dict of arrays: `[elements]` of rates for each element, otherwise
        `[steps, 1]`.

    Raises:
        InputError: Its rates are fixed.
    """
    optimizer = None
    if algorithm.has_inner_loop:
        optimizer = algorithm.inner_loop.optimizer
        while hasattr(optimizer, "optimizer"):
            optimizer = optimizer.optimizer
    kind = getattr(optimizer, "kind", None)
    if optimizer is None or kind is None:
        raise InputError(
            "kind: rates was given, but this training has fixed inner rates;"
            " give one with inner_rates."
        )
    paths = [v.path for v in algorithm.model.trainable_variables]
    adapted = algorithm.inner_loop.adapted
    arrays = [v.numpy() for v in optimizer.variables]
    if kind == "per_element":
        arrays = [array.ravel() for array in arrays]
    else:
        arrays = [column[:, np.newaxis] for column in arrays[0].T]
    return {
        path: array
        for path, array, adapts in zip(paths, arrays, adapted)
        if adapts
    }
