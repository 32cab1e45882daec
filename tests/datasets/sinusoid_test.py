"""Tests of maml_tf/datasets/sinusoid.py and the data sets' registry."""

import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import datasets, losses
from maml_tf.datasets import sinusoid
from maml_tf.episodes.class_pool import stream_seed
from maml_tf.errors import InputError
from maml_tf.graph.random_streams import fold_in

NUMBERS = tf.range(300, dtype=tf.int64)


def draw_all(draw, dtypes):
    """Draws what belongs to each of `NUMBERS`, in one compiled loop."""
    loop = tf.function(
        lambda: tf.map_fn(draw, NUMBERS, fn_output_signature=dtypes)
    )
    return [field.numpy() for field in loop()]


def tasks(seed=0, split="train"):
    """Draws all tasks' amplitudes and phases."""
    stream = stream_seed(seed, split)
    return draw_all(
        lambda number: sinusoid.task(stream, number), (tf.float32, tf.float32)
    )


class EpisodesTest(tf.test.TestCase, parameterized.TestCase):
    def test_shapes(self):
        episode = datasets.load("sinusoid").episodes("train", 5, 10, 15, 0)(0)
        self.assertEqual(
            [field.shape.as_list() for field in episode],
            [[10, 1], [10, 1], [15, 1], [15, 1]],
        )
        self.assertTrue(all(field.dtype == tf.float32 for field in episode))

    def test_targets_are_the_redrawn_tasks_curve(self):
        draw = datasets.load("sinusoid").episodes("valid", 1, 4, 6, 7)
        stream = stream_seed(7, "valid")
        for number in (0, 1, 10**12):
            episode = draw(number)
            amplitude, phase = map(float, sinusoid.task(stream, number))
            for x, y in (episode[:2], episode[2:]):
                self.assertAllClose(
                    y, amplitude * np.sin(x.numpy() - phase), atol=1e-5
                )

    def test_ranges_and_uniformity(self):
        amplitude, phase = tasks()
        self.assertAllInRange(amplitude, 0.1, 5.0)
        self.assertAllInRange(phase, 0.0, math.pi)
        draw = datasets.load("sinusoid").episodes("train", 1, 3, 2, 0)
        dtypes = type(draw(0))(*[tf.float32] * 4)
        support_x, _, query_x, _ = draw_all(draw, dtypes)
        x = np.concatenate([support_x.ravel(), query_x.ravel()])
        self.assertAllInRange(x, -5.0, 5.0)
        # Kolmogorov-Smirnov: 1.95 / sqrt(n) is the critical value at 0.1 %.
        for values, low, high in (
            (amplitude, 0.1, 5.0),
            (phase, 0.0, math.pi),
            (x, -5.0, 5.0),
        ):
            cumulative = (np.sort(values) - low) / (high - low)
            expected = (np.arange(values.size) + 0.5) / values.size
            self.assertLess(
                np.abs(cumulative - expected).max(),
                1.95 / math.sqrt(values.size),
            )

    def test_other_ranges(self):
        ends = tf.Variable([5.0, 10.0])
        arguments = ("test", 1, 2, 3, 0)
        far, near = (
            datasets.load("sinusoid", **options).episodes(*arguments)
            for options in ({"amplitudes": ends, "phases": (3.0, 3.0)}, {})
        )
        draw = tf.function(far)
        stream = stream_seed(0, "test")
        for number in range(3):
            number = tf.constant(number, tf.int64)
            usual = sinusoid.task(stream, number)[0]
            # The same part of the range.
            amplitude = 5.0 + 5.0 * (usual - 0.1) / 4.9
            ends.assign([5.0, 10.0])
            x, y = draw(number)[2:]
            self.assertAllEqual(x, near(number).query_x)
            self.assertAllClose(y, amplitude * np.sin(x - 3.0), atol=1e-4)
            # A variable is read each time.
            ends.assign([7.0, 7.0])
            self.assertAllClose(
                draw(number).query_y, 7.0 * np.sin(x - 3.0), atol=1e-4
            )

    def test_amplitude_phase_and_points_are_independent(self):
        amplitude, phase = tasks()
        draw = datasets.load("sinusoid").episodes("train", 1, 1, 1, 0)
        dtypes = type(draw(0))(*[tf.float32] * 4)
        support_x, _, query_x, _ = draw_all(draw, dtypes)
        correlations = np.corrcoef(
            [amplitude, phase, support_x.ravel(), query_x.ravel()]
        )
        # Four standard deviations of a correlation by chance.
        self.assertLess(
            np.abs(correlations - np.eye(4)).max(), 4.0 / math.sqrt(300)
        )

    def test_oracle_is_told_the_task_of_the_same_episode(self):
        arguments = ("test", 1, 5, 3, 0)
        plain = datasets.load("sinusoid").episodes(*arguments)(4)
        oracle = datasets.load("sinusoid", oracle=True).episodes(*arguments)(4)
        amplitude, phase = sinusoid.task(stream_seed(0, "test"), 4)
        for known, blind in (
            (oracle.support_x, plain.support_x),
            (oracle.query_x, plain.query_x),
        ):
            self.assertAllEqual(known[:, :1], blind)
            self.assertAllEqual(known[:, 1], tf.fill([len(known)], amplitude))
            self.assertAllEqual(known[:, 2], tf.fill([len(known)], phase))
        self.assertAllEqual(oracle.query_y, plain.query_y)

    def test_is_a_function_of_seed_split_and_number(self):
        self.assertAllEqual(tasks(), tasks())
        amplitudes = np.concatenate(
            [
                tasks(seed, split)[0]
                for seed in (0, 1)
                for split in ("train", "valid", "test")
            ]
        )
        self.assertGreater(np.unique(amplitudes).size, 1790)

    def test_another_number_of_shots_leaves_the_task_alone(self):
        dataset = datasets.load("sinusoid", oracle=True)
        one = dataset.episodes("test", 1, 5, 1, 0)(2)
        other = dataset.episodes("test", 1, 20, 30, 0)(2)
        self.assertAllEqual(one.support_x[0, 1:], other.query_x[-1, 1:])

    @parameterized.named_parameters(("graph", False), ("xla", True))
    def test_vectorized_map_draws_the_eager_episodes(self, jit_compile):
        draw = datasets.load("sinusoid").episodes("train", 1, 5, 5, 0)
        numbers = tf.range(4, dtype=tf.int64)
        mapped = tf.function(
            lambda: tf.vectorized_map(draw, numbers), jit_compile=jit_compile
        )()
        for number in range(4):
            for one, many in zip(draw(number), mapped, strict=True):
                self.assertAllClose(one, many[number], atol=1e-5)

    @parameterized.parameters("shot", "query")
    def test_refuses_too_few_points(self, name):
        sizes = {"way": 0, "shot": 1, "query": 1, name: 0}
        with self.assertRaisesRegex(InputError, f"{name}: 0.*1 or more"):
            datasets.load("sinusoid").episodes("train", seed=0, **sizes)


