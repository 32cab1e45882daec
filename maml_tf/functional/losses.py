"""Losses and metrics of one batch of examples.

Pure functions `(y, outputs) -> scalar`, computed in float32 whatever the
network's dtype, so that mixed precision neither overflows nor rounds them.
"""

import tensorflow as tf

from maml_tf.errors import InputError


def mean_squared_error(y, outputs):
    """Computes the squared error, averaged over examples and features.

    Args:
        y: Targets, `[examples, features]`.
        outputs: Predictions, of the same shape.

    Returns:
        A float32 scalar.

    Raises:
        InputError: If the shapes differ; TensorFlow would broadcast `[n]`
            against `[n, 1]` to `[n, n]` and so train on the wrong loss.
    """
    return tf.reduce_mean(tf.square(_residuals(y, outputs)))


def mean_absolute_error(y, outputs, scale=1.0):
    """Computes the absolute error, averaged over examples and features.

    Args:
        y: Targets, `[examples, features]`.
        outputs: Predictions, of the same shape.
        scale: What errors are multiplied by, a number or `[features]`: for
            standardised targets their standard deviations, so that the error
            is in the targets' own units.

    Returns:
        A float32 scalar.

    Raises:
        InputError: If the shapes differ.
    """
    return tf.reduce_mean(tf.abs(_residuals(y, outputs)) * scale)


def _residuals(y, outputs):
    y = tf.cast(y, tf.float32)
    outputs = tf.cast(outputs, tf.float32)
    if not y.shape.is_compatible_with(outputs.shape):
        raise InputError(
            f"y has the shape {tuple(y.shape)} but outputs has"
            f" {tuple(outputs.shape)}; the shapes must be equal."
        )
    return outputs - y


def cross_entropy(y, outputs):
    """Computes the softmax cross-entropy in nats, averaged over examples.

    The mean makes the inner learning rate independent of way and shot. The
    official MAML code sums over classes instead, which multiplies the inner
    gradient by the way.

    Args:
        y: Integer labels in `0 ... way - 1`, `[examples]`.
        outputs: Logits, `[examples, way]`.

    Returns:
        A float32 scalar.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=y, logits=tf.cast(outputs, tf.float32)
    )
    return tf.reduce_mean(losses)


def accuracy(y, outputs):
    """Computes the fraction of examples whose largest logit is their label's.

    Args:
        y: Integer labels in `0 ... way - 1`, `[examples]`.
        outputs: Logits, `[examples, way]`.

    Returns:
        A float32 scalar in [0, 1].
    """
    predictions = tf.argmax(outputs, axis=-1, output_type=tf.int64)
    hits = tf.equal(predictions, tf.cast(y, tf.int64))
    return tf.reduce_mean(tf.cast(hits, tf.float32))
