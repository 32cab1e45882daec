"""Shared parts of the networks: layers as in the papers, seeds, checks."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from maml_tf import errors


def batch_norm(name: str) -> keras.layers.BatchNormalization:
    """Returns batch normalisation as in MAML's experiments.

    It learns a centre (beta), but not a scale (gamma), with an epsilon of 1e-3
    (Finn, Abbeel, Levine 2017, official code). The caller chooses the
    statistics: `training=True` uses those of the batch, `training=False` the
    moving averages.

    Args:
        name: Name of the layer.

    Returns:
        A `keras.layers.BatchNormalization`.
    """
    return keras.layers.BatchNormalization(scale=False, epsilon=1e-3, name=name)


def kernel_initializers(
    seed: int | None,
) -> Iterator[keras.initializers.Initializer]:
    """Yields a Glorot-uniform initializer for each layer in turn, endlessly.

    With a seed, every initializer has its own seed, derived from `seed` and its
    place. Networks with neighbouring seeds do not share weights, and global
    random state is neither read nor changed.

    Args:
        seed: An integer of 0 or more, or None for Keras's own random state
            (see `keras.utils.set_random_seed`).

    Yields:
        `keras.initializers.GlorotUniform`.

    Raises:
        InputError: `seed` is neither None nor an integer of 0 or more.
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
    input_shape: tuple[int, ...],
    vocabulary_size: int,
    embedding_width: int,
    initializers: Iterator[keras.initializers.Initializer],
    limit: float = 0.05,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns the input of a text network and its tokens' vectors.

    Args:
        input_shape: `(text_length,)`.
        vocabulary_size: Number of token ids.
        embedding_width: Width of a token's vector.
        initializers: The iterator of `kernel_initializers`.
        limit: Largest magnitude of an initial vector's numbers. Defaults to
            Keras's.

    Returns:
        `(inputs, vectors)`: the `keras.Input` of int32 ids `[batch,
        text_length]`, and a Keras tensor `[batch, text_length,
        embedding_width]`.

    Raises:
        InputError: A number is below 1.
    """
    require_integer("vocabulary_size", vocabulary_size)
    require_integer("embedding_width", embedding_width)
    inputs = keras.Input(input_shape, dtype="int32", name="ids")
    embedding = keras.layers.Embedding(
        vocabulary_size,
        embedding_width,
        embeddings_initializer=small_uniform(next(initializers), limit),
        name="embedding",
    )
    return inputs, embedding(inputs)


def small_uniform(
    initializer: keras.initializers.Initializer, limit: float = 0.05
) -> keras.initializers.RandomUniform:
    """Returns Keras's initializer of embeddings, with the seed of another.

    Args:
        initializer: The one whose seed is taken.
        limit: Numbers are drawn from -`limit` to `limit`. Defaults to Keras's.
    """
    return keras.initializers.RandomUniform(
        -limit, limit, seed=initializer.seed
    )


def dropout(
    inputs: keras.KerasTensor, rate: float, seed: int | None
) -> keras.KerasTensor:
    """Applies dropout to `inputs`; at rate 0, returns them unchanged."""
    if not rate:
        return inputs
    return keras.layers.Dropout(rate, seed=seed, name="dropout")(inputs)


def require_integer(argument: str, value: Any, smallest: int = 1) -> None:
    """Raises `InputError` unless `value` is an integer >= `smallest`."""
    is_integer = isinstance(value, (int, np.integer))
    if not is_integer or isinstance(value, bool) or value < smallest:
        raise errors.refusal(
            argument, value, f"it must be an integer of {smallest} or more"
        )


def require_integers(argument: str, values: Any) -> None:
    """Raises `InputError` unless `values` is a sequence of integers >= 1."""
    if not isinstance(values, (list, tuple)) or not values:
        raise errors.refusal(
            argument, values, "it must be a list of integers, such as (64, 64)"
        )
    for value in values:
        require_integer(f"each of {argument}", value)


def one_each(argument: str, value: Any, number: int) -> tuple[int, ...]:
    """Returns one integer for each of some layers.

    Args:
        argument: Name of the argument, for the message.
        value: An integer for all layers, or a sequence with one for each. A
            sequence of one also stands for all.
        number: Number of layers.

    Returns:
        A tuple of `number` integers.

    Raises:
        InputError: The value is not an integer or a sequence of that length.
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


def require_image(
    network: str, input_shape: Sequence[int], smallest: int = 1
) -> None:
    """Raises `InputError` unless `input_shape` is that of a large image.

    Args:
        network: Name of the network, for the message.
        input_shape: The shape to check, `(height, width, channels)`.
        smallest: Smallest height and width, in pixels. Defaults to 1.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < smallest:
        raise errors.refusal(
            "input_shape",
            tuple(input_shape),
            f"the network {network} takes (height, width, channels) with at"
            f" least {smallest} x {smallest} pixels",
        )


def require_texts(
    network: str, input_shape: Sequence[int], shortest: int
) -> None:
    """Raises `InputError` unless `input_shape` is that of token ids.

    Args:
        network: Name of the network, for the message.
        input_shape: The shape to check, `(text_length,)`.
        shortest: Smallest `text_length`.
    """
    if len(input_shape) != 1 or input_shape[0] < shortest:
        raise errors.refusal(
            "input_shape",
            tuple(input_shape),
            f"the network {network} takes (text_length,) with at least"
            f" {shortest} tokens",
        )


def require_share(argument: str, value: float) -> None:
    """Raises `InputError` unless 0 <= `value` < 1."""
    if not 0 <= value < 1:
        raise errors.refusal(argument, value, "it must be from 0 to below 1")


def require_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    """Raises `InputError` unless `value` is one of the strings `choices`."""
    if value not in choices:
        raise errors.refusal(
            argument, value, f"choose one of {', '.join(choices)}"
        )
