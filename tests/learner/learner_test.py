"""Tests of maml_tf/learner/learner.py."""

import json
import os
import pathlib
import shutil
import tempfile
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import DivergenceError, InputError, Learner, losses, networks
from maml_tf.datasets import text
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.learner import head
from tests.helpers.pictures import noise
from tests.helpers.scripts import SMALL, finish, start

layers = keras.layers

TEXTS = [
    "play some music",
    "what is the weather",
    "play a song",
    "is it raining now",
    "music please",
    "weather in town",
]


def images(number, seed=0, size=20, channels=1):
    return np.stack(
        [noise(seed + i, size, size, channels) for i in range(number)]
    )


def numbers(number, width=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(number, width)).astype(np.float32)


def conv4(outputs=3, channels=1):
    return networks.create(
        "conv4", (16, 16, channels), outputs, seed=0, filters=4
    )


def small_images(channels=1):
    return image_preparation((16, 16, channels))


def words():
    return text.fit_preparation(TEXTS, 30, 6)


def mlp(*inner, outputs=3):
    return keras.Sequential([keras.Input((3,)), *inner, layers.Dense(outputs)])


# By name: network, preparation, raw examples.
NETWORKS = {
    "conv4": lambda: (conv4(), small_images(), images(6)),
    "resnet": lambda: (
        networks.create("resnet", (32, 32, 3), 3, seed=0, filters=(2,) * 4),
        image_preparation((32, 32, 3)),
        images(6, channels=3),
    ),
    "text_cnn": lambda: (
        networks.create(
            "text_cnn",
            (6,),
            3,
            seed=0,
            vocabulary_size=30,
            filters=4,
            embedding_width=6,
        ),
        words(),
        TEXTS,
    ),
    "text_transformer": lambda: (
        networks.create(
            "text_transformer",
            (6,),
            3,
            seed=0,
            vocabulary_size=30,
            embedding_width=8,
            heads=2,
        ),
        words(),
        TEXTS,
    ),
    "mlp": lambda: (
        networks.create("mlp", (3,), 3, seed=0, widths=(8,)),
        None,
        numbers(6),
    ),
}
LABELS = ["cat", "ant", "dog", "cat", "ant", "dog"]
NUMBERS = [1, 0, 2, 1, 0, 2]  # Of the names, sorted.


def learner(model=None, **options):
    options = {"inner_learning_rate": 0.1, "inner_steps": 2} | options
    return Learner(model or mlp(layers.Dense(4)), **options)


def direct(learner_, support_x, y, steps, query_x, batch_norm="inductive"):
    """Outputs of the algorithm's own inner loop, inputs being the network's."""
    algorithm = learner_.with_outputs(
        learner_.outputs
        if learner_.task == "regression"
        else len(np.unique(y)),
        batch_norm=batch_norm,
    )
    loop = algorithm.inner_loop
    adaptation = loop.adapt(
        algorithm.theta(),
        support_x,
        tf.constant(y),
        steps,
        seed=tf.constant([0, 0], tf.int64),
    )
    return loop.predict(
        adaptation.phi[-1], adaptation.state, query_x, support_x
    )


class OwnLayer(layers.Layer):
    def __init__(self, width=4, **options):
        super().__init__(**options)
        self.width = width

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.width))

    def call(self, inputs):
        return tf.tanh(inputs @ self.kernel)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def own_activation(x):
    return tf.sin(x)


class SecretiveLayer(layers.Layer):
    """A layer without a configuration to make it again from."""

    def __init__(self, width):
        super().__init__()
        self.dense = layers.Dense(width)

    def call(self, inputs):
        return self.dense(inputs)


class OwnModel(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.body, self.top = layers.Dense(4, "relu"), layers.Dense(3)

    def call(self, inputs):
        return self.top(self.body(inputs))


def shared():
    inputs, dense = keras.Input((3,)), layers.Dense(3)
    x = dense(layers.ReLU()(dense(inputs)))
    return keras.Model(inputs, layers.Dense(3)(x))


def nested():
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()]
    )
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(3)(inner(inputs)))


