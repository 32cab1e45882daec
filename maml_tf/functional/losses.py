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
        scale: Factor of the errors, a number, `[features]` or `[examples, 1]`.
            For standardised targets, give their standard deviations: the error
            is then in the targets' original units. Defaults to 1.

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
        y: Integer labels in `0 ... way - 1`, `[examples]`; or one-hot labels or
            probabilities, of the shape of `outputs`. Dense labels have the
            further axes of `outputs`.
        outputs: Logits, `[examples, way]` or `[examples, ..., way]`. If the
            last axis has one element, it is the logit of class 1 against class
            0, and the loss is `binary_cross_entropy`.

    Returns:
        A float32 scalar; NaN if a row of one-hot labels does not sum to 1.

    Raises:
        InputError: The labels have another shape.
    """
    y, form = _labels(y, outputs)
    outputs = tf.cast(outputs, tf.float32)
    if form == "binary":
        return binary_cross_entropy(y, outputs)
    if form == "one_hot":
        losses = tf.nn.softmax_cross_entropy_with_logits(
            labels=_distributions(y), logits=outputs
        )
        return tf.reduce_mean(losses)
    if y.dtype not in (tf.int32, tf.int64):
        y = tf.cast(y, tf.int32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=y, logits=outputs
    )
    return tf.reduce_mean(losses)


def binary_cross_entropy(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the sigmoid cross-entropy in nats, averaged over all labels.

    It is the loss of a model with one logit, or with several labels an example,
    each there or not.

    Args:
        y: Labels from 0 to 1, of the shape of `outputs`, or without its last
            axis if that has one element.
        outputs: Logits, `[examples, labels]` or `[examples, ..., labels]`.

    Returns:
        A float32 scalar; NaN if a label is below 0 or above 1.

    Raises:
        InputError: The shapes differ.
    """
    y, outputs = _binary(y, outputs)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=outputs)
    return tf.reduce_mean(losses)


def accuracy(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the share of examples with the largest logit at their label.

    Args:
        y: Labels as in `cross_entropy`.
        outputs: Logits as in `cross_entropy`.

    Returns:
        A float32 scalar in [0, 1]; NaN if a row of one-hot labels does not sum
        to 1.

    Raises:
        InputError: The labels have another shape.
    """
    y, form = _labels(y, outputs, whole=False)
    if form == "binary":
        return binary_accuracy(y, outputs)
    if form == "one_hot":
        y = _distributions(y)
        hits = tf.equal(tf.argmax(outputs, -1), tf.argmax(y, -1))
        # A NaN in a row stays in the mean.
        return tf.reduce_mean(
            tf.cast(hits, tf.float32) + 0.0 * tf.reduce_sum(y, -1)
        )
    predictions = tf.argmax(outputs, axis=-1, output_type=tf.int64)
    hits = tf.equal(predictions, tf.cast(y, tf.int64))
    return tf.reduce_mean(tf.cast(hits, tf.float32))


def binary_accuracy(y: Any, outputs: Any) -> tf.Tensor:
    """Computes the share of labels on the side of 0 that their logit is on.

    Args:
        y: Labels as in `binary_cross_entropy`; above 0.5 counts as there.
        outputs: Logits as in `binary_cross_entropy`.

    Returns:
        A float32 scalar in [0, 1]; NaN if a label is below 0 or above 1.

    Raises:
        InputError: The shapes differ.
    """
    y, outputs = _binary(y, outputs)
    hits = tf.equal(outputs > 0, y > 0.5)
    return tf.reduce_mean(tf.cast(hits, tf.float32) + 0.0 * y)


def _labels(y, outputs, whole=True):
    """Returns `(labels, form)`: `"numbers"`, `"one_hot"` or `"binary"`.

    Args:
        y: The labels.
        outputs: The logits.
        whole: Whether class numbers must be of an integer dtype.
    """
    y = tf.convert_to_tensor(y)
    labels, logits = y.shape, tf.convert_to_tensor(outputs).shape
    if labels.rank is None or logits.rank is None:
        return y, "numbers"
    numbers = logits.rank > 0 and labels.is_compatible_with(logits[:-1])
    same = labels.is_compatible_with(logits)
    if logits.rank > 1 and logits[-1] == 1 and (numbers or same):
        return y, "binary"
    if numbers and (y.dtype.is_integer or not whole):
        return y, "numbers"
    if same:
        return y, "one_hot"
    raise InputError(
        f"y: {y.dtype.name} labels of the shape {tuple(labels)} were given for"
        f" outputs of shape {tuple(logits)}; give whole numbers of the shape"
        f" {tuple(logits[:-1])}, or one-hot labels of the outputs' shape."
    )


def _distributions(y):
    """Returns one-hot labels in float32; NaN where they do not sum to 1."""
    y = tf.cast(y, tf.float32)
    wrong = tf.abs(tf.reduce_sum(y, -1, keepdims=True) - 1.0) > 1e-3
    return tf.where(wrong, float("nan"), y)


def _binary(y, outputs):
    """Returns labels and logits in float32; labels beyond 0 to 1 are NaN."""
    y = tf.cast(y, tf.float32)
    outputs = tf.cast(outputs, tf.float32)
    shape = outputs.shape
    if (
        not y.shape.is_compatible_with(shape)
        and shape.rank
        and shape[-1] == 1
        and y.shape.is_compatible_with(shape[:-1])
    ):
        y = y[..., tf.newaxis]
    if not y.shape.is_compatible_with(shape):
        raise InputError(
            f"y: labels of the shape {tuple(y.shape)} were given for outputs of"
            f" shape {tuple(shape)}; the shapes must be equal."
        )
    return tf.where((y < 0) | (y > 1), float("nan"), y), outputs
