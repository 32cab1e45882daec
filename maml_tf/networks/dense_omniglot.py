"""The network without convolutions of MAML's Omniglot experiments."""

import keras

from maml_tf.networks import layers

WIDTHS = (256, 128, 64, 64)


def dense_omniglot(
    input_shape: tuple[int, ...], outputs: int, seed: int | None = None
) -> keras.Model:
    """Returns dense layers of 256, 128, 64 and 64 units with a linear head.

    Each is followed by batch normalisation and ReLU. This is "MAML, no conv"
    of Finn, Abbeel, Levine 2017, table 1 (after Santoro et al. 2016).

    Args:
        input_shape: Shape of one example, such as `(28, 28, 1)`; flattened.
        outputs: Number of outputs, the number of ways.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from `[batch, *input_shape]` to logits
        `[batch, outputs]`.

    Raises:
        InputError: `seed` cannot be used.
    """
    initializers = layers.kernel_initializers(seed)
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Flatten(name="flatten")(inputs)
    for number, width in enumerate(WIDTHS, start=1):
        hidden = keras.layers.Dense(
            width, kernel_initializer=next(initializers), name=f"dense{number}"
        )(hidden)
        hidden = layers.batch_norm(f"batch_norm{number}")(hidden)
        hidden = keras.layers.ReLU(name=f"relu{number}")(hidden)
    head = keras.layers.Dense(
        outputs, kernel_initializer=next(initializers), name="head"
    )
    return keras.Model(inputs, head(hidden), name="dense_omniglot")
