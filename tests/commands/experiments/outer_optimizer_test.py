"""Tests of the outer optimizer that flags describe."""

import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf.commands.experiments import outer_optimizer


class OuterOptimizerTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        ("constant", lambda done: 1.0),
        ("linear", lambda done: 1 - done),
        ("cosine", lambda done: (1 + math.cos(math.pi * done)) / 2),
    )
    def test_the_rate_rises_along_a_line_then_follows_the_schedule(
        self, schedule, then
    ):
        optimizer = outer_optimizer.create(
            30,
            "sgd",
            0.4,
            learning_rate_schedule=schedule,
            warmup_iterations=10,
        )
        variable = tf.Variable(0.0)
        expected = [
            0.4 * (i / 10 if i < 10 else then((i - 10) / 20)) for i in range(30)
        ]
        taken = []
        for _ in range(30):
            before = variable.numpy()
            optimizer.apply([tf.constant(1.0)], [variable])
            taken.append(before - variable.numpy())
        self.assertAllClose(taken, expected, atol=1e-6)

    def test_without_warm_up_a_constant_rate_stays_settable(self):
        optimizer = outer_optimizer.create(30, "sgd", 0.4)
        optimizer.learning_rate = 0.2
        self.assertAlmostEqual(float(optimizer.learning_rate), 0.2)
        self.assertFalse(optimizer.use_ema)

    def test_ema_is_the_moving_average_of_the_weights(self):
        optimizer = outer_optimizer.create(30, "sgd", 1.0, ema=0.75)
        variable = tf.Variable(0.0)
        average = None
        for step in range(4):
            optimizer.apply([tf.constant(-1.0)], [variable])
            now = step + 1.0
            average = now if average is None else 0.75 * average + 0.25 * now
        (kept,) = optimizer._model_variables_moving_average
        np.testing.assert_allclose(kept, average, rtol=1e-6)

    def test_what_cannot_be_used_is_refused(self):
        for options, words in (
            ({"warmup_iterations": -1}, "warmup_iterations: -1 was given"),
            ({"warmup_iterations": 30}, "below iterations=30"),
            ({"ema": 1.0}, "ema: 1.0 was given; it must be from 0 to below 1"),
            ({"ema": -0.1}, "ema: -0.1"),
        ):
            with self.assertRaisesRegex(maml_tf.InputError, words):
                outer_optimizer.create(30, **options)


if __name__ == "__main__":
    tf.test.main()
