"""Tests of maml_tf/functional/scope.py."""

import copy
import os
import threading
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from keras import layers

import maml_tf
from maml_tf.errors import InputError
from maml_tf.functional import FunctionalModel
from maml_tf.functional.scope import exact_derivatives


def call(model, x, batch_statistics=True, training=True):
    functional = FunctionalModel(model)
    return functional(
        functional.theta(),
        functional.state(),
        x,
        training=training,
        batch_statistics=batch_statistics,
    )


def images(seed=0, shape=(10, 8, 8, 1)):
    return np.random.RandomState(seed).normal(1, 2, shape).astype("float32")


def image_network(norm):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, use_bias=False),
            norm,
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


class SeenLayer(layers.Layer):
    """A layer that calls a function, which may look at other layers or fail."""

    def __init__(self, see, **options):
        super().__init__(**options)
        self.see = see

    def call(self, inputs):
        self.see()
        return inputs


class ThreadsTest(tf.test.TestCase):
    def test_a_model_that_adapts_predicts_as_ever_in_another_thread(self):
        keras.utils.set_random_seed(0)
        model = image_network(layers.BatchNormalization())
        learner = maml_tf.Learner(
            model, "maml", inner_learning_rate=0.1, steps=3
        )
        x, y = images(), np.array([0, 1] * 5)
        queries = images(1, (7, 8, 8, 1))
        expected = model(queries, training=False).numpy()
        state = [v.numpy() for v in model.non_trainable_variables]
        stop, wrong, calls = threading.Event(), [0], [0]

        def predict():
            while not stop.is_set():
                calls[0] += 1
                outputs = model(queries, training=False).numpy()
                wrong[0] += not np.array_equal(outputs, expected)

        thread = threading.Thread(target=predict)
        thread.start()
        for _ in range(10):
            adapted = learner.adapt(x, y).predict(queries)
        stop.set()
        thread.join()
        self.assertGreater(calls[0], 10)
        self.assertEqual(wrong[0], 0)
        for before, after in zip(state, model.non_trainable_variables):
            self.assertAllEqual(before, after)
        self.assertAllEqual(adapted, learner.adapt(x, y).predict(queries))

    def test_two_threads_adapt_at_once(self):
        model = image_network(layers.BatchNormalization())
        expected = [call(model, images(seed))[0].numpy() for seed in (0, 1)]
        wrong = []

        def adapt(seed):
            for _ in range(20):
                outputs, _ = call(model, images(seed))
                if not np.array_equal(outputs, expected[seed]):
                    wrong.append(seed)

        threads = [threading.Thread(target=adapt, args=(s,)) for s in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEmpty(wrong)


class BatchNormalizationTest(tf.test.TestCase):
    def test_renormalization_is_not_dropped(self):
        model = image_network(layers.BatchNormalization(renorm=True))
        # Far from 0 and 1, where renormalization does nothing.
        for variable in model.non_trainable_variables:
            variable.assign(variable + 1.5)
        x = images()
        functional = FunctionalModel(model)
        theirs, _ = model.stateless_call(
            functional.theta(), functional.state(), x, training=True
        )
        ours, _ = call(model, x)
        self.assertAllClose(ours, theirs, rtol=1e-6, atol=1e-6)
        plain, _ = call(image_network(layers.BatchNormalization()), x)
        self.assertNotAllClose(ours, plain, atol=0.1)

    def test_a_subclass_without_mask_is_called_as_it_is(self):
        class Doubled(layers.BatchNormalization):
            def call(self, inputs, training=None):
                return 2.0 * super().call(inputs, training=training)

        model = keras.Sequential([keras.Input((3,)), Doubled()])
        x = images(shape=(6, 3))
        outputs, state = call(model, x, training=False)
        expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
        self.assertAllClose(outputs, 2.0 * expected, rtol=1e-5, atol=1e-5)
        self.assertAllClose(state, [x.mean(0), x.var(0)], rtol=1e-5)

    def test_a_call_set_on_the_layer_is_refused(self):
        norm = layers.BatchNormalization(name="theirs")
        model = keras.Sequential([keras.Input((3,)), norm])
        norm.__dict__["call"] = lambda x, training=None, mask=None: x
        with self.assertRaisesRegex(InputError, "^model: .*'theirs'.*subclass"):
            call(model, np.ones([2, 3], "f"))


class LayersAreTheirOwnersTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(layers.GRU, layers.LSTM)
    def test_recurrent_layers_leave_cudnn_alone(self, recurrent):
        inputs = keras.Input((3, 2))
        one, other = recurrent(2), recurrent(2, use_cudnn="auto")
        model = keras.Model(inputs, one(inputs) + other(inputs))
        kernel = f"keras.src.backend.{recurrent.__name__.lower()}"
        x = tf.ones([1, 3, 2])
        with mock.patch(kernel, side_effect=NotImplementedError) as cudnn:
            ours, _ = call(model, x)
            self.assertEqual(cudnn.call_count, 0)
            theirs = model(x)
            self.assertEqual(cudnn.call_count, 2)
        self.assertAllClose(ours, theirs)
        self.assertEqual([one.use_cudnn, other.use_cudnn], ["auto", "auto"])

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

        inputs = keras.Input((2,))
        model = keras.Model(inputs, SeenLayer(see)(layers.Dense(2)(inputs)))
        derivatives.clear()
        call(model, tf.ones([1, 2]))
        self.assertAllClose(
            derivatives, [2 / 3 * (np.eye(3) - 1 / 3)], rtol=1e-12
        )
        see()
        # If TensorFlow's moments become exact, ours can be removed.
        self.assertAllClose(derivatives[1], 2 / 3 * np.eye(3), rtol=1e-12)

    def test_attributes_stay_and_the_scope_ends_when_the_call_raises(self):
        norm, gru = layers.BatchNormalization(momentum=0.7), layers.GRU(2)
        fails = []

        def see():
            if fails:
                self.assertEqual(norm.momentum, 0.7)
                self.assertEqual(gru.use_cudnn, "auto")
                raise RuntimeError("in the middle of a call")

        x = keras.Input((3, 2))
        model = keras.Model(x, SeenLayer(see)(gru(norm(x))))
        fails.append(True)
        with self.assertRaisesRegex(RuntimeError, "in the middle of a call"):
            call(model, tf.ones([1, 3, 2]))
        fails.clear()
        # Outside of the scope, the layer updates its moving averages.
        model(tf.ones([1, 3, 2]), training=True)
        self.assertAllClose(norm.moving_mean, [0.3, 0.3])

    def test_equipped_once(self):
        norm = layers.BatchNormalization(momentum=0.7)
        x = keras.Input((2,))
        inside = keras.Sequential([keras.Input((2,)), layers.Dense(2), norm])
        model = keras.Model(x, norm(inside(norm(x))))
        call(model, tf.ones([3, 2]))
        equipped, moments = norm.call, tf.nn.moments
        call(inside, tf.ones([3, 2]))
        call(model, tf.ones([3, 2]))
        self.assertIs(norm.call, equipped)
        self.assertIs(tf.nn.moments, moments)

    def test_layers_of_another_model_compute_their_own(self):
        norm = layers.BatchNormalization()
        other = keras.Sequential([keras.Input((2,)), norm])
        call(other, tf.ones([3, 2]))
        model = image_network(layers.BatchNormalization())
        with exact_derivatives(model, batch_statistics=True):
            self.assertAllClose(
                norm(tf.ones([3, 2]), training=False),
                np.full([3, 2], 1 / np.sqrt(1.001)),
            )

    @parameterized.parameters("saved", "cloned", "deep copy", "pickled config")
    def test_copies_of_an_equipped_model(self, kind):
        model = image_network(layers.BatchNormalization())
        x = images()
        expected, _ = call(model, x)
        if kind == "saved":
            path = os.path.join(self.get_temp_dir(), "model.keras")
            model.save(path)
            other = keras.saving.load_model(path)
        elif kind == "cloned":
            other = keras.models.clone_model(model)
            other.set_weights(model.get_weights())
        elif kind == "deep copy":
            other = copy.deepcopy(model)
        else:
            other = keras.Sequential.from_config(model.get_config())
            other.set_weights(model.get_weights())
        self.assertNotIn("call", vars(other.layers[1]))
        self.assertAllEqual(other(x), model(x))
        outputs, _ = call(other, x)
        self.assertAllEqual(outputs, expected)


if __name__ == "__main__":
    tf.test.main()
