"""Tests of maml_tf/functional/output_graph.py."""

import keras
import tensorflow as tf
from absl.testing import parameterized
from keras import layers, ops

from maml_tf.errors import InputError
from maml_tf.functional.output_graph import ends_in_probabilities
from maml_tf.learner.checks import check_logits


def written_out(x):
    """A softmax without the operation of that name."""
    weights = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
    return weights / tf.reduce_sum(weights, -1, keepdims=True)


def shares(x):
    """Not negative, but their sum is another."""
    return 2.0 * written_out(x)


def network(*end):
    return keras.Sequential([keras.Input((3,)), layers.Dense(4), *end])


def nested(*end):
    inputs = keras.Input((3,))
    return keras.Model(inputs, network(*end)(inputs))


class Subclassed(keras.Model):
    def __init__(self, end):
        super().__init__()
        self.dense, self.end = layers.Dense(4), end

    def call(self, x):
        return self.end(self.dense(x))


class Own(layers.Layer):
    """A layer whose class of Keras says nothing of its end."""

    def __init__(self, end):
        super().__init__()
        self.dense, self.end = layers.Dense(4), end

    def call(self, x):
        return self.end(self.dense(x))


def called(model):
    model(tf.zeros([2, 3]))
    return model


# Ways to end a network in a function.
FORMS = {
    "a nested model": lambda end: nested(layers.Activation(end)),
    "twice nested": lambda end: keras.Sequential(
        [keras.Input((3,)), nested(layers.Activation(end))]
    ),
    "a lambda": lambda end: network(layers.Lambda(lambda x: end(x))),
    "an activation": lambda end: network(layers.Dense(4, activation=end)),
    "an activation layer": lambda end: network(layers.Activation(end)),
    "a subclass": lambda end: called(Subclassed(end)),
    "a layer": lambda end: network(Own(end)),
    "a reshaped end": lambda end: network(
        layers.Activation(end), layers.Reshape((4,))
    ),
}
ENDS = {
    "ops.softmax": (ops.softmax, True),
    "written out": (written_out, True),
    "sigmoid": (keras.activations.sigmoid, True),
    "ops.relu": (ops.relu, False),
    "ops.log_softmax": (ops.log_softmax, False),
    "shares": (shares, False),
}


def network_of_four():
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(2), layers.Softmax()]
    )


class EndsInProbabilitiesTest(tf.test.TestCase, parameterized.TestCase):
    def assertEnd(self, model, expected):
        self.assertEqual(ends_in_probabilities(model), expected)
        if expected:
            with self.assertRaisesRegex(InputError, "^model: .* softmax or"):
                check_logits(model)
        else:
            check_logits(model)

    @parameterized.product(form=tuple(FORMS), end=tuple(ENDS))
    def test_every_form(self, form, end):
        function, expected = ENDS[end]
        self.assertEnd(FORMS[form](function), expected)

    def test_a_call_of_functions(self):
        for function, expected in (
            (ops.softmax, True),
            (ops.sigmoid, True),
            (ops.log_softmax, False),
        ):
            inputs = keras.Input((3,))
            outputs = function(layers.Dense(4)(inputs))
            self.assertEnd(keras.Model(inputs, outputs), expected)

    @parameterized.parameters(
        (lambda: network(layers.Activation("softmax")), True),
        (lambda: network(layers.Dense(4, activation="softmax")), True),
        (lambda: network(layers.Dense(1, activation="sigmoid")), True),
        (lambda: nested(layers.Dense(4, activation="softmax")), True),
        (lambda: nested(layers.Softmax()), True),
        (
            lambda: network(
                layers.Lambda(lambda x: keras.activations.get("softmax")(x))
            ),
            True,
        ),
        (lambda: called(Subclassed(layers.Softmax())), True),
        (lambda: called(Subclassed(network_of_four())), True),
        (lambda: network(layers.Softmax(), layers.Dense(4)), False),
        (lambda: nested(layers.Dense(4, activation="tanh")), False),
        (lambda: called(Subclassed(layers.Dense(4))), False),
    )
    def test_by_name_and_layer(self, make, expected):
        self.assertEnd(make(), expected)


if __name__ == "__main__":
    tf.test.main()
