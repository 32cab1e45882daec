"""Tests of means of predictions, in the form of outputs."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest

from maml_tf import losses
from maml_tf.functional.mean_predictions import (
    mean_binary_probabilities,
    mean_probabilities,
    mean_values,
)

MEANS = (mean_values, mean_probabilities, mean_binary_probabilities)


def some(number, classes=4):
    generator = np.random.default_rng(0)
    values = generator.normal(0.0, 5.0, (number, 6, classes))
    return list(tf.constant(values, tf.float32))


class MeanPredictionsTest(absltest.TestCase):
    def test_equal_outputs_are_their_mean_to_the_last_bit(self):
        for mean in MEANS:
            for number in (1, 2, 5):
                one = some(1)[0]
                np.testing.assert_array_equal(mean([one] * number), one)

    def test_probabilities_are_the_mean(self):
        outputs = some(3)
        for mean, probabilities in (
            (mean_values, tf.identity),
            (mean_probabilities, tf.nn.softmax),
            (mean_binary_probabilities, tf.sigmoid),
        ):
            np.testing.assert_allclose(
                probabilities(mean(outputs)),
                np.mean([probabilities(one) for one in outputs], 0),
                atol=1e-6,
            )

    def test_loss_of_a_small_probability_is_finite(self):
        outputs = [tf.constant([[0.0, -300.0]]), tf.constant([[0.0, -200.0]])]
        loss = losses.cross_entropy(
            tf.constant([1]), mean_probabilities(outputs)
        )
        self.assertAlmostEqual(float(loss), 200.0 + np.log(2.0), places=3)


if __name__ == "__main__":
    absltest.main()
