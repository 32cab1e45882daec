"""Diagonal Gaussians as the outputs of a network: mean and log deviation.

Pure functions of `outputs [..., 2 * action_size]`: the mean of each action,
then the logarithm of its standard deviation.
"""

import math

import tensorflow as tf


def moments(outputs):
    """`(mean, log_deviation)`, each `[..., action_size]`."""
    return tf.split(outputs, 2, -1)


def draw(outputs, noise):
    """Actions `[..., action_size]`, of standard normal `noise` of that shape.

    Args:
        outputs: `[..., 2 * action_size]`.
        noise: `[..., action_size]`.
    """
    mean, log_deviation = moments(outputs)
    return mean + tf.exp(log_deviation) * noise


def log_probability(outputs, actions):
    """The logarithm of the actions' density, `[...]`.

    Args:
        outputs: `[..., 2 * action_size]`.
        actions: `[..., action_size]`.
    """
    mean, log_deviation = moments(outputs)
    standardised = (actions - mean) * tf.exp(-log_deviation)
    return -tf.reduce_sum(
        0.5 * tf.square(standardised)
        + log_deviation
        + 0.5 * math.log(2 * math.pi),
        -1,
    )


def kl_divergence(outputs, others):
    """KL(p ‖ q) in nats, `[...]`.

    Args:
        outputs: Of p, `[..., 2 * action_size]`.
        others: Of q.
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


def fisher_product(outputs, vectors):
    """The Fisher information by the outputs, times vectors of their shape.

    1 / σ² for a mean, 2 for the logarithm of σ, nothing between them.

    Args:
        outputs: `[..., 2 * action_size]`.
        vectors: Likewise.
    """
    _, log_deviation = moments(outputs)
    by_mean, by_log_deviation = moments(vectors)
    return tf.concat(
        [tf.exp(-2.0 * log_deviation) * by_mean, 2.0 * by_log_deviation], -1
    )
