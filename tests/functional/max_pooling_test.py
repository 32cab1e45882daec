"""Tests of maml_tf/functional/max_pooling.py."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.functional.max_pooling import max_pooling
from tests.helpers.derivatives import DerivativesTestCase, normal


class MaxPoolingTest(DerivativesTestCase, parameterized.TestCase):
    @parameterized.parameters(((2, 2),), ((3, 2),))
    def test_is_tensorflows(self, size):
        # Five rows: the last one is in no window.
        x = normal(2, 5, 4, 3)
        self.assert_same_to_third_order(
            lambda x: max_pooling(x, size),
            lambda x: tf.nn.max_pool2d(x, size, size, "VALID"),
            [x],
        )

    def test_of_equal_inputs_one_counts_in_every_order(self):
        x = tf.zeros([1, 2, 2, 1])
        factor = tf.constant(3.0)
        with tf.GradientTape() as second:
            second.watch(factor)
            with tf.GradientTape() as first:
                first.watch(x)
                loss = tf.reduce_sum(factor**2 * max_pooling(x, (2, 2)))
            gradient = first.gradient(loss, x)
            total = tf.reduce_sum(gradient)
        self.assertEqual(np.count_nonzero(gradient), 1)
        self.assertAllClose(total, 9.0)
        self.assertAllClose(second.gradient(total, factor), 6.0)


if __name__ == "__main__":
    tf.test.main()
