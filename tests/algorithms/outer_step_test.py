"""Tests of maml_tf/algorithms/outer_step.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms, losses
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.graph.random_streams import fold_in, random_uniform

layers = keras.layers


def network(*middle):
    """A network from one number to one, always with the same weights."""
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(8), *middle, layers.Dense(1)]
    )
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0.2, 0.5, variable.shape))
    return model


def mlp():
    """Dense layers alone."""
    return network(layers.Activation("tanh"))


def with_dropout():
    """A network that draws random numbers."""
    return network(layers.Activation("tanh"), layers.Dropout(0.5))


def normalized():
    """Dense layers with batch normalisation."""
    return network(layers.BatchNormalization(), layers.Activation("tanh"))


def episodes(number):
    """A line through the origin, five points to learn from."""
    seed = fold_in(tf.constant([3, 4], tf.int64), number)
    uniform = random_uniform([11], seed, -1.0, 1.0)
    x = uniform[1:, tf.newaxis]
    y = 3.0 * uniform[0] * x
    return Episode(x[:5], y[:5], x[5:], y[5:])


def largest_error(y, outputs):
    """A metric that is not the loss."""
    return tf.reduce_max(tf.abs(y - outputs))


def step_of(model=None, optimizer=None, name="maml", inner=None, **options):
    """An outer step of four tasks and two inner steps, SGD outside."""
    algorithm = algorithms.create(
        name,
        model or mlp(),
        losses.mean_squared_error,
        largest_error,
        **({"inner_steps": 2, "inner_learning_rate": 0.1} | (inner or {})),
    )
    return OuterStep(
        algorithm,
        episodes,
        optimizer or keras.optimizers.SGD(0.1),
        **({"tasks": 4} | options),
    )


def mean_meta_gradient(step, iteration):
    """`step.meta_gradient`, compiled."""
    function = tf.function(step.meta_gradient, autograph=False)
    return function(tf.constant(iteration, tf.int64))


def weights(step):
    """The model's weights after some updates."""
    return [variable.numpy() for variable in step.model.trainable_variables]


def reset(step, values):
    """Takes the updates back."""
    for variable, value in zip(
        step.model.trainable_variables, values, strict=True
    ):
        variable.assign(value)


class OuterStepTestCase(tf.test.TestCase, parameterized.TestCase):
    def assert_same(self, one, other):
        """Compares two structures to the last bit."""
        for a, b in zip(
            tf.nest.flatten(one), tf.nest.flatten(other), strict=True
        ):
            self.assertAllEqual(a, b)

    def assert_close(self, one, other, **tolerance):
        """Compares two structures."""
        tolerance = {"rtol": 1e-5, "atol": 1e-6} | tolerance
        for a, b in zip(
            tf.nest.flatten(one), tf.nest.flatten(other), strict=True
        ):
            self.assertAllClose(a, b, **tolerance)


class MetaGradientTest(OuterStepTestCase):
    @parameterized.parameters(True, False)
    def test_is_the_mean_over_the_iterations_tasks(self, vectorize):
        step = step_of(vectorize=vectorize)
        theta = step.algorithm.theta()
        each = [
            step.algorithm.meta_gradient(
                theta, episodes(number), tf.constant([0, 0])
            )
            for number in range(8, 12)
        ]
        mean = tf.nest.map_structure(lambda *values: sum(values) / 4.0, *each)
        before = weights(step)
        self.assert_close(mean_meta_gradient(step, 2), mean)
        # The meta-gradient alone does not change the weights.
        self.assert_same(before, weights(step))

    def test_tasks_draw_random_numbers_of_their_own(self):
        step = step_of(with_dropout(), inner={"inner_steps": 1}, tasks=1)
        step.episodes = lambda number: episodes(0)
        support_losses = [
            step.meta_gradient(number).support_losses[0].numpy()
            for number in (0, 0, 1, 2)
        ]
        self.assertEqual(support_losses[0], support_losses[1])
        self.assertLen(set(support_losses), 3)


