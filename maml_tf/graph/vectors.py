"""All numbers of some tensors as one vector, and back."""

import math

import tensorflow as tf


def joined(tensors: list[tf.Tensor]) -> tf.Tensor:
    """Joins all numbers of some tensors to one vector.

    Args:
        tensors: One or more tensors of the same dtype.

    Returns:
        A tensor `[n]`.
    """
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)


def like(tensors: list[tf.Tensor], vector: tf.Tensor) -> list[tf.Tensor]:
    """Splits a vector into a list of tensors of the others' shapes.

    Args:
        tensors: A list of tensors.
        vector: Vector `[n]`, with as many numbers as all of them have.

    Returns:
        A list of tensors.
    """
    sizes = [math.prod(t.shape) for t in tensors]
    return [
        tf.reshape(part, t.shape)
        for part, t in zip(tf.split(vector, sizes), tensors)
    ]
