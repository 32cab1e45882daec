"""Tests of the scripts of policies, run as a user runs them."""

import json
import re
import time

import numpy as np
import pytest
from absl import flags
from absl.testing import absltest, parameterized

from maml_tf import InputError
from maml_tf.rl import losses
from maml_tf.rl.sampling import Sampling
from maml_tf.training import metrics_log
from tests.helpers.scripts import (
    ROOT,
    ScriptTestCase,
    finish,
    run,
    start,
    weights,
)

# A training of seconds.
SMALL = (
    f"--flagfile={ROOT / 'flags' / 'rl_navigation_2d.flags'}",
    "--widths=8",
    "--horizon=5",
    "--rollouts=2",
    "--tasks=2",
    "--test_inner_steps=1",
    "--iterations=12",
    "--log_interval=1",
    "--validation_interval=4",
    "--validation_tasks=3",
    "--checkpoint_interval=1",
)


def course(workdir):
    """The log, but for how fast it went."""
    return [
        {n: v for n, v in record.items() if n != "iterations_per_second"}
        for record in metrics_log.read(workdir)
    ]


@pytest.mark.slow
class JourneyTest(ScriptTestCase):
    def said(self, name, *flags):
        """Draws; returns what is written in the picture."""
        path = self.folder / name
        self.assertSucceeds(run("plot_rl", f"--output={path}", *flags))
        # Matplotlib draws text as paths and keeps it in comments.
        return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))

    def test_train_resume_evaluate_and_plot(self):
        whole, killed = self.folder / "whole", self.folder / "killed"
        process = start("train_rl", *SMALL, f"--workdir={killed}")
        deadline = time.monotonic() + 120
        while len(metrics_log.read(killed)) < 2:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.kill()
        finish(process)
        self.assertFalse((killed / "checkpoints/latest/ckpt-12.index").exists())

        stdout = self.assertSucceeds(
            run("train_rl", *SMALL, f"--workdir={whole}")
        )
        self.assertRegex(stdout, r"Trained 12 iterations, 12 of them now")
        self.assertIn(f"next: maml-tf evaluate-rl --workdir={whole}\n", stdout)
        # How it runs may change.
        stdout = self.assertSucceeds(
            run("train_rl", *SMALL, f"--workdir={killed}", "--noprogress")
        )
        self.assertNotIn("12 of them now", stdout)
        self.assertSameWeights(whole, killed, 12)
        self.assertEqual(course(whole), course(killed))
        self.assertLen(course(whole), 12 + 3)

        before = weights(whole, 12)
        for flag, pattern in (
            ("--inner_learning_rate=0.4", "inner_learning_rate: 0.4 .* 0.5"),
            ("--form=paper", "form: paper .* official"),
        ):
            self.assertRefuses(
                run("train_rl", *SMALL, flag, f"--workdir={whole}"), pattern
            )
        self.assertEqual(before.keys(), weights(whole, 12).keys())
        # Policies are not what the other scripts take.
        self.assertRefuses(
            run("evaluate", f"--workdir={whole}"),
            "workdir: .*cannot be read .*maml-tf train",
        )

        self.evaluate(whole, killed)
        self.plot(whole, killed)

    def evaluate(self, whole, killed):
        stdout = self.assertSucceeds(
            run(
                "evaluate_rl",
                f"--workdir={whole},{killed}",
                "--num_tasks=3",
                "--rollouts=4",
                "--inner_learning_rate=0.3",
                "--later_inner_learning_rate=0.2",
                "--seed=7",
            )
        )
        result, other = (
            json.loads((workdir / "evaluation_test.json").read_text())
            for workdir in (whole, killed)
        )
        # The same weights and seed.
        self.assertEqual(result, other)
        steps = result.pop("steps")
        expected = {
            "environment": "navigation_2d",
            "form": "official",
            "horizon": 5,
            "algorithm": "maml",
            "metric": "return",
            "split": "test",
            "num_tasks": 3,
            "rollouts": 4,
            "seed": 7,
            "inner_learning_rate": 0.3,
            "later_inner_learning_rate": 0.2,
            "checkpoint": "best",
        }
        self.assertEqual({name: result[name] for name in expected}, expected)
        self.assertIn(result["iteration"], (4, 8, 12))
        self.assertIn("3 tasks, 4 rollouts a step, seed 7", stdout)
        self.assertEqual([step["step"] for step in steps], [0, 1])
        for step in steps:
            self.assertBetween(step["return"], -10.0, 0.0)
            cell = f"{step['return']:.2f} ± {step['ci95']:.2f}"
            self.assertEqual(stdout.count(cell), 2)
        # Five steps are not a hundred.
        self.assertNotIn("published", stdout)

    def plot(self, whole, killed):
        both = f"--workdir={whole},{killed}"
        said = self.said("curves.svg", both)
        self.assertContainsSubset(
            [
                "mean return",
                f"maml ({whole}), after 1 step, 3 tasks",
                "Adaptation: navigation_2d (official form), test, horizon 5",
            ],
            said,
        )
        said = self.said(
            "paths.svg",
            f"--workdir={whole}",
            "--kind=trajectories",
            "--goals=2",
        )
        self.assertContainsSubset(
            ["before adaptation", "after 1 step", "goal", "maml"], said
        )
        self.assertNotIn("after 2 steps", said)


