"""Tests of maml_tf/commands/serve.py, run as a user runs it."""

import contextlib
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import absltest

from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.loading import load_models
from maml_tf.serving.http.saved_models import place
from tests.helpers import forked
from tests.helpers.http_server import Client, running
from tests.helpers.saved_models import learner, points

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "serve.py"


class ServeTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    @contextlib.contextmanager
    def served(self, *flags):
        """Gives a process, and a client of its server."""
        with subprocess.Popen(
            [sys.executable, str(SCRIPT), "--port=0", *flags],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                line = process.stdout.readline()
                self.assertRegex(line, r"^Serving .* at http://127.0.0.1:\d+/$")
                yield process, Client(line.split()[-1])
            finally:
                process.kill()

    @pytest.mark.slow
    def test_a_training_is_served_and_ends_in_peace(self):
        learner().save(self.folder / "training")
        saved = points(self.folder / "points")
        with self.served(
            f"--model={saved}",
            f"--model=trained={self.folder / 'training'}",
            "--max_steps=100000",
            "--users=users.db",
        ) as (process, client):
            x, y, query = [[0.0, 1.0], [1.0, 0.0]], [0, 1], [[1.0, 1.0]]
            inputs = {"support_x": x, "support_y": y, "query_x": query}
            expected = learner().adapt(np.array(x), y).outputs(query)
            for name in ("points", "trained"):
                status, answer = client.ask(
                    f"/v1/models/{name}:predict",
                    {"signature_name": "adapt_and_predict", "inputs": inputs},
                )
                self.assertEqual(status, 200, answer)
                np.testing.assert_allclose(
                    answer["outputs"], expected, atol=1e-5
                )
            # A request that takes a while is finished after the signal.
            answers = []
            long = threading.Thread(
                target=lambda: answers.append(
                    client.ask(
                        "/v1/models/points:predict",
                        {
                            "signature_name": "adapt_and_predict_with_steps",
                            "inputs": {**inputs, "steps": 4000},
                        },
                    )
                )
            )
            long.start()
            while b"requests_at_work 1" not in client.ask("/metrics")[1]:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            long.join()
            self.assertEqual(answers[0][0], 200, answers)
            stdout, stderr = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, stderr)
            self.assertEqual(stdout, "Ended.\n")
            # The access log, and nothing that went wrong.
            self.assertRegex(
                stderr, r'"POST /v1/models/points:predict" 200 \d+ bytes'
            )
            self.assertNotIn("Traceback", stderr)
            with self.assertRaises(urllib.error.URLError):
                client.ask("/healthz")

    @pytest.mark.slow
    def test_without_the_extra_a_sentence(self):
        result = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys\n"
                "sys.modules['fastapi'] = None\n"
                "sys.argv = ['serve', '--model=omniglot_5way_1shot']\n"
                "from maml_tf.commands import main\n"
                "main.run('serve')\n",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn('pip install "maml_tf[serve]"', result.stderr)
        self.assertLen(result.stderr.splitlines(), 1)

    @pytest.mark.slow
    def test_the_example_of_the_documentation(self):
        page = (ROOT / "docs" / "serving.md").read_text("utf-8")
        (code,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
        with running("omniglot_5way_1shot") as server:
            self.assertIn("http://127.0.0.1:8501", code)
            code = code.replace("http://127.0.0.1:8501", server.url)
            result = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        said = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
        self.assertEqual(result.stdout.splitlines(), said, result.stderr)

    def test_sentences(self):
        notes = self.folder / "notes.txt"
        notes.write_text("of somebody " * 100)
        for flags, words in (
            (["--model=none"], "^error: model: 'none' has no learner.json"),
            (["--model=a", "--model=b/a"], "^error: model: two are called a"),
            (["--model=a b"], "^error: model: 'a b' cannot be a name"),
            (["--model=x", "--max_body=0"], "^error: max_body: 0"),
            (["--model=x", "--port=-1"], "^error: port: "),
            (["--model=x", f"--users={notes}"], "^error: users: .*not a data"),
            ([], "^error: model: it must be given"),
        ):
            status, _, stderr = forked.run(
                SCRIPT, "--port=0", *flags, cwd=self.folder
            )
            self.assertEqual(status, 1, stderr)
            self.assertRegex(stderr, words)
            self.assertLen(stderr.splitlines(), 1)

    def test_names_and_versions_of_folders(self):
        for version in (2, 10):
            (self.folder / "birds" / str(version)).mkdir(parents=True)
            path = self.folder / "birds" / str(version) / "saved_model.pb"
            path.touch()
        birds = self.folder / "birds"
        for given, name, version, saved in (
            (f"{birds}", "birds", 10, birds / "10"),
            (f"{birds}/2", "birds", 2, birds / "2"),
            (f"b={birds}/2/", "b", 2, birds / "2"),
            ("omniglot_5way_1shot", "omniglot_5way_1shot", 1, None),
        ):
            found = place(given)
            self.assertEqual(
                (found.name, found.version, found.saved), (name, version, saved)
            )

    def test_a_damaged_model_is_a_sentence(self):
        saved = points(self.folder / "points")
        (saved / "variables" / "variables.index").write_bytes(b"damaged")
        with self.assertRaisesRegex(ValueError, "^model: .*points"):
            load_models([str(saved)], Limits())


if __name__ == "__main__":
    tf.test.main()
