"""Requests to a served model: their signatures and their checks."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def signature(function: Callable, inputs: dict[str, tf.TensorSpec]) -> Any:
    """Makes a concrete function whose arguments have the names of `inputs`.

    It refuses other shapes itself, so a caller does not need to check them.

    Args:
        function: A function of tensors by name.
        inputs: Dict of name to `tf.TensorSpec`.

    Returns:
        A concrete function.
    """

    def of_these_shapes(**tensors):
        return function(
            **{
                name: tf.ensure_shape(tensors[name], spec.shape, name=name)
                for name, spec in inputs.items()
            }
        )

    return tf.function(of_these_shapes, autograph=False).get_concrete_function(
        **{
            name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
            for name, spec in inputs.items()
        }
    )


def checked(tensor: tf.Tensor, *requirements: tuple) -> tf.Tensor:
    """Returns the tensor after a check of all requirements.

    Args:
        tensor: The tensor, whose users then wait for the checks.
        *requirements: `(condition, sentence, *tensors to show)` each, checked
            one after the other.

    Returns:
        The tensor; the graph fails with the sentence of the first requirement
        that does not hold.
    """
    done: list = []
    for condition, *message in requirements:
        with tf.control_dependencies(done):
            done = [tf.Assert(condition, message, summarize=10)]
    with tf.control_dependencies(done):
        return tf.identity(tensor)


def all_finite(tensor: tf.Tensor) -> tf.Tensor:
    """Returns whether no element is NaN or infinite, a boolean scalar."""
    return tf.reduce_all(tf.math.is_finite(tensor))


def finite(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the tensor; the graph refuses a NaN or an infinite element."""
    return checked(
        tensor,
        (
            all_finite(tensor),
            "steps: the model's outputs or weights became NaN or infinite;"
            " fewer steps may help.",
        ),
    )
