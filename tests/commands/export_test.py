"""Tests of maml_tf/commands/export.py, and of examples/serve.py with it."""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import networks
from tests.helpers import forked

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

    def served(self):
        """Starts examples/serve.py; returns a function that sends requests."""
        process = self.enter_context(
            subprocess.Popen(
                # -I: it finds nothing of ours.
                [sys.executable, "-I", str(ROOT / "examples" / "serve.py")]
                + [str(self.output), "--port=0"],
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        self.addCleanup(process.kill)
        line = process.stdout.readline()
        self.assertRegex(line, r"^Serving on port \d+\.")
        port = line.split()[-1].rstrip(".")
        url = f"http://localhost:{port}/v1/models/model:predict"

        def send(body):
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            try:
                with urllib.request.urlopen(url, body, timeout=60) as response:
                    return response.status, json.load(response)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        return send

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

        send = self.served()
        generator = np.random.default_rng(0)
        x, query_x = generator.normal(size=(2, 4, 2)).round(2)
        y = [0, 3, 2, 1]
        expected = learner().adapt(x, y, 2).outputs(query_x)
        support = {"support_x": x.tolist(), "support_y": y}
        query = {"query_x": query_x.tolist()}
        good = {
            "signature_name": "adapt_and_predict",
            "inputs": {**support, **query},
        }
        status, answer = send(good)
        self.assertEqual(status, 200, answer)
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)

        for bad, message in (
            (b"{", "^JSONDecodeError"),
            ([], "^AttributeError"),
            ({**good, "signature_name": "other"}, "other"),
            ({"signature_name": "adapt"}, "inputs"),
            ({**good, "inputs": {**good["inputs"], "z": 1}}, "z"),
            ({**good, "inputs": support}, "query_x"),
            (
                {**good, "inputs": {**good["inputs"], "support_y": [0] * 4}},
                "^assertion failed: .*only one class",
            ),
            (
                {**good, "inputs": {**good["inputs"], "query_x": [[1.0]]}},
                r"^Shape of .*query_x \[1,1\]",
            ),
        ):
            status, answer = send(bad)
            self.assertEqual(status, 400, answer)
            self.assertRegex(answer["error"], message)

        status, kept = send({"signature_name": "adapt", "inputs": support})
        self.assertEqual(status, 200, kept)
        status, answer = send(
            {
                "signature_name": "predict_adapted",
                "inputs": {**kept["outputs"], **query},
            }
        )
        self.assertEqual(status, 200, answer)
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)

        status, answer = send({"inputs": {"x": query["query_x"]}})
        self.assertEqual(status, 200, answer)
        np.testing.assert_allclose(
            answer["outputs"],
            tf.nn.softmax(learner().model(query_x)),
            atol=1e-5,
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
