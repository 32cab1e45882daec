"""Tests of --ensemble in train, evaluate and share, as a user does."""

import json

import numpy as np
import pytest
from absl.testing import absltest

import maml_tf
from tests.helpers.scripts import SMALL, ScriptTestCase, run


class EnsembleTest(ScriptTestCase):
    def evaluated(self, workdir, *flags):
        output = self.folder / "result.json"
        flags = f"--workdir={workdir}", f"--output={output}", *flags
        result = run("evaluate", *flags, "--num_tasks=7", "--query=3")
        self.assertSucceeds(result)
        return json.loads(output.read_text()), result[1]

    @pytest.mark.slow
    def test_trained_evaluated_and_shared(self):
        training, shared = self.folder / "training", self.folder / "shared"
        flags = *SMALL, f"--workdir={training}", "--validation_interval=5"
        self.assertSucceeds(
            run("train", *flags, "--iterations=15", "--ensemble=2")
        )
        self.assertRefuses(
            run("train", *flags, "--iterations=20"), "ensemble", "2"
        )
        self.assertLen(list((training / "checkpoints/ensemble").iterdir()), 2)
        both, text = self.evaluated(training)
        self.assertEqual(both["ensemble"], 2)
        self.assertIn("ensemble of 2 checkpoints", text)
        best, text = self.evaluated(training, "--ensemble=1")
        self.assertNotIn("ensemble", best)
        self.assertNotIn("ensemble", text)
        self.assertNotEqual(best["steps"], both["steps"])
        self.assertRefuses(
            run("evaluate", f"--workdir={training}", "--ensemble=3"),
            "ensemble",
            "has 2",
        )
        result = run(
            "share",
            f"--workdir={training}",
            f"--output={shared}",
            "--description=Fits waves.",
            "--not_for=Bridges.",
            "--data_licence=none",
            "--commit=abc1234",
            "--num_tasks=7",
        )
        self.assertSucceeds(result)
        self.assertIn(
            "the best 2 checkpoints", (shared / "card.md").read_text("utf-8")
        )
        theirs, _ = self.evaluated(shared)
        self.assertEqual(theirs["steps"], both["steps"])
        x = np.linspace(-5, 5, 6)[:, np.newaxis]
        one, other = (
            maml_tf.load(folder).adapt(x, np.sin(x), 2).predict(x)
            for folder in (training, shared)
        )
        np.testing.assert_array_equal(one, other)

    def test_refusals(self):
        for flags, given in (
            (("--ensemble=0",), "0"),
            (("--ensemble=1001",), "1001"),
            (("--ensemble=2", "--algorithm=scratch"), "2"),
        ):
            workdir = self.folder / "never"
            result = run("train", *SMALL, f"--workdir={workdir}", *flags)
            self.assertRefuses(result, "ensemble", given)
            self.assertFalse(workdir.exists())


if __name__ == "__main__":
    absltest.main()
