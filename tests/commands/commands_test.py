"""Tests of the scripts, run as a user runs them."""

import json
import re
import signal
import time

import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.training import metrics_log
from tests.helpers.scripts import (
    ROOT,
    SMALL,
    ScriptTestCase,
    finish,
    run,
    start,
    weights,
)
from tests.helpers.tiny_omniglot import write_tiny_set


class JourneyTest(ScriptTestCase):
    def test_train_evaluate_plot_and_repeat(self):
        workdir = self.folder / "run"
        stdout = self.assertSucceeds(
            run("train", *SMALL, f"--workdir={workdir}", "--iterations=40")
        )
        self.assertRegex(
            stdout, r"Trained 40 iterations, 40 of them now in \d\.\d minutes"
        )
        self.assertLen(metrics_log.read(workdir), 6)

        stdout = self.assertSucceeds(
            run(
                "evaluate",
                f"--workdir={workdir}",
                "--num_tasks=7",
                "--inner_steps=4",
                "--shot=5",
                "--query=20",
            )
        )
        self.assertIn("7 tasks, seed 0", stdout)
        result = json.loads((workdir / "evaluation_test.json").read_text())
        self.assertEqual(
            [result[name] for name in ("dataset", "split", "algorithm")],
            ["sinusoid", "test", "maml"],
        )
        self.assertEqual(
            [result[name] for name in ("shot", "query", "num_tasks", "seed")],
            [5, 20, 7, 0],
        )
        self.assertEqual([s["step"] for s in result["steps"]], [0, 1, 2, 3, 4])
        for step in result["steps"]:
            self.assertGreater(step["mse"], 0)
            self.assertGreater(step["ci95"], 0)
            self.assertAlmostEqual(step["loss"], step["mse"], places=5)
            self.assertIn(f"{step['mse']:.3f}", stdout)

        again = self.folder / "again"
        self.assertSucceeds(
            run(
                "train",
                f"--flagfile={workdir / 'experiment.flags'}",
                f"--workdir={again}",
            )
        )
        self.assertSameWeights(workdir, again, 40)

        # Of the best checkpoint's file nothing can be read.
        for path in (again / "checkpoints" / "best").glob("*.index"):
            path.write_bytes(b"damaged")
        self.assertSucceeds(
            run("evaluate", f"--workdir={again}", "--num_tasks=2")
        )
        result = json.loads((again / "evaluation_test.json").read_text())
        self.assertEqual(result["checkpoint"], "latest")
        self.assertEqual(result["iteration"], 40)

        picture = self.folder / "picture.png"
        self.assertSucceeds(
            run(
                "plot",
                f"--workdir={workdir},{again}",
                f"--output={picture}",
            )
        )
        for path in (picture, self.folder / "picture_curves.png"):
            image = tf.io.decode_png(path.read_bytes()).numpy()
            self.assertGreater(image.std(), 10)

    @pytest.mark.slow
    def test_demo(self):
        workdir = self.folder / "demo"
        stdout = self.assertSucceeds(
            run(
                "demo",
                f"--workdir={workdir}",
                "--iterations=100",
                "--glyph_iterations=4",
                "--num_tasks=4",
            )
        )
        table = (workdir / "table.txt").read_text()
        self.assertIn(table.strip(), stdout)
        rows = re.findall(r"^ *(5|10|20) +(maml|pretrain|oracle)", table, re.M)
        self.assertLen(set(rows), 9)
        self.assertIn("4 tasks", table)
        self.assertIn("0.67 / 0.38 / 0.35", table)
        table = (workdir / "glyphs.txt").read_text()
        self.assertIn(table.strip(), stdout)
        self.assertRegex(table, r"synthetic.*5-way 1-shot.*\n4 tasks")
        self.assertLen(re.findall(r"^ *[0-3] +\d+\.\d\d %", table, re.M), 4)
        self.assertIn("17 of 20 examples", stdout)
        for name in ("sinusoid.png", "glyphs.png", "drawings.png"):
            self.assertIn(str(workdir / name), stdout)
            image = tf.io.decode_png((workdir / name).read_bytes())
            self.assertGreater(image.numpy().std(), 10)


