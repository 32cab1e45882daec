"""Layers keep what they know, through adapt, save, load and export."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from keras import layers

import maml_tf
from tests.helpers.keras_layers import RECIPES, inputs, network

NUMBERS = 1000.0 + 50.0 * np.random.default_rng(0).normal(size=(8, 3))
NUMBERS = NUMBERS.astype("float32")
WORDS = np.array([["red blue"], ["blue"], ["green"], ["red"]] * 2)
VALUES = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def adapted(layer, x):
    layer.adapt(x)
    return layer


def with_lora(layer, shape=(3,)):
    layer.build((None, *shape))
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(tf.ones_like(layer.lora_kernel_b))
    return layer


def numbers(*between):
    return keras.Sequential(
        [keras.Input((3,)), *between, layers.Dense(2, name="head")]
    )


def words(*between):
    return keras.Sequential(
        [keras.Input((1,), dtype="string"), *between, layers.Dense(2)]
    )


def lookup(**options):
    return adapted(layers.StringLookup(**options), np.array(["red", "blue"]))


def vectorization(**options):
    return adapted(layers.TextVectorization(**options), WORDS[:, 0])


class Doubling(layers.Layer):
    """Derives a constant from its weight when that is loaded."""

    def build(self, shape):
        self.scale = self.add_weight(
            name="scale", shape=(), initializer="ones", trainable=False
        )
        self.factor = 2.0

    def call(self, x):
        return x / (1000.0 * self.factor)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.factor = 2.0 * float(self.scale.numpy())


def doubling():
    model = numbers(Doubling())
    model.layers[0].scale.assign(5.0)
    model.layers[0].factor = 10.0
    return model


def spectral():
    return numbers(
        layers.Rescaling(1e-3), layers.SpectralNormalization(layers.Dense(4))
    )


STATEFUL = {
    "Normalization": lambda: numbers(adapted(layers.Normalization(), NUMBERS)),
    "within a model": lambda: numbers(
        keras.Sequential(
            [
                keras.Input((3,)),
                adapted(layers.Normalization(), NUMBERS),
                layers.Rescaling(0.5),
            ]
        )
    ),
    "BatchNormalization": lambda: numbers(layers.BatchNormalization()),
    "SpectralNormalization": spectral,
    "Discretization": lambda: numbers(
        adapted(
            layers.Discretization(num_bins=4, output_mode="one_hot"), NUMBERS
        ),
        layers.Flatten(),
    ),
    "IntegerLookup": lambda: numbers(
        layers.Rescaling(1.0, dtype="float32"),
        adapted(
            layers.IntegerLookup(output_mode="multi_hot"),
            NUMBERS.astype("int64"),
        ),
    ),
    "StringLookup": lambda: words(
        lookup(), layers.Embedding(8, 4), layers.Flatten()
    ),
    "StringLookup in one hot": lambda: words(lookup(output_mode="multi_hot")),
    "TextVectorization": lambda: words(
        vectorization(output_sequence_length=4),
        layers.Embedding(8, 4),
        layers.GlobalAveragePooling1D(),
    ),
    "tf-idf": lambda: words(
        vectorization(output_mode="tf_idf"), layers.Flatten()
    ),
    "Dense with LoRA": lambda: numbers(with_lora(layers.Dense(4, "tanh"))),
    "a class of one's own": doubling,
}


QUICK = ("Normalization", "TextVectorization")


def learner_of(model, **options):
    return maml_tf.Learner(
        model,
        task="regression",
        batch_norm="moving",
        inner_learning_rate=0.01,
        **options,
    )


class ZeroStepsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*QUICK)
    def test_outputs_stay(self, name):
        self.check_stateful(name)

    @parameterized.parameters(*[n for n in STATEFUL if n not in QUICK])
    @pytest.mark.slow
    def test_outputs_of_further_layers_stay(self, name):
        self.check_stateful(name)

    def check_stateful(self, name):
        keras.utils.set_random_seed(1)
        model = STATEFUL[name]()
        for variable in model.variables:
            # Statistics and weights as after some training.
            if "moving" in variable.path:
                variable.assign(variable * 0.5 + 500.0)
        x = NUMBERS if model.input_shape == (None, 3) else WORDS
        self.check(model, x, VALUES)

    @parameterized.parameters("vector", "sequence", "whole numbers", "words")
    @pytest.mark.slow
    def test_every_layer(self, kind):
        keras.utils.set_random_seed(1)
        names = [n for n, r in RECIPES.items() if r.kind == kind]
        # The recipes that contain a function cannot be copied from a file.
        names = [n for n in names if n != "Lambda"]
        self.check(network(kind, names), inputs(kind), VALUES[:4])

    def check(self, model, x, y):
        learner = learner_of(model)
        expected = model(tf.constant(x), training=False)
        # A folder's code is never run, so classes of one's own are named.
        own = {Doubling.__name__: Doubling}
        with keras.saving.custom_object_scope(own):
            folder = self.create_tempdir().full_path
            adapted = learner.adapt(x, y, steps=0)
            self.assertAllClose(adapted.outputs(x), expected, 1e-6, 1e-6)
            adapted.save(f"{folder}/adapted.keras")
            again = maml_tf.AdaptedModel.load(f"{folder}/adapted.keras")
            self.assertAllClose(again.outputs(x), expected, 1e-6, 1e-6)
            learner.save(f"{folder}/learner")
            loaded = maml_tf.load(f"{folder}/learner")
        self.assertAllClose(
            loaded.adapt(x, y, steps=0).outputs(x), expected, 1e-6, 1e-6
        )
        # They go on to learn the same.
        self.assertAllClose(
            loaded.adapt(x, y, steps=1).outputs(x),
            learner.adapt(x, y, steps=1).outputs(x),
            1e-5,
            1e-5,
        )
        saved = tf.saved_model.load(
            maml_tf.export(loaded, f"{folder}/saved", steps=0)
        )
        answer = saved.signatures["adapt_and_predict"](
            support_x=tf.constant(x),
            support_y=tf.constant(y),
            query_x=tf.constant(x),
        )
        self.assertAllClose(answer["values"], expected, 1e-5, 1e-5)


class KnowledgeTest(tf.test.TestCase):
    def test_a_new_head(self):
        """The body of a network with another head knows the same."""
        learner = maml_tf.Learner(
            keras.Sequential(
                [
                    keras.Input((3,)),
                    adapted(layers.Normalization(), NUMBERS),
                    layers.Dense(3),
                ]
            ),
            batch_norm="moving",
        )
        outputs = learner.model(NUMBERS)
        model = learner.adapt(NUMBERS, np.arange(8) % 2, steps=0)
        self.assertAllClose(
            model.outputs(NUMBERS), tf.nn.softmax(outputs[:, :2])
        )

    def test_adapters_learn_on_after_loading(self):
        learner = learner_of(STATEFUL["Dense with LoRA"]())
        folder = self.create_tempdir().full_path
        learner.save(folder)
        loaded = maml_tf.load(folder)
        for one, other in zip(
            learner.model.variables, loaded.model.variables, strict=True
        ):
            self.assertEqual(one.trainable, other.trainable)
            if not one.path.endswith("seed_generator_state"):
                self.assertAllEqual(one, other)

    def test_spectral_normalization(self):
        """Meta-trained and adapted kernels have a singular value of 1."""
        keras.utils.set_random_seed(1)
        learner = learner_of(spectral(), steps=5)

        def episodes():
            while True:
                yield NUMBERS, VALUES, NUMBERS, VALUES

        def largest(model):
            kernel = next(
                v for v in model.trainable_variables if v.shape == (3, 4)
            )
            return np.linalg.svd(kernel.numpy())[1][0]

        learner.meta_train(episodes, 30, progress=False)
        self.assertNear(largest(learner.model), 1.0, 1e-3)
        network = learner.adapt(NUMBERS, VALUES).keras_model
        self.assertNear(largest(network), 1.0, 1e-3)


if __name__ == "__main__":
    tf.test.main()
