"""The features of a model: what its head is computed from."""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel


class Features:
    """Computes a layer's input, at weights of the whole model.

    Args:
        model: A functional or sequential model.
        layer: One of its layers, not within another model.

    Raises:
        InputError: The model has another form.
    """

    def __init__(self, model: keras.Model, layer: keras.layers.Layer) -> None:
        try:
            body = keras.Model(model.inputs, layer.input)
        except (AttributeError, ValueError) as error:
            raise InputError(
                f"model: the features of {model.name!r} cannot be computed;"
                " that needs a functional or sequential model with its head as"
                " a layer of its own, or give head=learned."
            ) from error
        if len(body.outputs[0].shape) != 2:
            raise InputError(
                f"model: {model.name!r} has features of the shape"
                f" {body.outputs[0].shape}; give head=learned, or a model with"
                " one vector for each example."
            )
        places = {id(v): n for n, v in enumerate(model.trainable_variables)}
        rest = {id(v): n for n, v in enumerate(model.non_trainable_variables)}
        self._weights = [places[id(v)] for v in body.trainable_variables]
        self._state = [rest[id(v)] for v in body.non_trainable_variables]
        # A body without weights has nothing for a FunctionalModel to adapt.
        self._body = FunctionalModel(body) if self._weights else None
        self._plain = body

    def __call__(
        self, weights: list, state: list, x: Any, *, batch_statistics: bool
    ) -> tf.Tensor:
        """Returns the features `[examples, features]`.

        Args:
            weights: Tensors in the order of `model.trainable_variables`.
            state: Tensors in the order of `model.non_trainable_variables`.
            x: The inputs, `[examples, ...]`.
            batch_statistics: As in `FunctionalModel`.
        """
        if self._body is None:
            return self._plain(x, training=False)
        outputs, _ = self._body(
            [weights[place] for place in self._weights],
            [state[place] for place in self._state],
            x,
            training=False,
            batch_statistics=batch_statistics,
        )
        return outputs
