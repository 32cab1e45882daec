"""Tests of maml_tf/outer_step.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms, losses
from maml_tf.episodes import Episode
from maml_tf.errors import InputError
from maml_tf.outer_step import OuterStep
from maml_tf.random_streams import fold_in, random_uniform

layers = keras.layers


def randomize(model):
    """Gives a model weights that depend on nothing but their shapes."""
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0.2, 0.5, variable.shape))
    return model


def mlp(dtype=None):
    """Dense layers with batch normalisation."""
    return randomize(
        keras.Sequential(
            [
                keras.Input((1,)),
                layers.Dense(8, dtype=dtype),
                layers.BatchNormalization(dtype=dtype),
                layers.Activation("tanh", dtype=dtype),
                layers.Dense(1, dtype=dtype),
            ]
        )
    )


def with_dropout():
    """A network that draws random numbers."""
    return randomize(
        keras.Sequential(
            [
                keras.Input((1,)),
                layers.Dense(8, "tanh"),
                layers.Dropout(0.5),
                layers.Dense(1),
            ]
        )
    )


def episodes(number):
    """A line through the origin, five points to learn from."""
    seed = fold_in(tf.constant([3, 4], tf.int64), number)
    uniform = random_uniform([11], seed, -1.0, 1.0)
    x = uniform[1:, tf.newaxis]
    y = 3.0 * uniform[0] * x
    return Episode(x[:5], y[:5], x[5:], y[5:])


def step_of(model=None, optimizer=None, name="maml", **options):
    """An outer step of four tasks and two inner steps."""
    inner = {
        option: options.pop(option)
        for option in ("inner_optimizer", "inner_batch_size", "inner_steps")
        if option in options
    }
    algorithm = algorithms.create(
        name,
        model or mlp(),
        losses.mean_squared_error,
        lambda y, outputs: tf.reduce_max(tf.abs(y - outputs)),
        **({"inner_steps": 2, "inner_learning_rate": 0.1} | inner),
    )
    return OuterStep(
        algorithm,
        episodes,
        optimizer or keras.optimizers.Adam(0.01),
        **({"tasks": 4} | options),
    )


def weights(step):
    """The model's weights after some updates."""
    return [variable.numpy() for variable in step.model.trainable_variables]


class OuterStepTestCase(tf.test.TestCase, parameterized.TestCase):
    def assert_same(self, one, other):
        """Compares two structures to the last bit."""
        for a, b in zip(
            tf.nest.flatten(one), tf.nest.flatten(other), strict=True
        ):
            self.assertAllEqual(a, b)


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
        result = tf.function(step.meta_gradient)(tf.constant(2, tf.int64))
        for one, other in zip(
            tf.nest.flatten(result), tf.nest.flatten(mean), strict=True
        ):
            self.assertAllClose(one, other, rtol=1e-5, atol=1e-6)

    def test_tasks_draw_random_numbers_of_their_own(self):
        step = step_of(with_dropout(), tasks=1)
        step.episodes = lambda number: episodes(0)
        support_losses = [
            step.meta_gradient(number).support_losses[0].numpy()
            for number in (0, 0, 1, 2)
        ]
        self.assertEqual(support_losses[0], support_losses[1])
        self.assertLen(set(support_losses), 3)
        other = step_of(with_dropout(), tasks=1, seed=1)
        other.episodes = step.episodes
        self.assertNotEqual(
            support_losses[0], other.meta_gradient(0).support_losses[0].numpy()
        )


class UpdateTest(OuterStepTestCase):
    def test_is_the_optimizers_update_by_the_meta_gradient(self):
        step = step_of(optimizer=keras.optimizers.SGD(0.1))
        expected = step.meta_gradient(7)
        before = weights(step)
        updates = step(7)
        self.assertAllClose(
            weights(step),
            [
                w - 0.1 * g
                for w, g in zip(before, expected.gradient, strict=True)
            ],
            rtol=1e-5,
            atol=1e-6,
        )
        self.assertAllClose(updates.loss, [expected.loss], rtol=1e-5)
        self.assertAllClose(updates.metric, [expected.metric], rtol=1e-5)
        self.assertAllClose(
            updates.support_losses, [expected.support_losses], rtol=1e-5
        )

    def test_the_rest_of_the_model_is_left_as_it_was(self):
        inputs = keras.Input((1,))
        model = keras.Model(inputs, with_dropout()(mlp()(inputs)))
        before = [v.numpy().copy() for v in model.non_trainable_variables]
        self.assertLen(before, 3)
        step = step_of(model)
        step(0)
        self.assert_same(
            before, [v.numpy() for v in model.non_trainable_variables]
        )

    def test_the_meta_gradient_alone_changes_nothing(self):
        step = step_of()
        before = weights(step)
        step.meta_gradient(0)
        self.assert_same(before, weights(step))
        self.assertEqual(int(step.optimizer.iterations), 0)

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
        for seed in (0, 0, 1):
            step = step_of(with_dropout(), seed=seed)
            step(0)
            step(1)
            runs.append(weights(step))
        self.assert_same(runs[0], runs[1])
        self.assertNotAllClose(runs[0][0], runs[2][0])

    def test_an_iteration_does_not_depend_on_those_before(self):
        step, other = step_of(), step_of()
        start = weights(step)
        other(0)
        for variable, value in zip(
            other.model.trainable_variables, start, strict=True
        ):
            variable.assign(value)
        self.assert_same(step(5), other(5))

    @parameterized.parameters("bfloat16", "float16", "float64")
    def test_a_loss_may_have_any_dtype(self, dtype):
        def loss(y, outputs):
            outputs = tf.cast(outputs, dtype)
            return tf.reduce_mean(tf.square(outputs - tf.cast(y, dtype)))

        for vectorize in (True, False):
            algorithm = algorithms.create("maml", mlp(), loss)
            step = OuterStep(
                algorithm,
                episodes,
                keras.optimizers.SGD(0.1),
                tasks=2,
                vectorize=vectorize,
            )
            updates = step(0)
            self.assertEqual(updates.loss.dtype, np.float32)
            self.assertAllClose(
                updates.loss, step_of(inner_steps=1, tasks=2)(0).loss, rtol=1
            )


