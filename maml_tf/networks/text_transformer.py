"""A small transformer encoder for texts."""

import keras

from maml_tf.errors import refusal
from maml_tf.networks import layers


def text_transformer(
    input_shape: tuple[int, ...],
    outputs: int,
    vocabulary_size: int,
    embedding_width: int = 64,
    heads: int = 4,
    dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Returns embeddings, one encoder block, a mean over the words, a head.

    The block is that of Vaswani et al. 2017, section 3.1, but has layer
    normalisation before attention and before the feed-forward layers (of four
    times the width). Positions are learned. Padding is neither attended to nor
    part of the mean.

    Initial weights suit inner rates of about 0.1. Words start ten times as
    large as in Keras, because layer normalisation divides the gradient of a
    vector by the vector's size, and because positions would otherwise count as
    much as words. The head starts small, so that the first inner step does not
    have to undo it.

    Args:
        input_shape: `(text_length,)`.
        outputs: Number of outputs, the number of ways.
        vocabulary_size: Number of token ids; 0 is padding.
        embedding_width: Width of a word's vector, a multiple of `heads`.
        heads: Number of attention heads, each of `embedding_width / heads`
            numbers.
        dropout: Share of features dropped before the head, from 0 to below 1.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from ids `[batch, text_length]` to logits
        `[batch, outputs]`.

    Raises:
        InputError: An argument cannot be used.
    """
    layers.require_texts("text_transformer", input_shape, 1)
    layers.require_integer("heads", heads)
    layers.require_integer("embedding_width", embedding_width)
    if embedding_width % heads:
        raise refusal(
            "embedding_width",
            embedding_width,
            f"it must be a multiple of heads={heads}",
        )
    layers.require_share("dropout", dropout)
    initializers = layers.kernel_initializers(seed)
    inputs, hidden = layers.token_embedding(
        input_shape,
        vocabulary_size,
        embedding_width,
        initializers,
        limit=0.5,
    )
    positions = keras.ops.cumsum(keras.ops.ones_like(inputs), axis=1) - 1
    hidden = hidden + keras.layers.Embedding(
        input_shape[0],
        embedding_width,
        embeddings_initializer=layers.small_uniform(next(initializers)),
        name="positions",
    )(positions)
    is_word = keras.ops.not_equal(inputs, 0)

    normed = keras.layers.LayerNormalization(name="norm1")(hidden)
    # MultiHeadAttention would give queries, keys and values one initializer,
    # and so with a seed the same weights.
    depth = embedding_width // heads
    queries, keys, values = (
        keras.layers.Reshape((input_shape[0], heads, depth))(
            keras.layers.Dense(
                embedding_width,
                # A bias of the keys would have no effect.
                use_bias=name != "keys",
                kernel_initializer=next(initializers),
                name=name,
            )(normed)
        )
        for name in ("queries", "keys", "values")
    )
    attended = keras.ops.dot_product_attention(
        queries, keys, values, mask=is_word[:, None, None]
    )
    attended = keras.layers.Reshape((input_shape[0], embedding_width))(attended)
    hidden = hidden + keras.layers.Dense(
        embedding_width,
        kernel_initializer=next(initializers),
        name="attended",
    )(attended)

    normed = keras.layers.LayerNormalization(name="norm2")(hidden)
    for name, width, activation in (
        ("wide", 4 * embedding_width, "relu"),
        ("narrow", embedding_width, None),
    ):
        normed = keras.layers.Dense(
            width,
            activation,
            kernel_initializer=next(initializers),
            name=name,
        )(normed)
    hidden = keras.layers.LayerNormalization(name="norm3")(hidden + normed)

    weights = keras.ops.cast(keras.ops.expand_dims(is_word, -1), hidden.dtype)
    # A text without words has a mean of zero.
    number_of_words = keras.ops.maximum(keras.ops.sum(weights, axis=1), 1.0)
    mean = keras.ops.sum(hidden * weights, axis=1) / number_of_words
    mean = layers.dropout(mean, dropout, seed)
    head = keras.layers.Dense(
        outputs,
        kernel_initializer=layers.small_uniform(next(initializers)),
        name="head",
    )
    return keras.Model(inputs, head(mean), name="text_transformer")
