"""The mean of several networks' predictions, as the outputs of one network.

Each function takes a list of outputs of one shape. If all are equal, the mean
is the first of them to the last bit.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def mean_values(outputs: Sequence[Any]) -> tf.Tensor:
    """Averages values.

    Args:
        outputs: Tensors of one shape.

    Returns:
        A tensor of that shape.
    """
    first, *others = outputs
    if not others:
        return first
    return first + tf.add_n([o - first for o in others]) / len(outputs)


def mean_probabilities(logits: Sequence[Any]) -> tf.Tensor:
    """Averages the probabilities of classes.

    Args:
        logits: Tensors `[..., classes]`.

    Returns:
        Logits in float32 whose softmax is the mean of theirs.
    """
    logits = [tf.cast(one, tf.float32) for one in logits]
    # As logarithms: the loss of a small probability is exact.
    each = tf.stack([tf.nn.log_softmax(one) for one in logits])
    largest = tf.reduce_max(each, 0)
    mean = tf.math.log(tf.reduce_mean(tf.exp(each - largest), 0)) + largest
    # Logits mean the same if a number is added to all of an example.
    return logits[0] + (mean - each[0])


def mean_binary_probabilities(logits: Sequence[Any]) -> tf.Tensor:
    """Averages probabilities that are each of one logit.

    Args:
        logits: Tensors of one shape.

    Returns:
        Logits in float32 whose sigmoid is the mean of theirs.
    """
    pairs = [tf.stack([tf.zeros_like(one), one], -1) for one in logits]
    mean = mean_probabilities(pairs)
    return mean[..., 1] - mean[..., 0]