@pytest.mark.slow
class InterruptionTest(ScriptTestCase):
    FLAGS = (*SMALL, "--iterations=3000", "--validation_interval=500")

    def started(self, workdir):
        return start("train", *self.FLAGS, f"--workdir={workdir}")

    def wait_for(self, process, workdir, iteration):
        """Waits until a training has got so far."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            records = metrics_log.read(workdir)
            if records and records[-1]["iteration"] >= iteration:
                return
            time.sleep(0.01)
        self.fail(f"It did not get to {iteration}: {finish(process)}")

    def test_killed_three_times_ends_with_the_same_weights(self):
        undisturbed = self.folder / "undisturbed"
        self.assertSucceeds(
            run("train", *self.FLAGS, f"--workdir={undisturbed}")
        )
        killed = self.folder / "killed"
        for iteration in (200, 900, 1600):
            process = self.started(killed)
            self.wait_for(process, killed, iteration)
            process.kill()
            status, _, _ = finish(process)
            self.assertEqual(status, -signal.SIGKILL)
        self.assertSucceeds(run("train", *self.FLAGS, f"--workdir={killed}"))
        self.assertSameWeights(undisturbed, killed, 3000)

    @parameterized.parameters(signal.SIGINT, signal.SIGTERM)
    def test_a_signal_saves_first(self, number):
        process = self.started(self.folder)
        self.wait_for(process, self.folder, 200)
        process.send_signal(number)
        status, stdout, stderr = finish(process)
        self.assertEqual(status, 128 + number)
        self.assertNotIn("Traceback", stderr)
        saved = int(re.search(r"saved after (\d+) of 3000", stdout).group(1))
        self.assertGreaterEqual(saved, 200)
        self.assertNotEmpty(weights(self.folder, saved))


class RefusalTest(ScriptTestCase):
    def test_train_refuses_with_a_sentence(self):
        omniglot = f"--flagfile={ROOT / 'flags' / 'omniglot_5way_1shot.flags'}"
        data_dir = self.folder / "data"
        write_tiny_set(data_dir)
        tiny = (f"--data_dir={data_dir}", f"--cache_dir={self.folder}")
        cases = {
            ("--algorithm=oracle", omniglot, "--algorithm=oracle"): (
                "algorithm: oracle",
                "dataset=omniglot",
            ),
            (omniglot, f"--data_dir={self.folder / 'none'}"): (
                "data_dir",
                "--download",
            ),
            (omniglot, *tiny, "--way=61"): ("way: 61 ", "at most 60"),
            (omniglot, *tiny, "--shot=25"): ("shot: 25 ", "has 4"),
            (omniglot, *tiny, "--alphabets=Klingon"): ("Klingon", "Greek"),
            ("--network=mlp", "--filters=3"): ("filters", "widths"),
            ("--widths=4,x",): ("widths", "whole numbers"),
            ("--tasks=0",): ("tasks: 0",),
        }
        for number, (flags, patterns) in enumerate(cases.items()):
            with self.subTest(flags):
                workdir = self.folder / str(number)
                result = run("train", *flags, f"--workdir={workdir}")
                self.assertRefuses(result, *patterns)
                # What was refused leaves nothing behind.
                self.assertFalse((workdir / "experiment.flags").exists())

    def test_changed_flag_on_resume_is_refused(self):
        flags = (*SMALL, f"--workdir={self.folder}", "--iterations=10")
        self.assertSucceeds(run("train", *flags))
        before = weights(self.folder, 10)
        self.assertRefuses(
            run("train", *flags, "--inner_learning_rate=0.02"),
            "inner_learning_rate: 0.02",
            "0.01",
        )
        self.assertEqual(before.keys(), weights(self.folder, 10).keys())
        self.assertSucceeds(run("train", *flags, "--iterations=20"))
        self.assertRefuses(
            run("evaluate", f"--workdir={self.folder}", "--num_tasks=0"),
            "num_tasks: 0",
        )
        self.assertRefuses(
            run(
                "plot",
                f"--workdir={self.folder}",
                f"--output={self.folder / 'x.doc'}",
            ),
            "output",
            "png",
        )

    def test_divergence_is_reported(self):
        self.assertRefuses(
            run(
                "train",
                *SMALL,
                f"--workdir={self.folder}",
                "--inner_learning_rate=1e30",
            ),
            r"at iteration 1;.*ckpt-0",
        )

    @parameterized.parameters("evaluate", "plot")
    def test_no_training_there(self, script):
        flags = [f"--workdir={self.folder / 'none'}"]
        if script == "plot":
            flags.append("--output=x.png")
        result = run(script, *flags)
        self.assertRefuses(result, "workdir", "maml-tf train")
        # The sentence alone: TensorFlow's notes would bury it.
        self.assertLen(result[2].splitlines(), 1)

    @parameterized.parameters(
        ("train", "--inner_learning_rate"),
        ("evaluate", "--num_tasks"),
        ("plot", "--kind"),
        ("demo", "--iterations"),
    )
    def test_help_teaches(self, script, flag):
        status, stdout, _ = run(script, "--help")
        self.assertEqual(status, 0)
        self.assertRegex(stdout, rf"(?m)^  {flag}[= ]")
        # The command in the docstring, its lines as they stand there.
        self.assertRegex(stdout, rf"(?m)^    maml-tf {script}")

    def test_unknown_and_missing_flags(self):
        for flags, sentence in (
            (["--shots=5"], "shots: .*did you mean --shot"),
            ([], "workdir: it must be given"),
            (
                ["--workdir=x", "--batch_norm=mine"],
                "batch_norm: mine was given; .*transductive, inductive, moving",
            ),
        ):
            self.assertRefuses(run("train", *flags), sentence)


if __name__ == "__main__":
    tf.test.main()