class ExperimentTest(ScriptTestCase):
    """What flags describe, without running a script."""

    def experiment(self, *arguments):
        from maml_tf.commands.experiments import policies, policy_flags

        values = flags.FlagValues()
        policy_flags.define(values)
        values(["test", *arguments])
        return policies.RLExperiment(values)

    def test_flags_reach_what_they_are_about(self):
        built = self.experiment(
            "--algorithm=oracle",
            "--form=paper",
            "--horizon=7",
            "--widths=8,9",
            "--initial_deviation=0.5",
            "--discount=0.9",
            "--gae_lambda=0.8",
            "--inner_learning_rate=0.3",
            "--outer_update=ppo",
            "--ppo_epochs=3",
            "--learning_rate=0.01",
        )
        # Position and goal; means and log deviations.
        self.assertEqual(
            [w.shape for w in built.model.weights],
            [(4, 8), (8,), (8, 9), (9,), (9, 2), (2,), (2,)],
        )
        np.testing.assert_allclose(built.model.weights[-1], np.log(0.5))
        self.assertEqual(built.environment.form, "paper")
        self.assertEqual(built.environment.horizon, 7)
        self.assertEqual(built.sampling, Sampling(20, 0.9, 0.8))
        self.assertEqual(built.inner_learning_rates, [0.3, 0.15])
        update = built.update()
        self.assertEqual(update.epochs, 3)
        self.assertAlmostEqual(float(update.optimizer.learning_rate), 0.01)

        built = self.experiment(
            "--algorithm=maml",
            "--adapts=head",
            "--nosecond_order",
            "--inner_loss=dice",
            "--inner_steps=2",
            "--later_inner_learning_rate=0.7",
            "--max_kl=0.02",
            "--line_search_steps=4",
        )
        self.assertEqual(built.inner_learning_rates, [0.1, 0.7])
        self.assertEqual(built.algorithm.inner_steps, 2)
        inner_loop = built.algorithm.inner_loop
        self.assertEqual(inner_loop.adapted, [False] * 4 + [True] * 3)
        self.assertFalse(inner_loop.second_order)
        self.assertIs(inner_loop.loss, losses.dice)
        update = built.update()
        self.assertEqual(update.max_kl, 0.02)
        self.assertEqual(update.line_search_steps, 4)
        self.assertEqual(update.conjugate_gradient_steps, 10)

    def test_discrete_actions_have_a_categorical_policy(self):
        built = self.experiment(
            "--environment=bandit", "--arms=3", "--widths=4"
        )
        self.assertEqual(
            [w.shape for w in built.model.weights],
            [(1, 4), (4,), (4, 3), (3,)],
        )
        self.assertEqual(built.setting()["size"], "3 arms")
        tasks = built.environment.tasks("test", 0, 4, 0).numpy()
        found = built.references("test", 4)
        self.assertAlmostEqual(
            found["best policy"], 100 * tasks.max(1).mean(), places=3
        )
        built = self.experiment(
            "--environment=tabular_mdp", "--states=3", "--actions=2"
        )
        self.assertEqual(built.model.input_shape[1:], (3,))
        self.assertEqual(built.model.output_shape[1:], (2,))

    @parameterized.parameters(
        (
            ["--environment=bandit", "--initial_deviation=0.5"],
            "^initial_deviation: 0.5 .*'bandit' are discrete",
        ),
        (["--arms=3"], "^arms: .*navigation_2d.* it takes form, horizon"),
        (["--algorithm=nearest_centroid"], "^algorithm: .*pretrain"),
        (["--environment=maze"], "^environment: 'maze' .*navigation_2d"),
        (["--workers=2"], "^workers: .*navigation_2d.* it takes form, horizon"),
        (["--ppo_clip=0.1"], "^ppo_clip: outer_update 'trpo' .*max_kl"),
        (
            ["--outer_update=ppo", "--max_kl=0.1"],
            "^max_kl: outer_update 'ppo' .*takes learning_rate, ppo_epochs",
        ),
        (["--inner_learning_rate=-1"], "^inner_learning_rate: -1.0 .*0 or"),
        (
            ["--later_inner_learning_rate=-1"],
            "^later_inner_learning_rate: -1.0 .*0 or more",
        ),
        (
            ["--outer_update=ppo", "--learning_rate=-1"],
            "^learning_rate: -1.0 .*0 or more",
        ),
        (["--max_kl=0"], "^max_kl: 0.0 .*above 0"),
        (["--widths=4,x"], "^widths: '4,x' .*whole numbers"),
        (["--initial_deviation=0"], "^initial_deviation: 0.0 .*above 0"),
        (["--rollouts=0"], "^rollouts: 0 .*1 or more"),
        (["--tasks=0"], "^tasks: 0 .*1 or more"),
        (["--discount=2"], "^discount: 2.0 .*0 to 1"),
        (["--algorithm=fomaml", "--second_order"], "^second_order: .*fomaml"),
    )
    def test_refuses_with_a_sentence(self, arguments, pattern):
        with self.assertRaisesRegex(InputError, pattern):
            self.experiment(*arguments).outer_step()

    @parameterized.parameters("inner_clip_norm", "inner_clip_value")
    def test_limits_of_inner_gradients_are_refused_by_their_name(self, name):
        for value in ("0", "-1.0"):
            with self.assertRaisesRegex(InputError, f"^{name}: .*above 0"):
                self.experiment(f"--{name}={value}")


