"""Learning rates of inner optimizers: numbers, or one for each weight."""

import numbers
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError, refusal

_WANTED = (
    "give a number of 0 or more, or a list with one for each trainable weight;"
    " rates that change from step to step are an inner_optimizer,"
    " maml_tf.inner_optimizers.ScheduledGradientDescent"
)


def check_rates(**rates: Any) -> None:
    """Refuses what is not a learning rate of an inner optimizer.

    Args:
        **rates: Values by the names of their arguments: a number, a scalar
            tensor or variable, or a list of them; in a list also arrays and
            tensors, of the shape of their weight.

    Raises:
        InputError: One is something else, negative, NaN or infinite.
    """
    for name, rate in rates.items():
        if not isinstance(rate, list | tuple):
            _check(name, rate, _WANTED)
            if _rank(rate):
                raise InputError(
                    f"{name}: an array of the shape {tuple(rate.shape)} was"
                    " given, which would broadcast along each weight;"
                    f" {_WANTED}."
                )
        else:
            for item in rate:
                _check(name, item, _WANTED)


def one_per_weight(rate: Any, phi: list) -> list:
    """Returns a learning rate for each weight.

    Args:
        rate: As in `check_rates`.
        phi: The weights.

    Raises:
        InputError: A list has another length, or an array of it another shape
            than its weight.
    """
    if not isinstance(rate, list | tuple):
        return [rate] * len(phi)
    if len(rate) != len(phi):
        raise InputError(
            f"learning_rate: {len(rate)} rates were given for"
            f" {len(phi)} weights; give one number, or one rate for each"
            " trainable weight."
        )
    for number, (item, weight) in enumerate(zip(rate, phi)):
        if _rank(item) and not weight.shape.is_compatible_with(item.shape):
            raise InputError(
                f"learning_rate: the rate number {number} has the shape"
                f" {tuple(item.shape)} for a weight of shape"
                f" {tuple(weight.shape)}; give a number, or one for each of its"
                " elements."
            )
    return list(rate)


def in_dtype_of(weight: tf.Tensor, rate: Any) -> tf.Tensor:
    """Returns the rate in the weight's dtype; numbers skip float32."""
    rate = tf.convert_to_tensor(rate, dtype_hint=weight.dtype)
    return tf.cast(rate, weight.dtype)


def _rank(rate):
    """Returns the number of axes of a rate, 0 if it is not known."""
    shape = getattr(rate, "shape", ())
    return tf.TensorShape(shape).rank or 0


def _check(name, rate, wanted):
    """Refuses a value that is not a number, an array or a tensor of them."""
    if tf.is_tensor(rate) or isinstance(rate, tf.Variable | keras.Variable):
        dtype = tf.as_dtype(rate.dtype)
        if not (dtype.is_floating or dtype.is_integer):
            raise refusal(name, rate, wanted)
        return
    is_array = isinstance(rate, np.ndarray) and rate.dtype.kind in "fiu"
    if not is_array and (
        not isinstance(rate, numbers.Real) or isinstance(rate, bool)
    ):
        raise refusal(name, rate, wanted)
    if not (np.isfinite(rate).all() and (np.asarray(rate) >= 0).all()):
        raise refusal(name, rate, "it must be 0 or more")
