"""Losses and metrics of one batch of examples.

They are pure functions `(y, outputs) -> scalar`, computed in float32 for any
dtype of the network: mixed precision neither overflows nor rounds them.
"""

from typing import Any

import tensorflow as tf

from maml_tf.errors import InputError


def mean_squared_error(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the squared error, averaged over examples and features.

    Args:
        y: Targets, `[examples, features]`.
        outputs: Predictions, of the same shape.

    Returns:
        A float32 scalar.

    Raises:
        InputError: The shapes differ. TensorFlow would broadcast `[n]` against
            `[n, 1]` to `[n, n]`, and training would use the wrong loss.
    """
    return tf.reduce_mean(tf.square(_residuals(y, outputs)))


def mean_absolute_error(y: Any, outputs: Any, scale: Any = 1.0) -> tf.Tensor:
    """Computes the absolute error, averaged over examples and features.

    Args:
        y: Targets, `[examples, features]`.
        outputs: Predictions, of the same shape.
        scale: Factor of the errors, a number or `[features]`. For standardised
            targets, give their standard deviations: the error is then in the
            targets' original units. Defaults to 1.

    Returns:
        A float32 scalar.

    Raises:
        InputError: The shapes differ.
    """
    return tf.reduce_mean(tf.abs(_residuals(y, outputs)) * scale)


def _residuals(y, outputs):
    y = tf.cast(y, tf.float32)
    outputs = tf.cast(outputs, tf.float32)
    if not y.shape.is_compatible_with(outputs.shape):
        raise InputError(
            f"y: the shape {tuple(y.shape)} was given for outputs of shape"
            f" {tuple(outputs.shape)}; the shapes must be equal."
        )
    return outputs - y


def cross_entropy(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the softmax cross-entropy in nats, averaged over examples.

    The mean makes the inner learning rate independent of way and shot. The
    official MAML code sums over classes, which multiplies the inner gradient by
    the way.

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


def accuracy(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the share of examples with the largest logit at their label.

    Args:
        y: Integer labels in `0 ... way - 1`, `[examples]`.
        outputs: Logits, `[examples, way]`.

    Returns:
        A float32 scalar in [0, 1].
    """
    predictions = tf.argmax(outputs, axis=-1, output_type=tf.int64)
    hits = tf.equal(predictions, tf.cast(y, tf.int64))
    return tf.reduce_mean(tf.cast(hits, tf.float32))