class UpdateTest(OuterStepTestCase):
    def test_is_the_optimizers_update_by_the_meta_gradient(self):
        step = step_of()
        expected = mean_meta_gradient(step, 7)
        before = weights(step)
        updates = step(7)
        self.assert_close(
            weights(step),
            [
                w - 0.1 * g
                for w, g in zip(before, expected.gradient, strict=True)
            ],
        )
        self.assert_close(
            list(updates), [value[tf.newaxis] for value in expected[1:]]
        )

    def test_the_rest_of_the_model_is_left_as_it_was(self):
        inputs = keras.Input((1,))
        model = keras.Model(inputs, with_dropout()(normalized()(inputs)))
        before = [v.numpy().copy() for v in model.non_trainable_variables]
        self.assertLen(before, 3)
        step = step_of(model)
        step(0)
        self.assert_same(
            before, [v.numpy() for v in model.non_trainable_variables]
        )

    def test_is_traced_once_over_a_hundred_batches(self):
        step = step_of(iterations_per_call=2)
        for iteration in range(0, 150, 2):
            step(iteration, 2)
        for iteration in range(150, 175):
            step(np.int64(iteration))
        self.assertEqual(step.traces, 1)
        self.assertEqual(int(step.optimizer.iterations), 175)

    def test_a_run_is_a_function_of_its_seed(self):
        runs = []
        for seed in (0, 1):
            step = step_of(with_dropout(), seed=seed)
            start = weights(step)
            for _ in range(2):
                reset(step, start)
                step(0)
                step(1)
                runs.append(weights(step))
        self.assert_same(runs[0], runs[1])
        self.assertNotAllClose(runs[0][0], runs[2][0])

    def test_an_iterations_tasks_do_not_depend_on_those_before(self):
        step = step_of(with_dropout())
        start = weights(step)
        first = step(5)
        step(0)
        reset(step, start)
        self.assert_same(first, step(5))

    @parameterized.parameters(("bfloat16", True), ("float64", False))
    def test_a_loss_may_have_any_dtype(self, dtype, vectorize):
        def loss(y, outputs):
            error = tf.cast(outputs, dtype) - tf.cast(y, dtype)
            return tf.reduce_mean(tf.square(error))

        step = step_of(vectorize=vectorize)
        expected = step(0).loss
        step.algorithm = algorithms.create(
            "maml", mlp(), loss, inner_steps=2, inner_learning_rate=0.1
        )
        actual = mean_meta_gradient(step, 0).loss
        self.assertEqual(actual.dtype, tf.float32)
        self.assertAllClose([actual], expected, rtol=0.02)


class ManyIterationsTest(OuterStepTestCase):
    def test_the_split_into_calls_changes_nothing(self):
        runs = []
        for per_call, splits in (
            (1, [[1] * 6]),
            (6, [[1] * 6, [6], [4, 2]]),
        ):
            step = step_of(with_dropout(), iterations_per_call=per_call)
            start = weights(step)
            for counts in splits:
                reset(step, start)
                reports, iteration = [], 0
                for count in counts:
                    reports.append(step(iteration, count))
                    iteration += count
                report = [np.concatenate(values) for values in zip(*reports)]
                self.assertEqual(
                    [values.shape for values in report], [(6,), (6,), (6, 2)]
                )
                runs.append([*weights(step), *report])
            self.assertEqual(step.traces, 1)
        for run in runs[1:]:
            self.assert_same(runs[0], run)

    @parameterized.parameters(0, -1, 4)
    def test_a_count_out_of_range_is_refused(self, count):
        step = step_of(iterations_per_call=3)
        with self.assertRaisesRegex(
            InputError, f"^count: {count} .*iterations_per_call=3"
        ):
            step(0, count)


