"""A Keras model as a function of weights that are tensors.

MAML needs the output of a network at weights that were themselves computed.
`keras.Model.stateless_call` computes it for any built model. This file adds two
choices about layers that keep a state: the statistics that batch normalisation
uses, independent of whether dropout is on, and the random stream that a task's
dropout draws from.
"""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.scope import exact_derivatives
from maml_tf.graph.random_streams import fold_in

BATCH_NORM_MODES = ("transductive", "inductive", "moving")


class FunctionalModel:
    """A model's layers on other weights, with gradients of every order.

    `theta` and `state` read the model's own variables; nothing writes them.

    Args:
        model: Any built `keras.Model`. Weights of frozen layers
            (`layer.trainable = False`) belong to the state and stay as they
            are.

    Raises:
        InputError: The model is not built or has no trainable weights.
    """

    def __init__(self, model: keras.Model):
        if not model.built:
            raise InputError(
                f"model: {model.name!r} is not built; call it on an input, or"
                " give it an Input layer, before it is adapted."
            )
        if not model.trainable_variables:
            raise InputError(
                f"model: {model.name!r} has no trainable weights; unfreeze at"
                " least one layer."
            )
        self.model = model

    def theta(self) -> list[tf.Tensor]:
        """Returns the trainable weights as tensors: the initialisation θ."""
        return [
            tf.convert_to_tensor(variable.value)
            for variable in self.model.trainable_variables
        ]

    def state(self, seed: tf.Tensor | None = None) -> list[tf.Tensor]:
        """Returns the non-trainable weights as tensors, for a task's start.

        Args:
            seed: Int tensor `[2]` from which the model's random streams
                (dropout's, for example) start, so every task draws its own
                masks. Defaults to the model's own seeds.
        """
        state = []
        for index, variable in enumerate(self.model.non_trainable_variables):
            value = tf.convert_to_tensor(variable.value)
            if seed is not None and _is_random_state(variable):
                # Twice, because fold_in ends with the number itself, which a
                # layer counts up with every call. Folded once, the second call
                # of one layer would draw the first mask of the next.
                stream = fold_in(fold_in(seed, index), 0)
                # A counter-based generator's key has two halves, not negative.
                value = tf.cast(
                    tf.bitwise.bitwise_and(stream, 2**31 - 1), value.dtype
                )
            state.append(value)
        return state

    def __call__(
        self,
        weights: list,
        state: list,
        x: Any,
        *,
        training: bool,
        batch_statistics: bool,
    ) -> tuple[Any, list]:
        """Computes the model's outputs at `weights`.

        Args:
            weights: Tensors in the order of `model.trainable_variables`.
            state: Tensors in the order of `model.non_trainable_variables`.
            x: The inputs, `[examples, ...]` or a structure of them.
            training: Whether layers such as dropout behave as in training.
            batch_statistics: Whether batch normalisation uses the statistics of
                `x`, for any value of `training`. The new state then holds
                exactly these statistics. If not, `x` is normalised by the
                moving averages in `state`. Frozen batch normalisation always
                uses the moving averages, as everywhere in Keras.

        Returns:
            `(outputs, new_state)`.
        """
        with exact_derivatives(self.model, batch_statistics):
            return self.model.stateless_call(
                weights, state, x, training=training
            )


def variables_read_once(model: keras.Model) -> keras.StatelessScope:
    """Makes a scope in which the model's variables are tensors, read once.

    Loops over tasks need it: a `loop_body` that reads variables itself is
    stateful, and iterations overlap less (a fifth slower on two cores).

    Args:
        model: A built `keras.Model`.

    Returns:
        A context manager.
    """
    return keras.StatelessScope(
        [(v, tf.convert_to_tensor(v.value)) for v in model.variables]
    )


def _is_random_state(variable):
    return variable.path.endswith("seed_generator_state")
