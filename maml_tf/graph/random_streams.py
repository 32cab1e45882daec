"""Random numbers as pure functions of seeds, the same on every device.

All random numbers within a compiled step are drawn here, so a run is a function
of its seed, and any part of it can be drawn again.
"""

import enum
from typing import Any

import tensorflow as tf

from maml_tf.errors import refusal

# TensorFlow's number of the random generator that every device has.
_PHILOX = 1


class Stream(enum.IntEnum):
    """Every independent stream of a seed, in one place.

    The numbers are arbitrary and part of what a seed means: a changed number
    changes every result. The last two name streams within a split's stream of
    episodes; the others name streams of a run's seed, so equal numbers of the
    two kinds do not meet.
    """

    EPISODES = 0
    TRAINING_TASKS = 7919  # Dropout and minibatches in meta-training.
    TEST_TASKS = 104729  # The same in meta-testing.
    TRAINING_ROLLOUTS = 15485863
    TEST_ROLLOUTS = 32452843
    AUGMENTATION = 15485863
    JOINT_EXAMPLES = 32452843


def stream(seed: int, name: Stream, number: int | tf.Tensor) -> tf.Tensor:
    """Makes the seed of one task, batch or split in a stream of its own.

    Args:
        seed: The run's seed.
        name: A `Stream`.
        number: As in `fold_in`.

    Returns:
        An int64 tensor `[2]`.

    Raises:
        InputError: The seed is an integer that 64 bits cannot hold.
    """
    if isinstance(seed, int) and not -(2**63) <= seed < 2**63:
        raise refusal("seed", seed, "it must be from 0 to 2**63 - 1")
    return fold_in(tf.constant([seed, name], tf.int64), number)


def fold_in(seed: tf.Tensor, number: int | tf.Tensor) -> tf.Tensor:
    """Makes an independent seed from a seed and a number.

    Args:
        seed: Stateless seed, an int64 tensor `[2]`.
        number: An integer or an integer scalar tensor, such as an episode's
            number, not negative.

    Returns:
        An int64 tensor `[2]`.
    """
    # 32 bits unsigned: XLA reads no more of a seed, and no sign.
    mixed = tf.cast(random_bits([], seed), tf.int64) % 2**32
    return tf.stack([mixed, tf.cast(number, tf.int64)])


def random_bits(shape: Any, seed: tf.Tensor) -> tf.Tensor:
    """Draws int32 numbers, uniform over their whole range.

    Args:
        shape: Their shape.
        seed: Stateless seed, an integer tensor `[2]`.

    Returns:
        An int32 tensor; the same on CPU and GPU, with XLA and without.
    """
    return _draw(
        tf.raw_ops.StatelessRandomUniformFullIntV2, shape, seed, tf.int32
    )


def random_uniform(
    shape: Any,
    seed: tf.Tensor,
    low: float | tf.Tensor = 0.0,
    high: float | tf.Tensor = 1.0,
) -> tf.Tensor:
    """Draws float32 numbers uniform in `[low, high]`; see `random_bits`."""
    uniform = 0.5 + tf.cast(random_bits(shape, seed), tf.float32) / 2.0**32
    return low + (high - low) * uniform


def random_order(length: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws an order of the integers `0 … length − 1`, int32 `[length]`."""
    return tf.argsort(random_bits([length], seed), stable=True)


def random_normal(shape: Any, seed: tf.Tensor) -> tf.Tensor:
    """Draws standard normal float32 numbers; see `random_bits`."""
    return _draw(tf.raw_ops.StatelessRandomNormalV2, shape, seed, tf.float32)


def _draw(operation, shape, seed, dtype):
    # The same numbers as tf.random.stateless_uniform(..., alg="philox"), in a
    # third of its time; its default algorithm draws other numbers with XLA than
    # without.
    key_counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return operation(
        shape=shape,
        key=key_counter.key,
        counter=key_counter.counter,
        alg=_PHILOX,
        dtype=dtype,
    )