class ManyIterationsTest(OuterStepTestCase):
    def test_the_split_into_calls_changes_nothing(self):
        runs = []
        for per_call, counts in (
            (1, [1] * 6),
            (6, [1] * 6),
            (6, [6]),
            (6, [4, 2]),
            (4, [4, 2]),
        ):
            step = step_of(with_dropout(), iterations_per_call=per_call)
            reports, iteration = [], 0
            for count in counts:
                reports.append(step(iteration, count))
                iteration += count
            report = [np.concatenate(values) for values in zip(*reports)]
            self.assertEqual(report[0].shape, (6,))
            self.assertEqual(report[1].shape, (6,))
            self.assertEqual(report[2].shape, (6, 2))
            runs.append([*weights(step), *report])
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
        ("maml", {}),
        ("fomaml", {"name": "fomaml"}),
        ("anil", {"name": "anil"}),
        ("pretrain", {"name": "pretrain"}),
        ("reptile", {"name": "reptile"}),
        ("reptile_minibatches", {"name": "reptile", "inner_batch_size": 2}),
        ("no_inner_steps", {"inner_steps": 0}),
    )
    def test_vectorised_is_the_loop(self, options):
        loop = step_of(vectorize=False, **options).meta_gradient(3)
        vectorized = step_of(vectorize=True, **options).meta_gradient(3)
        for one, other in zip(
            tf.nest.flatten(loop), tf.nest.flatten(vectorized), strict=True
        ):
            self.assertAllClose(one, other, rtol=1e-5, atol=2e-6)

    def test_vectorised_updates_are_the_loops(self):
        steps = [
            step_of(vectorize=v, optimizer=keras.optimizers.SGD(0.1))
            for v in (True, False)
        ]
        reports = [[step(i) for i in range(3)] for step in steps]
        self.assertAllClose(*reports, rtol=1e-5, atol=1e-6)
        self.assertAllClose(*map(weights, steps), rtol=1e-5, atol=1e-6)

    def test_networks_are_vectorised_where_they_are_dense(self):
        self.assertTrue(step_of().vectorize)
        convolution = keras.Sequential(
            [
                keras.Input((1,)),
                layers.Reshape((1, 1, 1)),
                layers.Conv2D(1, 1),
                layers.Flatten(),
            ]
        )
        self.assertFalse(step_of(convolution).vectorize)
        nested = keras.Sequential([keras.Input((1,)), mlp()])
        self.assertFalse(step_of(nested).vectorize)
        self.assertFalse(step_of(with_dropout()).vectorize)

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
                optimizer=keras.optimizers.SGD(0.1),
                iterations_per_call=2,
            )
            runs.append([*step(0, 2), *weights(step)])
        for one, other in zip(*runs, strict=True):
            self.assertAllClose(one, other, rtol=1e-4, atol=1e-5)

    def test_mixed_precision(self):
        policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
        step = step_of(mlp(policy))
        full = step_of(mlp())
        self.assertAllClose(step(0).loss, full(0).loss, rtol=0.05)
        self.assertEqual({w.dtype for w in weights(step)}, {np.dtype("f4")})


class OptimizerTest(OuterStepTestCase):
    def test_two_accumulated_updates_are_one_of_twice_the_tasks(self):
        accumulating = step_of(
            optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
            tasks=2,
            iterations_per_call=2,
        )
        start = weights(accumulating)
        accumulating(0)
        self.assert_same(start, weights(accumulating))
        accumulating(1)
        at_once = step_of(optimizer=keras.optimizers.SGD(0.1), tasks=4)
        at_once(0)
        self.assertAllClose(
            weights(accumulating), weights(at_once), rtol=1e-5, atol=1e-6
        )
        # Within one call as well.
        together = step_of(
            optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
            tasks=2,
            iterations_per_call=2,
        )
        together(0, 2)
        self.assert_same(weights(accumulating), weights(together))

    def test_the_outer_clip(self):
        free = step_of(optimizer=keras.optimizers.SGD(1.0))
        start = weights(free)
        gradient = [g.numpy() for g in free.meta_gradient(0).gradient]
        limit = np.median(np.abs(np.concatenate([g.ravel() for g in gradient])))
        clipped = step_of(optimizer=keras.optimizers.SGD(1.0, clipvalue=limit))
        clipped(0)
        self.assertAllClose(
            weights(clipped),
            [
                w - np.clip(g, -limit, limit)
                for w, g in zip(start, gradient, strict=True)
            ],
            rtol=1e-5,
            atol=1e-6,
        )

    def test_a_schedule_counts_meta_updates(self):
        schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 4, 0.0)
        step = step_of(
            name="reptile",
            optimizer=keras.optimizers.SGD(schedule),
            iterations_per_call=4,
        )
        for iteration, rate in enumerate((1.0, 0.75, 0.5, 0.25)):
            before = weights(step)
            gradient = step.meta_gradient(iteration).gradient
            step(iteration)
            self.assertAllClose(
                weights(step),
                [w - rate * g for w, g in zip(before, gradient, strict=True)],
                rtol=1e-4,
                atol=1e-6,
            )

    def test_slots_exist_before_the_first_update(self):
        step = step_of(optimizer=keras.optimizers.Adam(0.01))
        self.assertTrue(step.optimizer.built)
        count = len(step.optimizer.variables)
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
