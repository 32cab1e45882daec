"""Tests of maml_tf.testing: exact models pass, wrong layers are named."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from keras import layers

# By name, as a user's layer may have it: the scope cannot reach this one.
from tensorflow.nn import moments

import maml_tf
from maml_tf import algorithms, losses
from maml_tf.errors import InputError
from maml_tf.functional.testing import check_meta_gradient

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.arange(8) % 2
SEED = tf.constant([0, 0], tf.int64)


def images(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def words():
    return np.random.default_rng(2).integers(1, 20, (6, 9)).astype("int32")


def normalized(x, mean, variance):
    return (x - mean) * tf.math.rsqrt(variance + 1e-3)


class Captured(layers.Layer):
    """Has taken TensorFlow's moments by name."""

    def call(self, x):
        return normalized(x, *moments(x, [0]))


class Traced(layers.Layer):
    """Computes in a traced function of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.function = tf.function(
            lambda x: normalized(x, *tf.nn.moments(x, [0]))
        )

    def call(self, x):
        return self.function(x)


class TracedWeight(layers.Layer):
    """Reads its weight in a traced function of its own."""

    def build(self, shape):
        self.scale = self.add_weight(
            shape=(shape[-1],), initializer="ones", name="scale"
        )
        self.function = tf.function(lambda x: x * self.scale)

    def call(self, x):
        return self.function(x)


@tf.custom_gradient
def nearly_sine(x):
    """A sine; 3 % of its gradient are a constant to the second derivative."""

    def gradient(dy):
        slope = tf.cos(x)
        return dy * (0.97 * slope + 0.03 * tf.stop_gradient(slope))

    return tf.sin(x), gradient


class NearlySine(layers.Layer):
    def call(self, x):
        return nearly_sine(x)


class Dilation(layers.Layer):
    """Has a first derivative alone."""

    def call(self, x):
        return tf.nn.dilation2d(
            x, tf.zeros([2, 2, 2]), [1] * 4, "SAME", "NHWC", [1] * 4
        )


class Noisy(layers.Layer):
    def call(self, x):
        return x * tf.random.normal(tf.shape(x))


class Subclassed(keras.Model):
    """Calls its layers as it likes, a model among them."""

    def __init__(self, exact=True):
        super().__init__(name="subclassed")
        self.shared = layers.Dense(3, activation="tanh")
        self.norm = layers.BatchNormalization()
        self.inside = network(layers.LayerNormalization())
        self.exact = exact

    def call(self, x, training=None):
        x = self.norm(self.shared(self.shared(x)), training=training)
        if not self.exact:
            x = normalized(x, *moments(x, [0]))
        return self.inside(x)


def network(*between, **options):
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(6, activation="tanh", **options),
            *between,
            layers.Dense(2, name="head"),
        ]
    )


def nested(layer):
    inside = keras.Sequential([keras.Input((6,)), layers.Dense(5), layer])
    return network(inside)


def sequence(layer):
    x = keras.Input((9,), dtype="int32")
    y = layer(layers.Embedding(20, 4, mask_zero=True)(x))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


def two_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    y = layers.concatenate([layers.Dense(3)(a), layers.Dense(3)(b)])
    return keras.Model({"a": a, "b": b}, layers.Dense(2)(layers.ELU()(y)))


def called(model, x=X):
    model(x)
    return model


def networks(name, shape, **options):
    return maml_tf.networks.create(name, shape, 2, **options)


def in_bfloat16(build):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)


EXACT = {
    "mlp": lambda: (network(), X),
    "conv4": lambda: (networks("conv4", (16, 16, 1)), images(6, 16, 16, 1)),
    # Black pixels are on the kink of every ReLU as long as biases are zero.
    "black images": lambda: (
        networks("conv4", (16, 16, 1)),
        images(6, 16, 16, 1) * (np.arange(16) > 7)[:, None],
    ),
    "bfloat16": lambda: (
        in_bfloat16(lambda: networks("conv4", (16, 16, 1))),
        images(6, 16, 16, 1),
    ),
    "resnet": lambda: (networks("resnet", (16, 16, 3)), images(4, 16, 16, 3)),
    "text_cnn": lambda: (
        networks("text_cnn", (9,), vocabulary_size=20),
        words(),
    ),
    "text_transformer": lambda: (
        networks("text_transformer", (9,), vocabulary_size=20),
        words(),
    ),
    "lstm": lambda: (sequence(layers.LSTM(3)), words()),
    "layer norm and dropout": lambda: (
        network(layers.LayerNormalization(), layers.Dropout(0.3)),
        X,
    ),
    "unit norm": lambda: (network(layers.UnitNormalization()), X),
    "group norm": lambda: (
        keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(4, 3),
                layers.GroupNormalization(2),
                layers.MaxPooling2D(3, 2),
                layers.ReLU(),
                layers.Flatten(),
                layers.Dense(2),
            ]
        ),
        images(6, 8, 8, 3),
    ),
    "subclassed": lambda: (called(Subclassed()), X),
    "two inputs": lambda: (two_inputs(), {"a": X, "b": images(8, 4)}),
}


class ExactTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*EXACT)
    def test_exact(self, name):
        keras.utils.set_random_seed(3)
        model, x = EXACT[name]()
        before = [v.numpy() for v in model.variables]
        examples = len(tf.nest.flatten(x)[0])
        check = check_meta_gradient(
            model, losses.cross_entropy, x, np.arange(examples) % 2
        )
        self.assertTrue(check.exact)
        self.assertLess(check.relative_error, 1e-6)
        self.assertEqual(check.precision, "float64")
        self.assertEmpty(check.layers)
        self.assertRegex(
            str(check), r"^The meta-gradient is exact: .* in float64 agree to "
        )
        for variable, value in zip(model.variables, before):
            self.assertAllEqual(variable, value)

    def test_the_public_name(self):
        self.assertIs(maml_tf.testing.check_meta_gradient, check_meta_gradient)

    def test_other_losses_and_lists_of_numbers(self):
        for loss in (
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            lambda y, outputs: tf.reduce_sum(outputs),
        ):
            check = check_meta_gradient(network(), loss, X.tolist(), Y.tolist())
            self.assertTrue(check.exact)


class WrongTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (Captured, lambda layer: network(layer), 0.01),
        (Traced, lambda layer: called(network(layer)), 0.01),
        (NearlySine, lambda layer: network(layer), 0.001),
        (
            Captured,
            lambda layer: in_bfloat16(lambda: nested(layer)),
            0.01,
        ),
    )
    def test_the_layer_is_named(self, kind, build, least):
        keras.utils.set_random_seed(3)
        model = build(kind(name="theirs"))
        before = [v.numpy() for v in model.variables]
        calls = [vars(layer).get("call") for layer in model.layers]
        with self.assertRaisesRegex(
            InputError,
            rf"^model: layer 'theirs' \({kind.__name__}\): its second"
            r" derivative is wrong by [\d.]+ %\. Write it with keras.ops, ",
        ):
            check_meta_gradient(model, losses.cross_entropy, X, Y)
        check = check_meta_gradient(
            model, losses.cross_entropy, X, Y, raises=False
        )
        self.assertFalse(check.exact)
        self.assertGreater(check.relative_error, least)
        self.assertGreater(check.layers["theirs"], least)
        self.assertLess(check.layers["head"], 1e-6)
        for variable, value in zip(model.variables, before):
            self.assertAllEqual(variable, value)
        for layer, call in zip(model.layers, calls):
            self.assertIs(vars(layer).get("call"), call)

    def test_the_size_of_the_error(self):
        # Of the layer's own second derivative, -sin, 3 % are missing.
        keras.utils.set_random_seed(3)
        model = network(NearlySine(name="theirs"))
        check = check_meta_gradient(
            model, losses.cross_entropy, X, Y, raises=False
        )
        self.assertBetween(check.layers["theirs"], 0.003, 0.03)

    def test_a_weight_that_does_not_adapt(self):
        model = called(network(TracedWeight(name="theirs")))
        with self.assertRaisesRegex(
            InputError, "^model: .*/theirs/scale' is read in a function that"
        ):
            check_meta_gradient(model, losses.cross_entropy, X, Y)

    def test_no_second_derivative(self):
        model = keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                layers.Conv2D(2, 3),
                Dilation(name="larger"),
                layers.ReLU(),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
        check = check_meta_gradient(
            model, losses.cross_entropy, images(4, 4, 4, 1), Y[:4], raises=False
        )
        self.assertEqual(check.relative_error, np.inf)
        self.assertRegex(
            str(check),
            r"^model: layer 'larger' \(Dilation\): it has no second derivative"
            r" \(TensorFlow has no gradient for Dilation2DBackprop",
        )

        learner = maml_tf.Learner(model, inner_learning_rate=0.1)

        def episodes():
            while True:
                yield (images(4, 4, 4, 1), Y[:4]) * 2

        with self.assertRaisesRegex(
            InputError,
            r"^model: layer 'larger' \(Dilation\): it has no second .*"
            r"Dilation2DBackprop.*or adapt in first order \(fomaml\)\.$",
        ):
            learner.meta_train(episodes, 1, progress=False)
        # Directly, and in a graph, where no values are at hand.
        maml = algorithms.create("maml", model, losses.cross_entropy)
        batch = tf.constant(images(4, 4, 4, 1)), tf.constant(Y[:4])
        arguments = maml.theta(), maml_tf.Episode(*batch, *batch), SEED
        with self.assertRaisesRegex(InputError, "^model: layer 'larger' .*2D"):
            maml.meta_gradient(*arguments)
        with self.assertRaisesRegex(
            InputError, "^model: TensorFlow has no gradient for Dilation2DBack"
        ):
            tf.function(maml.meta_gradient, autograph=False)(*arguments)
        first_order = maml_tf.Learner(model, "fomaml", inner_learning_rate=0.1)
        first_order.meta_train(episodes, 1, progress=False)

    def test_outside_of_layers(self):
        model = called(Subclassed(exact=False))
        with self.assertRaisesRegex(
            InputError,
            r"^model: the `call` of 'subclassed' \(Subclassed\), outside of",
        ):
            check_meta_gradient(model, losses.cross_entropy, X, Y)

    def test_the_loss(self):
        def loss(y, outputs):
            outputs = normalized(outputs, *moments(outputs, [0]))
            return losses.cross_entropy(y, tf.sin(outputs))

        with self.assertRaisesRegex(InputError, "^loss: its second derivative"):
            check_meta_gradient(network(), loss, X, Y)

    def test_what_cannot_be_checked(self):
        with self.assertRaisesRegex(InputError, "^loss: 'mse' was given; it"):
            check_meta_gradient(network(), "mse", X, Y)
        with self.assertRaisesRegex(InputError, "^loss: it or its first"):
            check_meta_gradient(network(), losses.cross_entropy, X * np.nan, Y)
        with self.assertRaisesRegex(InputError, "^model: two calls with the"):
            check_meta_gradient(network(Noisy()), losses.cross_entropy, X, Y)


class MetaTrainTest(tf.test.TestCase):
    def episodes(self):
        for number in range(100):
            yield X + number, Y, X - number, Y

    def learner(self, *between):
        keras.utils.set_random_seed(3)
        return maml_tf.Learner(
            network(*between), "maml", inner_learning_rate=0.1, inner_steps=1
        )

    def test_a_wrong_model_is_not_trained(self):
        learner = self.learner(Captured(name="theirs"))
        before = learner.model.get_weights()
        folder = self.create_tempdir().full_path + "/run"
        with self.assertRaisesRegex(InputError, "layer 'theirs'"):
            learner.meta_train(self.episodes, 2, workdir=folder, check=True)
        self.assertAllEqual(before[0], learner.model.get_weights()[0])
        self.assertFalse(tf.io.gfile.exists(folder))

    def test_training_is_the_same_with_a_check(self):
        weights = []
        for check in (False, True):
            learner = self.learner()
            learner.meta_train(self.episodes, 2, progress=False, check=check)
            weights.append(learner.model.get_weights())
        for one, other in zip(*weights, strict=True):
            self.assertAllEqual(one, other)

    def test_policies_are_refused(self):
        with self.assertRaisesRegex(InputError, "^check: True was given; only"):
            maml_tf.meta_train(object(), 1, self.get_temp_dir(), check=True)


if __name__ == "__main__":
    tf.test.main()
