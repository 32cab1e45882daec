"""Tests of maml_tf/learner/adapted_model.py."""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import AdaptedModel, InputError, Learner, networks
from maml_tf.datasets import text
from maml_tf.datasets.images.preparation import image_preparation
from tests.helpers.pictures import noise

# In a process that has Keras and not this package.
ELSEWHERE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "maml_tf":
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import keras
import numpy as np

for name in sys.argv[1:]:
    model = keras.models.load_model(name)
    x = np.load(name + ".x.npy")
    if x.dtype.kind == "U":
        import tensorflow as tf
        x = tf.constant(x.tolist())
    np.save(name + ".y.npy", model.predict(x, verbose=0))
assert "maml_tf" not in sys.modules
"""


def drawings(number, seed=0, size=20):
    return np.stack([noise(seed + i, size, size, 1) for i in range(number)])


def image_model(labels=("ant", "bee", "cat", "ant", "bee", "cat")):
    learner = Learner(
        networks.create("conv4", (16, 16, 1), 3, seed=0, filters=4),
        preparation=image_preparation((16, 16, 1), "pad", ink=True),
        inner_learning_rate=0.1,
        inner_steps=2,
    )
    return learner.adapt(drawings(len(labels)), labels)


def text_model():
    texts = ["play some music", "how is the weather", "play a song", "rain"]
    preparation = text.fit_preparation(texts, 30, 6)
    model = networks.create(
        "text_transformer",
        (6,),
        2,
        seed=0,
        vocabulary_size=30,
        embedding_width=4,
        heads=1,
    )
    learner = Learner(model, preparation=preparation, inner_learning_rate=0.1)
    return learner.adapt(texts, ["music", "weather", "music", "weather"])


def value_model():
    model = networks.create("mlp", (2,), 1, seed=0, widths=(8,))
    learner = Learner(
        model,
        task="regression",
        target_mean=100.0,
        target_deviation=10.0,
        inner_learning_rate=0.05,
        inner_steps=3,
    )
    x = np.random.default_rng(0).normal(size=(8, 2))
    return learner.adapt(x, 100 + 10 * x[:, 0])


def linear_model(labels=("a", "b")):
    """Probabilities that can be worked out by hand."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Softmax()(inputs))
    return AdaptedModel(model, labels)


