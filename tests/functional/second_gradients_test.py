"""Tests of the gradients that TensorFlow lacks, beside matrix products."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.functional import (
    colours,
    second_gradients,  # noqa: F401
)

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


def resize(method, **options):
    def function(images):
        return method(images=images, size=[7, 5], **options)

    return function


def scale_and_translate(images):
    return tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=[7, 5],
        scale=[1.6, 1.3],
        translation=[0.2, -0.3],
        kernel_type="lanczos3",
        antialias=True,
    )


LINEAR = {
    f"{name} {options}": resize(method, **options)
    for name, method in (
        ("bilinear", tf.raw_ops.ResizeBilinear),
        ("nearest", tf.raw_ops.ResizeNearestNeighbor),
        ("bicubic", tf.raw_ops.ResizeBicubic),
    )
    for options in (
        {"half_pixel_centers": True, "align_corners": False},
        {"half_pixel_centers": False, "align_corners": True},
    )
} | {"scale and translate": scale_and_translate}


def segments(reduce):
    return lambda x: reduce(
        tf.reshape(x, [-1, 2]), [0, 2, 2, 5], [0, 0, 1, 3], num_segments=5
    )


LINEAR["segment sum"] = segments(tf.sparse.segment_sum)
LINEAR["segment mean"] = segments(tf.sparse.segment_mean)
LINEAR["segment sqrt n"] = segments(tf.sparse.segment_sqrt_n)


def quantize_args(x):
    return tf.quantization.fake_quant_with_min_max_args(x, -1.0, 1.2)


def quantize_vars(x):
    low, high = -1.0 + 0.1 * x[0, 0, 0, 0], 1.2 + 0.1 * x[0, 0, 1, 0]
    return tf.quantization.fake_quant_with_min_max_vars(x, low, high)


def quantize_channels(x):
    low, high = -1.0 + 0.1 * x[0, 0, 0], 1.2 + 0.1 * x[0, 0, 1]
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        x, low, high
    )


def max_pool(batch):
    return lambda x: tf.nn.max_pool_with_argmax(
        x, 2, 1, "SAME", include_batch_in_index=batch
    )[0]


NONLINEAR = {
    "softsign": tf.nn.softsign,
    "local response": lambda x: tf.nn.local_response_normalization(
        x, 1, 1.2, 0.7, 0.6
    ),
    "max pool": max_pool(False),
    "max pool with batch": max_pool(True),
    "rgb to hsv": lambda x: colours.rgb_to_hsv(tf.sigmoid(_three(x))),
    "hsv to rgb": lambda x: colours.hsv_to_rgb(tf.sigmoid(_three(x))),
}


def _three(x):
    return tf.concat([x, tf.sin(3.0 * x[..., :1])], -1)


def gradient(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(tf.sin(function(x)))
    return tape.gradient(value, x)


def product(function, x, direction):
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(gradient(function, x) * direction)
    return tape.gradient(total, x, unconnected_gradients="zero")


class SecondGradientsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*LINEAR)
    def test_linear_maps_beside_a_matrix_product(self, name):
        function = LINEAR[name]
        x, direction = normal(2, 4, 3, 2), normal(2, 4, 3, 2)
        basis = tf.reshape(tf.eye(48), [48, 2, 4, 3, 2])
        columns = [tf.reshape(function(b), [-1]) for b in basis]
        matrix = tf.stack(columns, 1)

        def by_matrix(x):
            return tf.linalg.matvec(matrix, tf.reshape(x, [-1]))

        for compute in (product, tf.function(product)):
            self.assertAllClose(
                compute(function, x, direction),
                product(by_matrix, x, direction),
                rtol=1e-4,
                atol=1e-5,
            )

    @parameterized.parameters(*NONLINEAR)
    def test_beside_finite_differences(self, name):
        function = NONLINEAR[name]
        x, direction = normal(2, 3, 3, 2), normal(2, 3, 3, 2)
        step = 1e-3
        for compute in (product, tf.function(product)):
            exact = compute(function, x, direction)
            difference = (
                gradient(function, x + step * direction)
                - gradient(function, x - step * direction)
            ) / (2 * step)
            self.assertLess(tf.norm(exact - difference), 5e-3 * tf.norm(exact))

    @parameterized.parameters(quantize_args, quantize_vars, quantize_channels)
    def test_quantization_passes_derivatives_straight_through(self, function):
        """Within its range it is an identity, and outside a constant."""
        x, direction = 1.5 * normal(2, 3, 3, 2), normal(2, 3, 3, 2)
        _, low, high = _range(function, x)
        self.assertAllClose(
            gradient(function, x),
            gradient(lambda x: _straight(function, x), x),
            rtol=1e-5,
            atol=1e-5,
        )
        self.assertAllClose(
            product(function, x, direction),
            product(lambda x: _straight(function, x), x, direction),
            rtol=1e-4,
            atol=1e-5,
        )
        self.assertTrue(tf.reduce_any(x < low) and tf.reduce_any(x > high))

    @parameterized.parameters("rgb_to_hsv", "hsv_to_rgb")
    def test_colours_are_those_of_tensorflow(self, name):
        images = tf.constant(RANDOM.uniform(size=(50, 3)), tf.float32)
        images = tf.concat([images, [[0.0] * 3, [0.4] * 3, [1, 0, 0]]], 0)
        original = getattr(tf.image, name)
        self.assertAllClose(
            getattr(colours, name)(images), original(images), atol=1e-6
        )


def _range(function, x):
    if function is quantize_args:
        return x, tf.constant(-1.0), tf.constant(1.2)
    if function is quantize_vars:
        return x, -1.0 + 0.1 * x[0, 0, 0, 0], 1.2 + 0.1 * x[0, 0, 1, 0]
    return x, -1.0 + 0.1 * x[0, 0, 0], 1.2 + 0.1 * x[0, 0, 1]


def _straight(function, x):
    """Quantizes; its derivative is that of clipping to the range."""
    x, low, high = _range(function, x)
    clipped = tf.where(x < low, low + 0.0 * x, tf.where(x > high, high, x))
    return clipped + tf.stop_gradient(function(x) - clipped)


if __name__ == "__main__":
    tf.test.main()
