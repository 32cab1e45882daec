"""Hue, saturation and value of colours and back, with derivatives."""

import tensorflow as tf


def rgb_to_hsv(images: tf.Tensor, name: str | None = None) -> tf.Tensor:
    """Computes `tf.image.rgb_to_hsv` with every derivative.

    TensorFlow's second derivative of the saturation is wrong.

    Args:
        images: `[..., 3]`, red, green and blue.
        name: Ignored.

    Returns:
        `[..., 3]`, hue, saturation and value, from 0 to 1.
    """
    del name
    red, green, blue = tf.unstack(images, axis=-1)
    value = tf.maximum(tf.maximum(red, green), blue)
    spread = value - tf.minimum(tf.minimum(red, green), blue)
    saturation = tf.where(value > 0, tf.math.divide_no_nan(spread, value), 0.0)
    hue = tf.where(
        value == red,
        tf.math.divide_no_nan(green - blue, 6.0 * spread),
        tf.where(
            value == green,
            tf.math.divide_no_nan(blue - red, 6.0 * spread) + 1.0 / 3.0,
            tf.math.divide_no_nan(red - green, 6.0 * spread) + 2.0 / 3.0,
        ),
    )
    hue = tf.where(spread > 0, tf.where(hue < 0, hue + 1.0, hue), 0.0)
    return tf.stack([hue, saturation, value], -1)


def hsv_to_rgb(images: tf.Tensor, name: str | None = None) -> tf.Tensor:
    """Computes `tf.image.hsv_to_rgb` with every derivative.

    TensorFlow has registered that it is not differentiable: weights before it
    have a zero gradient, silently.

    Args:
        images: `[..., 3]`, hue, saturation and value, from 0 to 1.
        name: Ignored.

    Returns:
        `[..., 3]`, red, green and blue.
    """
    del name
    hue, saturation, value = tf.unstack(images, axis=-1)
    hue *= 6.0
    shares = (
        tf.abs(hue - 3.0) - 1.0,
        2.0 - tf.abs(hue - 2.0),
        2.0 - tf.abs(hue - 4.0),
    )
    return tf.stack(
        [
            value * (1.0 - saturation + saturation * tf.clip_by_value(s, 0, 1))
            for s in shares
        ],
        -1,
    )
