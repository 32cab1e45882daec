"""Diagonal Gaussians as the outputs of a network: mean and log deviation.

These are pure functions of `outputs [..., 2 * action_size]`: the mean of each
action, then the logarithm of its standard deviation.
"""

import math
from typing import Any

import tensorflow as tf

from maml_tf.graph.random_streams import random_normal

action_dtype = tf.float32


def moments(outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `(mean, log_deviation)`, each `[..., action_size]`."""
    return tf.split(outputs, 2, -1)


def outputs_size(action_size: int) -> int:
    """Returns the number of a network's outputs: two for each number."""
    return 2 * action_size


def noise(shape: Any, action_size: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws standard normal numbers `[*shape, action_size]`, for `draw`.

    Args:
        shape: Their leading axes.
        action_size: Numbers in an action.
        seed: Stateless seed, an int64 tensor `[2]`.
    """
    return random_normal([*shape, action_size], seed)


def draw(outputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns actions `[..., action_size]`.

    Args:
        outputs: The network's outputs `[..., 2 * action_size]`.
        noise: Standard normal numbers `[..., action_size]`.
    """
    mean, log_deviation = moments(outputs)
    return mean + tf.exp(log_deviation) * noise


def most_probable(outputs: tf.Tensor) -> tf.Tensor:
    """Returns the means, the actions of the largest density."""
    mean, _ = moments(outputs)
    return mean


def log_probability(outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of the actions' density, `[...]`.

    Args:
        outputs: The network's outputs `[..., 2 * action_size]`.
        actions: Actions `[..., action_size]`.
    """
    mean, log_deviation = moments(outputs)
    standardised = (actions - mean) * tf.exp(-log_deviation)
    return -tf.reduce_sum(
        0.5 * tf.square(standardised)
        + log_deviation
        + 0.5 * math.log(2 * math.pi),
        -1,
    )


def kl_divergence(outputs: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Returns KL(p ‖ q) in nats, `[...]`.

    Args:
        outputs: Outputs of p, `[..., 2 * action_size]`.
        others: Outputs of q, `[..., 2 * action_size]`.
    """
    mean, log_deviation = moments(outputs)
    other_mean, other_log_deviation = moments(others)
    variances = tf.exp(2.0 * log_deviation) + tf.square(mean - other_mean)
    return tf.reduce_sum(
        other_log_deviation
        - log_deviation
        + 0.5 * (variances * tf.exp(-2.0 * other_log_deviation) - 1.0),
        -1,
    )


def fisher_product(outputs: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Multiplies the Fisher information by the outputs with vectors.

    It is diagonal: 1 / σ² for a mean, 2 for the logarithm of σ.

    Args:
        outputs: The network's outputs `[..., 2 * action_size]`.
        vectors: Vectors `[..., 2 * action_size]`.

    Returns:
        A tensor of the same shape.
    """
    _, log_deviation = moments(outputs)
    by_mean, by_log_deviation = moments(vectors)
    return tf.concat(
        [tf.exp(-2.0 * log_deviation) * by_mean, 2.0 * by_log_deviation], -1
    )
