"""The scales of series: all standardised alike, or each window by itself."""

import warnings
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from maml_tf.datasets.building.labelled_examples import LabelledExamples
from maml_tf.errors import InputError, refusal
from maml_tf.functional import windows

Scaling = Literal["all", "window"]

# Largest ratio of the deviations of series that one standardisation suits.
_LARGEST_RATIO = 10.0


def deviations_of_series(
    labelled: LabelledExamples, tasks: np.ndarray
) -> np.ndarray:
    """Returns the deviation of each series that is not constant.

    Args:
        labelled: `LabelledExamples` of values.
        tasks: Indices of the series.
    """
    deviations = np.array(
        [
            labelled.examples[first : first + size].std()
            for first, size in zip(labelled.first[tasks], labelled.size[tasks])
        ]
    )
    return deviations[deviations > 0]


def chosen_scaling(
    scaling: str | None, name: str, window: int, deviations: np.ndarray
) -> str:
    """Returns the scaling, by the deviations of the training series if None.

    Warns if they differ by a large factor, unless `"window"` was given.

    Args:
        scaling: As in `regression_tasks.from_series`.
        name: The data set's name.
        window: Values of a window.
        deviations: As `deviations_of_series` returns them.

    Raises:
        InputError: The scaling is unknown, or a window is too short for it.
    """
    if scaling == "window":
        if window < 2:
            raise InputError(
                f"scaling: window was given with window={window}; one value"
                " has no deviation, so give 2 or more, or scaling=all."
            )
        return scaling
    if scaling not in (None, "all"):
        raise refusal("scaling", scaling, "give all or window")
    if not deviations.size:
        return "all"
    low, high = np.quantile(deviations, [0.1, 0.9])
    if high <= _LARGEST_RATIO * low:
        return "all"
    own = scaling is None and window > 1
    warnings.warn(
        f"{name}: the standard deviations of a tenth of the series are"
        f" below {low:.3g}, and of a tenth above {high:.3g}."
        + (
            " Each window is standardised by itself (scaling=window)."
            if own
            else " All are standardised alike, so the large ones decide what"
            " is learned; scaling=window standardises each window by itself."
        ),
        stacklevel=4,
    )
    return "window" if own else "all"


def by_window(window: int, typical: float) -> dict[str, Any]:
    """Returns what a `Dataset` has whose windows are standardised each.

    Args:
        window: Values of a window.
        typical: The deviation of a window of zeros, in the series' units.
    """
    raw = keras.Input((window,), name="raw")
    mean, deviation = windows.statistics(raw, typical)
    return {
        "loss": windows.squared_error,
        "metric": windows.absolute_error,
        "target_deviation": typical,
        "scaling": "window",
        "preparation": keras.Model(
            raw, (raw - mean) / deviation, name="preparation"
        ),
    }


def in_windows(
    x: tf.Tensor, y: tf.Tensor, typical: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Standardises windows and what follows them.

    Args:
        x: Windows, float64 `[examples, window]`.
        y: Targets, float64 `[examples, horizon]`.
        typical: As in `by_window`.

    Returns:
        `(x, y)` as an episode holds them, float32.
    """
    mean, deviation = windows.statistics(x, typical)
    y = windows.targets(y, mean, deviation)
    return tf.cast((x - mean) / deviation, tf.float32), tf.cast(y, tf.float32)
