"""The multi-layer perceptron of the sinusoid experiments."""

from collections.abc import Iterator

import keras

from maml_tf.networks import layers
from maml_tf.networks.context import ContextParameters


def mlp(
    input_shape: tuple[int, ...],
    outputs: int,
    widths: tuple[int, ...] = (40, 40),
    context: int = 0,
    seed: int | None = None,
) -> keras.Model:
    """Returns dense ReLU layers with a linear head.

    The defaults are the network of the sinusoid regression in Finn, Abbeel,
    Levine 2017, section 5.1. Inputs of more than one axis are flattened.

    Args:
        input_shape: Shape of one example, such as `(1,)`.
        outputs: Number of outputs: 1 for a sinusoid, the number of ways for
            classification.
        widths: Units of each hidden layer, first to last.
        context: Numbers in a task's context, for `cavia`, appended to the
            input; see `maml_tf.ContextParameters`. 0: it has none.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from `[batch, *input_shape]` to raw outputs
        `[batch, outputs]`.

    Raises:
        InputError: `widths`, `context` or `seed` cannot be used.
    """
    layers.require_integer("context", context, smallest=0)
    initializers = layers.kernel_initializers(seed)
    inputs = keras.Input(input_shape)
    hidden = dense_layers(inputs, widths, initializers, context)
    head = keras.layers.Dense(
        outputs, kernel_initializer=next(initializers), name="head"
    )
    return keras.Model(inputs, head(hidden), name="mlp")


def dense_layers(
    inputs: keras.KerasTensor,
    widths: tuple[int, ...],
    initializers: Iterator[keras.initializers.Initializer],
    context: int = 0,
) -> keras.KerasTensor:
    """Returns the features that `mlp` computes its outputs from.

    Args:
        inputs: `[batch, ...]`.
        widths: As in `mlp`.
        initializers: The iterator of `layers.kernel_initializers`.
        context: As in `mlp`.

    Returns:
        A Keras tensor `[batch, features]`.

    Raises:
        InputError: `widths` cannot be used.
    """
    layers.require_integers("widths", widths)
    hidden = inputs
    if len(inputs.shape) > 2:
        hidden = keras.layers.Flatten(name="flatten")(hidden)
    if context:
        hidden = ContextParameters(context, name="context")(hidden)
    for number, width in enumerate(widths, start=1):
        hidden = keras.layers.Dense(
            width,
            activation="relu",
            kernel_initializer=next(initializers),
            name=f"dense{number}",
        )(hidden)
    return hidden