class PredictionTest(tf.test.TestCase, parameterized.TestCase):
    def test_figures_by_hand(self):
        x = np.log([[0.25, 0.75], [0.9, 0.1], [0.5, 0.5]])
        model = linear_model()
        self.assertAllClose(model.outputs(x), np.exp(x))
        self.assertEqual(model.predict(x).tolist(), ["b", "a", "a"])
        figures = model.evaluate(x, ["b", "b", "a"])
        self.assertAllClose(
            figures,
            {
                "loss": -np.log([0.75, 0.1, 0.5]).mean(),
                "accuracy": 2 / 3,
            },
        )
        # As Keras has them.
        model.keras_model.compile(
            loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        self.assertAllClose(
            model.keras_model.evaluate(x, np.array([1, 1, 0]), verbose=0),
            [figures["loss"], figures["accuracy"]],
        )

    def test_values_by_hand(self):
        inputs = keras.Input((2,))
        model = AdaptedModel(keras.Model(inputs, keras.layers.ReLU()(inputs)))
        x = [[1.0, 2.0], [3.0, 4.0]]
        self.assertAllEqual(model.predict(x), x)
        self.assertAllClose(
            model.evaluate(x, [[1.0, 0.0], [0.0, 4.0]]),
            {"mse": (4 + 9) / 4, "mae": 5 / 4},
        )
        with self.assertRaisesRegex(InputError, r"^y: .*\(2, 1\).*\(2, 2\)"):
            model.evaluate(x, [1.0, 2.0])

    def test_a_probability_of_nothing_has_a_loss_that_is_finite(self):
        figures = linear_model().evaluate([[1000.0, 0.0]], ["b"])
        self.assertAllClose(figures["loss"], -np.log(1e-38), 1e-3)

    def test_an_example_s_prediction_depends_on_itself_alone(self):
        model = image_model()
        x = [*drawings(4, 50), *drawings(3, 60, size=31), *drawings(2, 70)]
        together = model.outputs(x)
        alone = [model.outputs([image])[0] for image in x]
        self.assertAllClose(together, alone, 1e-5, 1e-6)
        order = np.random.default_rng(0).permutation(len(x))
        self.assertAllClose(
            model.outputs([x[i] for i in order]), together[order], 1e-5, 1e-6
        )
        # Keras's own `predict` gives the same.
        self.assertAllClose(
            model.keras_model.predict(np.stack(x[:4]), verbose=0),
            together[:4],
            1e-5,
            1e-6,
        )
        self.assertAllClose(together.sum(-1), np.ones(len(x)))

    @parameterized.named_parameters(
        ("unknown", ["a", "z"], "'z' is none of the model's classes, 'a', 'b'"),
        ("numbers", [0, 1], "0 is none of the model's classes"),
        ("fewer", ["a"], "1 were given for 2"),
        ("an_axis", [["a"], ["b"]], r"the shape \(2, 1\)"),
        ("nothing", None, r"the shape \(\)"),
    )
    def test_refuses_labels(self, y, pattern):
        with self.assertRaisesRegex(InputError, f"^y: .*{pattern}"):
            linear_model().evaluate([[0.0, 1.0], [1.0, 0.0]], y)

    def test_refuses_inputs(self):
        for x in ([], None, [[1.0]], ["a"], [[np.nan, 1.0]]):
            with self.assertRaisesRegex(InputError, "^x: "):
                linear_model().predict(x)


class FilesTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.path = self.folder / "adapted.keras"

    @parameterized.parameters(
        (["ant", "bee", "cät"],), ([-1, 5, 7],), ([0.5, 1.5, 2.5],), (None,)
    )
    def test_round_trip(self, labels):
        inputs = keras.Input((4,))
        outputs = keras.layers.Dense(3, activation="softmax")(inputs)
        model = AdaptedModel(keras.Model(inputs, outputs), labels)
        model.save(self.path)
        loaded = AdaptedModel.load(self.path)
        x = np.random.default_rng(0).normal(size=(9, 4))
        self.assertEqual(loaded.labels, labels)
        self.assertAllEqual(loaded.predict(x), model.predict(x))
        self.assertAllEqual(loaded.outputs(x), model.outputs(x))
        self.assertEqual(loaded.history, {})
        # And once more, over itself.
        loaded.save(self.path)
        self.assertEqual(AdaptedModel.load(self.path).labels, labels)

    @pytest.mark.slow
    def test_predicts_the_same_in_a_process_without_this_package(self):
        cases = {
            "image": (image_model(), drawings(3, 9, size=33)),
            "text": (text_model(), np.array(["play music", "what rain"])),
            "value": (value_model(), np.ones((2, 2))),
        }
        for name, (model, x) in cases.items():
            model.save(self.folder / f"{name}.keras")
            np.save(self.folder / f"{name}.keras.x.npy", x)
        names = [str(self.folder / f"{name}.keras") for name in cases]
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE, *names],
            check=True,
            cwd=self.folder,
            capture_output=True,
        )
        for name, (model, x) in cases.items():
            self.assertAllClose(
                np.load(self.folder / f"{name}.keras.y.npy"),
                model.outputs(x),
                1e-5,
                1e-5,
            )
            self.assertAllClose(
                AdaptedModel.load(self.folder / f"{name}.keras").outputs(x),
                model.outputs(x),
                1e-6,
                1e-6,
            )

    def test_it_can_be_fitted_further(self):
        for model, x, y in (
            (image_model(), drawings(6), np.array([0, 1, 2, 0, 1, 2])),
            (value_model(), np.eye(2), np.array([[90.0], [110.0]])),
        ):
            before = model.keras_model.evaluate(x, y, verbose=0)[0]
            # Fitting normalises by the batch, so it takes a few steps.
            model.keras_model.optimizer.learning_rate = 1e-3
            model.keras_model.fit(x, y, epochs=10, verbose=0)
            losses = model.keras_model.history.history["loss"]
            self.assertLess(losses[-1], losses[0])
            if model.labels is None:
                after = model.keras_model.evaluate(x, y, verbose=0)[0]
                self.assertLess(after, before)

    def test_refuses_another_ending(self):
        for name in ("adapted", "adapted.h5", "adapted.keras.zip"):
            with self.assertRaisesRegex(InputError, r"^path: .*\.keras"):
                linear_model().save(self.folder / name)
        self.assertEmpty(list(self.folder.iterdir()))

    def test_an_error_while_writing_leaves_the_file_as_it_was(self):
        linear_model().save(self.path)
        before = self.path.read_bytes()
        with mock.patch.object(json, "dumps", side_effect=OSError("full")):
            with self.assertRaises(OSError):
                linear_model(("c", "d")).save(self.path)
        self.assertEqual(self.path.read_bytes(), before)
        self.assertLen(list(self.folder.iterdir()), 1)

    def assertRefused(self, pattern=""):
        with self.assertRaisesRegex(
            InputError,
            f"^path: .*cannot be read as an adapted model.*{pattern}",
        ) as caught:
            AdaptedModel.load(self.path)
        self.assertNotIn("\n", str(caught.exception))

    def test_files_that_cannot_be_read(self):
        self.assertRefused("No such file")
        self.path.mkdir()
        self.assertRefused()
        self.path.rmdir()
        self.path.write_bytes(b"no archive")
        self.assertRefused()
        linear_model().save(self.path)
        content = self.path.read_bytes()
        self.path.write_bytes(content[: len(content) // 2])
        self.assertRefused()
        for place in range(40, len(content), len(content) // 12):
            damaged = bytearray(content)
            damaged[place] ^= 255
            self.path.write_bytes(damaged)
            try:
                AdaptedModel.load(self.path)
            except InputError as error:
                self.assertStartsWith(str(error), "path: ")
        with zipfile.ZipFile(self.path, "w") as archive:
            archive.writestr("labels.json", "[")
        self.assertRefused()

    def test_a_file_that_would_run_code(self):
        inputs = keras.Input((2,))
        keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(
            self.path
        )
        self.assertRefused("Lambda")


if __name__ == "__main__":
    tf.test.main()