def nested_head():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    inputs = keras.Input((3,))
    return keras.Model(inputs, inner(layers.Dense(4)(inputs)))


def frozen(index):
    model = mlp(layers.Dense(4), layers.BatchNormalization())
    model.layers[index].trainable = False
    return model


def own_model_inside():
    inputs = keras.Input((3,))
    return keras.Model(inputs, OwnModel()(inputs))


USERS = {
    "shared": shared,
    "nested": nested,
    "nested_head": nested_head,
    "frozen_layer": lambda: frozen(0),
    "frozen_normalization": lambda: frozen(1),
    "dropout": lambda: mlp(layers.Dense(8), layers.Dropout(0.5)),
    "own_layer": lambda: mlp(OwnLayer()),
    "named_as_ours": lambda: keras.Sequential(
        [keras.Input((3,), name="image"), layers.Dense(3)], name="probabilities"
    ),
}


class AdaptTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        network=tuple(NETWORKS), batch_norm=("transductive", "moving")
    )
    def test_outputs_are_those_of_the_inner_loop(self, network, batch_norm):
        model, preparation, x = NETWORKS[network]()
        one = learner(model, preparation=preparation, batch_norm=batch_norm)
        before = model.get_weights()
        adapted = one.adapt(x, LABELS, steps=3)
        expected = tf.nn.softmax(
            direct(
                one,
                one.prepare(x),
                NUMBERS,
                3,
                one.prepare(x[:2]),
                "moving" if batch_norm == "moving" else "inductive",
            )
        )
        self.assertAllClose(adapted.outputs(x[:2]), expected, 1e-5, 1e-5)
        for value, now in zip(before, model.get_weights(), strict=True):
            self.assertAllEqual(value, now)

    @parameterized.product(way=(2, 3, 5), new_outputs=("drawn", "zero"))
    def test_other_numbers_of_classes(self, way, new_outputs):
        model = conv4()
        generator = np.random.default_rng(0)
        for variable in model.trainable_variables:
            variable.assign(generator.normal(size=variable.shape) * 0.3)
        one = learner(
            model,
            preparation=small_images(),
            new_outputs=new_outputs,
        )
        x, y = images(2 * way), np.arange(2 * way) % way
        at_first = one.adapt(x, y, steps=0).outputs(x)
        if new_outputs == "zero":
            self.assertAllClose(at_first, np.full((2 * way, way), 1 / way))
        else:
            larger = head.with_outputs(model, way)
            head.copy_weights(model, larger)
            network = maml_tf.FunctionalModel(larger)
            logits, _ = network(
                network.theta(),
                network.state(),
                one.prepare(x),
                training=False,
                batch_statistics=True,
            )
            self.assertAllClose(at_first, tf.nn.softmax(logits), 1e-4, 1e-4)
        adapted = one.adapt(x, y)
        inputs = one.prepare(x)
        expected = tf.nn.softmax(direct(one, inputs, y, 2, inputs))
        self.assertAllClose(adapted.outputs(x), expected, 1e-5, 1e-5)

    def test_more_classes_are_refused_where_the_head_does_not_adapt(self):
        for options in ({"algorithm": "boil"}, {"adapts": "body"}):
            one = learner(**options)
            one.adapt(numbers(4), [0, 1, 0, 1])
            with self.assertRaisesRegex(InputError, "^way: 4 .* at most 3"):
                one.adapt(numbers(4), [0, 1, 2, 3])

    def test_many_classes_many_examples_many_steps(self):
        one = learner(inner_steps=1)
        adapted = one.adapt(numbers(60), [f"c{i:02}" for i in range(60)])
        self.assertLen(adapted.labels, 60)
        self.assertEqual(adapted.outputs(numbers(2)).shape, (2, 60))
        adapted = one.adapt(numbers(300), np.arange(300) % 2, steps=20)
        self.assertLen(adapted.history["loss"], 21)

    def test_regression_in_units_of_its_own(self):
        generator = np.random.default_rng(0)
        x = numbers(8)
        y = generator.normal(size=(8, 2)) * [10, 0.1] + [500, -3]
        one = learner(
            mlp(layers.Dense(8, "tanh"), outputs=2),
            task="regression",
            target_mean=np.array([500, -3]),
            target_deviation=np.array([10, 0.1]),
        )
        adapted = one.adapt(x, y, steps=5)
        standardised = ((y - [500, -3]) / [10, 0.1]).astype(np.float32)
        expected = direct(one, x, standardised, 5, x).numpy()
        expected = expected * [10, 0.1] + [500, -3]
        self.assertAllClose(adapted.predict(x), expected, 1e-5, 1e-4)
        errors = adapted.predict(x) - y
        self.assertAllClose(
            adapted.evaluate(x, y.tolist()),
            {"mse": np.square(errors).mean(), "mae": np.abs(errors).mean()},
            1e-4,
        )
        self.assertLess(adapted.history["mse"][-1], adapted.history["mse"][0])
        self.assertIsNone(adapted.labels)

    def test_one_target_may_do_without_an_axis(self):
        one = learner(mlp(outputs=1), task="regression")
        y = [1.0, 2.0, 3.0]
        expected = one.adapt(numbers(3), np.array(y)[:, np.newaxis])
        self.assertAllEqual(
            one.adapt(numbers(3), y).predict(numbers(3)),
            expected.predict(numbers(3)),
        )

    def test_history_is_the_course_of_evaluate(self):
        one = learner()
        x, others = numbers(6), numbers(4, seed=9)
        y = ["ant", "dog", "cat", "cat"]
        adapted = one.adapt(x, LABELS, steps=3, validation_data=(others, y))
        courses = [one.adapt(x, LABELS, steps=k) for k in range(4)]
        for name in ("loss", "accuracy"):
            self.assertAllClose(
                adapted.history[name],
                [course.evaluate(x, LABELS)[name] for course in courses],
            )
            self.assertAllClose(
                adapted.history[f"val_{name}"],
                [course.evaluate(others, y)[name] for course in courses],
            )
        self.assertLen(courses[0].history["loss"], 1)
        self.assertLess(adapted.history["loss"][-1], adapted.history["loss"][0])

    def test_deterministic_and_nothing_is_shared(self):
        model = mlp(layers.Dense(8), layers.Dropout(0.5))
        one = learner(model)
        x = numbers(6)
        first, second = one.adapt(x, LABELS), one.adapt(x, LABELS)
        expected = second.outputs(x)
        self.assertAllEqual(first.outputs(x), expected)
        before = model.get_weights()
        for variable in first.keras_model.trainable_variables:
            variable.assign(tf.zeros_like(variable))
        self.assertAllEqual(second.outputs(x), expected)
        for value, now in zip(before, model.get_weights(), strict=True):
            self.assertAllEqual(value, now)

    @parameterized.parameters(True, False)
    def test_after_more_training_it_adapts_from_there(self, other_head):
        one = learner()
        x, y = numbers(4), [0, 1, 2, 3] if other_head else [0, 1, 2, 0]
        one.adapt(x, y)
        one.model.set_weights([w * 0 for w in one.model.get_weights()])
        self.assertAllClose(
            one.adapt(x, y, steps=0).outputs(x),
            np.full((4, len(set(y))), 1 / len(set(y))),
        )


class LabelsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("strings", LABELS, ["ant", "cat", "dog"]),
        ("numpy_strings", np.array(LABELS), ["ant", "cat", "dog"]),
        ("objects", np.array(LABELS, object), ["ant", "cat", "dog"]),
        ("tensor", tf.constant(LABELS), ["ant", "cat", "dog"]),
        ("numpy_scalars", list(np.array(LABELS)), ["ant", "cat", "dog"]),
        ("numbers", [7, -3, 9, 7, -3, 9], [-3, 7, 9]),
        ("numpy_numbers", np.array([7, -3, 9] * 2, np.int8), [-3, 7, 9]),
        ("floats", [7.5, -3.0, 9.0] * 2, [-3.0, 7.5, 9.0]),
    )
    def test_names_come_back_and_matter_by_their_order_alone(self, y, labels):
        one = learner()
        x = numbers(6)
        adapted = one.adapt(x, y)
        self.assertEqual(adapted.labels, labels)
        self.assertEqual(
            {type(label) for label in adapted.labels}, {type(labels[0])}
        )
        expected = one.adapt(x, NUMBERS)
        self.assertAllEqual(adapted.outputs(x), expected.outputs(x))
        self.assertEqual(
            adapted.predict(x).tolist(),
            [labels[number] for number in expected.predict(x)],
        )
        self.assertEqual(adapted.evaluate(x, y), expected.evaluate(x, NUMBERS))

    def test_truth_values(self):
        adapted = learner().adapt(numbers(4), [True, False, True, False])
        self.assertEqual(adapted.labels, [False, True])

    @parameterized.named_parameters(
        ("several_kinds", ["a", 1, "b", 2, 3, 4], "int, str were given"),
        ("none", ["a", None, "b", "c", "d", "e"], "NoneType, str"),
        ("nan", [0.0, 1.0, np.nan, 0.0, 1.0, 0.0], "NaN"),
        ("one_hot", np.eye(6), r"the shape \(6, 6\)"),
        ("an_axis", np.arange(6)[:, np.newaxis], r"the shape \(6, 1\)"),
        ("pairs", [(1, 2)] * 6, r"the shape \(6, 2\)"),
        ("a_set", set(LABELS), r"the shape \(\)"),
        ("a_string", "abcdef", r"the shape \(\)"),
        ("nothing", None, r"the shape \(\)"),
        ("fewer", LABELS[:3], "3 were given for 6 examples"),
        ("more", LABELS * 2, "12 were given for 6 examples"),
        ("empty", [], "0 were given for 6 examples"),
        ("one_class", ["a"] * 6, "one class alone, 'a'"),
    )
    def test_refuses(self, y, pattern):
        with self.assertRaisesRegex(InputError, f"^support_y: .*{pattern}"):
            learner().adapt(numbers(6), y)

    @parameterized.named_parameters(
        ("words", ["a", "b", "c"], "cannot be read as numbers"),
        ("nan", [1.0, 2.0, np.nan], "NaN or infinite"),
        ("fewer", [1.0, 2.0], "2 were given for 3"),
        ("one_number", 1.0, "1 were given for 3"),
        ("two_targets", np.ones((3, 2)), "has 2 targets an example.* has 1"),
        ("nothing", None, "NaN or|cannot be read|were given"),
    )
    def test_refuses_values(self, y, pattern):
        one = learner(mlp(outputs=1), task="regression")
        with self.assertRaisesRegex(InputError, f"^support_y: .*({pattern})"):
            one.adapt(numbers(3), y)


class ModelsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*USERS)
    def test_of_a_user(self, name):
        one = learner(USERS[name]())
        x = numbers(6)
        adapted = one.adapt(x, LABELS)
        expected = tf.nn.softmax(direct(one, x, NUMBERS, 2, x))
        self.assertAllClose(adapted.outputs(x), expected, 1e-5, 1e-5)
        # Frozen weights are as they were.
        network = adapted.keras_model.get_layer("network")
        for old, new in zip(one.model.layers, network.layers, strict=True):
            if not old.trainable:
                for value, now in zip(
                    old.get_weights(), new.get_weights(), strict=True
                ):
                    self.assertAllEqual(value, now)
        if name != "own_layer":
            adapted = one.adapt(numbers(8), np.arange(8) % 4)
            self.assertEqual(adapted.outputs(x).shape, (6, 4))

    @parameterized.parameters(True, False)
    def test_several_inputs(self, as_dict):
        first, second = keras.Input((3,), name="a"), keras.Input((2,), name="b")
        outputs = layers.Dense(3)(layers.Concatenate()([first, second]))
        x = [numbers(6), numbers(6, 2)]
        inputs = [first, second]
        if as_dict:
            x, inputs = dict(zip("ab", x)), dict(zip("ab", inputs))
        one = learner(keras.Model(inputs, outputs))
        expected = tf.nn.softmax(
            direct(one, tf.nest.map_structure(tf.constant, x), NUMBERS, 2, x)
        )
        adapted = one.adapt(x, LABELS)
        self.assertAllClose(adapted.outputs(x), expected, 1e-5, 1e-5)
        self.assertLen(adapted.predict(x), 6)
        with self.assertRaisesRegex(InputError, "^support_x: .*several inputs"):
            one.adapt(numbers(6), LABELS)

    def test_subclassed(self):
        model = OwnModel()
        model(numbers(1))
        with self.assertRaisesRegex(InputError, r"^model: .*keras\.Model\("):
            learner(model)
        # As that sentence says.
        one = learner(own_model_inside())
        x = numbers(6)
        expected = tf.nn.softmax(direct(one, x, NUMBERS, 2, x))
        self.assertAllClose(
            one.adapt(x, LABELS).outputs(x), expected, 1e-5, 1e-5
        )
        with self.assertRaisesRegex(InputError, "^model: .* 4 outputs"):
            one.adapt(numbers(4), [0, 1, 2, 3])

    @parameterized.named_parameters(
        ("nothing", lambda: None, "NoneType was given"),
        (
            "not_built",
            lambda: keras.Sequential([layers.Dense(3)]),
            "begins with keras.Input",
        ),
        (
            "two_outputs",
            lambda: keras.Model(
                inputs := keras.Input((3,)),
                [layers.Dense(2)(inputs), layers.Dense(3)(inputs)],
            ),
            "whose one output is",
        ),
        (
            "sequences",
            lambda: keras.Sequential([keras.Input((4, 3)), layers.Dense(3)]),
            r"\(None, 4, 3\)",
        ),
        (
            "probabilities",
            lambda: keras.Sequential(
                [keras.Input((3,)), layers.Dense(3, activation="softmax")]
            ),
            "leave the softmax",
        ),
        (
            "a_softmax_layer",
            lambda: keras.Sequential(
                [keras.Input((3,)), layers.Dense(3), layers.Softmax()]
            ),
            "leave the softmax",
        ),
        (
            "all_frozen",
            lambda: (m := mlp(), setattr(m, "trainable", False))[0],
            "no trainable weights",
        ),
    )
    def test_refuses(self, model, pattern):
        with self.assertRaisesRegex(InputError, f"^model: .*{pattern}"):
            Learner(model())

    @parameterized.named_parameters(
        ("secretive", lambda: mlp(SecretiveLayer(4))),
        ("function", lambda: mlp(layers.Lambda(lambda x: 2 * x))),
        ("activation", lambda: mlp(layers.Dense(4, own_activation))),
    )
    def test_refuses_to_adapt_what_cannot_be_copied(self, model):
        for way in (3, 4):
            with self.assertRaisesRegex(InputError, "^model: .*be copied: "):
                learner(model()).adapt(numbers(way), np.arange(way))

    @parameterized.named_parameters(
        ("algorithm", {"algorithm": "mmaml"}, "^algorithm: 'mmaml'.*maml"),
        ("task", {"task": "x"}, "^task: 'x'.*regression"),
        ("adapts", {"adapts": "nose"}, "^adapts: 'nose'.*head"),
        ("new_outputs", {"new_outputs": "x"}, "^new_outputs: 'x'.*drawn"),
        ("option", {"inner_lr": 1}, "^inner_lr: .*inner_learning_rate"),
        (
            "deviation",
            {"task": "regression", "target_deviation": 0.0},
            "^target_deviation: 0.0 .*above 0",
        ),
        (
            "mean",
            {"task": "regression", "target_mean": [0.0, 1.0]},
            "^target_mean: .*each of the 3 outputs",
        ),
    )
    def test_refuses_arguments(self, options, pattern):
        with self.assertRaisesRegex(InputError, pattern):
            learner(**options)

    def test_a_function_that_chooses_variables(self):
        model = mlp(layers.Dense(4, name="body"))
        one = learner(model, adapts=lambda v: "body" not in v.path)
        one.adapt(numbers(4), [0, 1, 2, 3])
        kernel = model.layers[-1].kernel
        one = learner(model, adapts=lambda variable: variable is kernel)
        one.adapt(numbers(3), [0, 1, 2])
        with self.assertRaisesRegex(InputError, "^adapts: .*variable.path"):
            one.adapt(numbers(4), [0, 1, 2, 3])

    @parameterized.parameters(-1, 2.5, "3")
    def test_refuses_steps(self, steps):
        with self.assertRaisesRegex(InputError, f"^steps: '?{steps}"):
            learner().adapt(numbers(3), [0, 1, 2], steps=steps)

    @parameterized.parameters(1, 2, 5)
    def test_divergence(self, steps):
        one = learner(inner_learning_rate=1e38)
        with self.assertRaisesRegex(DivergenceError, "smaller inner learning"):
            one.adapt(numbers(3) * 1e3, [0, 1, 2], steps=steps)

    def test_refuses_validation_data(self):
        x, y = numbers(3), [0, 1, 2]
        for data, pattern in (
            (x, "a pair"),
            ((x, y, y), "a pair"),
            ((x, y[:2]), "2 were given for 3"),
            ((x, [0, 1, 5]), "5 is none of the model's classes, 0, 1, 2"),
            ((x[:, :2], y), r"the shape \(3, 2\)"),
        ):
            with self.assertRaisesRegex(
                InputError, f"^validation_data: .*{pattern}"
            ):
                learner().adapt(x, y, validation_data=data)

    def test_nearest_centroid_has_nothing_to_adapt(self):
        with self.assertRaisesRegex(InputError, "^algorithm: nearest_centroid"):
            learner(algorithm="nearest_centroid").adapt(numbers(2), [0, 1])


class FilesTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def saved(self, **options):
        one = learner(conv4(), preparation=small_images(), **options)
        one.save(self.folder)
        return one

    def test_round_trip(self):
        one = learner(
            mlp(layers.Dense(4)),
            algorithm="anil",
            steps=np.int64(4),
            inner_learning_rate=np.float32(0.25),
            new_outputs="zero",
            about={"shot": 1},
        )
        one.save(self.folder)
        loaded = maml_tf.load(self.folder)
        self.assertEqual(loaded.steps, 4)
        self.assertEqual(loaded.name, "anil")
        self.assertEqual(loaded.about, {"shot": 1})
        x = numbers(4)
        for y in ([0, 1, 2, 0], list("abcd")):
            self.assertAllEqual(
                loaded.adapt(x, y).outputs(x), one.adapt(x, y).outputs(x)
            )

    def test_regression_and_arrays_of_numbers(self):
        one = learner(
            mlp(outputs=2),
            task="regression",
            target_mean=np.array([1.0, 2.0]),
            target_deviation=np.array([3.0, 4.0]),
            inner_learning_rate=[np.float32(0.1), 0.2],
            # No file holds it; a loaded learner has the task's own.
            metric=lambda y, outputs: tf.reduce_mean(tf.abs(y - outputs)),
        )
        one.save(self.folder)
        x, y = numbers(4), numbers(4, 2)
        self.assertAllEqual(
            maml_tf.load(self.folder).adapt(x, y).predict(x),
            one.adapt(x, y).predict(x),
        )

    @parameterized.parameters(
        ("loss", {"loss": lambda y, outputs: losses.cross_entropy(y, outputs)}),
        ("adapts", {"adapts": lambda variable: True}),
        (
            "inner_optimizer",
            {"inner_optimizer": maml_tf.inner_optimizers.GradientDescent(0.1)},
        ),
        ("about", {"about": {"x": object()}}),
    )
    def test_refuses_functions_and_writes_nothing(self, name, options):
        with self.assertRaisesRegex(InputError, f"^{name}: .*cannot be saved"):
            learner(**options).save(self.folder / "new")
        self.assertFalse((self.folder / "new").exists())

    def test_an_error_while_writing_leaves_the_files_as_they_were(self):
        one = self.saved()
        before = {p.name: p.read_bytes() for p in self.folder.iterdir()}
        one.model.set_weights([w + 1 for w in one.model.get_weights()])
        save = keras.Model.save

        def fails(model, path):
            save(model, path)
            raise OSError("No space left on device")

        with mock.patch.object(keras.Model, "save", fails):
            with self.assertRaises(OSError):
                one.save(self.folder)
        after = {p.name: p.read_bytes() for p in self.folder.iterdir()}
        self.assertEqual(before, after)

    def assertRefused(self, *patterns):
        with self.assertRaises(InputError) as caught:
            maml_tf.load(self.folder)
        sentence = str(caught.exception)
        self.assertStartsWith(sentence, "workdir: ")
        self.assertNotIn("\n", sentence)
        for pattern in patterns:
            self.assertRegex(sentence, pattern)

    def test_there_is_none(self):
        self.assertRefused("has no learner.json", "maml-tf train")

    @parameterized.parameters(
        ("", "learner"),
        ("{", "learner"),
        ("[]", "learner"),
        ('{"format": 1}', "learner"),
        ('{"format": 99}', "format 99.*newer maml_tf"),
        ('{"format": "x", "options": {}}', "learner"),
        ("\udcff", "learner"),
    )
    def test_damaged_description(self, content, pattern):
        self.saved()
        (self.folder / "learner.json").write_bytes(
            content.encode(errors="surrogateescape")
        )
        self.assertRefused(pattern)

    def test_description_of_what_is_unknown(self):
        self.saved()
        path = self.folder / "learner.json"
        description = json.loads(path.read_text())
        for key, value in (
            ("algorithm", "mmaml"),
            ("task", 3),
            ("colour", "red"),
            ("new_outputs", None),
        ):
            path.write_text(json.dumps(description | {key: value}))
            with self.assertRaises(InputError):
                maml_tf.load(self.folder)

    @parameterized.product(
        name=("network.keras", "preparation.keras"),
        damage=("missing", "empty", "cut", "text", "flipped"),
    )
    def test_damaged_model(self, name, damage):
        self.saved()
        path = self.folder / name
        content = path.read_bytes()
        if damage == "missing":
            if name == "preparation.keras":
                return  # This file may be missing.
            path.unlink()
        elif damage == "flipped":
            # Bytes of each member in turn, found by the archive's checksums.
            for place in range(40, len(content), len(content) // 12):
                flipped = bytearray(content)
                flipped[place] ^= 255
                path.write_bytes(flipped)
                try:
                    maml_tf.load(self.folder)
                except InputError as error:
                    self.assertStartsWith(str(error), "workdir: ")
            return
        else:
            path.write_bytes(
                {
                    "empty": b"",
                    "cut": content[: len(content) // 2],
                    "text": b"This is no model.",
                }[damage]
            )
        at_fault = "as a learner"
        if name == "preparation.keras":
            at_fault = r"\(.*\); restore it from a copy"
        self.assertRefused(f"cannot be read {at_fault}")

    def test_a_file_that_would_run_code(self):
        self.saved()
        model = mlp(layers.Lambda(lambda x: x))
        model.save(self.folder / "network.keras")
        self.assertRefused("cannot be read as a learner", "Lambda")

    def test_a_layer_that_is_not_known(self):
        mlp_with_own = learner(mlp(OwnLayer()))
        mlp_with_own.save(self.folder)
        self.assertRefused("cannot be read as a learner")
        with keras.saving.custom_object_scope({"OwnLayer": OwnLayer}):
            loaded = maml_tf.load(self.folder)
        x = numbers(3)
        self.assertAllEqual(
            loaded.adapt(x, [0, 1, 2]).outputs(x),
            mlp_with_own.adapt(x, [0, 1, 2]).outputs(x),
        )


class OwnTrainingTest(tf.test.TestCase):
    def test_the_folder_of_a_training_holds_the_learner(self):
        folder = self.create_tempdir().full_path
        x, y = numbers(6), np.array([0, 1, 2] * 2, np.int32)
        one = learner(mlp(), loss="sparse_categorical_crossentropy")
        episodes = [(x, y, x, y)] * 99
        for iterations in (1, 2):
            one.meta_train(episodes, iterations, workdir=folder, progress=False)
            loaded = maml_tf.load(folder)
            self.assertEqual(loaded.about["iteration"], iterations)
            for kept, trained in zip(
                loaded.model.weights, one.model.weights, strict=True
            ):
                self.assertAllEqual(kept, trained)

        # Saved there afterwards, it is not hidden by the checkpoints.
        one.model.set_weights([w + 1.0 for w in one.model.get_weights()])
        one.save(folder)
        for kept, saved in zip(
            maml_tf.load(folder).model.weights, one.model.weights, strict=True
        ):
            self.assertAllEqual(kept, saved)
        # Training goes on from its checkpoints, and theirs are the newest.
        one.meta_train(episodes, 3, workdir=folder, progress=False)
        self.assertEqual(maml_tf.load(folder).about["iteration"], 3)

    def test_a_learner_that_no_file_can_hold_is_trained(self):
        folder = self.create_tempdir().full_path
        x, y = numbers(6), np.array([0, 1, 2] * 2, np.int32)
        one = learner(mlp(), adapts=lambda variable: True)
        one.meta_train([(x, y, x, y)] * 9, 1, workdir=folder, progress=False)
        with self.assertRaisesRegex(InputError, "learner.json"):
            maml_tf.load(folder)


@pytest.mark.slow
class TrainingFolderTest(tf.test.TestCase):
    def test_train_py_leaves_a_learner_of_the_best_weights(self):
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        workdir = folder / "run"
        status, _, stderr = finish(
            start("train", *SMALL, f"--workdir={workdir}", "--iterations=40")
        )
        self.assertEqual(status, 0, stderr)
        (best,) = (workdir / "checkpoints" / "best").glob("*.index")

        def listing():
            return {
                str(path): path.stat().st_mtime_ns
                for path in (workdir, *workdir.rglob("*"))
            }

        before = listing()
        os.chmod(workdir, 0o500)
        loaded = maml_tf.load(workdir)
        os.chmod(workdir, 0o700)
        self.assertEqual(listing(), before)
        self.assertEqual(loaded.about["checkpoint"], "best")
        self.assertEqual(f"ckpt-{loaded.about['iteration']}", best.stem)

        from maml_tf.commands.experiments import supervised

        trained = supervised.trained(workdir)
        x = np.linspace(-5, 5, 10)[:, np.newaxis]
        y = np.sin(x)
        adapted = loaded.adapt(x, y)
        self.assertAllClose(
            adapted.predict(x),
            trained.learner.adapt(x, y).predict(x),
            rtol=0,
            atol=0,
        )
        self.assertLess(adapted.history["mse"][-1], adapted.history["mse"][0])

        # Weights of its first day, were the checkpoints not there.
        shutil.rmtree(workdir / "checkpoints")
        self.assertNotAllClose(
            maml_tf.load(workdir).adapt(x, y).predict(x), adapted.predict(x)
        )


if __name__ == "__main__":
    tf.test.main()
