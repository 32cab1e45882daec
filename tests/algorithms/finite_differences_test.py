"""The meta-gradient through two inner steps against finite differences.

They are computed in float64, for the layers that people use. Every network is
smooth; max-pooling has kinks, but not within 1e-5 of random points.
"""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms
from maml_tf.episodes.class_pool import Episode

SEED = (1, 2)
STEP = 1e-5
EXAMPLES = 4


class Float64:
    """`keras.layers`, all of them in float64."""

    def __getattr__(self, name):
        layer = getattr(keras.layers, name)
        return lambda *args, **options: layer(*args, dtype="float64", **options)


layers = Float64()


def image():
    """The input of a network of small images."""
    return keras.Input((8, 8, 1), dtype="float64")


def sequence():
    """The input of a network of short sequences of features."""
    return keras.Input((4, 3), dtype="float64")


def tokens():
    """The input of a network of short texts: numbers of words below 6."""
    return keras.Input((4,), dtype="int32")


def head(x, y):
    """The model from `x` to two outputs."""
    return keras.Model(x, layers.Dense(2, name="head")(y))


def mlp():
    """Dense layers."""
    x = keras.Input((3,), dtype="float64")
    y = layers.Dense(5, activation="tanh")(x)
    return head(x, layers.Dense(4, activation="tanh")(y))


def convolution():
    """Convolution with stride and batch normalisation, twice."""
    x = y = image()
    for _ in range(2):
        y = layers.Conv2D(3, 3, strides=2, padding="same")(y)
        y = layers.Activation("tanh")(layers.BatchNormalization()(y))
    return head(x, layers.GlobalAveragePooling2D()(y))


def max_pooling():
    """Convolution and max-pooling."""
    x = image()
    y = layers.Conv2D(3, 3, activation="tanh")(x)
    y = layers.MaxPooling2D(2)(y)
    return head(x, layers.Flatten()(y))


def gru():
    """A GRU over features."""
    x = sequence()
    return head(x, layers.GRU(3)(x))


def lstm():
    """An LSTM over an embedding; word 0 is padding that it skips."""
    x = tokens()
    y = layers.Embedding(6, 3, mask_zero=True)(x)
    return head(x, layers.LSTM(3)(y))


def attention():
    """Attention over an embedding, which has a sparse gradient."""
    x = tokens()
    y = layers.Embedding(6, 4)(x)
    y = layers.Add()([y, layers.MultiHeadAttention(2, 2)(y, y)])
    return head(x, layers.GlobalAveragePooling1D()(y))


def shared():
    """A layer that is used twice."""
    x = keras.Input((3,), dtype="float64")
    twice = layers.Dense(3, activation="tanh")
    return head(x, twice(twice(x)))


def nested():
    """A model within a model, with batch normalisation inside, used twice."""
    block = keras.Sequential(
        [
            keras.Input((3,), dtype="float64"),
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
        ]
    )
    x = keras.Input((3,), dtype="float64")
    return head(x, block(block(x)))


def frozen():
    """A frozen layer between others."""
    x = keras.Input((3,), dtype="float64")
    y = layers.Dense(4, activation="tanh")(x)
    y = layers.Dense(4, activation="tanh", trainable=False, name="frozen")(y)
    return head(x, y)


def layer_norm():
    """Layer normalisation."""
    x = keras.Input((3,), dtype="float64")
    y = layers.LayerNormalization()(layers.Dense(4)(x))
    return head(x, layers.Activation("tanh")(y))


def group_norm():
    """Group normalisation."""
    x = image()
    y = layers.GroupNormalization(2)(layers.Conv2D(4, 3, strides=3)(x))
    return head(x, layers.Flatten()(layers.Activation("tanh")(y)))


def dropout():
    """Dropout; its masks follow from the task's seed."""
    x = keras.Input((3,), dtype="float64")
    y = layers.Dense(8, activation="tanh")(x)
    return head(x, layers.Dropout(0.5)(y))


MODELS = {
    model.__name__: model
    for model in (
        mlp,
        convolution,
        max_pooling,
        gru,
        lstm,
        attention,
        shared,
        nested,
        frozen,
        layer_norm,
        group_norm,
        dropout,
    )
}


