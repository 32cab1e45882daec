"""Categorical distributions as the outputs of a network: logits of actions.

These are pure functions of `outputs [..., action_size]`: a number for each of
the actions 0 … action_size − 1, whose softmax is their probabilities.
"""

from typing import Any

import tensorflow as tf

from maml_tf.graph.random_streams import random_uniform

action_dtype = tf.int64


def outputs_size(action_size: int) -> int:
    """Returns the number of a network's outputs: a logit for each action."""
    return action_size


def noise(shape: Any, action_size: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws Gumbel's numbers `[*shape, action_size]`, for `draw`.

    Args:
        shape: Their leading axes.
        action_size: Number of the actions.
        seed: Stateless seed, an int64 tensor `[2]`.
    """
    uniform = random_uniform([*shape, action_size], seed)
    return -tf.math.log(-tf.math.log(uniform))


def draw(outputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns actions, int64 `[...]`: the largest logit after the noise.

    Args:
        outputs: The network's outputs `[..., action_size]`.
        noise: Gumbel's numbers `[..., action_size]`.
    """
    return most_probable(outputs + noise)


def most_probable(outputs: tf.Tensor) -> tf.Tensor:
    """Returns the most probable actions, int64 `[...]`; the first of equals."""
    return tf.argmax(outputs, -1, tf.int64)


def log_probability(outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of the actions' probability, `[...]`.

    Args:
        outputs: The network's outputs `[..., action_size]`.
        actions: Actions, integers `[...]`.
    """
    chosen = tf.one_hot(actions, outputs.shape[-1], dtype=outputs.dtype)
    return tf.reduce_sum(chosen * tf.nn.log_softmax(outputs), -1)


def kl_divergence(outputs: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Returns KL(p ‖ q) in nats, `[...]`.

    Args:
        outputs: Outputs of p, `[..., action_size]`.
        others: Outputs of q, `[..., action_size]`.
    """
    difference = tf.nn.log_softmax(outputs) - tf.nn.log_softmax(others)
    return tf.reduce_sum(tf.nn.softmax(outputs) * difference, -1)


def fisher_product(outputs: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Multiplies the Fisher information by the outputs with vectors.

    It is diag(p) − p pᵀ for the probabilities p.

    Args:
        outputs: The network's outputs `[..., action_size]`.
        vectors: Vectors `[..., action_size]`.

    Returns:
        A tensor of the same shape.
    """
    probabilities = tf.nn.softmax(outputs)
    mean = tf.reduce_sum(probabilities * vectors, -1, keepdims=True)
    return probabilities * (vectors - mean)
