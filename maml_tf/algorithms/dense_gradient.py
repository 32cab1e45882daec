"""Gradients as tensors, zero for weights without effect."""

from typing import Any

import tensorflow as tf


def dense_gradient(
    tape: tf.GradientTape,
    target: Any,
    theta: list[tf.Tensor],
    output_gradients: list | None = None,
) -> list[tf.Tensor]:
    """Returns ∂target/∂θ as dense tensors, zero for weights without effect.

    Args:
        tape: The tape that recorded the target.
        target: A scalar, or a list of tensors.
        theta: The tensors to differentiate by.
        output_gradients: The gradients by the tensors of `target`, if it is a
            list.
    """
    gradient = tape.gradient(
        target, theta, output_gradients, unconnected_gradients="zero"
    )
    return [tf.convert_to_tensor(g) for g in gradient]
