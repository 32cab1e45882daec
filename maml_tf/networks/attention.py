"""A network that reads the support set by attention, in any order."""

from typing import Literal

import keras

from maml_tf.errors import refusal
from maml_tf.networks import conv4, layers, mlp
from maml_tf.networks.support_memory import SupportMemory


def attention(
    input_shape: tuple[int, ...],
    outputs: int,
    filters: int | tuple[int, ...] = 64,
    downsampling: Literal["stride", "max_pool"] = "stride",
    readout: Literal["mean", "flatten"] = "mean",
    widths: tuple[int, ...] = (40, 40),
    token_width: int = 32,
    heads: int = 4,
    attention_blocks: int = 2,
    seed: int | None = None,
) -> keras.Model:
    """Returns a black-box learner: it reads a task's examples by attention.

    Only the algorithm `black_box` gives it the support set. Images are encoded
    by the four blocks of `conv4`, other inputs by the hidden layers of `mlp`.
    A token is an example's encoding and its one-hot label; in regression, its
    value. In each block, all tokens attend to those of the support set, so one
    query never sees another. There are no positions, so the order of the
    support set has no effect. A block is that of Vaswani et al. 2017, section
    3.1, with layer normalisation before attention and before its feed-forward
    layers (of twice the width).

    Args:
        input_shape: Shape of one example, such as `(28, 28, 1)`.
        outputs: Number of outputs: the most ways, or the number of targets.
        filters: As in `conv4.conv4`.
        downsampling: As in `conv4.conv4`.
        readout: As in `conv4.conv4`.
        widths: As in `mlp.mlp`.
        token_width: Width of a token within the blocks, a multiple of `heads`.
        heads: Number of attention heads, which share the width.
        attention_blocks: Number of blocks of attention.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from `[batch, *input_shape]` to raw outputs
        `[batch, outputs]`, with a `SupportMemory`.

    Raises:
        InputError: An argument cannot be used.
    """
    layers.require_integer("heads", heads)
    layers.require_integer("attention_blocks", attention_blocks)
    layers.require_integer("token_width", token_width)
    if token_width % heads:
        raise refusal(
            "token_width", token_width, f"it must be a multiple of {heads=}"
        )
    initializers = layers.kernel_initializers(seed)

    def dense(width, name, activation=None, use_bias=True):
        return keras.layers.Dense(
            width,
            activation,
            use_bias=use_bias,
            kernel_initializer=next(initializers),
            name=name,
        )

    inputs = keras.Input(input_shape)
    if len(input_shape) == 3:
        features = conv4.blocks_of_convolution(
            "attention", inputs, filters, downsampling, readout, initializers
        )
    else:
        features = mlp.dense_layers(inputs, widths, initializers)
    tokens = SupportMemory(outputs, name="support")(features)
    embed = dense(token_width, "tokens")
    # [1, examples, width]: the support set, and then all queries at once.
    streams = [keras.ops.expand_dims(embed(t), 0) for t in tokens]
    for number in range(1, attention_blocks + 1):
        norms = [
            keras.layers.LayerNormalization(name=f"norm{number}_{part}")
            for part in (1, 2)
        ]
        parts = [
            # A bias of the keys would have no effect.
            dense(token_width, f"{name}{number}", use_bias=name != "keys")
            for name in ("queries", "keys", "values")
        ]
        split = keras.layers.Reshape((-1, heads, token_width // heads))
        join = keras.layers.Reshape((-1, token_width))
        attended = dense(token_width, f"attended{number}")
        wide = dense(2 * token_width, f"wide{number}", "relu")
        narrow = dense(token_width, f"narrow{number}")
        normed = [norms[0](stream) for stream in streams]
        keys, values = (split(part(normed[0])) for part in parts[1:])
        for place, stream in enumerate(normed):
            heard = keras.ops.dot_product_attention(
                split(parts[0](stream)), keys, values, flash_attention=False
            )
            hidden = streams[place] + attended(join(heard))
            streams[place] = hidden + narrow(wide(norms[1](hidden)))
    query = keras.ops.squeeze(streams[1], 0)
    query = keras.layers.LayerNormalization(name="norm")(query)
    return keras.Model(inputs, dense(outputs, "head")(query), name="attention")
