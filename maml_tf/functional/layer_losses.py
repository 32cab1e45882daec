"""Losses that layers have of their own, such as regularizers."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def with_layer_losses(loss: Any, losses: Sequence[Any]) -> Any:
    """Adds layers' losses to a loss, as Keras's `fit` does.

    Args:
        loss: The loss of outputs, a scalar.
        losses: The losses of layers.

    Returns:
        The sum; without losses of layers the loss itself.
    """
    for own in losses:
        loss = loss + tf.cast(tf.reduce_sum(own), loss.dtype)
    return loss
