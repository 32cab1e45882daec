"""Tests of maml_tf/functional/measures.py."""

import functools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError, losses
from maml_tf.functional.measures import as_loss, as_metric, takes_one_hot

layers = keras.layers

LOGITS = np.random.RandomState(0).normal(size=(7, 4)).astype(np.float32)
NUMBERS = np.array([0, 3, 2, 2, 1, 0, 3], np.int32)
ONE_HOT = np.eye(4, dtype=np.float32)[NUMBERS]
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(1, keepdims=True))
CROSS_ENTROPY = -LOG_P[np.arange(7), NUMBERS].mean()

keras_losses = keras.losses


def model(*last):
    return keras.Sequential([keras.Input((3,)), layers.Dense(4), *last])


# By name: loss and labels; each is the cross-entropy.
FORMS = {
    "ours": (losses.cross_entropy, NUMBERS),
    "ours_one_hot": (losses.cross_entropy, ONE_HOT),
    "ours_one_hot_of_integers": (losses.cross_entropy, ONE_HOT.astype(int)),
    "our_name": ("cross_entropy", NUMBERS),
    "name": ("sparse_categorical_crossentropy", NUMBERS),
    "name_of_a_class": ("SparseCategoricalCrossentropy", NUMBERS),
    "name_in_a_column": ("sparse_categorical_crossentropy", NUMBERS[:, None]),
    "name_one_hot": ("categorical_crossentropy", ONE_HOT),
    "function": (keras_losses.sparse_categorical_crossentropy, NUMBERS),
    "partial": (
        functools.partial(
            keras_losses.sparse_categorical_crossentropy, from_logits=True
        ),
        NUMBERS,
    ),
    "object": (
        keras_losses.SparseCategoricalCrossentropy(from_logits=True),
        NUMBERS,
    ),
    "object_without_reduction": (
        keras_losses.CategoricalCrossentropy(from_logits=True, reduction=None),
        ONE_HOT,
    ),
    "examples": (
        lambda y, outputs: tf.nn.sparse_softmax_cross_entropy_with_logits(
            y, outputs
        ),
        NUMBERS,
    ),
    "scalar": (
        lambda y, outputs: tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits(y, outputs)
        ),
        ONE_HOT,
    ),
}


class AsLossTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        (name, *form) for name, form in FORMS.items()
    )
    def test_every_form_is_the_mean_over_examples(self, loss, y):
        loss = as_loss(loss, model())
        self.assertAllClose(
            loss(tf.constant(y), tf.constant(LOGITS)), CROSS_ENTROPY, 1e-5
        )
        self.assertIs(as_loss(loss, model()), loss)
        if loss is not losses.cross_entropy:
            one_hot = y.shape == ONE_HOT.shape
            self.assertEqual(takes_one_hot(loss, 4), one_hot)

    def test_names_take_what_the_model_gives(self):
        softmax = tf.nn.softmax(LOGITS)
        for end in (layers.Softmax(), layers.Lambda(tf.nn.softmax)):
            loss = as_loss("sparse_categorical_crossentropy", model(end))
            self.assertAllClose(loss(NUMBERS, softmax), CROSS_ENTROPY, 1e-5)

    def test_objects_for_the_other_kind_of_outputs_are_refused(self):
        loss = keras_losses.CategoricalCrossentropy
        with self.assertRaisesRegex(
            InputError, r"^loss: .*=False.* ends in logits.*from_logits=True"
        ):
            as_loss(loss(), model())
        with self.assertRaisesRegex(InputError, "ends in probabilities"):
            as_loss(loss(from_logits=True), model(layers.Softmax()))
        self.assertAllClose(
            as_loss(loss(), model(layers.Softmax()))(
                ONE_HOT, tf.nn.softmax(LOGITS)
            ),
            CROSS_ENTROPY,
            1e-5,
        )

    def test_our_functions_stay_themselves(self):
        scaled = functools.partial(losses.mean_absolute_error, scale=2.0)
        for function in (losses.mean_squared_error, scaled):
            self.assertIs(as_loss(function), function)

    @parameterized.parameters(
        "mse", "huber", "mean_absolute_error", keras_losses.LogCosh()
    )
    def test_targets_in_a_row_are_not_broadcast(self, loss):
        loss = as_loss(loss, model())
        y, outputs = LOGITS[:, :1], LOGITS[:, 1:2]
        expected = loss(y, outputs)
        if loss is losses.mean_absolute_error:
            with self.assertRaisesRegex(InputError, "shapes must be equal"):
                loss(y[:, 0], tf.constant(outputs))
        else:
            self.assertAllEqual(loss(y[:, 0], tf.constant(outputs)), expected)
        with self.assertRaisesRegex(InputError, r"\(7, 4\).*\(7, 1\)"):
            loss(LOGITS, tf.constant(outputs))

    @parameterized.named_parameters(
        ("mean", lambda y, outputs: tf.reduce_mean((y - outputs) ** 2)),
        ("values", lambda y, outputs: tf.abs(y - outputs)),
        ("sum", lambda y, outputs: tf.reduce_sum(tf.square(outputs - y))),
    )
    def test_ones_own_function_that_broadcasts_is_refused(self, loss):
        loss = as_loss(loss)
        loss(LOGITS[:, :1], tf.constant(LOGITS[:, :1]))
        with self.assertRaisesRegex(InputError, "broadcast|one value for each"):
            tf.function(loss, autograph=False)(
                tf.constant(LOGITS[:, 0]), tf.constant(LOGITS[:, :1])
            )

    def test_ones_own_function_may_take_a_row(self):
        def loss(y, outputs):
            return tf.reduce_mean((y - outputs[:, 0]) ** 2)

        self.assertAllClose(
            as_loss(loss)(LOGITS[:, 0], tf.constant(LOGITS[:, 1:2])),
            np.square(LOGITS[:, 0] - LOGITS[:, 1]).mean(),
        )

    @parameterized.parameters("crossentropy", 3, keras_losses.Huber)
    def test_others_are_refused(self, loss):
        with self.assertRaisesRegex(InputError, "^loss: "):
            as_loss(loss)


class AsMetricTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("accuracy", NUMBERS),
        ("accuracy", ONE_HOT),
        ("sparse_categorical_accuracy", NUMBERS),
        (lambda y, o: tf.argmax(o, -1, tf.int32) == y, NUMBERS),
    )
    def test_accuracy_of_every_form(self, metric, y):
        metric = as_metric(metric, losses.cross_entropy)
        self.assertAllClose(
            metric(tf.constant(y), tf.constant(LOGITS)),
            (LOGITS.argmax(1) == NUMBERS).mean(),
        )

    def test_the_default_is_the_loss(self):
        loss = as_loss("huber")
        self.assertIs(as_metric(None, loss), loss)

    def test_objects_with_a_state_are_refused(self):
        with self.assertRaisesRegex(InputError, "^metric: .*state"):
            as_metric(keras.metrics.CategoricalAccuracy(), losses.cross_entropy)


class TakesOneHotTest(tf.test.TestCase, parameterized.TestCase):
    def test_several_labels_an_example_are_refused(self):
        for loss in ("binary_crossentropy", "binary_cross_entropy"):
            with self.assertRaisesRegex(InputError, "several labels"):
                takes_one_hot(as_loss(loss, model()), 4)
            self.assertFalse(takes_one_hot(as_loss(loss, model()), 1))

    def test_one_logit(self):
        def column(y, outputs):
            return tf.nn.sigmoid_cross_entropy_with_logits(y, outputs)

        self.assertTrue(takes_one_hot(as_loss(column), 1))

    def test_neither_is_refused(self):
        with self.assertRaisesRegex(InputError, "^loss: strange takes neither"):

            def strange(y, outputs):
                return y["of a dict"]

            takes_one_hot(as_loss(strange), 4)


if __name__ == "__main__":
    tf.test.main()
