"""The four-layer convolutional network of few-shot classification."""

from collections.abc import Iterator
from typing import Literal

import keras

from maml_tf.networks import layers
from maml_tf.networks.context import ContextParameters

BLOCKS = 4
# The block that a context modulates.
MODULATED = 3


def conv4(
    input_shape: tuple[int, ...],
    outputs: int,
    filters: int | tuple[int, ...] = 64,
    downsampling: Literal["stride", "max_pool"] = "stride",
    readout: Literal["mean", "flatten"] = "mean",
    context: int = 0,
    seed: int | None = None,
) -> keras.Model:
    """Returns four blocks of 3x3 convolution, batch norm and ReLU, and a head.

    It has the two forms of Finn, Abbeel, Levine 2017 (after Vinyals et al.
    2016):

    - Omniglot (the defaults): 64 filters, stride 2, mean over height and
      width; 112,005 trainable parameters at 28 x 28 x 1 and 5-way.
    - mini-ImageNet: `filters=32, downsampling="max_pool", readout="flatten"`;
      32,773 trainable parameters at 84 x 84 x 3 and 5-way.

    Args:
        input_shape: `(height, width, channels)` of one image.
        outputs: Number of outputs, the number of ways.
        filters: Filters of each convolution: one number for all, or one for
            each of the four.
        downsampling: How a block halves height and width. `stride`: by
            convolutions of stride 2. `max_pool`: by a 2x2 max-pool without
            padding, after convolutions of stride 1.
        readout: The features that the head gets. `mean`: each filter's mean
            over height and width. `flatten`: every position.
        context: Numbers in a task's context, for `cavia`, that modulate the
            third convolution after its batch norm; see
            `maml_tf.ContextParameters`. 0: it has none.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from `[batch, height, width, channels]` to
        logits `[batch, outputs]`.

    Raises:
        InputError: An argument cannot be used, or the image is too small to
            be pooled four times.
    """
    initializers = layers.kernel_initializers(seed)
    inputs = keras.Input(input_shape)
    hidden = blocks_of_convolution(
        "conv4", inputs, filters, downsampling, readout, initializers, context
    )
    head = keras.layers.Dense(
        outputs, kernel_initializer=next(initializers), name="head"
    )
    return keras.Model(inputs, head(hidden), name="conv4")


def blocks_of_convolution(
    network: str,
    inputs: keras.KerasTensor,
    filters: int | tuple[int, ...],
    downsampling: str,
    readout: str,
    initializers: Iterator[keras.initializers.Initializer],
    context: int = 0,
) -> keras.KerasTensor:
    """Returns the features that `conv4` computes its outputs from.

    Args:
        network: Name of the network, for messages.
        inputs: Images `[batch, height, width, channels]`.
        filters: As in `conv4`.
        downsampling: As in `conv4`.
        readout: As in `conv4`.
        initializers: The iterator of `layers.kernel_initializers`.
        context: As in `conv4`.

    Returns:
        A Keras tensor `[batch, features]`.

    Raises:
        InputError: As in `conv4`.
    """
    widths = layers.one_each("filters", filters, BLOCKS)
    layers.require_choice("downsampling", downsampling, ("stride", "max_pool"))
    layers.require_choice("readout", readout, ("mean", "flatten"))
    layers.require_integer("context", context, smallest=0)
    pools = downsampling == "max_pool"
    layers.require_image(network, inputs.shape[1:], 2**BLOCKS if pools else 1)
    hidden = inputs
    for number, width in enumerate(widths, start=1):
        hidden = keras.layers.Conv2D(
            width,
            3,
            strides=1 if pools else 2,
            padding="same",
            kernel_initializer=next(initializers),
            name=f"conv{number}",
        )(hidden)
        hidden = layers.batch_norm(f"batch_norm{number}")(hidden)
        if context and number == MODULATED:
            hidden = ContextParameters(
                context, "modulate", next(initializers), name="context"
            )(hidden)
        hidden = keras.layers.ReLU(name=f"relu{number}")(hidden)
        if pools:
            hidden = keras.layers.MaxPooling2D(2, name=f"pool{number}")(hidden)
    if readout == "mean":
        return keras.layers.GlobalAveragePooling2D(name="mean")(hidden)
    return keras.layers.Flatten(name="flatten")(hidden)