class DrawPointsTest(tf.test.TestCase):
    def test_keeps_to_half_of_the_range(self):
        seed = fold_in(stream_seed(0, "test"), 0)
        x, y = sinusoid.draw_points(2.0, 0.5, 100, seed, low=0.0)
        self.assertAllInRange(x, 0.0, 5.0)
        self.assertLess(np.min(x), 0.5)
        self.assertAllClose(y, 2.0 * np.sin(x - 0.5), atol=1e-5)


class RegistryTest(tf.test.TestCase):
    def test_what_a_sinusoid_is(self):
        dataset = datasets.load("sinusoid")
        self.assertEqual(dataset.name, "sinusoid")
        self.assertEqual(dataset.input_shape, (1,))
        self.assertEqual(dataset.metric_name, "mse")
        self.assertIs(dataset.loss, losses.mean_squared_error)
        self.assertEqual(dataset.outputs(5), 1)
        oracle = datasets.load("sinusoid", oracle=True)
        self.assertEqual(oracle.input_shape, (3,))

    def test_names(self):
        self.assertContainsSubset(["omniglot", "sinusoid"], datasets.names())

    def test_unknown_name(self):
        with self.assertRaisesRegex(InputError, "'sinus'.*omniglot, sinusoid"):
            datasets.load("sinus")

    def test_unknown_option(self):
        with self.assertRaisesRegex(InputError, "rotations.*sinusoid.*oracle"):
            datasets.load("sinusoid", rotations=4)

    def test_unknown_split(self):
        with self.assertRaisesRegex(InputError, "'dev'.*train, valid, test"):
            datasets.load("sinusoid").episodes("dev", 1, 5, 5, 0)


if __name__ == "__main__":
    tf.test.main()
