"""Tests of maml_plus_plus.py and normalization_per_step.py."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import Episode, InputError, Learner, algorithms, losses
from maml_tf.algorithms.maml_plus_plus import multi_step_weights
from tests.helpers.outer_steps import vectorized_and_looped

layers = keras.layers

SEED = (1, 2)
OFF = {
    "inner_rates": "fixed",
    "multi_step_iterations": 0,
    "batch_norm_per_step": False,
}


def network(dtype="float64", outputs=2, normalizes=True):
    """A smooth network from three numbers."""
    keras.utils.set_random_seed(0)
    normalization = [layers.BatchNormalization(dtype=dtype)] * normalizes
    return keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            layers.Dense(4, dtype=dtype),
            *normalization,
            layers.Activation("tanh", dtype=dtype),
            layers.Dense(outputs, name="head", dtype=dtype),
        ]
    )


def classes(number, way=2, dtype="float32"):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal([5 * way, 3], [3, number], dtype=dtype)
    y = tf.tile(tf.range(way), [4])
    centres = 2.0 * noise[-way:]
    x = noise[: 4 * way] + tf.gather(centres, y)
    return Episode(x[: 2 * way], y[: 2 * way], x[2 * way :], y[2 * way :])


def squared_error(y, outputs):
    """In double precision, for comparisons with differences."""
    return tf.reduce_mean(tf.square(outputs - tf.one_hot(y, 2, dtype="double")))


def made(name="maml_plus_plus", model=None, loss=squared_error, **options):
    return algorithms.create(
        name,
        model or network(),
        loss,
        **({"inner_steps": 3, "inner_learning_rate": 0.1} | options),
    )


def meta_gradient(algorithm, theta=None, iteration=0):
    return algorithm.meta_gradient(
        algorithm.theta() if theta is None else theta,
        classes(0, dtype="float64"),
        tf.constant(SEED),
        iteration,
    )


class WeightsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(steps=(1, 2, 5), epoch=(0, 1, 5, 9, 10))
    def test_are_the_papers(self, steps, epoch, epochs=10):
        early = max(
            1 / steps - epoch / (steps * epochs),
            0.03 / steps,
        )
        last = min(
            1 / steps + epoch * (steps - 1) / (steps * epochs),
            1 - (steps - 1) * 0.03 / steps,
        )
        weights = multi_step_weights(steps, epoch / epochs)
        self.assertAllClose(weights, [early] * (steps - 1) + [last])
        self.assertAllClose(tf.reduce_sum(weights), 1.0, 1e-6)


class PartsTest(tf.test.TestCase, parameterized.TestCase):
    def test_without_all_parts_it_is_maml(self):
        expected = meta_gradient(made("maml"))
        result = meta_gradient(made(**OFF))
        for one, other in zip(
            tf.nest.flatten(result), tf.nest.flatten(expected), strict=True
        ):
            self.assertAllEqual(one, other)

    @parameterized.parameters(0, 5, 9)
    def test_loss_of_all_steps(self, iteration):
        # The meta-gradient is linear in the loss.
        weights = multi_step_weights(3, iteration / 10).numpy()
        parts = [
            meta_gradient(made("maml", inner_steps=steps))
            for steps in (1, 2, 3)
        ]
        algorithm = made(**OFF | {"multi_step_iterations": 10})
        result = meta_gradient(algorithm, iteration=iteration)
        expected = sum(w * part.loss for w, part in zip(weights, parts))
        self.assertAllClose(result.loss, expected, 1e-12)
        self.assertAllEqual(result.metric, parts[-1].metric)
        for place, gradient in enumerate(result.gradient):
            expected = sum(
                w * part.gradient[place] for w, part in zip(weights, parts)
            )
            self.assertAllClose(gradient, expected, 1e-12, 1e-12)

    def test_later_the_last_step_counts_alone(self):
        expected = meta_gradient(made("maml"))
        algorithm = made(**OFF | {"multi_step_iterations": 10})
        for iteration in (10, tf.constant(10, tf.int64)):
            result = meta_gradient(algorithm, iteration=iteration)
            for one, other in zip(result.gradient, expected.gradient):
                self.assertAllEqual(one, other)

    @parameterized.parameters(False, True)
    def test_first_order_until_an_iteration(self, rematerialize):
        algorithm = made(
            **OFF | {"first_order_iterations": 10},
            rematerialize=rematerialize,
        )
        before = meta_gradient(made("fomaml")).gradient
        after = meta_gradient(made("maml")).gradient
        self.assertNotAllClose(before[0], after[0], 1e-3, 1e-3)
        compiled = tf.function(
            lambda iteration: meta_gradient(algorithm, None, iteration).gradient
        )
        for iteration, expected in ((0, before), (9, before), (10, after)):
            self.assertAllClose(
                meta_gradient(algorithm, iteration=iteration).gradient,
                expected,
                1e-10,
                1e-12,
            )
            self.assertAllClose(
                compiled(tf.constant(iteration, tf.int64)),
                expected,
                1e-10,
                1e-12,
            )

    @parameterized.parameters(0, 20)
    def test_finite_differences_with_all_parts(self, iteration):
        algorithm = made(multi_step_iterations=10)
        theta = algorithm.theta()
        # One set of rates, a scale and an offset.
        self.assertLen(theta, 6 + 3)
        draw = np.random.default_rng(1).normal
        theta = [t + 0.1 * draw(size=t.shape) for t in theta]
        result = meta_gradient(algorithm, theta, iteration)
        for place, gradient in enumerate(result.gradient):
            direction = draw(size=gradient.shape)

            def loss(length, place=place, direction=direction):
                moved = list(theta)
                moved[place] = theta[place] + length * direction
                return meta_gradient(algorithm, moved, iteration).loss

            expected = (loss(1e-5) - loss(-1e-5)) / 2e-5
            slope = tf.reduce_sum(gradient * direction)
            self.assertAllClose(slope, expected, 1e-6, 1e-9)

    @parameterized.parameters(False, True)
    @pytest.mark.slow
    def test_vectorized_is_the_loop(self, all_parts):
        parts = {"multi_step_iterations": 2, "first_order_iterations": 1}

        def make():
            return made(
                inner_steps=2,
                model=network("float32"),
                loss=losses.cross_entropy,
                **parts if all_parts else OFF,
            )

        vectorized, looped = (
            tf.function(lambda i, step=step: step.meta_gradient(i).gradient)
            for step in vectorized_and_looped(make, classes)
        )
        for iteration in map(tf.constant, np.arange(3)):
            self.assertAllClose(
                vectorized(iteration), looped(iteration), 1e-5, 1e-6
            )


class NormalizationPerStepTest(tf.test.TestCase):
    def algorithm(self):
        return made(**OFF | {"batch_norm_per_step": True})

    def test_each_step_has_its_own(self):
        algorithm = self.algorithm()
        scale, offset = algorithm.own_variables
        self.assertEqual(scale.shape, (3, 4))
        scale.assign(np.arange(12.0).reshape(3, 4))
        episode = classes(0, dtype="float64")
        path = algorithm.inner_loop.adapt(
            algorithm.theta(), *episode[:2], 5
        ).phi
        # Kernel, bias, scale, offset, kernel and bias of the head.
        self.assertAllEqual(path[0][2], np.ones(4))
        for step in range(1, 6):
            self.assertAllEqual(path[step][2], scale[min(step, 3) - 1])
            self.assertAllEqual(path[step][3], np.zeros(4))
            self.assertNotAllClose(path[step][4], path[step - 1][4])

    def test_inner_steps_leave_it_alone(self):
        # As MAML that adapts all but batch normalisation.
        plain = made(
            "maml",
            adapts=lambda variable: "batch_norm" not in variable.path,
        )
        expected = meta_gradient(plain)
        result = meta_gradient(self.algorithm())
        self.assertAllClose(result.loss, expected.loss, 1e-12)
        # The sets begin equal, so their derivatives add up to the model's.
        for weight in (2, 3):
            sets = tf.reduce_sum(result.gradient[4 + weight], 0)
            self.assertAllClose(
                result.gradient[weight] + sets, expected.gradient[weight]
            )

    def test_clipping_does_not_count_it(self):
        plain = made(
            "maml",
            inner_clip_norm=1e-3,
            adapts=lambda variable: "batch_norm" not in variable.path,
        )
        clipped = made(
            **OFF | {"batch_norm_per_step": True}, inner_clip_norm=1e-3
        )
        self.assertAllClose(
            meta_gradient(clipped).loss, meta_gradient(plain).loss, 1e-12
        )

    def test_a_model_without_it(self):
        options = OFF | {"batch_norm_per_step": True}
        algorithm = made(model=network(normalizes=False), **options)
        self.assertEmpty(algorithm.own_variables)
        expected = meta_gradient(made("maml", network(normalizes=False)))
        self.assertAllEqual(
            meta_gradient(algorithm).gradient[0], expected.gradient[0]
        )

    def test_a_head_alone_adapts(self):
        algorithm = made(adapts="head")
        self.assertEqual(
            algorithm.inner_loop.changes, [False, False, True, True, True, True]
        )


def trained(iterations=10, workdir=None):
    """A learner in two phases."""
    learner = Learner(
        network("float32"),
        algorithm="maml_plus_plus",
        inner_learning_rate=0.1,
        inner_steps=2,
        multi_step_iterations=7,
    )
    learner.meta_train(
        classes, iterations, tasks=2, workdir=workdir, progress=False
    )
    return learner


class UseTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.learner = trained()

    def test_parts_are_learned_kept_and_served(self):
        own = [v.numpy() for v in self.learner.algorithm.own_variables]
        for values in own:
            # The rates, and a scale and an offset for each step.
            self.assertNotAllClose(values[0], values[1], 0.0, 1e-6)
        folder = pathlib.Path(self.create_tempdir().full_path)
        self.learner.save(folder / "saved")
        loaded = maml_tf.load(folder / "saved")
        self.assertIsInstance(loaded.algorithm, algorithms.MAMLPlusPlus)
        for one, other in zip(own, loaded.algorithm.own_variables):
            self.assertAllEqual(one, other)
        x, y, query_x, _ = (part.numpy() for part in classes(99))
        expected = self.learner.adapt(x, y).outputs(query_x)
        self.assertAllClose(loaded.adapt(x, y).outputs(query_x), expected)
        maml_tf.export(self.learner, folder / "served")
        served = tf.saved_model.load(str(folder / "served")).signatures
        kept = served["adapt"](
            support_x=tf.constant(x), support_y=tf.constant(y)
        )
        answer = served["predict_adapted"](query_x=tf.constant(query_x), **kept)
        answer = answer["probabilities"]
        self.assertAllClose(answer[:, :2], expected, 1e-5, 1e-6)

    @pytest.mark.slow
    def test_a_resumed_training_is_the_same_to_the_last_bit(self):
        folder = self.create_tempdir().full_path
        for iterations in (5, 10):
            part = trained(iterations, folder)
        for one, other in zip(
            self.learner.algorithm.meta_variables,
            part.algorithm.meta_variables,
        ):
            self.assertAllEqual(one, other)


class RefusalTest(tf.test.TestCase):
    def test_all_steps_rematerialized(self):
        with self.assertRaisesRegex(
            InputError, "^multi_step_iterations: 10 was given with remat"
        ):
            made(multi_step_iterations=10, rematerialize=True)

    def test_a_negative_number(self):
        with self.assertRaisesRegex(InputError, "^first_order_iterations: -1"):
            made(first_order_iterations=-1)


if __name__ == "__main__":
    tf.test.main()