class WaysToComputeTest(OuterStepTestCase):
    @parameterized.named_parameters(
        ("maml", mlp, {}),
        ("normalized", normalized, {}),
        ("pretrain", mlp, {"name": "pretrain"}),
        ("reptile", mlp, {"name": "reptile"}),
    )
    def test_vectorised_is_the_loop(self, model, options):
        runs = []
        for vectorize in (True, False):
            step = step_of(model(), vectorize=vectorize, **options)
            reports = [step(iteration) for iteration in range(3)]
            runs.append([weights(step), reports])
        self.assert_close(*runs)

    def test_what_is_vectorised_without_being_asked_for(self):
        def is_vectorized(model, **options):
            return step_of(model, **options).vectorize

        self.assertTrue(is_vectorized(mlp()))
        self.assertTrue(is_vectorized(normalized(), name="reptile"))
        # Filters that differ by task and random numbers are not vectorized.
        convolution = network(
            layers.Reshape((8, 1)), layers.Conv1D(1, 2), layers.Flatten()
        )
        self.assertFalse(is_vectorized(convolution))
        nested = keras.Sequential([keras.Input((1,)), convolution])
        self.assertFalse(is_vectorized(nested))
        self.assertFalse(is_vectorized(with_dropout()))
        minibatches = {"inner_batch_size": 2}
        self.assertFalse(
            is_vectorized(mlp(), name="reptile", inner=minibatches)
        )

    def test_parallel_tasks_change_nothing(self):
        runs = []
        for parallel_tasks in (1, 4):
            step = step_of(
                with_dropout(), vectorize=False, parallel_tasks=parallel_tasks
            )
            reports = [step(0), step(1)]
            runs.append([weights(step), reports])
        self.assert_same(*runs)

    @parameterized.parameters(True, False)
    def test_xla_gives_the_same_numbers(self, vectorize):
        runs = []
        for jit_compile in (False, True):
            step = step_of(
                vectorize=vectorize,
                jit_compile=jit_compile,
                iterations_per_call=2,
                inner={"inner_steps": 1},
            )
            reports = step(0, 2)
            runs.append([weights(step), reports])
        self.assert_close(*runs, rtol=1e-4, atol=1e-5)

    def test_minibatches_are_drawn_in_the_loop(self):
        step = step_of(
            name="reptile",
            inner={"inner_batch_size": 2, "inner_steps": 3},
            tasks=1,
        )
        expected = step.algorithm.meta_gradient(
            step.algorithm.theta(), *step._draw(tf.constant(3, tf.int64))
        )
        self.assert_close(mean_meta_gradient(step, 3), expected)

    def test_mixed_precision(self):
        def model(policy):
            return network(
                layers.Activation("tanh", dtype=policy),
                layers.Dense(8, dtype=policy),
            )

        mixed = model(keras.dtype_policies.DTypePolicy("mixed_bfloat16"))
        reports = []
        for step in (step_of(mixed), step_of(model(None))):
            reports.append(step(0).loss)
            self.assertEqual({w.dtype for w in weights(step)}, {np.dtype("f4")})
        self.assertAllClose(*reports, rtol=0.02)
        self.assertNotAllEqual(*reports)


class OptimizerTest(OuterStepTestCase):
    def test_two_accumulated_updates_are_one_of_twice_the_tasks(self):
        def accumulating():
            return keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)

        step = step_of(optimizer=accumulating(), tasks=2, iterations_per_call=2)
        start = weights(step)
        step(0)
        self.assert_same(start, weights(step))
        step(1)
        one_by_one = weights(step)
        reset(step, start)
        # The same two updates within one call.
        step(0, 2)
        self.assert_same(one_by_one, weights(step))

        at_once = step_of(tasks=4)
        at_once(0)
        self.assert_close(one_by_one, weights(at_once))

    def test_the_outer_clip(self):
        step = step_of()
        start = weights(step)
        gradient = [g.numpy() for g in mean_meta_gradient(step, 0).gradient]
        limit = np.median(np.abs(np.concatenate([g.ravel() for g in gradient])))
        clipped = step_of(optimizer=keras.optimizers.SGD(1.0, clipvalue=limit))
        clipped(0)
        self.assert_close(
            weights(clipped),
            [
                w - np.clip(g, -limit, limit)
                for w, g in zip(start, gradient, strict=True)
            ],
        )

    def test_a_schedule_counts_meta_updates(self):
        schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 4, 0.0)
        step = step_of(
            optimizer=keras.optimizers.SGD(schedule), iterations_per_call=4
        )
        start = weights(step)
        gradient = mean_meta_gradient(step, 0).gradient
        for rate in (0.1, 0.075, 0.05, 0.025):
            reset(step, start)
            step(0)
            self.assert_close(
                weights(step),
                [w - rate * g for w, g in zip(start, gradient, strict=True)],
            )

    def test_slots_exist_before_the_first_update(self):
        step = step_of(optimizer=keras.optimizers.Adam(0.01))
        count = len(step.optimizer.variables)
        # Two moments of each weight, the iteration and the learning rate.
        self.assertEqual(count, 2 * 4 + 2)
        step(0)
        self.assertLen(step.optimizer.variables, count)


class InputErrorTest(OuterStepTestCase):
    @parameterized.product(
        name=("tasks", "parallel_tasks", "iterations_per_call"), value=(0, -2)
    )
    def test_numbers_below_one_are_refused(self, name, value):
        with self.assertRaisesRegex(InputError, f"^{name}: {value} was given"):
            step_of(**{name: value})


if __name__ == "__main__":
    tf.test.main()
