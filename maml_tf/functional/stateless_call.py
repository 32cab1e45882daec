"""A call of a model that assigns to nothing and collects layers' losses."""

import sys
import types
from typing import Any

import keras
import tensorflow as tf

from maml_tf.errors import InputError

# The end of the path of a random generator's state.
RANDOM_STATE = "seed_generator_state"


def stateless_call(
    model: keras.Model, weights: list, state: list, x: Any, training: bool
) -> tuple[Any, list, list[tf.Tensor]]:
    """Computes `model.stateless_call`, with the losses of layers.

    Args:
        model: A built `keras.Model`.
        weights: Tensors in the order of `model.trainable_variables`.
        state: Tensors in the order of `model.non_trainable_variables`.
        x: The inputs.
        training: Whether layers behave as in training.

    Returns:
        `(outputs, new_state, losses)`.

    Raises:
        InputError: A layer draws random numbers that would be the same in
            every call.
    """
    trainable, rest = model.trainable_variables, model.non_trainable_variables
    scope = _Scope(
        [
            *zip(trainable, weights, strict=True),
            *zip(rest, state, strict=True),
        ]
    )
    call = model.call
    if model.dtype_policy.quantization_mode is not None:
        call = model.quantized_call
    if model._remat_mode is not None:
        call = model.rematerialized_call(call, x, training=training)
    with scope:
        outputs = call(x, training=training)
        regularization = [
            v.regularizer(scope.get_current_value(v))
            for v in trainable
            if v.regularizer is not None
        ]
    if scope.untracked is not None:
        raise InputError(
            f"model: layer {scope.untracked!r} draws random numbers without a"
            " generator of its own, so that they would be the same in every"
            " task and step; give it an attribute keras.random.SeedGenerator()"
            " and draw with seed=self.seed_generator."
        )
    return (
        outputs,
        [scope.get_current_value(v) for v in rest],
        [*scope.losses, *regularization],
    )


class _Scope(keras.StatelessScope):
    """Notices a random generator that is not among the variables.

    Its new state would be lost at the end of the call.

    Attributes:
        untracked: Name of the first layer that draws from one, or None.
    """

    def __init__(self, values):
        super().__init__(values, collect_losses=True)
        self._known = frozenset(self.state_mapping)
        self.untracked = None

    def add_update(self, update):
        variable, _ = update
        if (
            self.untracked is None
            and id(variable) not in self._known
            and variable.path.endswith(RANDOM_STATE)
        ):
            self.untracked = _calling_layer()
        super().add_update(update)


def _calling_layer():
    """Returns the name of the layer whose `call` is running."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        layer = frame.f_locals.get("self")
        if isinstance(layer, keras.Layer) and frame.f_code.co_name == "call":
            return layer.name
        frame = frame.f_back
    return "of the model"
