"""Tests of maml_tf/serving/saved_model.py.

The models are called where our code is not.
"""

import os
import pathlib
import tempfile
import warnings
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import Learner, networks
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.datasets.text import fit_preparation
from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel
from maml_tf.serving import tflite
from maml_tf.serving.saved_model import README, export
from tests.helpers.fresh_process import call
from tests.helpers.two_blocks import two_blocks

TEXTS = [
    f"{verb} the {thing}, please"
    for thing in ("light", "door", "music", "alarm")
    for verb in ("open", "close", "switch on", "I want")
]


def images(number, size, seed=0):
    """Raw drawings of any size, uint8."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (number, *size, 1)).astype(np.uint8)


def normals(number, seed=0):
    """Inputs or values of a regression, float32 `[number, 2]`."""
    values = np.random.default_rng(seed).normal(1.0, 2.0, (number, 2))
    return values.astype(np.float32)


def conv4(algorithm="maml", outputs=5, **options):
    """A small image learner whose head tells classes apart at once."""
    with two_blocks():
        network = networks.create(
            "conv4", (28, 28, 1), outputs, seed=0, filters=6
        )
    return Learner(
        network,
        algorithm,
        **{
            "steps": 3,
            "inner_learning_rate": 0.4,
            "preparation": image_preparation((28, 28, 1), fit="pad", ink=True),
            **options,
        },
    )


def text_cnn():
    preparation = fit_preparation(TEXTS, 50, 6)
    network = networks.create(
        "text_cnn",
        (6,),
        3,
        seed=0,
        vocabulary_size=50,
        filters=5,
        # Its masks in the inner loop come from a constant seed.
        dropout=0.3,
    )
    return Learner(
        network, steps=4, inner_learning_rate=0.5, preparation=preparation
    )


def mlp(algorithm="reptile"):
    """A regression with units of its own, and Adam as inner optimizer."""
    return Learner(
        networks.create("mlp", (2,), 2, seed=0, widths=(8,)),
        algorithm,
        task="regression",
        steps=5,
        inner_learning_rate=0.01,
        target_mean=[100.0, -3.0],
        target_deviation=[20.0, 0.5],
    )


def classifier(algorithm, **options):
    return Learner(
        networks.create("mlp", (2,), 5, seed=0, widths=(8,)),
        algorithm,
        steps=2,
        inner_learning_rate=0.1,
        **options,
    )


def own_answer(learner, x, y, query_x, steps=None, **options):
    """What the library itself says: adapts by steps that Python counts."""
    outputs = learner.outputs if y.ndim > 1 else int(y.max()) + 1
    algorithm = learner.with_outputs(outputs, **options)
    to_units = learner.to_units()
    if y.ndim > 1:
        y = (y - to_units.offset) / to_units.scale
    x, query_x = learner.prepare(x), learner.prepare(query_x)
    adaptation = algorithm.inner_loop.adapt(
        algorithm.theta(),
        x,
        tf.constant(y),
        learner.steps if steps is None else steps,
        seed=tf.constant([0, 0], tf.int64),
    )
    phi, state = adaptation.phi[-1], adaptation.state
    return to_units(
        algorithm.inner_loop.predict(phi, state, query_x, x)
    ).numpy()


def bytes_of(texts):
    """Strings in a form that an .npz file holds without being pickled."""
    return np.array([text.encode() for text in texts])


class ExportTestCase(tf.test.TestCase, parameterized.TestCase):
    def exported(self, learner, **options):
        folder = self.enter_context(tempfile.TemporaryDirectory())
        return export(learner, pathlib.Path(folder, "model"), **options)

    def assertAnswers(self, answer, expected):
        """The outputs are these; errors are shown."""
        self.assertNotIn("error", answer, str(answer))
        (got,) = answer.values()
        self.assertAllClose(got, expected, rtol=1e-5, atol=1e-5)


class AnswersTest(ExportTestCase):
    """Without our code, the model says what the library says."""

    @pytest.mark.slow
    def test_of_all_signatures(self):
        cases = {
            "ANIL, fewer": self.images_case(conv4("anil"), 2, 0),
            # More steps at this rate make rounding visible.
            "more": self.images_case(conv4(), 9, 2),
            "moving averages": self.images_case(
                conv4(batch_norm="moving"), 4, 2
            ),
            "BOIL, fewer": self.numbers_case(classifier("boil"), 3),
            "a new head, more": self.numbers_case(
                classifier("pretrain", new_outputs="zero"), 7
            ),
            "texts, more": self.texts_case(4),
            "values": (
                mlp(),
                normals(6),
                np.float32([100, -3] + [20, 0.5] * normals(6, 1)),
                normals(4, 2),
                9,
            ),
        }
        calls = []
        for learner, x, y, query_x, steps in cases.values():
            folder = self.exported(learner)
            support = {"support_x": x, "support_y": y}
            query = {"query_x": query_x}
            given = {"steps": np.int32(steps)}
            first = len(calls)
            calls += [
                (folder, "adapt", support),
                (folder, "adapt_with_steps", {**support, **given}),
                (folder, "adapt_and_predict", {**support, **query}),
                (
                    folder,
                    "adapt_and_predict_with_steps",
                    {**support, **query, **given},
                ),
                (folder, "predict_adapted", query, first),
                (folder, "predict_adapted", query, first + 1),
                (folder, "serving_default", {"x": query_x}),
            ]
        answers = call(calls)
        for number, (name, case) in enumerate(cases.items()):
            with self.subTest(name):
                self.check(*case, *answers[7 * number + 2 : 7 * number + 7])

    def images_case(self, learner, classes, steps):
        y = np.resize(np.arange(classes, dtype=np.int32), classes + 3)
        x = images(classes + 3, (105, 90))
        return learner, x, y, images(7, (28, 33), 1), steps

    def numbers_case(self, learner, classes):
        y = np.resize(np.arange(classes, dtype=np.int32), 9)
        return learner, normals(9), y, normals(4, 2), 5

    def texts_case(self, classes):
        y = np.arange(8, dtype=np.int32) % classes
        return text_cnn(), bytes_of(TEXTS[:8]), y, bytes_of(TEXTS[6:]), 7

    def check(self, learner, x, y, query_x, steps, *answers):
        x, query_x = (
            values.astype(str) if values.dtype.kind == "S" else values
            for values in (x, query_x)
        )
        model = FunctionalModel(learner.model)
        outputs, _ = model(
            model.theta(),
            model.state(),
            learner.prepare(query_x),
            training=False,
            batch_statistics=learner.algorithm.inner_loop.batch_norm
            != "moving",
        )
        for answer, expected in zip(
            answers,
            (
                own_answer(learner, x, y, query_x),
                own_answer(learner, x, y, query_x, steps),
                learner.adapt(x, y).outputs(query_x),
                learner.adapt(x, y, steps).outputs(query_x),
                learner.to_units()(outputs),
            ),
            strict=True,
        ):
            self.assertAnswers(answer, expected)

    def test_inductive_each_query_by_itself(self):
        learner = conv4()
        x, y = images(3, (28, 28)), np.arange(3, dtype=np.int32)
        query_x = images(4, (28, 28), 1)
        support = {"support_x": x, "support_y": y}
        folder = self.exported(learner, batch_norm="inductive", steps=2)
        together, alone = call(
            [
                (folder, "adapt_and_predict", {**support, "query_x": query})
                for query in (query_x, query_x[:1])
            ]
        )
        expected = own_answer(learner, x, y, query_x, 2, batch_norm="inductive")
        self.assertAnswers(together, expected)
        self.assertAnswers(alone, expected[:1])


class ServingTest(ExportTestCase):
    @pytest.mark.slow
    def test_from_eight_threads_at_once(self):
        folder = self.exported(conv4())
        calls = [
            (
                folder,
                "adapt_and_predict",
                {
                    "support_x": images(n, (28, 28), n),
                    "support_y": np.arange(n, dtype=np.int32),
                    "query_x": images(n + 1, (20, 20), 2 * n),
                },
            )
            for n in (2, 3, 5, 8)
        ]
        expected = [own_answer(conv4(), *task.values()) for *_, task in calls]
        answers = call(calls, repeats=10, threads=8)
        for answer, alone in zip(answers, 10 * expected, strict=True):
            self.assertAnswers(answer, alone)

    @pytest.mark.slow
    def test_bad_requests_are_refused_and_the_model_goes_on(self):
        folder = self.exported(conv4(), max_classes=6)
        good = {
            "support_x": images(4, (28, 28)),
            "support_y": np.array([0, 2, 1, 0], np.int32),
            "query_x": images(2, (28, 28), 1),
        }
        labels = {
            (0, 1, -1, 0): r"support_y: .*from 0 to 5; .*\[-1\] \[1\]",
            (0, 1, 6, 0): r"support_y: .*from 0 to 5; .*\[0\] \[6\]",
            (0, 3, 1, 5): r"support_y: each class .* missing are\] \[2 4\]",
            (0, 0, 0, 0): "support_y: .*only one class",
            (0, 1, 2): "support_y: .*one label for each.*3.*4",
        }
        cases = [
            ({"support_y": np.array(y, np.int32)}, message)
            for y, message in labels.items()
        ]
        cases += [
            (
                {
                    "support_x": images(0, (28, 28)),
                    "support_y": np.zeros(0, np.int32),
                },
                "support_x: it is empty",
            ),
            ({"query_x": images(0, (28, 28))}, "query_x: it is empty"),
            ({"query_x": images(2, (0, 28))}, "query_x: it is empty"),
            ({"query_x": images(2, (28, 28))[0]}, "Shape of .*query_x"),
            (
                {"support_x": np.zeros((4, 28, 28, 3), np.uint8)},
                r"Shape of .*support_x \[4,28,28,3\]",
            ),
            ({"support_y": np.zeros((4, 1), np.int32)}, "Shape of .*support_y"),
            ({"support_y": np.zeros(4, np.float32)}, "int32"),
        ]
        calls = [
            (folder, "adapt_and_predict", {**good, **bad}) for bad, _ in cases
        ]
        calls.append(
            (
                folder,
                "adapt_and_predict_with_steps",
                {**good, "steps": np.int32(-1)},
            )
        )
        cases.append((None, r"steps: .*0 or more.*\[-1\]"))
        task = (folder, "adapt_and_predict", good)
        *refused, answer = call([*calls, task])
        for error, (_, message) in zip(refused, cases, strict=True):
            self.assertRegex(str(error.get("error")), message)
        self.assertAnswers(answer, own_answer(conv4(), *good.values()))

    def test_numbers_that_are_not_finite_are_refused(self):
        folder = self.exported(mlp("maml"))
        support = {"support_x": normals(3), "support_y": normals(3, 1)}
        bad = np.array([[1.0, np.nan]] * 3, np.float32)
        far = {**support, "support_x": 1e9 * support["support_x"]}
        weights = np.full(3 * 8 + 9 * 2, np.inf, np.float32)
        _, *answers = call(
            [
                (folder, "adapt", support),
                (folder, "adapt", {**support, "support_x": bad}),
                (folder, "adapt", {**support, "support_y": bad}),
                (folder, "predict_adapted", {"query_x": bad}, 0),
                (
                    folder,
                    "predict_adapted",
                    {"query_x": normals(3), "weights": weights},
                ),
                (folder, "adapt", far),
                (folder, "adapt_and_predict", {**far, "query_x": normals(3)}),
            ]
        )
        for answer, name in zip(
            answers,
            ["support_x", "support_y", "query_x", "weights", "steps", "steps"],
            strict=True,
        ):
            self.assertRegex(
                str(answer.get("error")), f"{name}: .*NaN or infinite"
            )


class FolderTest(ExportTestCase):
    def test_what_is_kept_of_a_task(self):
        # Means and variances of two layers of six filters.
        statistics = 2 * 2 * 6
        for algorithm, adapted in (
            ("anil", (6 + 1) * 10),
            ("maml", 6 * (9 + 54) + 2 * 2 * 6 + (6 + 1) * 10),
            # No more classes than in training, for a head that does not adapt.
            ("boil", 6 * (9 + 54) + 2 * 2 * 6),
        ):
            folder = self.exported(conv4(algorithm), max_classes=10)
            readme = (folder / README).read_text()
            self.assertRegex(
                readme, rf"weights +float32 \[{adapted + statistics}\] "
            )
            most = 5 if algorithm == "boil" else 10
            self.assertIn(f"2 to {most} classes", readme)
            # The body, which both heads share, is written once.
            reader = tf.train.load_checkpoint(
                str(folder / "variables" / "variables")
            )
            shapes = reader.get_variable_to_shape_map().values()
            self.assertCountEqual(
                [shape for shape in shapes if len(shape) > 1],
                [[3, 3, 1, 6], [3, 3, 6, 6]]
                + [[6, outputs] for outputs in {5, most}],
            )

    def test_a_folder_that_holds_something_is_refused(self):
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        (folder / "mine.txt").write_text("keep")
        with self.assertRaisesRegex(InputError, "^output: .* not empty; give"):
            export(mlp(), folder)
        self.assertEqual(os.listdir(folder), ["mine.txt"])

    def test_nothing_is_left_of_an_attempt_that_failed(self):
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        with mock.patch.object(
            tf.saved_model, "save", side_effect=OSError("disk full")
        ):
            with self.assertRaisesRegex(OSError, "disk full"):
                export(mlp(), folder / "model")
        self.assertEmpty(os.listdir(folder))

    def test_what_cannot_be_exported_is_refused(self):
        inputs = [keras.Input((2,)), keras.Input((2,))]
        outputs = keras.layers.Dense(3)(keras.layers.Add()(inputs))
        for learner, options, message in (
            (conv4("nearest_centroid"), {}, "^algorithm: nearest_centroid"),
            (Learner(keras.Model(inputs, outputs)), {}, "^learner: .*several"),
            (conv4(), {"steps": -1}, "^steps: -1"),
            (conv4(), {"batch_norm": "none"}, "^batch_norm: 'none'"),
            (conv4(), {"max_classes": 0}, "^max_classes: 0"),
        ):
            folder = self.enter_context(tempfile.TemporaryDirectory())
            with self.assertRaisesRegex(InputError, message):
                export(learner, folder, **options)
            self.assertEmpty(os.listdir(folder))


@pytest.mark.slow
class TFLiteTest(ExportTestCase):
    @parameterized.named_parameters(
        ("conv4", conv4, images(4, (28, 28)), (28, 28, 1)),
        ("mlp", lambda: mlp("maml"), normals(4), (2,)),
    )
    def test_predictions_are_those_of_the_savedmodel(self, make, raw, shape):
        learner = make()
        folder = self.exported(learner)
        classifies = learner.task == "classification"
        needs = tflite.convert(learner, folder / "tflite")
        self.assertEqual(
            needs,
            {
                "serving_default": tflite.BUILT_IN,
                "predict_adapted": tflite.BUILT_IN,
                "adapt": tflite.FLEX,
                "adapt_and_predict": tflite.FLEX,
            },
        )
        y = np.arange(4, dtype=np.int32) if classifies else normals(4, 1)
        x = learner.prepare(raw).numpy()
        self.assertEqual(x.shape, (4, *shape))
        plain, kept, adapted = call(
            [
                (folder, "serving_default", {"x": raw}),
                (folder, "adapt", {"support_x": raw, "support_y": y}),
                (folder, "predict_adapted", {"query_x": raw}, 1),
            ]
        )
        for name, inputs, expected in (
            ("serving_default", {"x": x}, plain),
            ("predict_adapted", {"query_x": x, **kept}, adapted),
        ):
            path = folder / "tflite" / f"{name}.tflite"
            with warnings.catch_warnings():
                # It is going to move to another package.
                warnings.simplefilter("ignore")
                interpreter = tf.lite.Interpreter(str(path))
            answer = interpreter.get_signature_runner(name)(**inputs)
            self.assertAnswers(answer, *expected.values())
        # The derivatives of the others are TensorFlow's operations.
        path = folder / "tflite" / "adapt_and_predict.tflite"
        self.assertIn(
            b"FlexSparseSoftmax" if classifies else b"FlexReluGrad",
            path.read_bytes(),
        )


if __name__ == "__main__":
    tf.test.main()
