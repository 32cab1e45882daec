"""A Keras model as a function of weights that are tensors.

MAML needs the output of a network at weights that were themselves computed.
`keras.Model.stateless_call` gives it, for any built model; this file adds what
meta-learning needs to say about the layers that keep a state: which statistics
batch normalisation uses, apart from whether dropout is on, and which random
stream a task's dropout draws from.
"""

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.scope import exact_derivatives
from maml_tf.graph.random_streams import fold_in

BATCH_NORM_MODES = ("transductive", "inductive", "moving")


class FunctionalModel:
    """The same layers on other weights, gradients kept to every order.

    The model's own variables are read once by `theta` and `state` and are never
    written.

    Args:
        model: any built `keras.Model`. Weights of frozen layers
            (`layer.trainable = False`) belong to the state and stay as they
            are.
    """

    def __init__(self, model):
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

    def theta(self):
        """The trainable weights as tensors: the initialisation θ."""
        return [
            tf.convert_to_tensor(variable.value)
            for variable in self.model.trainable_variables
        ]

    def state(self, seed=None):
        """The non-trainable weights as tensors, as one task starts with them.

        Args:
            seed: int tensor `[2]`. Where given, the random streams of the model
                (dropout's, for one) start from it, so that every task draws
                masks of its own; where None, from the model's own seeds.
        """
        state = []
        for index, variable in enumerate(self.model.non_trainable_variables):
            value = tf.convert_to_tensor(variable.value)
            if seed is not None and _is_random_state(variable):
                # Twice, because fold_in ends with the number itself, which a
                # layer counts up with every call: once, and the second call of
                # one layer would draw the first mask of the next.
                stream = fold_in(fold_in(seed, index), 0)
                # Halves of a counter-based generator's key, never negative.
                value = tf.cast(
                    tf.bitwise.bitwise_and(stream, 2**31 - 1), value.dtype
                )
            state.append(value)
        return state

    def __call__(self, weights, state, x, *, training, batch_statistics):
        """The model's outputs at `weights`.

        Args:
            weights: tensors in the order of `model.trainable_variables`.
            state: tensors in the order of `model.non_trainable_variables`.
            x: the inputs, `[examples, ...]` or a structure of such.
            training: whether layers such as dropout behave as in training.
            batch_statistics: whether batch normalisation uses the statistics of
                `x`, whatever `training` says. The state returned then holds
                exactly these statistics; otherwise it is normalised by the
                moving averages in `state`. Frozen batch normalisation always
                uses these, as everywhere in Keras.

        Returns:
            `(outputs, new_state)`.
        """
        with exact_derivatives(self.model, batch_statistics):
            return self.model.stateless_call(
                weights, state, x, training=training
            )


def variables_read_once(model):
    """A scope in which the model's variables are tensors, read at its start.

    For loops over tasks: a `loop_body` that reads variables itself is stateful,
    and iterations overlap less (a fifth slower on two cores).

    Args:
        model: a built `keras.Model`.

    Returns:
        A context manager.
    """
    return keras.StatelessScope(
        [(v, tf.convert_to_tensor(v.value)) for v in model.variables]
    )


def _is_random_state(variable):
    return variable.path.endswith("seed_generator_state")
