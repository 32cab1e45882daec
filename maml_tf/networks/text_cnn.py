"""The convolutional network for texts."""

import keras

from maml_tf.networks import layers


def text_cnn(
    input_shape: tuple[int, ...],
    outputs: int,
    vocabulary_size: int,
    embedding_width: int = 64,
    filters: int | tuple[int, ...] = 64,
    kernel_sizes: tuple[int, ...] = (2, 3, 4),
    dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Returns an embedding, parallel convolutions, a maximum over time, a head.

    It is the CNN-rand of Kim 2014, "Convolutional neural networks for sentence
    classification", with a smaller embedding, which is learned rather than
    taken from word2vec.

    Args:
        input_shape: `(text_length,)`.
        outputs: Number of outputs, the number of ways.
        vocabulary_size: Number of token ids; 0 is padding.
        embedding_width: Width of a word's vector.
        filters: Filters of each convolution: one number for all, or one for
            each.
        kernel_sizes: Words that each convolution sees, one number for each
            convolution.
        dropout: Share of features dropped before the head, from 0 to below 1.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from ids `[batch, text_length]` to logits
        `[batch, outputs]`.

    Raises:
        InputError: An argument cannot be used, or texts are shorter than a
            convolution is wide.
    """
    layers.require_integers("kernel_sizes", kernel_sizes)
    layers.require_texts("text_cnn", input_shape, max(kernel_sizes))
    widths = layers.one_each("filters", filters, len(kernel_sizes))
    layers.require_share("dropout", dropout)
    initializers = layers.kernel_initializers(seed)
    inputs, hidden = layers.token_embedding(
        input_shape, vocabulary_size, embedding_width, initializers
    )
    features = []
    for number, (size, width) in enumerate(zip(kernel_sizes, widths), start=1):
        convolved = keras.layers.Conv1D(
            width,
            size,
            activation="relu",
            kernel_initializer=next(initializers),
            name=f"conv{number}",
        )(hidden)
        features.append(
            keras.layers.GlobalMaxPooling1D(name=f"max{number}")(convolved)
        )
    hidden = features[0]
    if len(features) > 1:
        hidden = keras.layers.Concatenate(name="features")(features)
    hidden = layers.dropout(hidden, dropout, seed)
    head = keras.layers.Dense(
        outputs, kernel_initializer=next(initializers), name="head"
    )
    return keras.Model(inputs, head(hidden), name="text_cnn")
