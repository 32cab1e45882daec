"""Losses that layers have of their own, such as regularizers."""

import sys
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from maml_tf.functional.layers import leaf_layers


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


def layer_with_losses(model: keras.Model, x: tf.Tensor) -> str | None:
    """Returns the name of a layer that has a loss of its own.

    Args:
        model: A built `keras.Model`.
        x: Inputs, with which the model is traced: layers call `add_loss`.

    Returns:
        The name of a layer or of the model, or None if there is none.
    """
    regularized = {
        id(v) for v in model.trainable_variables if v.regularizer is not None
    }
    for layer in [*leaf_layers(model), model]:
        variables = {id(v) for v in layer._trainable_variables}
        if layer.activity_regularizer is not None or variables & regularized:
            return layer.name
    scope = _Naming()

    def call():
        with scope:
            model(x, training=True)

    tf.function(call, autograph=False).get_concrete_function()
    return scope.layer


class _Naming(keras.StatelessScope):
    """Keeps the name of the first layer that adds a loss.

    Attributes:
        layer: The name, or None.
    """

    def __init__(self):
        super().__init__(collect_losses=True, initialize_variables=False)
        self.layer = None

    def add_loss(self, loss):
        if self.layer is None:
            # The caller is the `add_loss` of a layer.
            caller = sys._getframe(1)
            self.layer = caller.f_locals["self"].name
        super().add_loss(loss)
