"""What the networks share: layers as the papers have them, seeds, checks."""

import itertools

import keras
import numpy as np

from maml_tf import errors


def batch_norm(name):
    """Returns batch normalisation as in MAML's experiments.

    It learns a centre (beta) and no scale (gamma), with an epsilon of 1e-3
    (Finn, Abbeel, Levine 2017, official code). Which statistics it uses is the
    caller's choice: `training=True` takes those of the batch, `training=False`
    the moving averages.

    Args:
        name: Name of the layer.

    Returns:
        A `keras.layers.BatchNormalization`.
    """
    return keras.layers.BatchNormalization(scale=False, epsilon=1e-3, name=name)


def kernel_initializers(seed):
    """Yields a Glorot-uniform initializer for each layer in turn, endlessly.

    With a seed every initializer has a seed of its own, derived from `seed`
    and its place, so that networks with neighbouring seeds share no weights
    and no global random state is read or changed.

    Args:
        seed: A non-negative integer, or `None` for Keras's own random state
            (see `keras.utils.set_random_seed`).

    Yields:
        `keras.initializers.GlorotUniform`.

    Raises:
        InputError: `seed` is neither `None` nor a non-negative integer.
    """
    if seed is not None:
        require_integer("seed", seed, smallest=0)
    for layer in itertools.count():
        if seed is None:
            yield keras.initializers.GlorotUniform()
        else:
            sequence = np.random.SeedSequence([seed, layer])
            layer_seed = int(sequence.generate_state(1)[0])
            yield keras.initializers.GlorotUniform(seed=layer_seed)


def token_embedding(
    input_shape, vocabulary_size, embedding_width, initializers
):
    """Returns the input of a text network and its tokens' vectors.

    Args:
        input_shape: `(text_length,)`.
        vocabulary_size: Number of token ids.
        embedding_width: Width of a token's vector.
        initializers: What `kernel_initializers` yields.

    Returns:
        `(inputs, vectors)`: the `keras.Input` of int32 ids `[batch,
        text_length]`, and a Keras tensor `[batch, text_length,
        embedding_width]`.
    """
    require_integer("vocabulary_size", vocabulary_size)
    require_integer("embedding_width", embedding_width)
    inputs = keras.Input(input_shape, dtype="int32", name="ids")
    embedding = keras.layers.Embedding(
        vocabulary_size,
        embedding_width,
        embeddings_initializer=small_uniform(next(initializers)),
        name="embedding",
    )
    return inputs, embedding(inputs)


def small_uniform(initializer):
    """Returns Keras's initializer of embeddings, with the seed of another."""
    return keras.initializers.RandomUniform(-0.05, 0.05, seed=initializer.seed)


def dropout(inputs, rate, seed):
    """Returns `inputs` through a dropout layer, or as they are at rate 0."""
    if not rate:
        return inputs
    return keras.layers.Dropout(rate, seed=seed, name="dropout")(inputs)


def require_integer(argument, value, smallest=1):
    """Raises `InputError` unless `value` is an integer >= `smallest`."""
    is_integer = isinstance(value, (int, np.integer))
    if not is_integer or isinstance(value, bool) or value < smallest:
        raise errors.InputError(
            f"{argument} must be an integer >= {smallest}, not {value!r}."
        )


def require_integers(argument, values):
    """Raises `InputError` unless `values` is a sequence of integers >= 1."""
    if not isinstance(values, (list, tuple)) or not values:
        raise errors.InputError(
            f"{argument} must be a non-empty sequence of integers, such as "
            f"(64, 64), not {values!r}."
        )
    for value in values:
        require_integer(f"each of {argument}", value)


def one_each(argument, value, number):
    """Returns one integer for each of some layers.

    Args:
        argument: Name of the argument, for the message.
        value: An integer for all of them, or a sequence with one for each. A
            sequence of one is for all too.
        number: How many layers there are.

    Returns:
        A tuple of `number` integers.

    Raises:
        InputError: It is neither.
    """
    if not isinstance(value, (list, tuple)):
        require_integer(argument, value)
        return (value,) * number
    require_integers(argument, value)
    if len(value) not in (1, number):
        raise errors.refusal(
            argument,
            tuple(value),
            f"it must be one number, or one for each of {number} layers",
        )
    return tuple(value) * (number // len(value))


def require_image(network, input_shape, smallest=1):
    """Raises `InputError` unless `input_shape` is that of a large image.

    Args:
        network: Name of the network, for the message.
        input_shape: What should be `(height, width, channels)`.
        smallest: The least height and width, in pixels.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < smallest:
        raise errors.InputError(
            f"input_shape of the network {network} must be (height, width, "
            f"channels) with at least {smallest} x {smallest} pixels, "
            f"not {tuple(input_shape)!r}."
        )


def require_texts(network, input_shape, shortest):
    """Raises `InputError` unless `input_shape` is that of token ids.

    Args:
        network: Name of the network, for the message.
        input_shape: What should be `(text_length,)`.
        shortest: The least `text_length`.
    """
    if len(input_shape) != 1 or input_shape[0] < shortest:
        raise errors.InputError(
            f"input_shape of the network {network} must be (text_length,) with "
            f"at least {shortest} tokens, not {tuple(input_shape)!r}."
        )


def require_share(argument, value):
    """Raises `InputError` unless 0 <= `value` < 1."""
    if not 0 <= value < 1:
        raise errors.InputError(
            f"{argument} must be 0 or more and below 1, not {value!r}."
        )


def require_choice(argument, value, choices):
    """Raises `InputError` unless `value` is one of the strings `choices`."""
    if value not in choices:
        raise errors.InputError(
            f"{argument} must be one of {', '.join(choices)}, not {value!r}."
        )
