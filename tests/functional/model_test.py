"""Tests of maml_tf/functional/model.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel, _moments

layers = keras.layers


def normalized_model(**options):
    """A network with batch normalisation, its moving averages not trivial."""
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
    """Inputs with a mean and a spread of their own."""
    values = np.random.default_rng(seed).normal(1.0, 2.0, shape)
    return tf.constant(values, tf.float32)


def snapshot(model):
    """Every variable of a model, those of its random streams included."""
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
        """What two dropout layers keep of fifty ones each, and the state."""
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


class SeenLayer(layers.Layer):
    """Does nothing, or fails; says what it sees of the layers beside it."""

    def __init__(self, see, **options):
        super().__init__(**options)
        self.see = see

    def call(self, inputs):
        self.see()
        return inputs


class LayerAttributesTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(layers.GRU, layers.LSTM)
    def test_recurrent_layers_leave_cudnn_alone_during_a_call(self, recurrent):
        one, other = recurrent(2), recurrent(2, use_cudnn=True)
        seen = []

        def see():
            seen.append([one.use_cudnn, other.use_cudnn])

        x = keras.Input((3, 2))
        y = layers.Concatenate()([one(x), SeenLayer(see)(other(x))])
        model = keras.Model(x, y)
        seen.clear()
        functional = FunctionalModel(model)
        functional(
            functional.theta(),
            functional.state(),
            tf.ones([1, 3, 2]),
            training=True,
            batch_statistics=True,
        )
        self.assertEqual(seen, [[False, False]])
        self.assertEqual([one.use_cudnn, other.use_cudnn], ["auto", True])

    def test_moments_are_exact_to_second_order_during_a_call(self):
        x = tf.constant([[1.0, 2.0], [4.0, -1.0], [0.5, 3.0]], tf.float64)
        derivatives = []

        def see():
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    variance = keras.ops.moments(x, [0])[1]
                gradient = inner.gradient(variance, x)
            derivatives.append(outer.jacobian(gradient, x)[:, 0, :, 0])

        theirs = tf.nn.moments
        inputs = keras.Input((2,))
        model = keras.Model(inputs, SeenLayer(see)(layers.Dense(2)(inputs)))
        derivatives.clear()
        functional = FunctionalModel(model)
        functional(
            functional.theta(),
            functional.state(),
            tf.ones([1, 2]),
            training=True,
            batch_statistics=True,
        )
        self.assertAllClose(
            derivatives, [2 / 3 * (np.eye(3) - 1 / 3)], rtol=1e-12
        )
        self.assertIs(tf.nn.moments, theirs)
        see()
        # If TensorFlow's own are as exact some day, ours can go.
        self.assertAllClose(derivatives[1], 2 / 3 * np.eye(3), rtol=1e-12)

    @parameterized.product(
        dtype=(tf.float16, tf.bfloat16, tf.float32, tf.float64),
        keepdims=(False, True),
    )
    def test_moments_are_tensorflows_in_value(self, dtype, keepdims):
        x = tf.cast(examples(shape=(5, 4, 3)), dtype)
        for ours, theirs in zip(
            _moments(x, [0, 2], keepdims=keepdims),
            tf.nn.moments(x, [0, 2], keepdims=keepdims),
            strict=True,
        ):
            self.assertEqual(ours.dtype, theirs.dtype)
            self.assertAllCloseAccordingToType(ours, theirs)

    def test_layers_are_restored_when_the_call_raises(self):
        norm, gru = layers.BatchNormalization(momentum=0.7), layers.GRU(2)
        fails = []

        def see():
            if fails:
                self.assertEqual(norm.momentum, 0.0)
                self.assertIs(gru.use_cudnn, False)
                raise RuntimeError("in the middle of a call")

        x = keras.Input((3, 2))
        y = SeenLayer(see)(gru(norm(x)))
        model = keras.Model(x, y)
        functional = FunctionalModel(model)
        fails.append(True)
        moments = tf.nn.moments
        with self.assertRaisesRegex(RuntimeError, "in the middle of a call"):
            functional(
                functional.theta(),
                functional.state(),
                tf.ones([1, 3, 2]),
                training=True,
                batch_statistics=True,
            )
        self.assertEqual(norm.momentum, 0.7)
        self.assertEqual(gru.use_cudnn, "auto")
        self.assertNotIn("call", vars(norm))
        self.assertIs(tf.nn.moments, moments)
        fails.clear()
        # The layer learns its moving averages as it did before.
        model(tf.ones([1, 3, 2]), training=True)
        self.assertAllClose(norm.moving_mean, [0.3, 0.3])

    def test_a_normalization_that_is_used_twice_is_restored(self):
        norm = layers.BatchNormalization(momentum=0.7)
        x = keras.Input((2,))
        inside = keras.Sequential([keras.Input((2,)), layers.Dense(2), norm])
        model = keras.Model(x, norm(inside(norm(x))))
        functional = FunctionalModel(model)
        functional(
            functional.theta(),
            functional.state(),
            tf.ones([3, 2]),
            training=True,
            batch_statistics=True,
        )
        self.assertEqual(norm.momentum, 0.7)
        self.assertNotIn("call", vars(norm))


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
