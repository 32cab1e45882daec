"""Tests of maml_tf/evaluation/curve.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms, losses
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.evaluation.curve import Curve, MetaTest, interval, meta_test
from maml_tf.graph.random_streams import fold_in, random_uniform

layers = keras.layers


def episodes(number):
    """A line through the origin, five points to learn from."""
    seed = fold_in(tf.constant([3, 4], tf.int64), number)
    uniform = random_uniform([11], seed, -1.0, 1.0)
    x = uniform[1:, tf.newaxis]
    y = 3.0 * uniform[0] * x
    return Episode(x[:5], y[:5], x[5:], y[5:])


def maml(dropout=0.0, loss=losses.mean_squared_error):
    """MAML of a small network; the metric is twice the loss."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(8, "tanh"),
            layers.Dropout(dropout),
            layers.Dense(1),
        ]
    )
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0.2, 0.5, variable.shape))
    return algorithms.create(
        "maml",
        model,
        loss,
        lambda y, outputs: 2.0 * loss(y, outputs),
        inner_learning_rate=0.1,
    )


class IntervalTest(tf.test.TestCase):
    def test_is_computed_by_hand(self):
        # Mean 3, deviations -2, -1, 0, 3: s² = 14 / 3.
        self.assertAllClose(
            interval([1.0, 2.0, 3.0, 6.0]),
            1.96 * np.sqrt(14.0 / 3.0) / 2.0,
            rtol=1e-12,
        )

    def test_is_along_the_first_axis(self):
        values = np.random.default_rng(0).normal(size=[7, 3])
        self.assertAllClose(
            interval(values), [interval(column) for column in values.T]
        )

    def test_covers_the_mean_in_95_of_100_cases(self):
        values = np.random.default_rng(0).normal(5.0, 3.0, [600, 2000])
        covered = np.abs(values.mean(0) - 5.0) < interval(values)
        self.assertBetween(float(covered.mean()), 0.94, 0.96)

    def test_float32_is_not_rounded(self):
        values = np.array([1e4, 1e4 + 1.0, 1e4 + 2.0] * 100, np.float32)
        self.assertAllClose(interval(values), interval(values - 1e4))

    def test_a_single_value_has_none(self):
        self.assertAllEqual(interval(np.ones([1, 2])), [np.nan, np.nan])


class CurveTest(tf.test.TestCase):
    def test_means_are_over_tasks(self):
        curve = Curve(
            losses=np.array([[1.0, 0.5], [3.0, 1.5], [2.0, 1.0]]),
            metrics=np.array([[0.2, 0.9], [0.4, 0.7], [0.3, 0.8]]),
        )
        self.assertEqual(curve.num_tasks, 3)
        self.assertAllClose(curve.loss, [2.0, 1.0])
        self.assertAllClose(curve.metric, [0.3, 0.8])
        # s = 0.1.
        self.assertAllClose(curve.ci95, [0.196 / np.sqrt(3.0)] * 2)


