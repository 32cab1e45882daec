"""Tests of maml_tf/functional/model.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel

layers = keras.layers


def normalized_model(**options):
    """A network with batch normalisation and non-trivial moving averages."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            layers.BatchNormalization(name="norm", **options),
            layers.Dense(2),
        ]
    )
    norm = model.get_layer("norm")
    norm.moving_mean.assign([0.5, -0.5, 0.2, 1.0])
    norm.moving_variance.assign([0.5, 2.0, 1.5, 1.0])
    return model


def examples(seed=0, shape=(6, 3)):
    """Inputs with a mean that is not 0 and a spread that is not 1."""
    values = np.random.default_rng(seed).normal(1.0, 2.0, shape)
    return tf.constant(values, tf.float32)


def snapshot(model):
    """Returns every variable of a model, also of its random streams."""
    variables = model.trainable_variables + model.non_trainable_variables
    return [variable.numpy().copy() for variable in variables]


class CallTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(True, False)
    def test_is_the_model_at_its_own_weights(self, batch_statistics):
        model = normalized_model()
        functional = FunctionalModel(model)
        outputs, _ = functional(
            functional.theta(),
            functional.state(),
            examples(),
            training=False,
            batch_statistics=batch_statistics,
        )
        self.assertAllClose(
            outputs, model(examples(), training=batch_statistics), atol=1e-6
        )
        other = model(examples(), training=not batch_statistics)
        self.assertNotAllClose(outputs, other, atol=1e-3)

    def test_uses_the_weights_given(self):
        model = normalized_model()
        functional = FunctionalModel(model)
        weights = [w + 0.1 for w in functional.theta()]
        outputs, _ = functional(
            weights,
            functional.state(),
            examples(),
            training=False,
            batch_statistics=False,
        )
        for variable in model.trainable_variables:
            variable.assign_add(tf.fill(variable.shape, 0.1))
        self.assertAllClose(outputs, model(examples()), atol=1e-6)

    @parameterized.parameters(True, False)
    def test_the_new_state_is_this_batch_statistics_or_the_old(self, batch):
        model = normalized_model()
        functional = FunctionalModel(model)
        state = functional.state()
        x = examples()
        _, new_state = functional(
            functional.theta(), state, x, training=True, batch_statistics=batch
        )
        kernel, bias = (v.numpy() for v in model.layers[0].trainable_variables)
        hidden = x.numpy() @ kernel + bias
        expected = [hidden.mean(0), hidden.var(0)] if batch else state
        self.assertAllClose(new_state, expected, rtol=1e-5, atol=1e-6)

    def test_batch_normalization_is_found_however_deep_it_is(self):
        block = keras.Sequential(
            [layers.Dense(3), layers.BatchNormalization()], name="block"
        )
        x = keras.Input((2, 3))
        y = layers.TimeDistributed(layers.BatchNormalization())(x)
        y = keras.Sequential([keras.Input((2, 3)), block])(y)
        model = keras.Model(x, y)
        functional = FunctionalModel(model)
        inputs = examples(shape=(6, 2, 3))
        for batch_statistics in (True, False):
            outputs, _ = functional(
                functional.theta(),
                functional.state(),
                inputs,
                training=not batch_statistics,
                batch_statistics=batch_statistics,
            )
            self.assertAllClose(
                outputs, model(inputs, training=batch_statistics), atol=1e-6
            )

    def test_frozen_batch_normalization_keeps_its_moving_averages(self):
        model = normalized_model(trainable=False)
        functional = FunctionalModel(model)
        state = functional.state()
        outputs, new_state = functional(
            functional.theta(),
            state,
            examples(),
            training=True,
            batch_statistics=True,
        )
        self.assertAllClose(
            outputs, model(examples(), training=False), atol=1e-6
        )
        for before, after in zip(state, new_state, strict=True):
            self.assertAllEqual(before, after)

    def test_frozen_weights_belong_to_the_state(self):
        model = keras.Sequential(
            [keras.Input((3,)), layers.Dense(4), layers.Dense(2)]
        )
        model.layers[0].trainable = False
        functional = FunctionalModel(model)
        self.assertEqual([w.shape for w in functional.theta()], [(4, 2), (2,)])
        self.assertEqual([w.shape for w in functional.state()], [(3, 4), (4,)])

    def test_leaves_the_model_as_it_was(self):
        x = keras.Input((3,))
        y = layers.Dropout(0.5)(layers.Dense(4)(x))
        model = keras.Model(x, layers.BatchNormalization()(y))
        before = snapshot(model)
        functional = FunctionalModel(model)
        for training in (True, False):
            functional(
                functional.theta(),
                functional.state(),
                examples(),
                training=training,
                batch_statistics=True,
            )
        for old, new in zip(before, snapshot(model), strict=True):
            self.assertAllEqual(old, new)


class RandomStreamTest(tf.test.TestCase):
    def masks(self, seed, state=None, training=True):
        """Returns two dropout layers' outputs on 50 ones, and the state."""
        x = keras.Input((50,))
        y = [layers.Dropout(0.5, seed=number)(x) for number in (1, 2)]
        y.append(layers.Dense(1)(x))
        functional = FunctionalModel(keras.Model(x, y))
        if state is None:
            state = functional.state(seed)
        outputs, state = functional(
            functional.theta(),
            state,
            tf.ones([1, 50]),
            training=training,
            batch_statistics=True,
        )
        return [(mask != 0).numpy() for mask in outputs[:2]], state

    def test_the_same_seed_gives_the_same_masks(self):
        first, _ = self.masks(tf.constant([3, 4]))
        again, _ = self.masks(tf.constant([3, 4]))
        self.assertAllEqual(first, again)

    def test_seeds_layers_and_calls_have_masks_of_their_own(self):
        one, state = self.masks(tf.constant([3, 4]))
        other, _ = self.masks(tf.constant([3, 5]))
        later, _ = self.masks(None, state)
        different = [*one, *other, *later]
        for index, mask in enumerate(different):
            # 50 fair coins: about half are kept.
            self.assertBetween(int(mask.sum()), 10, 40)
            for another in different[:index]:
                self.assertNotAllEqual(mask, another)

    def test_without_a_seed_the_models_own_are_used(self):
        one, _ = self.masks(None)
        ones = tf.ones([1, 50])
        own = [layers.Dropout(0.5, seed=s)(ones, training=True) for s in (1, 2)]
        self.assertAllEqual(one, [(mask != 0).numpy() for mask in own])

    def test_dropout_is_off_where_training_is(self):
        masks, _ = self.masks(tf.constant([3, 4]), training=False)
        self.assertTrue(np.all(masks))


class InputErrorTest(tf.test.TestCase):
    def test_an_unbuilt_model_is_refused(self):
        model = keras.Sequential([layers.Dense(2)], name="unbuilt")
        with self.assertRaisesRegex(InputError, "^model: 'unbuilt' is not"):
            FunctionalModel(model)

    def test_a_model_without_trainable_weights_is_refused(self):
        model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
        model.trainable = False
        with self.assertRaisesRegex(InputError, "^model: .* no trainable"):
            FunctionalModel(model)


if __name__ == "__main__":
    tf.test.main()