def random_episode(model):
    """An episode of an input that suits the model, to be classified."""
    generator = np.random.default_rng(0)
    shape = [EXAMPLES, *model.input_shape[1:]]

    def draw():
        if model.inputs[0].dtype == "int32":
            # Few words, so that they are repeated.
            x = generator.integers(0, 6, shape)
            return tf.constant(x, tf.int32)
        return tf.constant(generator.normal(size=shape))

    y = tf.constant([0, 1, 1, 0])
    return Episode(draw(), y, draw(), 1 - y)


def cross_entropy(y, outputs):
    """Cross-entropy in the dtype of the outputs, unlike the library's."""
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(y, outputs)
    )


def randomized(create):
    """The model with weights that depend on nothing but its shapes."""
    model = create()
    generator = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0.2, 0.6, variable.shape))
    return model


class FiniteDifferencesTest(tf.test.TestCase, parameterized.TestCase):
    def contribution(self, name, model, **options):
        """A compiled function from θ to the task's `MetaGradient`."""
        algorithm = algorithms.create(
            name,
            model,
            cross_entropy,
            inner_steps=2,
            inner_learning_rate=0.5,
            **options,
        )
        episode = random_episode(model)
        return algorithm.theta(), tf.function(
            lambda theta: algorithm.meta_gradient(
                theta, episode, tf.constant(SEED)
            ),
            # Converting the library's code takes seconds, and the outer step
            # does not either.
            autograph=False,
        )

    def assert_exact(self, contribution, theta, gradient):
        """Compares slopes along random directions."""
        generator = np.random.default_rng(2)
        for _ in range(3):
            direction = [generator.normal(size=w.shape) for w in theta]
            ends = [
                contribution(
                    [
                        w + sign * STEP * d
                        for w, d in zip(theta, direction, strict=True)
                    ]
                ).loss.numpy()
                for sign in (1, -1)
            ]
            slope = sum(
                np.sum(g.numpy() * d)
                for g, d in zip(gradient, direction, strict=True)
            )
            self.assertAllClose(
                slope, (ends[0] - ends[1]) / (2 * STEP), rtol=2e-6, atol=1e-9
            )

    @parameterized.named_parameters(*MODELS.items())
    def test_maml(self, create):
        model = randomized(create)
        theta, maml = self.contribution("maml", model)
        result = maml(theta)
        self.assertLen(result.gradient, len(model.trainable_variables))
        self.assert_exact(maml, theta, result.gradient)

        _, fomaml = self.contribution("fomaml", model)
        first_order = fomaml(theta)
        self.assertAllClose(first_order.loss, result.loss, rtol=1e-12)
        difference, size = (
            np.sqrt(sum(np.sum(g.numpy() ** 2) for g in vector))
            for vector in (
                [
                    a - b
                    for a, b in zip(
                        first_order.gradient, result.gradient, strict=True
                    )
                ],
                result.gradient,
            )
        )
        # A thousand times the tolerance of the finite differences.
        self.assertGreater(difference, 2e-3 * size)

    @parameterized.parameters("inductive", "moving")
    def test_maml_in_other_batch_norm_modes(self, mode):
        theta, maml = self.contribution(
            "maml", randomized(convolution), batch_norm=mode
        )
        self.assert_exact(maml, theta, maml(theta).gradient)

    @parameterized.parameters("anil", "boil")
    def test_algorithms_that_adapt_a_part(self, name):
        theta, contribution = self.contribution(name, randomized(mlp))
        gradient = contribution(theta).gradient
        self.assert_exact(contribution, theta, gradient)

    def test_frozen_weights_are_constants(self):
        model = randomized(frozen)
        before = [v.numpy() for v in model.get_layer("frozen").variables]
        theta, maml = self.contribution("maml", model)
        gradient = maml(theta).gradient
        self.assertEqual(
            [g.shape for g in gradient], [(3, 4), (4,), (4, 2), (2,)]
        )
        for old, variable in zip(
            before, model.get_layer("frozen").variables, strict=True
        ):
            self.assertAllEqual(old, variable)


if __name__ == "__main__":
    tf.test.main()