@pytest.mark.slow
class DiscreteTest(ScriptTestCase):
    def test_train_resume_and_evaluate_a_bandit(self):
        small = (
            "--environment=bandit",
            "--arms=3",
            "--horizon=6",
            *SMALL[1:2],
            *SMALL[3:],
        )
        whole, parts = self.folder / "whole", self.folder / "parts"
        self.assertSucceeds(run("train_rl", *small, f"--workdir={whole}"))
        for flag in ("--iterations=5", "--iterations=12"):
            self.assertSucceeds(
                run("train_rl", *small, flag, f"--workdir={parts}")
            )
        self.assertSameWeights(whole, parts, 12)
        stdout = self.assertSucceeds(
            run(
                "evaluate_rl", f"--workdir={whole}", "--num_tasks=3", "--greedy"
            )
        )
        result = json.loads((whole / "evaluation_test.json").read_text())
        self.assertTrue(result["greedy"])
        self.assertIn("3 arms, horizon 6", stdout)
        self.assertIn("2 rollouts a step, most probable actions", stdout)
        best = result["references"]["best policy"]
        self.assertRegex(stdout, rf"random actions .*best policy {best:.2f}\n")


class RefusalTest(ScriptTestCase):
    def test_what_was_refused_leaves_nothing_behind(self):
        workdir = self.folder / "run"
        self.assertRefuses(
            run("train_rl", "--algorithm=reptile", f"--workdir={workdir}"),
            "algorithm: 'reptile' .*anil, .*maml",
        )
        self.assertRefuses(
            run("train_rl", "--validation_tasks=0", f"--workdir={workdir}"),
            "num_tasks: 0 .*1 or more",
        )
        self.assertFalse(workdir.exists())

    def test_scratch_has_nothing_to_train(self):
        stdout = self.assertSucceeds(
            run(
                "train_rl",
                "--widths=8",
                "--algorithm=scratch",
                f"--workdir={self.folder}",
            )
        )
        self.assertIn("scratch: nothing to meta-train", stdout)
        self.assertIn("Trained 0 iterations", stdout)
        self.assertNotEmpty(weights(self.folder, 0))

    def test_workdirs_that_will_not_do(self):
        none = f"--workdir={self.folder / 'none'}"
        self.assertRefuses(
            run("evaluate_rl", none), "workdir: .*maml-tf train-rl"
        )
        one, other = self.folder / "one", self.folder / "other"
        for workdir, environment in (
            (one, "navigation_2d"),
            (other, "half_cheetah_velocity"),
        ):
            workdir.mkdir()
            (workdir / "experiment.flags").write_text(
                f"--environment={environment}\n"
            )
        self.assertRefuses(
            run("evaluate_rl", f"--workdir={one},{other}"),
            "workdir: .*half_cheetah_velocity.*navigation_2d",
        )
        self.assertRefuses(
            run("evaluate_rl", f"--workdir={one}"), "workdir: .*no checkpoint"
        )
        output = f"--output={self.folder / 'x.png'}"
        self.assertRefuses(
            run("plot_rl", output, "--kind=trajectories", f"--workdir={other}"),
            "kind: trajectories.*half_cheetah_velocity.*navigation_2d alone",
        )
        self.assertRefuses(
            run("plot_rl", output, f"--workdir={one}"), "workdir: .*no records"
        )

    @parameterized.parameters(
        ("train_rl", "--later_inner_learning_rate"),
        ("evaluate_rl", "--rollouts"),
        ("plot_rl", "--goals"),
    )
    def test_help_teaches(self, script, flag):
        status, stdout, _ = run(script, "--help")
        self.assertEqual(status, 0)
        self.assertRegex(stdout, rf"(?m)^  {flag}[= ]")
        self.assertRegex(
            stdout, rf"(?m)^    maml-tf {script.replace('_', '-')} "
        )


if __name__ == "__main__":
    absltest.main()
