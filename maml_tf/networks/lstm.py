"""A network that reads the support set as a sequence, with an LSTM."""

import keras
import tensorflow as tf

from maml_tf.networks import layers
from maml_tf.networks.support_memory import SupportMemory


def lstm(
    input_shape: tuple[int, ...],
    outputs: int,
    units: int = 128,
    seed: int | None = None,
) -> keras.Model:
    """Returns a black-box learner: two LSTMs read a task's examples in order.

    Only the algorithm `black_box` gives it the support set. A sequence has the
    support examples (pixels and one-hot label; in regression, the value) and
    then one query, whose label is zeros. The first LSTM has `units`, the second
    one for each output, as in Stanford's course CS330 (after Santoro et al.
    2016); the outputs are a linear function of the second one's, which alone
    would be between -1 and 1. The support set is read once for all queries.

    Args:
        input_shape: Shape of one example, such as `(28, 28, 1)`.
        outputs: Number of outputs: the most ways, or the number of targets.
        units: Units of the first LSTM.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from `[batch, *input_shape]` to raw outputs
        `[batch, outputs]`, with a `SupportMemory`.

    Raises:
        InputError: `units` or `seed` cannot be used.
    """
    layers.require_integer("units", units)
    initializers = layers.kernel_initializers(seed)
    ops = keras.ops
    inputs = keras.Input(input_shape)
    features = keras.layers.Flatten(name="flatten")(inputs)
    memory = SupportMemory(outputs, ordered=True, name="support")
    support, queries = memory(features)
    support = ops.expand_dims(support, 0)
    queries = ops.expand_dims(queries, 1)
    for name, width in (("lstm1", units), ("lstm2", outputs)):
        read = keras.layers.LSTM(
            width,
            return_sequences=True,
            return_state=True,
            kernel_initializer=next(initializers),
            recurrent_initializer=keras.initializers.Orthogonal(
                seed=next(initializers).seed
            ),
            seed=seed,
            name=name,
        )
        support, *state = read(support)
        state = [AsMany(name=f"{name}_{k}")(state[k], queries) for k in (0, 1)]
        queries, *_ = read(queries, initial_state=state)
    head = keras.layers.Dense(
        outputs, kernel_initializer=next(initializers), name="head"
    )
    return keras.Model(inputs, head(ops.squeeze(queries, 1)), name="lstm")


@keras.saving.register_keras_serializable("maml_tf")
class AsMany(keras.layers.Layer):
    """Repeats one row as often as another tensor has rows."""

    def call(self, row: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """Returns `[rows, units]`.

        Args:
            row: `[1, units]`.
            other: `[rows, ...]`.
        """
        return tf.repeat(row, tf.shape(other)[0], 0)

    def compute_output_shape(
        self, row_shape: tuple, other_shape: tuple
    ) -> tuple:
        """Returns the shape of the rows."""
        return other_shape[0], row_shape[1]
