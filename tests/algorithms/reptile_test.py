"""Tests of the moments that Reptile's Adam keeps."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf import Episode, InputError, Learner, OuterStep, algorithms, losses
from maml_tf.algorithms.inner_optimizers import Adam

layers = keras.layers

RATE = 0.01


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, "tanh"),
            layers.Dense(2, name="head"),
        ]
    )


def classes(number, way=2):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal([4 * way + way, 3], [3, number])
    y = tf.tile(tf.range(way), [4])
    x = noise[: 4 * way] + tf.gather(2.0 * noise[-way:], y)
    return Episode(x[: 2 * way], y[: 2 * way], x[2 * way :], y[2 * way :])


def learner(**options):
    return Learner(
        network(),
        algorithm="reptile",
        inner_steps=1,
        inner_learning_rate=RATE,
        persistent_moments=True,
        **options,
    )


def trained(one, iterations=6, **options):
    one.meta_train(classes, iterations, tasks=2, progress=False, **options)
    return one


class PersistentMomentsTest(tf.test.TestCase):
    def outer_step(self, rate, vectorize=False):
        algorithm = algorithms.create(
            "reptile",
            network(),
            losses.cross_entropy,
            inner_steps=1,
            inner_learning_rate=RATE,
            persistent_moments=True,
        )
        return OuterStep(
            algorithm,
            classes,
            keras.optimizers.SGD(rate),
            tasks=2,
            vectorize=vectorize,
            iterations_per_call=2,
        )

    def slope(self, algorithm, number):
        x, y, *_ = classes(number)
        with tf.GradientTape() as tape:
            loss = losses.cross_entropy(y, algorithm.model(x))
        return tape.gradient(
            loss, [v.value for v in algorithm.model.trainable_variables]
        )

    def test_the_next_meta_batch_begins_with_the_mean_of_the_last(self):
        # With a rate of 0 outside, θ stays, but the moments do not.
        for vectorize in (False, True):
            step = self.outer_step(0.0, vectorize)
            algorithm = step.algorithm
            step(0, 2)
            steps, *moments = algorithm.own_variables
            self.assertEqual(steps.numpy(), 2.0)
            slopes = [self.slope(algorithm, n) for n in range(4)]
            for number, moment in enumerate(moments):
                g = [np.square(slope[number]) for slope in slopes]
                first = 0.001 * (g[0] + g[1]) / 2
                second = 0.999 * first + 0.001 * (g[2] + g[3]) / 2
                self.assertAllClose(moment, second, 1e-5, 1e-9)

    def test_a_task_begins_with_them(self):
        step = self.outer_step(1.0)
        algorithm = step.algorithm
        step(0, 2)
        _, *moments = algorithm.own_variables
        theta, (x, y, *_) = algorithm.theta(), classes(9)
        phi = algorithm.inner_loop.adapt(theta, x, y, 1).phi[1]
        for start, end, g, v in zip(
            theta, phi, self.slope(algorithm, 9), moments
        ):
            v = (0.999 * v + 0.001 * g * g) / (1 - 0.999**3)
            expected = start - RATE * g / (tf.sqrt(v) + 1e-8)
            self.assertAllClose(end, expected, 1e-4, 1e-6)

    def test_a_resumed_training_is_the_same_to_the_last_bit(self):
        whole = trained(learner())
        folder = self.create_tempdir().full_path
        for iterations in (2, 6):
            part = trained(learner(), iterations, workdir=folder)
        self.assertEqual(part.algorithm.own_variables[0].numpy(), 6.0)
        for one, other in zip(
            whole.algorithm.meta_variables, part.algorithm.meta_variables
        ):
            self.assertAllEqual(one, other)

    def test_they_are_kept_and_a_test_leaves_them(self):
        one = trained(learner())
        before = [v.numpy() for v in one.algorithm.own_variables]
        x, y, query_x, _ = (part.numpy() for part in classes(99))
        expected = one.adapt(x, y, steps=3).outputs(query_x)
        folder = pathlib.Path(self.create_tempdir().full_path)
        one.save(folder / "saved")
        loaded = maml_tf.load(folder / "saved")
        self.assertAllClose(
            loaded.adapt(x, y, steps=3).outputs(query_x), expected
        )
        maml_tf.export(one, folder / "served", steps=3)
        served = tf.saved_model.load(str(folder / "served"))
        answer = served.signatures["adapt_and_predict"](
            support_x=tf.constant(x),
            support_y=tf.constant(y),
            query_x=tf.constant(query_x),
        )["probabilities"]
        self.assertAllClose(answer[:, :2], expected, 1e-5, 1e-6)
        for old, variable in zip(before, one.algorithm.own_variables):
            self.assertAllEqual(old, variable)
        for variable in loaded.algorithm.own_variables:
            variable.assign(tf.zeros_like(variable.value))
        self.assertNotAllClose(
            loaded.adapt(x, y, steps=3).outputs(query_x), expected
        )

    def test_another_optimizers_are_refused(self):
        with self.assertRaisesRegex(InputError, "^persistent_moments: True"):
            learner(inner_optimizer=Adam(0.1))


if __name__ == "__main__":
    tf.test.main()
