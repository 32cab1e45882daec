"""Tests of share.py, and of what it makes in other scripts, as a user does."""

import json
import pathlib
import tempfile

import numpy as np
import pytest
from absl.testing import absltest

import maml_tf
from tests.helpers.scripts import SMALL, ScriptTestCase, run


@pytest.mark.slow
class ShareTest(ScriptTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.once = pathlib.Path(temporary.name)
        cls.training, cls.shared = cls.once / "training", cls.once / "shared"
        cls.trained = run(
            "train", *SMALL, f"--workdir={cls.training}", "--iterations=20"
        )
        cls.shares = run(
            "share",
            f"--workdir={cls.training}",
            f"--output={cls.shared}",
            "--description=Fits waves.",
            "--not_for=Bridges.",
            "--data_licence=none",
            "--commit=abc1234",
            "--num_tasks=7",
            "--query=3",
            "--inner_steps=2",
        )

    def evaluated(self, workdir, *flags):
        output = self.folder / "result.json"
        self.assertSucceeds(
            run(
                "evaluate",
                f"--workdir={workdir}",
                f"--output={output}",
                "--num_tasks=7",
                *flags,
            )
        )
        return json.loads(output.read_text())

    def test_what_is_shared_is_what_was_trained(self):
        self.assertSucceeds(self.trained)
        self.assertSucceeds(self.shares)
        self.assertCountEqual(
            [path.name for path in self.shared.iterdir()],
            ["card.md", "experiment.flags", "learner.json", "network.keras"],
        )
        # By itself, the shared model is evaluated as its card says.
        theirs = self.evaluated(self.training, "--query=3", "--inner_steps=2")
        ours = self.evaluated(self.shared)
        self.assertLen(ours["steps"], 3)
        self.assertEqual(theirs["steps"], ours["steps"])
        self.assertEqual(ours["iteration"], 20)
        x = np.linspace(-5, 5, 6)[:, np.newaxis]
        one, other = (
            maml_tf.load(folder).adapt(x, np.sin(x), 2).predict(x)
            for folder in (self.training, self.shared)
        )
        np.testing.assert_array_equal(one, other)
        card = (self.shared / "card.md").read_text("utf-8")
        last = ours["steps"][-1]
        self.assertIn(f"- mse {last['mse']:.3f} ± {last['ci95']:.3f} ", card)
        for text in (
            "# shared\n",
            "Fits waves.",
            "| data | sinusoid (none) |",
            "| commit | abc1234 |",
            "20 of 20 iterations",
            "7 10-shot tasks of the test split, 3 queries, seed 0, no batch",
            "## What it must not be used for\n\nBridges.\n",
        ):
            self.assertIn(text, card)
        for name in ("experiment.flags", "learner.json", "card.md"):
            text = (self.shared / name).read_text("utf-8")
            self.assertNotIn(str(self.once), text)


class RefusalTest(ScriptTestCase):
    def test_no_training(self):
        output = self.folder / "shared"
        result = run(
            "share",
            f"--workdir={self.folder / 'nowhere'}",
            f"--output={output}",
            "--description=x",
            "--not_for=y",
            "--data_licence=z",
        )
        self.assertRefuses(result, "workdir", "nowhere")
        self.assertFalse(output.exists())


if __name__ == "__main__":
    absltest.main()
