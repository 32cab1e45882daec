"""The layer in which a network keeps the support set that it reads."""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.layers import leaf_layers


@keras.saving.register_keras_serializable("maml_tf")
class SupportMemory(keras.layers.Layer):
    """Puts a task's support examples beside the examples at hand.

    It holds one token for each support example: the features that are its
    input, and the label. `maml_tf.algorithms.BlackBox` fills it. Any number of
    examples fits. A model has one such layer, and all of its predictions read
    the same support set.

    Args:
        labels: Numbers in a label: the number of classes, or of targets.
        ordered: Whether the network reads the tokens as a sequence. Each task
            of meta-training then has them in another order.
        **options: As in `keras.layers.Layer`.

    Attributes:
        labels, ordered: As given.
        tokens: The variable of tokens, `[examples, features + labels]`. At
            first it has one, of zeros.
    """

    def __init__(self, labels: int, ordered: bool = False, **options: Any):
        super().__init__(**options)
        self.labels, self.ordered = labels, ordered

    def build(self, input_shape: tuple) -> None:
        """Makes the variable, for features `[examples, features]`."""
        self.tokens = _Rows(
            "zeros",
            (1, input_shape[-1] + self.labels),
            dtype=self.variable_dtype,
            trainable=False,
            name="tokens",
        )

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the tokens of the support set and of other examples.

        Args:
            features: `[examples, features]`.

        Returns:
            `(support, queries)`. A query's label is zeros.
        """
        queries = tf.pad(features, [[0, 0], [0, self.labels]])
        return tf.convert_to_tensor(self.tokens), queries

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the shapes of the tokens."""
        width = input_shape[-1] + self.labels
        return (None, width), (input_shape[0], width)

    def tokens_of(self, features: tf.Tensor, y: Any) -> tf.Tensor:
        """Returns what to keep of support examples.

        Args:
            features: `[examples, features]`.
            y: Class numbers `[examples]`; or one-hot labels or values
                `[examples, ...]`, of which the first `labels` count; or a tuple
                that begins with one of these.

        Returns:
            A tensor `[examples, features + labels]`.
        """
        y = tf.convert_to_tensor(y[0] if isinstance(y, tuple) else y)
        if y.shape.rank == 1:
            numbers = tf.cast(y, tf.int32)
            binary = y[:, tf.newaxis]
            y = tf.one_hot(numbers, self.labels) if self.labels > 1 else binary
        y = y[:, : self.labels]
        y = tf.pad(y, [[0, 0], [0, self.labels - y.shape[1]]])
        dtype = self.variable_dtype
        return tf.concat([tf.cast(features, dtype), tf.cast(y, dtype)], 1)

    def get_config(self) -> dict:
        """Returns the arguments of a layer like this."""
        own = {"labels": self.labels, "ordered": self.ordered}
        return {**super().get_config(), **own}


def memories(model: keras.Model) -> list[SupportMemory]:
    """Returns the layers of a model that hold the support set.

    Args:
        model: A built `keras.Model`.
    """
    return [y for y in leaf_layers(model) if isinstance(y, SupportMemory)]


def refuse_memory(model: keras.Model) -> None:
    """Refuses a network that reads a support set which nobody gives it.

    Args:
        model: A built `keras.Model`.

    Raises:
        InputError: The model has a `SupportMemory`.
    """
    if memories(model):
        raise InputError(
            f"network: {model.name} reads the support set, which only the"
            " algorithm black_box gives it; give that, or another network."
        )


class _Rows(keras.Variable):
    """A variable that can be given any number of rows."""

    _shape: Any

    def _initialize(self, value):
        self._value = tf.Variable(
            value,
            shape=tf.TensorShape([None, *self._shape[1:]]),
            dtype=self._dtype,
            trainable=False,
            name=self.name,
        )

    @property
    def shape(self):
        return _AnyRows(self._shape)

    def assign(self, value):
        value = tf.convert_to_tensor(value, self._dtype)
        self._value.assign(value)
        self._shape = tuple(value.shape)
        return value


class _AnyRows(tf.TensorShape):
    """Equals the shapes with other numbers of rows."""

    def __eq__(self, other):
        return self[1:] == tf.TensorShape(other)[1:]

    def __ne__(self, other):
        return not self == other

    __hash__ = tf.TensorShape.__hash__
