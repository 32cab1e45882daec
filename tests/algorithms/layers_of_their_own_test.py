"""Tests of layers that bring losses, randomness and constraints along."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from keras import layers

import maml_tf
from maml_tf import losses
from maml_tf.algorithms import create
from maml_tf.errors import InputError
from maml_tf.graph import execution

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")
EPISODE = maml_tf.Episode(*map(tf.constant, (X, Y, X[::-1], Y)))
SEED = tf.constant([0, 0], tf.int64)


def network(*between, **options):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, "tanh", **options),
            *between,
            layers.Dense(2),
        ]
    )


def meta_gradient(model, name="maml", graph=False, **options):
    algorithm = create(
        name,
        model,
        losses.mean_squared_error,
        **{"inner_learning_rate": 0.1, "inner_steps": 2, **options},
    )
    compute = algorithm.meta_gradient
    if graph:
        compute = tf.function(compute, autograph=False)
    return compute(algorithm.theta(), EPISODE, SEED)


class AddsLoss(layers.Layer):
    def call(self, x):
        self.add_loss(0.5 * tf.reduce_mean(x**2))
        return x


class Noise(layers.Layer):
    """Draws by the function that it is given."""

    def __init__(self, draw, **options):
        super().__init__(**options)
        self.draw = draw

    def call(self, x):
        return x + self.draw(tf.shape(x))


class LossesTest(tf.test.TestCase, parameterized.TestCase):
    def test_the_outer_loss_has_them(self):
        """Beside a loss that has the same terms written out."""
        weight = 0.3
        plain = network()

        def with_terms(phi):
            h = tf.tanh(X[::-1] @ phi[0] + phi[1])
            loss = losses.mean_squared_error(Y, h @ phi[2] + phi[3])
            return (
                loss
                + weight * tf.reduce_sum(phi[0] ** 2)
                # Keras divides an activity's loss by the examples.
                + weight * tf.reduce_sum(h**2) / 8
                + 0.5 * tf.reduce_mean(h**2)
            )

        algorithm = create(
            "maml",
            plain,
            losses.mean_squared_error,
            inner_learning_rate=0.1,
            inner_steps=2,
        )
        theta = algorithm.theta()
        with tf.GradientTape() as tape:
            tape.watch(theta)
            adaptation = algorithm.inner_loop.adapt(theta, X, Y, 2, SEED)
            expected = with_terms(adaptation.phi[-1])
        gradient = tape.gradient(expected, theta)
        model = network(
            AddsLoss(),
            kernel_regularizer=keras.regularizers.L2(weight),
            activity_regularizer=keras.regularizers.L2(weight),
        )
        for options in ({}, {"rematerialize": True}):
            result = meta_gradient(model, **options)
            self.assertAllClose(result.loss, expected, rtol=1e-5)
            for one, other in zip(result.gradient, gradient, strict=True):
                self.assertAllClose(one, other, rtol=1e-4, atol=1e-5)

    def test_the_inner_loss_has_them_if_asked(self):
        regularizer = keras.regularizers.L2(0.3)
        model = network(kernel_regularizer=regularizer)
        algorithm = create(
            "maml",
            model,
            losses.mean_squared_error,
            inner_learning_rate=0.1,
            inner_regularization=True,
        )
        plain = create(
            "maml", model, losses.mean_squared_error, inner_learning_rate=0.1
        )
        theta = plain.theta()
        own, without = (
            a.inner_loop.adapt(theta, X, Y, 1).phi[-1]
            for a in (algorithm, plain)
        )
        self.assertAllClose(own[0], without[0] - 0.1 * 0.6 * theta[0])
        self.assertAllEqual(own[2], without[2])

    def test_pretraining_and_reptile(self):
        regularized = network(kernel_regularizer="l2")
        one = meta_gradient(network(), "pretrain", inner_steps=1)
        other = meta_gradient(regularized, "pretrain", inner_steps=1)
        kernel = regularized.trainable_variables[0]
        self.assertAllClose(
            other.gradient[0], one.gradient[0] + 0.02 * kernel.value, atol=1e-6
        )
        with self.assertRaisesRegex(InputError, "^inner_regularization: False"):
            meta_gradient(regularized, "reptile")
        meta_gradient(regularized, "reptile", inner_regularization=True)


class RandomnessTest(tf.test.TestCase, parameterized.TestCase):
    def test_no_generator(self):
        model = network(Noise(keras.random.normal, name="theirs"))
        with self.assertRaisesRegex(
            InputError, "^model: layer 'theirs' draws random numbers without a"
        ):
            meta_gradient(model)

    @parameterized.parameters(
        lambda shape: tf.random.normal(shape),
        tf.function(lambda shape: tf.random.uniform(shape)),
        lambda shape: tf.cond(
            shape[0] > 1,
            lambda: tf.random.normal(shape),
            lambda: tf.zeros(shape),
        ),
    )
    def test_rematerialization_needs_the_same_noise(self, draw):
        model = network(Noise(draw, name="theirs"))
        meta_gradient(model, graph=True)
        with self.assertRaisesRegex(
            InputError, "^rematerialize: True was given, but layer 'theirs'"
        ):
            meta_gradient(model, graph=True, rematerialize=True)

    def test_dropout_is_repeatable(self):
        model = network(layers.Dropout(0.5))
        for one, other in zip(
            meta_gradient(model).gradient,
            meta_gradient(model, graph=True, rematerialize=True).gradient,
        ):
            self.assertAllClose(one, other, atol=1e-5)


class ConstraintsTest(tf.test.TestCase):
    def test_the_inner_loop_projects(self):
        model = network(kernel_constraint="non_neg")
        model.layers[0].kernel.assign(tf.abs(model.layers[0].kernel))
        algorithm = create("maml", model, losses.mean_squared_error)
        adaptation = create(
            "maml",
            model,
            losses.mean_squared_error,
            inner_learning_rate=3.0,
        ).inner_loop.adapt(algorithm.theta(), X, Y, 3)
        for phi in adaptation.phi:
            self.assertGreaterEqual(float(tf.reduce_min(phi[0])), 0.0)
        self.assertTrue(tf.reduce_any(adaptation.phi[-1][0] == 0))


class FrozenTest(tf.test.TestCase):
    def learner(self):
        return maml_tf.Learner(network(), task="regression", steps=2)

    def episodes(self):
        while True:
            yield X, Y, X, Y

    def test_frozen_after_the_learner_was_made(self):
        learner = self.learner()
        frozen = learner.model.layers[0]
        frozen.trainable = False
        before = frozen.get_weights()
        learner.meta_train(self.episodes, 2, progress=False)
        adapted = learner.adapt(X, Y)
        network = adapted.keras_model.layers[-2]
        self.assertAllEqual(network.get_weights()[0], before[0])
        self.assertNotAllEqual(
            network.get_weights()[2], learner.model.get_weights()[2]
        )
        frozen.trainable = True
        learner.meta_train(self.episodes, 2, progress=False)
        self.assertNotAllEqual(frozen.get_weights()[0], before[0])

    def test_what_was_compiled_is_refused(self):
        model = network()
        algorithm = create("maml", model, losses.mean_squared_error)
        step = maml_tf.OuterStep(
            algorithm, lambda n: EPISODE, keras.optimizers.SGD(0.1), tasks=1
        )
        step(0)
        model.layers[0].trainable = False
        with self.assertRaisesRegex(InputError, "^model: layers were frozen"):
            step(1)
        model.layers[1].trainable = False
        with self.assertRaisesRegex(InputError, "no trainable weights"):
            algorithm.theta()

    def test_loss_scaling_is_refused(self):
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
        algorithm = create("maml", network(), losses.mean_squared_error)
        with self.assertRaisesRegex(InputError, "^optimizer: .* its inner"):
            maml_tf.OuterStep(algorithm, lambda n: EPISODE, optimizer, tasks=1)


class MyDense(layers.Dense):
    pass


class VectorizedTest(tf.test.TestCase):
    def test_plain_layers_alone(self):
        def vectorizes(model):
            algorithm = create("maml", model, losses.mean_squared_error)
            return execution.vectorizes(algorithm, 4)

        lora = network()
        lora.layers[0].enable_lora(1)
        self.assertTrue(vectorizes(network()))
        self.assertFalse(vectorizes(network(MyDense(3))))
        self.assertFalse(vectorizes(lora))
        self.assertFalse(vectorizes(network(layers.Activation(tf.sin))))
        self.assertFalse(
            vectorizes(network(kernel_regularizer=lambda w: tf.norm(w)))
        )
        self.assertTrue(vectorizes(network(kernel_regularizer="l2")))


if __name__ == "__main__":
    tf.test.main()
