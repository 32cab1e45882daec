"""Tests of maml_tf/functional/losses.py."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import losses
from maml_tf.errors import InputError


class MeanSquaredErrorTest(tf.test.TestCase):
    def test_is_the_mean_over_examples_and_features(self):
        y = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        outputs = tf.constant([[1.0, 0.0], [3.0, 4.0], [4.0, 6.0]])
        self.assertAllClose(
            losses.mean_squared_error(y, outputs), (4.0 + 1.0) / 6.0
        )

    def test_shapes_that_would_broadcast_are_refused(self):
        with self.assertRaisesRegex(InputError, r"\(3,\).*\(3, 1\)"):
            losses.mean_squared_error(tf.zeros([3]), tf.zeros([3, 1]))


class MeanAbsoluteErrorTest(tf.test.TestCase):
    def test_is_the_mean_over_examples_and_features_in_their_units(self):
        y = tf.constant([[1.0, 2.0], [3.0, 4.0]])
        outputs = tf.constant([[0.0, 2.5], [3.0, 1.0]])
        error = losses.mean_absolute_error
        self.assertAllClose(error(y, outputs), (1.0 + 0.5 + 3.0) / 4)
        self.assertAllClose(
            error(y, outputs, scale=[10.0, 2.0]), (10.0 + 1.0 + 6.0) / 4
        )

    def test_shapes_that_would_broadcast_are_refused(self):
        with self.assertRaisesRegex(InputError, r"\(3,\).*\(3, 1\)"):
            losses.mean_absolute_error(tf.zeros([3]), tf.zeros([3, 1]))


class CrossEntropyTest(tf.test.TestCase):
    def test_is_the_mean_negative_log_probability(self):
        logits = np.random.RandomState(0).normal(size=[6, 3])
        y = np.array([0, 2, 1, 1, 0, 2])
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        expected = -np.log(probabilities[np.arange(6), y]).mean()
        actual = losses.cross_entropy(
            tf.constant(y, tf.int32), tf.constant(logits, tf.float32)
        )
        self.assertAllClose(actual, expected)

    def test_repeating_the_examples_changes_nothing(self):
        logits = tf.constant([[1.0, -1.0], [0.5, 2.0]])
        y = tf.constant([0, 0])
        self.assertAllClose(
            losses.cross_entropy(y, logits),
            losses.cross_entropy(tf.tile(y, [5]), tf.tile(logits, [5, 1])),
        )

    def test_half_precision_logits_neither_overflow_nor_round(self):
        logits = tf.constant([[6e4, -6e4], [0.0, 0.0]], tf.float16)
        self.assertAllClose(
            losses.cross_entropy(tf.constant([1, 0]), logits),
            (120000.0 + np.log(2.0)) / 2.0,
            rtol=1e-6,
        )

    def test_second_derivative(self):
        logits = tf.constant([[0.3, -0.2, 1.0]])
        with tf.GradientTape() as outer:
            outer.watch(logits)
            with tf.GradientTape() as inner:
                inner.watch(logits)
                loss = losses.cross_entropy(tf.constant([2]), logits)
            gradient = inner.gradient(loss, logits)
        p = tf.nn.softmax(logits)[0].numpy()
        self.assertAllClose(
            outer.jacobian(gradient, logits)[0, :, 0],
            np.diag(p) - np.outer(p, p),
        )


class AccuracyTest(tf.test.TestCase):
    def test_is_the_fraction_of_hits(self):
        outputs = tf.constant(
            [[0.0, 1.0], [3.0, 1.0], [-2.0, -1.0], [1.0, 0.0]]
        )
        self.assertAllClose(
            losses.accuracy(tf.constant([1, 1, 1, 0], tf.int32), outputs), 0.75
        )


class EveryLossTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        loss=[
            "mean_squared_error",
            "mean_absolute_error",
            "cross_entropy",
            "accuracy",
        ],
        dtype=[tf.bfloat16, tf.float16, tf.float32, tf.float64],
    )
    def test_is_a_float32_scalar(self, loss, dtype):
        outputs = tf.constant([[0.1, 0.9], [0.7, 0.2]], dtype)
        y = outputs if loss.endswith("_error") else tf.constant([0, 1])
        result = getattr(losses, loss)(y, outputs)
        self.assertEqual(result.dtype, tf.float32)
        self.assertEqual(result.shape, [])


if __name__ == "__main__":
    tf.test.main()
