"""Weights divided by their largest singular value, with every derivative."""

import keras
import tensorflow as tf


def normalized_kernel(
    layer: keras.layers.SpectralNormalization,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes W / σ(W) by power iteration (Miyato et al. 2018).

    Keras holds the singular vectors for constants, as is right for the first
    derivative once they have converged. Here the iteration is differentiated.

    Args:
        layer: A built layer; its kernel W and its vector u are read.

    Returns:
        `(u, kernel)` after the layer's iterations. A kernel of zeros stays.
    """
    kernel = tf.convert_to_tensor(layer.kernel)
    start = tf.convert_to_tensor(layer.vector_u)
    # Both branches are computed, and neither may give NaN.
    is_zero = tf.reduce_all(kernel == 0)
    safe = tf.where(is_zero, tf.ones_like(kernel), kernel)
    weights = tf.reshape(safe, [-1, safe.shape[-1]])
    u = start
    for _ in range(layer.power_iterations):
        v = _unit(tf.matmul(u, weights, transpose_b=True))
        u = _unit(tf.matmul(v, weights))
    sigma = tf.reduce_sum(tf.matmul(v, weights) * u)
    return (
        tf.where(is_zero, start, tf.cast(u, start.dtype)),
        tf.where(is_zero, kernel, safe / sigma),
    )


def _unit(vector):
    return vector * tf.math.rsqrt(
        tf.maximum(tf.reduce_sum(tf.square(vector)), 1e-12)
    )
