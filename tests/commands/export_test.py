"""Tests of maml_tf/commands/export.py."""

import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import networks
from tests.helpers import forked
from tests.helpers.fresh_process import call

ROOT = pathlib.Path(__file__).resolve().parents[2]


def learner():
    return maml_tf.Learner(
        networks.create("mlp", (2,), 3, seed=0, widths=(8,)),
        steps=3,
        inner_learning_rate=0.1,
    )


def export(*flags):
    return forked.run(ROOT / "scripts" / "export.py", *flags, cwd=ROOT)


class ExportScriptTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.workdir = self.folder / "learner"
        learner().save(self.workdir)
        self.output = self.folder / "model"

    @pytest.mark.slow
    def test_exported_and_served(self):
        status, stdout, stderr = export(
            f"--workdir={self.workdir}",
            f"--output={self.output}",
            "--max_classes=4",
            "--steps=2",
            "--tflite",
        )
        self.assertEqual(status, 0, stderr)
        for line in (
            "MAML, 2 inner steps",
            "support_x     float32 [any, 2]",
            "-> probabilities float32 [any, any]",
            "2 to 4 classes",
            f"model = tf.saved_model.load({str(self.output)!r})",
            "tflite/predict_adapted.tflite: TensorFlow Lite's own operations",
            "tflite/adapt.tflite: needs the Flex delegate",
            f"Written to {self.output}.",
        ):
            self.assertIn(line, stdout)
        self.assertLen(list(self.output.glob("tflite/*.tflite")), 4)

        # It answers where nothing of ours is.
        generator = np.random.default_rng(0)
        x, query_x = generator.normal(size=(2, 4, 2)).round(2)
        y = [0, 3, 2, 1]
        expected = learner().adapt(x, y, 2).outputs(query_x)
        support = {"support_x": np.float32(x), "support_y": np.int32(y)}
        inputs = {**support, "query_x": np.float32(query_x)}
        (outputs,) = call([(self.output, "adapt_and_predict", inputs)])
        np.testing.assert_allclose(
            outputs["probabilities"], expected, atol=1e-5
        )

    @parameterized.parameters(
        (
            ["--workdir={folder}/none", "--output={folder}/m"],
            "workdir: '.*none'",
        ),
        (["--workdir={workdir}", "--output={workdir}"], "output: .*not empty"),
    )
    def test_refuses_with_a_sentence(self, flags, message):
        flags = [
            f.format(folder=self.folder, workdir=self.workdir) for f in flags
        ]
        status, stdout, stderr = export(*flags)
        self.assertEqual(status, 1, stderr)
        self.assertRegex(stderr, f"(?m)^error: {message}")
        self.assertNotIn("Traceback", stderr)


if __name__ == "__main__":
    tf.test.main()
