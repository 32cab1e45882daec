"""Tests of flags by which a training stops, warms up and averages."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import absltest

import maml_tf
from maml_tf.training import metrics_log
from tests.helpers.scripts import ROOT, SMALL, ScriptTestCase, run


@pytest.mark.slow
class StoppingTest(ScriptTestCase):
    def test_early_stopping(self):
        workdir = self.folder / "run"
        flags = (
            *SMALL,
            "--validation_interval=10",
            "--learning_rate=0.1",
            "--iterations=600",
            f"--workdir={workdir}",
        )
        stdout = self.assertSucceeds(run("train", *flags, "--early_stopping=2"))
        errors = [
            record["mse"][-1]
            for record in metrics_log.read(workdir)
            if record["phase"] == "validation"
        ]
        best = int(np.argmin(errors))
        stop = best + 2
        self.assertLen(errors, stop + 1)
        self.assertLess(stop, 59)
        said = (
            f"Stopped early after {10 * (stop + 1)} of 600 iterations:"
            " --early_stopping=2 validations in a row were no better. The best"
            f" checkpoint is that of iteration {10 * (best + 1)}.\n"
        )
        self.assertIn(said, stdout)
        learner = maml_tf.load(workdir)
        self.assertEqual(learner.about["iteration"], 10 * (best + 1))
        self.assertEqual(learner.about["checkpoint"], "best")

        stdout = self.assertSucceeds(run("train", *flags, "--early_stopping=2"))
        self.assertIn(said, stdout)
        self.assertIn(", 0 of them now in ", stdout)
        for flag in ("--early_stopping=3", "--noearly_stopping"):
            status, _, stderr = run("train", *flags, flag)
            self.assertNotEqual(status, 0)
            self.assertIn("early_stopping", stderr)
        self.assertRefuses(
            run("train", *flags, "--early_stopping=2", "--validation_tasks=6"),
            "validation_tasks: 6 was given",
        )

    def test_early_stopping_of_policies(self):
        stdout = self.assertSucceeds(
            run(
                "train_rl",
                f"--flagfile={ROOT / 'flags' / 'rl_navigation_2d.flags'}",
                "--widths=4",
                "--horizon=3",
                "--rollouts=2",
                "--tasks=2",
                "--test_inner_steps=1",
                "--iterations=50",
                "--validation_interval=1",
                "--validation_tasks=2",
                "--early_stopping=1",
                f"--workdir={self.folder}",
            )
        )
        returns = [
            record["return"][-1]
            for record in metrics_log.read(self.folder)
            if record["phase"] == "validation"
        ]
        # All but the last are better than the one before.
        rises = np.diff(returns) > 0
        self.assertTrue(rises[:-1].all())
        self.assertFalse(rises[-1])
        self.assertIn(f"Stopped early after {len(returns)} of 50", stdout)

    def test_averages_are_what_is_evaluated_and_loaded(self):
        workdir = self.folder / "run"
        self.assertSucceeds(
            run(
                "train",
                *SMALL,
                "--iterations=20",
                "--warmup_iterations=5",
                "--ema=0.5",
                f"--workdir={workdir}",
            )
        )
        path = str(pathlib.Path(workdir, "checkpoints", "best", "ckpt-20"))
        reader = tf.train.load_checkpoint(path)

        def held(part):
            return [
                reader.get_tensor(f"{part}/{i}/.ATTRIBUTES/VARIABLE_VALUE")
                for i in range(4)
            ]

        learner = maml_tf.load(workdir)
        for weight, average, raw in zip(
            learner.model.get_weights(),
            held("averages"),
            held("weights"),
            strict=True,
        ):
            np.testing.assert_array_equal(weight, average)
            self.assertFalse(np.array_equal(weight, raw))
        # What was validated is what evaluation of the same tasks finds.
        validated = metrics_log.read(workdir)[-1]["mse"]
        stdout = self.assertSucceeds(
            run(
                "evaluate",
                f"--workdir={workdir}",
                "--split=valid",
                "--num_tasks=5",
            )
        )
        for error in validated:
            self.assertIn(f"{error:.3f}", stdout)
        self.assertRefuses(
            run(
                "train",
                f"--flagfile={workdir / 'experiment.flags'}",
                f"--workdir={workdir}",
                "--ema=0.9",
            ),
            "ema: 0.9 was given, but the training in .* began with 0.5",
        )


if __name__ == "__main__":
    absltest.main()
