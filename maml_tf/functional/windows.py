"""Windows of series, each standardised by its own mean and deviation.

A network that sees windows like these does not see the scale of a series, so it
learns from small and large ones alike. A target is in units of its window:
(y - mean) / deviation. The window's deviation stands in the last column beside
it, so that errors can be told in the units of the series.
"""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.functional import losses

# Relative to the mean, smaller deviations are float32's rounding.
_SMALLEST_DEVIATION = 1e-6


def statistics(x: Any, typical: float) -> tuple[Any, Any]:
    """Computes the mean and the deviation of each window.

    Args:
        x: Windows `[examples, window]`, a tensor or a Keras input.
        typical: The deviation of a window of zeros, above 0.

    Returns:
        `(mean, deviation)`, each `[examples, 1]`. The deviation of a window of
        equal values would be 0; it is the magnitude of the values, or `typical`
        if they are 0.
    """
    ops = keras.ops
    mean = ops.mean(x, axis=-1, keepdims=True)
    deviation = ops.std(x, axis=-1, keepdims=True)
    size = ops.abs(mean)
    varies = ops.greater(deviation, _SMALLEST_DEVIATION * size)
    constant = ops.where(ops.greater(size, 0.0), size, typical)
    return mean, ops.where(varies, deviation, constant)


def targets(y: Any, mean: Any, deviation: Any) -> tf.Tensor:
    """Puts targets into the form that the loss and the metric take.

    Args:
        y: Values that follow each window, `[examples, targets]`.
        mean: Each window's mean, as `statistics` returns it.
        deviation: Each window's deviation, as `statistics` returns it.

    Returns:
        A tensor `[examples, targets + 1]`: the targets in units of their
        window, and its deviation.
    """
    return tf.concat([(y - mean) / deviation, deviation], axis=-1)


def squared_error(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the mean squared error in units of the windows.

    Args:
        y: Targets, as `targets` returns them.
        outputs: Predictions in units of the windows, `[examples, targets]`.

    Returns:
        A float32 scalar.

    Raises:
        InputError: The shapes do not fit.
    """
    return losses.mean_squared_error(y[:, :-1], outputs)


def absolute_error(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the mean absolute error in units of the series.

    Args:
        y: As in `squared_error`.
        outputs: As in `squared_error`.

    Returns:
        A float32 scalar.

    Raises:
        InputError: The shapes do not fit.
    """
    return losses.mean_absolute_error(y[:, :-1], outputs, scale=y[:, -1:])
