"""Tests of maml_tf/serving/encoder.py."""

import pathlib
import re
import warnings

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError, Learner
from maml_tf.networks.conv4 import conv4
from maml_tf.serving import tflite
from maml_tf.serving.encoder import write_encoder

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAY = 3


def learner(**options):
    model = conv4((16, 16, 1), WAY, filters=4, seed=0)
    return Learner(model, **({"algorithm": "protonet"} | options))


def runner(path):
    with warnings.catch_warnings():
        # It is going to move to another package.
        warnings.simplefilter("ignore")
        return tf.lite.Interpreter(str(path)).get_signature_runner()


class EncoderTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    @parameterized.parameters("transductive", "inductive", "moving")
    def test_means_computed_outside_predict_as_the_library(self, batch_norm):
        made = learner(batch_norm=batch_norm, prototype_scale=0.5)
        encoder = write_encoder(made, self.folder / "encoder.tflite")
        encode = runner(encoder.path)
        draw = np.random.default_rng(0).normal
        x, query = (draw(size=(n, 16, 16, 1)).astype("f4") for n in (6, 5))
        y = np.array([0, 1, 2, 1, 2, 2], np.int32)
        rest = {} if batch_norm == "moving" else {"support_x": x}
        self.assertEqual(encoder.inputs, ("x", *rest))
        features = encode(x=x, **rest)["features"]
        queries = encode(x=query, **rest)["features"]
        means = [features[y == n].mean(0) for n in range(WAY)]
        logits = -0.5 * np.square(queries[:, np.newaxis] - means).sum(-1)
        self.assertEqual(encoder.scale, 0.5)
        expected = made.adapt(x, y).outputs(query)
        self.assertAllClose(tf.nn.softmax(logits), expected, 1e-5, 1e-6)

    def test_the_code_in_the_documentation(self):
        made = learner()
        path = write_encoder(made, self.folder / "encoder.tflite").path
        page = (ROOT / "docs/algorithms/proto_maml.md").read_text("utf-8")
        (code,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
        names: dict = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(code.replace(path.name, str(path)), names)
        draw = np.random.default_rng(0).normal
        x, query = (draw(size=(n, 16, 16, 1)).astype("f4") for n in (6, 5))
        y = np.array([0, 1, 2, 1, 2, 2], np.int32)
        self.assertAllClose(
            names["probabilities"](x, y, query),
            made.adapt(x, y).outputs(query),
            1e-5,
            1e-6,
        )

    def test_learners_that_take_steps_are_refused(self):
        for options in ({"algorithm": "maml"}, {"algorithm": "proto_maml"}):
            with self.assertRaisesRegex(InputError, "^encoder: this learner"):
                write_encoder(learner(**options), self.folder / "encoder")
        self.assertEmpty(list(self.folder.iterdir()))

    @pytest.mark.slow
    def test_it_is_one_of_the_tflite_files(self):
        needs = tflite.convert(learner(), self.folder)
        self.assertEqual(
            needs["encoder"],
            "TensorFlow Lite's own operations; distances times 1",
        )
        self.assertIn(tflite.ENCODER, [p.name for p in self.folder.iterdir()])


if __name__ == "__main__":
    tf.test.main()
