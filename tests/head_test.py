"""Tests of maml_tf/head.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.errors import InputError
from maml_tf.head import copy_weights, renew

layers = keras.layers


def network(outputs, hidden=4):
    """A network whose weights are all different and none is zero."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(hidden),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(outputs),
        ]
    )
    generator = np.random.default_rng(outputs)
    model.set_weights(
        [generator.uniform(0.5, 1.5, w.shape) for w in model.get_weights()]
    )
    return model


class CopyWeightsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("fewer", 2), ("one", 1), ("as_many", 5), ("more", 8)
    )
    def test_the_body_and_the_outputs_that_both_have_are_kept(self, outputs):
        source, target = network(5), network(outputs)
        copy_weights(source, target)
        for old, new in zip(
            source.get_weights()[:-2], target.get_weights()[:-2], strict=True
        ):
            self.assertAllEqual(old, new)
        x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
        both = min(5, outputs)
        self.assertAllClose(source(x)[:, :both], target(x)[:, :both])

    def test_further_outputs_start_from_the_mean(self):
        source, target = network(3), network(5)
        copy_weights(source, target)
        x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
        mean = tf.reduce_mean(source(x), 1)
        self.assertAllClose(target(x)[:, 3], mean)
        self.assertAllClose(target(x)[:, 4], mean)

    def test_the_source_is_left_as_it_was(self):
        source = network(3)
        before = source.get_weights()
        copy_weights(source, network(5))
        for old, new in zip(before, source.get_weights(), strict=True):
            self.assertAllEqual(old, new)

    def test_a_weight_without_axes_is_copied(self):
        class Scale(layers.Layer):
            def build(self, shape):
                self.scale = self.add_weight(shape=(), initializer="ones")

            def call(self, inputs):
                return self.scale * inputs

        def scaled(outputs):
            return keras.Sequential(
                [keras.Input((3,)), Scale(), layers.Dense(outputs)]
            )

        source, target = scaled(2), scaled(3)
        source.layers[0].scale.assign(7.0)
        copy_weights(source, target)
        self.assertAllEqual(target.layers[0].scale, 7.0)

    def test_another_number_of_weights_is_refused(self):
        linear = keras.Sequential([keras.Input((3,)), layers.Dense(5)])
        with self.assertRaisesRegex(InputError, "^target: .* 2 weights.* 8;"):
            copy_weights(network(5), linear)

    def test_another_width_is_refused_and_nothing_is_copied(self):
        target = network(5, hidden=6)
        before = target.get_weights()
        with self.assertRaisesRegex(
            InputError, r"^target: .*\(6, 5\).*\(4, 5\)"
        ):
            copy_weights(network(5), target)
        for old, new in zip(before, target.get_weights(), strict=True):
            self.assertAllEqual(old, new)


class RenewTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(2, 5, 8)
    def test_the_body_is_kept_and_the_head_is_zero(self, outputs):
        source, target = network(5), network(outputs)
        before = source.get_weights()
        renew(source, target)
        for old, new in zip(
            before[:-2], target.get_weights()[:-2], strict=True
        ):
            self.assertAllEqual(old, new)
        for weight in target.get_weights()[-2:]:
            self.assertAllEqual(weight, np.zeros(weight.shape))
        for old, new in zip(before, source.get_weights(), strict=True):
            self.assertAllEqual(old, new)

    def test_another_body_is_refused_and_nothing_is_copied(self):
        target = network(7, hidden=6)
        before = target.get_weights()
        with self.assertRaisesRegex(InputError, r"^target: .*\(3, 6\).*but"):
            renew(network(5), target)
        for old, new in zip(before, target.get_weights(), strict=True):
            self.assertAllEqual(old, new)
        linear = keras.Sequential([keras.Input((3,)), layers.Dense(5)])
        with self.assertRaisesRegex(InputError, "^target: .* 2 weights.* 8;"):
            renew(network(5), linear)


if __name__ == "__main__":
    tf.test.main()
