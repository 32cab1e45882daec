"""Tests of maml_tf/functional/redundant_biases.py."""

from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import networks
from maml_tf.algorithms import MAML
from maml_tf.episodes.class_pool import Episode
from maml_tf.functional import scope
from maml_tf.functional.losses import cross_entropy
from maml_tf.functional.model import FunctionalModel
from maml_tf.functional.redundant_biases import redundant_biases
from tests.helpers.two_blocks import two_blocks

layers = keras.layers


def pair(**options):
    """A convolution and a batch normalisation."""
    return (
        layers.Conv2D(2, 3, **options),
        layers.BatchNormalization(),
    )


def chain(*stack):
    return keras.Sequential([keras.Input((5, 5, 1)), *stack])


class FoundTest(tf.test.TestCase):
    def test_in_every_block_of_conv4(self):
        model = networks.create("conv4", (28, 28, 1), 5)
        found = redundant_biases(model)
        self.assertLen(found, 4)
        for normalization, convolution in found.items():
            self.assertIs(
                convolution.output, normalization.input, convolution.name
            )

    def test_in_sequential_and_nested_models(self):
        one, two = pair(), pair()
        inner = chain(*one, layers.ReLU())
        inputs = keras.Input((5, 5, 1))
        x = inner(inputs)
        x = two[1](two[0](x))
        found = redundant_biases(keras.Model(inputs, x))
        self.assertEqual(found, {one[1]: one[0], two[1]: two[0]})


class NotFoundTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        {"use_bias": False},
        {"activation": "relu"},
    )
    def test_nothing_to_leave_out(self, **options):
        self.assertEmpty(redundant_biases(chain(*pair(**options))))

    def test_something_in_between(self):
        convolution, normalization = pair()
        self.assertEmpty(
            redundant_biases(chain(convolution, layers.ReLU(), normalization))
        )

    def test_other_axis(self):
        self.assertEmpty(
            redundant_biases(
                chain(layers.Conv2D(3, 3), layers.BatchNormalization(axis=1))
            )
        )

    def test_second_consumer(self):
        convolution, normalization = pair()
        inputs = keras.Input((5, 5, 1))
        x = convolution(inputs)
        outputs = layers.Add()([x, normalization(x)])
        self.assertEmpty(redundant_biases(keras.Model(inputs, outputs)))

    def test_an_output_too(self):
        convolution, normalization = pair()
        inputs = keras.Input((5, 5, 1))
        x = convolution(inputs)
        self.assertEmpty(
            redundant_biases(keras.Model(inputs, [x, normalization(x)]))
        )

    def test_output_of_a_nested_model(self):
        convolution, normalization = pair()
        inputs = keras.Input((5, 5, 1))
        inner = chain(convolution)
        self.assertEmpty(
            redundant_biases(keras.Model(inputs, normalization(inner(inputs))))
        )

    def test_shared_convolution(self):
        convolution, normalization = layers.Conv2D(1, 3, padding="same"), None
        normalization = layers.BatchNormalization()
        self.assertEmpty(
            redundant_biases(chain(convolution, convolution, normalization))
        )

    def test_shared_normalization(self):
        (first, normalization), (second, _) = pair(), pair()
        inputs = keras.Input((5, 5, 1))
        outputs = [normalization(layer(inputs)) for layer in (first, second)]
        self.assertEmpty(redundant_biases(keras.Model(inputs, outputs)))

    def test_a_model_of_the_users(self):
        class Shifted(keras.Model):
            def __init__(self):
                super().__init__()
                self.part = chain(*pair())

            def call(self, x):
                return self.part(x) + self.part.layers[0](x)

        model = Shifted()
        model(np.zeros((1, 5, 5, 1), "f"))
        self.assertEmpty(redundant_biases(model))


class EffectTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        with two_blocks():
            self.model = networks.create("conv4", (12, 12, 1), 3, filters=4)
        generator = np.random.default_rng(0)
        for variable in self.model.trainable_variables:
            if "bias" in variable.path or "beta" in variable.path:
                variable.assign(generator.normal(size=variable.shape))

        def images(examples):
            return generator.normal(size=(examples, 12, 12, 1)).astype("f")

        self.episode = Episode(
            images(6), np.repeat(range(3), 2), images(9), np.repeat(range(3), 3)
        )

    def meta_gradient(self, batch_norm):
        algorithm = MAML(
            self.model,
            cross_entropy,
            inner_steps=2,
            inner_learning_rate=0.1,
            batch_norm=batch_norm,
        )
        return tf.function(algorithm.meta_gradient, autograph=False)(
            algorithm.theta(), self.episode, tf.constant([0, 0], tf.int64)
        )

    @parameterized.parameters("transductive", "inductive", "moving")
    def test_meta_gradient_is_the_same(self, batch_norm):
        without = self.meta_gradient(batch_norm)
        with mock.patch.object(scope, "redundant_biases", lambda _: {}):
            with_biases = self.meta_gradient(batch_norm)
        self.assertAllClose(without, with_biases, rtol=1e-4, atol=1e-5)

    def test_gradient_of_the_biases_is_exactly_zero(self):
        gradient = self.meta_gradient("transductive").gradient
        biases = [
            one
            for one, variable in zip(gradient, self.model.trainable_variables)
            if "conv" in variable.path and variable.path.endswith("bias")
        ]
        self.assertLen(biases, 2)
        for bias in biases:
            self.assertAllEqual(bias, tf.zeros_like(bias))

    def test_state_holds_the_mean_with_bias(self):
        call = FunctionalModel(self.model)

        def state():
            return call(
                call.theta(),
                call.state(),
                self.episode.support_x,
                training=False,
                batch_statistics=True,
            )[1]

        without = state()
        with mock.patch.object(scope, "redundant_biases", lambda _: {}):
            with_biases = state()
        self.assertAllClose(without, with_biases, rtol=1e-5, atol=1e-5)
        self.assertGreater(np.abs(without[0]).max(), 0.1)

    def test_frozen_normalization_sees_the_bias(self):
        for layer in self.model.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
        call = FunctionalModel(self.model)
        outputs, _ = call(
            call.theta(),
            call.state(),
            self.episode.support_x,
            training=True,
            batch_statistics=True,
        )
        self.assertAllClose(
            outputs, self.model(self.episode.support_x, training=False), 1e-5
        )


if __name__ == "__main__":
    tf.test.main()
