"""Tests of maml_tf/algorithms/learned_rates.py."""

import functools
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import Episode, InputError, Learner, algorithms, losses
from maml_tf.algorithms.inner_optimizers import Adam
from tests.helpers.derivatives import slopes
from tests.helpers.outer_steps import vectorized_and_looped

layers = keras.layers

KINDS = ("per_weight", "per_weight_and_step", "per_element")
SEED = (1, 2)
RATE = 0.1


def network(dtype="float64", outputs=2):
    """A smooth network from three numbers."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            layers.Dense(4, "tanh", dtype=dtype),
            layers.Dense(outputs, name="head", dtype=dtype),
        ]
    )


def squared_error(y, outputs):
    return tf.reduce_mean(tf.square(outputs - y))


def regression():
    draw = np.random.default_rng(0).normal
    return Episode(
        *(tf.constant(draw(size=s)) for s in ((5, 3), (5, 2), (4, 3), (4, 2)))
    )


def classes(number, way=2):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal([4 * way + way, 3], [3, number])
    y = tf.tile(tf.range(way), [4])
    centres = 2.0 * noise[-way:]
    x = noise[: 4 * way] + tf.gather(centres, y)
    return Episode(x[: 2 * way], y[: 2 * way], x[2 * way :], y[2 * way :])


def made(kind, steps=2, model=None, **options):
    return algorithms.create(
        "maml",
        model or network(),
        squared_error,
        inner_steps=steps,
        inner_learning_rate=RATE,
        inner_rates=kind,
        **options,
    )


def meta_gradient(algorithm, theta=None):
    theta = algorithm.theta() if theta is None else theta
    return algorithm.meta_gradient(theta, regression(), tf.constant(SEED))


def learner_of(kind):
    return Learner(
        network("float32"),
        inner_rates=kind,
        inner_learning_rate=RATE,
        inner_steps=2,
    )


@functools.cache
def trained(kind):
    """A learner after 20 iterations in one go; nothing changes it."""
    learner = learner_of(kind)
    learner.meta_train(classes, 20, tasks=2, progress=False)
    return learner


class MetaGradientTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*KINDS)
    def test_untrained_rates_are_the_given_one(self, kind):
        plain = made("fixed")
        rated = made(kind)
        weights = len(plain.model.trainable_variables)
        expected = meta_gradient(plain).gradient
        result = meta_gradient(rated).gradient
        self.assertLen(expected, weights)
        self.assertAllClose(result[:weights], expected, 1e-12, 1e-12)
        self.assertGreater(len(result), weights)

    def test_one_step_by_the_formula(self):
        algorithm = made("per_element", steps=1)
        weights = len(algorithm.model.trainable_variables)
        episode = regression()

        def gradient(values, x, y):
            with tf.GradientTape() as tape:
                tape.watch(values)
                state = algorithm.inner_loop.functional_model.state()
                outputs = algorithm.inner_loop.predict(values, state, x, x)
                loss = squared_error(y, outputs)
            return tape.gradient(loss, values)

        theta = algorithm.theta()[:weights]
        g = gradient(theta, episode.support_x, episode.support_y)
        phi = [weight - RATE * part for weight, part in zip(theta, g)]
        query = gradient(phi, episode.query_x, episode.query_y)
        expected = [-one * other for one, other in zip(g, query)]
        result = meta_gradient(algorithm).gradient[weights:]
        self.assertAllClose(result, expected, 1e-12, 1e-12)
        # A rate of a whole weight has the sum of its elements' derivatives.
        (result,) = meta_gradient(made("per_weight", steps=1)).gradient[
            weights:
        ]
        sums = [[tf.reduce_sum(part) for part in expected]]
        self.assertAllClose(result, sums, 1e-12, 1e-12)

    @parameterized.product(kind=KINDS, rematerialize=(True, False))
    def test_finite_differences(self, kind, rematerialize):
        algorithm = made(kind, rematerialize=rematerialize)
        slope, expected = slopes(
            lambda theta: meta_gradient(algorithm, theta), algorithm.theta()
        )
        self.assertAllClose(slope, expected, 1e-7, 1e-9)

    def test_each_step_has_its_own_rates(self):
        algorithm = made("per_weight_and_step", steps=2)
        (rates,) = algorithm.own_variables
        self.assertEqual(rates.shape, (2, 4))
        rates.assign([[0.0] * 4, [RATE] * 4])
        path = algorithm.inner_loop.adapt(
            algorithm.theta(), *regression()[:2], 3
        ).phi
        self.assertAllEqual(path[1][0], path[0][0])
        self.assertNotAllClose(path[2][0], path[1][0])
        # Steps beyond those of training take the last one's rates.
        plain = made("fixed").inner_loop.adapt(
            algorithm.theta()[:4], *regression()[:2], 2
        )
        self.assertAllClose(path[3], plain.phi[2], 1e-12, 1e-12)

    @parameterized.parameters(*KINDS)
    def test_vectorized_is_the_loop(self, kind):
        def make():
            return algorithms.create(
                "maml",
                network("float32"),
                losses.cross_entropy,
                inner_steps=2,
                inner_rates=kind,
            )

        one, other = (
            step.meta_gradient(0).gradient
            for step in vectorized_and_looped(make, classes)
        )
        self.assertAllClose(one, other, 1e-5, 1e-6)


class UseTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*KINDS)
    def test_rates_are_learned_kept_and_served(self, kind):
        learner = trained(kind)
        rates = [v.numpy() for v in learner.algorithm.own_variables]
        self.assertNotAllClose(rates[0], np.full(rates[0].shape, RATE))
        folder = pathlib.Path(self.create_tempdir().full_path)
        learner.save(folder / "saved")
        loaded = maml_tf.load(folder / "saved")
        for one, other in zip(rates, loaded.algorithm.own_variables):
            self.assertAllEqual(one, other)
        episode = classes(99)
        x, y, query_x, _ = (part.numpy() for part in episode)
        expected = learner.adapt(x, y).outputs(query_x)
        self.assertAllClose(loaded.adapt(x, y).outputs(query_x), expected)
        maml_tf.export(learner, folder / "served")
        served = tf.saved_model.load(str(folder / "served"))
        answer = served.signatures["adapt_and_predict"](
            support_x=tf.constant(x),
            support_y=tf.constant(y),
            query_x=tf.constant(query_x),
        )["probabilities"]
        self.assertAllClose(answer[:, :2], expected, 1e-5, 1e-6)

    @parameterized.parameters(*KINDS)
    def test_a_resumed_training_is_the_same_to_the_last_bit(self, kind):
        whole = trained(kind)
        folder = self.create_tempdir().full_path
        for iterations in (7, 20):
            part = learner_of(kind)
            part.meta_train(
                classes, iterations, tasks=2, workdir=folder, progress=False
            )
        for one, other in zip(
            whole.algorithm.meta_variables, part.algorithm.meta_variables
        ):
            self.assertAllEqual(one, other)
        loaded = maml_tf.load(folder)
        self.assertAllEqual(
            loaded.algorithm.own_variables[0], whole.algorithm.own_variables[0]
        )

    def test_new_outputs_get_the_mean_rate(self):
        learner = learner_of("per_element")
        head = learner.algorithm.own_variables[-2]
        head.assign(np.arange(8.0).reshape(4, 2))
        larger = learner.with_outputs(3).own_variables[-2]
        self.assertAllEqual(
            larger, np.repeat([[0.5], [2.5], [4.5], [6.5]], 3, 1)
        )


class RefusalTest(tf.test.TestCase, parameterized.TestCase):
    def test_rates_of_another_optimizer(self):
        with self.assertRaisesRegex(InputError, "^inner_rates: per_weight was"):
            made("per_weight", inner_optimizer=Adam(0.1))

    def test_an_unknown_kind(self):
        with self.assertRaisesRegex(InputError, "^inner_rates: 'own' is unkno"):
            made("own")

    @parameterized.parameters("meta_sgd", "reptile", "pretrain", "scratch")
    def test_algorithms_that_settle_it(self, name):
        with self.assertRaisesRegex(InputError, "^inner_rates: algorithm"):
            algorithms.create(
                name, network(), squared_error, inner_rates="per_weight"
            )


if __name__ == "__main__":
    tf.test.main()