class MetaTestTest(tf.test.TestCase, parameterized.TestCase):
    def test_every_task_is_adapted_to_by_itself(self):
        algorithm = maml()
        curve = meta_test(algorithm, episodes, num_tasks=3, steps=2)
        self.assertEqual(curve.num_tasks, 3)
        self.assertEqual(curve.losses.shape, (3, 3))
        for number in range(3):
            losses_by_step, metrics = algorithm.curve(
                algorithm.theta(), episodes(number), 2, tf.constant([0, 0])
            )
            self.assertAllClose(curve.losses[number], losses_by_step)
            self.assertAllClose(curve.metrics[number], metrics)

    @parameterized.parameters(0, 1)
    def test_starts_at_the_unadapted_model(self, steps):
        algorithm = maml(dropout=0.5)
        curve = meta_test(algorithm, episodes, num_tasks=4, steps=steps)
        self.assertEqual(curve.losses.shape, (4, steps + 1))
        for number in range(4):
            episode = episodes(number)
            self.assertAllClose(
                curve.losses[number, 0],
                losses.mean_squared_error(
                    episode.query_y, algorithm.model(episode.query_x)
                ),
            )

    def test_how_tasks_are_grouped_changes_nothing(self):
        algorithm = maml(dropout=0.5)
        curves = [
            meta_test(
                algorithm,
                episodes,
                num_tasks=7,
                steps=2,
                tasks_per_call=tasks_per_call,
                parallel_tasks=parallel_tasks,
            )
            for tasks_per_call, parallel_tasks in (
                (7, 1),
                (7, 4),
                (1, 2),
                (3, 2),
                (100, 2),
            )
        ]
        for curve in curves[1:]:
            self.assertAllEqual(curve.losses, curves[0].losses)
            self.assertAllEqual(curve.metrics, curves[0].metrics)

    def test_some_steps_are_columns_of_all(self):
        algorithm = maml(dropout=0.5)
        options = {"num_tasks": 3, "steps": 3}
        every = meta_test(algorithm, episodes, **options)
        some = meta_test(algorithm, episodes, evaluated=(2, 0), **options)
        self.assertAllEqual(some.losses, every.losses[:, [2, 0]])
        self.assertAllEqual(some.metrics, every.metrics[:, [2, 0]])
        with self.assertRaisesRegex(InputError, "evaluated: 4 .*0 to steps"):
            meta_test(algorithm, episodes, evaluated=(0, 4), **options)

    def test_fewer_tasks_are_the_first_of_more(self):
        algorithm = maml(dropout=0.5)
        seven, three = (
            meta_test(algorithm, episodes, num_tasks=n, tasks_per_call=2)
            for n in (7, 3)
        )
        self.assertAllEqual(seven.losses[:3], three.losses)

    def test_follows_the_model_as_it_learns(self):
        algorithm = maml()
        test = MetaTest(algorithm, episodes, num_tasks=3)
        before = test()
        self.assertAllEqual(before.losses, test().losses)
        for variable in algorithm.model.trainable_variables:
            variable.assign_add(tf.ones(variable.shape))
        after = test()
        self.assertNotAllClose(before.losses, after.losses)
        self.assertAllEqual(
            after.losses, meta_test(algorithm, episodes, num_tasks=3).losses
        )

    def test_the_seed_is_that_of_the_tasks_random_numbers(self):
        algorithm = maml(dropout=0.5)
        one, again, other = (
            meta_test(algorithm, episodes, num_tasks=3, seed=seed)
            for seed in (0, 0, 1)
        )
        self.assertAllEqual(one.losses, again.losses)
        # Unadapted, there is nothing random.
        self.assertAllEqual(one.losses[:, 0], other.losses[:, 0])
        self.assertNotAllClose(one.losses[:, 1], other.losses[:, 1])

    def test_leaves_the_model_as_it_was(self):
        algorithm = maml(dropout=0.5)
        model = algorithm.model
        variables = model.trainable_variables + model.non_trainable_variables
        before = [v.numpy().copy() for v in variables]
        meta_test(algorithm, episodes, num_tasks=3)
        for old, variable in zip(before, variables, strict=True):
            self.assertAllEqual(old, variable)

    def test_a_loss_may_have_any_dtype(self):
        def loss(y, outputs):
            return tf.cast(losses.mean_squared_error(y, outputs), tf.float64)

        self.assertAllClose(
            meta_test(maml(loss=loss), episodes, num_tasks=2).losses,
            meta_test(maml(), episodes, num_tasks=2).losses,
        )

    @parameterized.parameters(
        ("num_tasks", 0),
        ("num_tasks", -3),
        ("steps", -1),
        ("tasks_per_call", 0),
        ("parallel_tasks", 0),
    )
    def test_numbers_out_of_range_are_refused(self, name, value):
        with self.assertRaisesRegex(InputError, f"{name}: {value} was given"):
            MetaTest(maml(), episodes, **{name: value})


if __name__ == "__main__":
    tf.test.main()
