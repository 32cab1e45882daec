"""Tests of maml_tf/learner/head.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.errors import InputError
from maml_tf.learner.head import copied, copy_weights, renew, with_outputs

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

    def test_further_outputs_are_drawn_like_the_trained_ones(self):
        source, target = network(4), network(4 + 20000)
        generator = np.random.default_rng(0)
        for variable in source.trainable_variables:
            variable.assign(generator.normal(3.0, 2.0, variable.shape))
        copy_weights(source, target)
        for old, new in zip(
            source.get_weights()[-2:], target.get_weights()[-2:]
        ):
            drawn = new[..., 4:]
            # 20,000 numbers: their mean is known to 0.7 % of the deviation.
            deviation = old.std(-1)
            self.assertAllLess(
                np.abs(drawn.mean(-1) - old.mean(-1)) / deviation, 0.04
            )
            self.assertAllClose(drawn.std(-1), deviation, rtol=0.03)
        # No two are alike, which would leave the body without a gradient.
        columns = np.unique(target.get_weights()[-2], axis=1)
        self.assertEqual(columns.shape[1], 4 + 20000)

    def test_further_outputs_do_not_depend_on_how_many_there_are(self):
        source, few, many = network(3), network(5), network(9)
        copy_weights(source, few)
        copy_weights(source, many)
        for one, other in zip(few.get_weights()[-2:], many.get_weights()[-2:]):
            self.assertAllEqual(one, other[..., :5])

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
        with self.assertRaisesRegex(InputError, r"^target: .*\(3, 6\).*except"):
            renew(network(5), target)
        for old, new in zip(before, target.get_weights(), strict=True):
            self.assertAllEqual(old, new)
        linear = keras.Sequential([keras.Input((3,)), layers.Dense(5)])
        with self.assertRaisesRegex(InputError, "^target: .* 2 weights.* 8;"):
            renew(network(5), linear)


class Scaled(layers.Layer):
    """A layer of a user's own."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def with_own_layer(*body):
    return keras.Sequential(
        [keras.Input((3,)), *body, Scaled(2.0), layers.Dense(5)]
    )


def two_readings():
    """A layer that is used twice, and a head within a model."""
    inputs, shared = keras.Input((3,)), layers.Dense(3, name="shared")
    top = keras.Sequential([keras.Input((3,)), layers.Dense(5)], name="top")
    return keras.Model(inputs, top(shared(shared(inputs))))


class OwnNetwork(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.top = layers.Dense(5)

    def call(self, inputs):
        return self.top(inputs)


class WithOutputsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        make=(lambda: network(5), with_own_layer, two_readings),
        outputs=(1, 5, 7),
    )
    def test_all_but_the_head_is_the_same(self, make, outputs):
        model = make()
        before = model.get_weights()
        made = with_outputs(model, outputs)
        self.assertEqual(made.output_shape, (None, outputs))
        for old, new in zip(before[:-2], made.get_weights()[:-2], strict=True):
            self.assertEqual(old.shape, new.shape)
        copy_weights(model, made)
        x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
        both = min(5, outputs)
        self.assertAllClose(model(x)[:, :both], made(x)[:, :both])
        for old, new in zip(before, model.get_weights(), strict=True):
            self.assertAllEqual(old, new)

    def test_frozen_layers_stay_frozen(self):
        model = network(5)
        model.layers[0].trainable = False
        for made in (with_outputs(model, 3), copied(model, "network")):
            self.assertEqual(
                [layer.trainable for layer in made.layers],
                [layer.trainable for layer in model.layers],
            )

    def test_a_model_without_a_dense_head_is_refused(self):
        normalised = keras.Sequential(
            [keras.Input((3,)), layers.Dense(5), layers.BatchNormalization()]
        )
        inputs = keras.Input((3,))
        own = keras.Model(inputs, OwnNetwork()(inputs))
        for model in (normalised, own):
            with self.assertRaisesRegex(
                InputError, "^model: .* 7 outputs: .*tasks of 5 outputs"
            ):
                with_outputs(model, 7)


class CopiedTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(lambda: network(5), with_own_layer, two_readings)
    def test_the_same_network_of_weights_of_its_own(self, make):
        model = make()
        made = copied(model, "network")
        self.assertEqual(made.name, "network")
        made.set_weights(model.get_weights())
        x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
        expected = model(x)
        self.assertAllEqual(made(x), expected)
        made.set_weights([weight + 1 for weight in made.get_weights()])
        self.assertAllEqual(model(x), expected)

    def test_a_function_is_refused(self):
        model = with_own_layer(layers.Lambda(lambda x: x))
        for copy in (
            lambda: copied(model, "network"),
            lambda: with_outputs(model, 7),
        ):
            with self.assertRaisesRegex(InputError, "^model: .*be copied: "):
                copy()


if __name__ == "__main__":
    tf.test.main()
