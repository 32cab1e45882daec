"""Tests of maml_tf/functional/convolution.py."""

from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

from maml_tf.functional import convolution
from maml_tf.functional.convolution import Convolution, by_patches
from tests.helpers.derivatives import DerivativesTestCase, normal

# Input, channels, filters, kernel, strides, padding.
SHAPES = (
    ((7, 6), 3, 4, (3, 3), (2, 2), "same"),
    ((14, 14), 2, 3, (3, 3), (2, 2), "same"),
    ((8, 8), 2, 3, (3, 3), (1, 1), "same"),
    ((9, 8), 2, 3, (2, 3), (3, 2), "valid"),
    # Strides beyond the kernel leave inputs that no output sees.
    ((5, 5), 2, 2, (1, 1), (2, 2), "same"),
    ((5, 7), 2, 2, (1, 2), (3, 3), "valid"),
    ((6, 6), 2, 2, (5, 5), (1, 1), "same"),
    ((1, 1), 3, 2, (3, 3), (2, 2), "same"),
)


def operations(function, *arguments):
    """Types of the operations that a function is traced to."""
    graph = tf.function(function).get_concrete_function(*arguments).graph
    return {operation.type for operation in graph.get_operations()}


class ConvolutionTest(DerivativesTestCase, parameterized.TestCase):
    @parameterized.parameters(*SHAPES)
    def test_is_tensorflows(self, size, channels, filters, kernel, s, padding):
        x = normal(3, *size, channels)
        w = 0.3 * normal(*kernel, channels, filters)
        ours = Convolution((*size, channels), w.shape, s, padding)

        def theirs(x, w):
            return tf.nn.conv2d(x, w, s, padding.upper())

        for most in (0, 10**9):
            with self.subTest(patches=most):
                self.enter_context(
                    mock.patch.multiple(
                        convolution,
                        _PATCHES_FORWARD=most,
                        _PATCHES_KERNEL_GRADIENT=most,
                    )
                )
                self.assert_same_to_third_order(ours, theirs, [x, w])
        with self.subTest("by patches alone"), by_patches():
            self.assert_same_to_third_order(ours, theirs, [x, w])

    def test_tasks_with_kernels_of_their_own_are_vectorized(self):
        ours = Convolution((6, 6, 2), (3, 3, 2, 4), (2, 2), "same")
        x, w = normal(5, 3, 6, 6, 2), normal(5, 3, 3, 2, 4)

        def gradient(arguments):
            with tf.GradientTape() as outer:
                outer.watch(arguments)
                with tf.GradientTape() as inner:
                    inner.watch(arguments)
                    loss = tf.reduce_sum(tf.sin(ours(*arguments)))
                gradients = inner.gradient(loss, arguments)
                total = sum(tf.reduce_sum(g * g) for g in gradients)
            return outer.gradient(total, arguments)

        def vectorized(x, w):
            with by_patches():
                return tf.vectorized_map(
                    gradient, (x, w), fallback_to_while_loop=False
                )

        for one, other in zip(
            vectorized(x, w), tf.map_fn(gradient, (x, w)), strict=True
        ):
            self.assertAllClose(one, other, rtol=1e-4, atol=1e-3)
        types = operations(vectorized, x, w)
        self.assertIn("BatchMatMulV2", types)
        self.assertFalse([name for name in types if "Conv2D" in name])
        self.assertFalse([name for name in types if "While" in name])

    def test_few_examples_go_by_patches_and_many_by_the_kernel(self):
        ours = Convolution((14, 14, 64), (3, 3, 64, 64), (2, 2), "same")
        w = normal(3, 3, 64, 64)
        few = operations(ours, normal(5, 14, 14, 64), w)
        many = operations(ours, normal(75, 14, 14, 64), w)
        self.assertIn("MatMul", few)
        self.assertNotIn("Conv2D", few)
        self.assertIn("Conv2D", many)


if __name__ == "__main__":
    tf.test.main()
