"""Tests of maml_tf/functional/batch_normalization.py."""

import tensorflow as tf
from absl.testing import parameterized

from maml_tf.functional.batch_normalization import batch_normalization
from tests.helpers.derivatives import DerivativesTestCase, normal

EPSILON = 0.1


def plain(x, beta, gamma=1.0):
    """The definition."""
    mean = tf.reduce_mean(x, [0, 1, 2])
    variance = tf.reduce_mean(tf.square(x - mean), [0, 1, 2])
    return gamma * (x - mean) * tf.math.rsqrt(variance + EPSILON) + beta


class BatchNormalizationTest(DerivativesTestCase, parameterized.TestCase):
    @parameterized.product(
        shape=[(3, 4, 4, 5), (2, 1, 1, 3), (1, 1, 1, 3)], scale=[True, False]
    )
    def test_is_the_definition(self, shape, scale):
        def ours(x, beta, gamma=None):
            return batch_normalization(x, gamma, beta, EPSILON)

        arguments = [2.0 * normal(*shape) + 1.0, normal(shape[-1], seed=1)]
        if scale:
            arguments.append(normal(shape[-1], seed=2))
        self.assert_same_to_third_order(ours, plain, arguments)


if __name__ == "__main__":
    tf.test.main()
