"""Trainings of two processes, killed, stopped and resumed."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from absl.testing import absltest, parameterized

from maml_tf.commands.ports import free_addresses
from tests.helpers import scripts

ITERATIONS = 600
SMALL = [
    "train",
    *(flag for flag in scripts.SMALL if "checkpoint" not in flag),
    "--iterations_per_call=1",
    "--checkpoint_interval=20",
    "--inter_op_threads=1",
    "--worker_timeout=60",
]
# Seconds after which a process counts as hanging.
LIMIT = 240


def start(command, *flags):
    return subprocess.Popen(
        [sys.executable, "-m", "maml_tf.commands.main", *command, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=scripts.ROOT,
    )


def launch(workdir, *flags, iterations=ITERATIONS, workers=2):
    return start(
        ["launch", f"--workers={workers}", "--", *SMALL],
        f"--workdir={workdir}",
        f"--iterations={iterations}",
        *flags,
    )


def finish(process):
    try:
        out, errors = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, errors


def children(process):
    """The processes of the workers, in the order of their start."""
    path = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in path.read_text().split()]


def wait_for(workdir, iteration):
    """Waits for a record of at least this iteration."""
    path = pathlib.Path(workdir, "metrics.jsonl")
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        lines = path.read_text().splitlines() if path.exists() else []
        if lines and json.loads(lines[-1])["iteration"] >= iteration:
            return
        time.sleep(0.05)
    raise AssertionError("the training does not go on")


@pytest.mark.slow
class LaunchTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.whole = cls.folder.name
        status, out, errors = finish(launch(cls.whole))
        assert status == 0, errors
        cls.out, cls.errors = out, errors

    def assert_same_end(self, workdir):
        one = scripts.weights(self.whole, ITERATIONS)
        other = scripts.weights(workdir, ITERATIONS)
        self.assertEqual(one.keys(), other.keys())
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name], name)

    def test_lines_have_the_number_of_their_worker(self):
        self.assertIn(f"[0] Trained {ITERATIONS} iterations", self.out)
        self.assertNotIn("[1] Trained", self.out)
        for line in [*self.out.splitlines(), *self.errors.splitlines()]:
            self.assertRegex(line, r"^\[[01]\] ")

    def test_two_workers_train_as_one(self):
        alone = self.create_tempdir().full_path
        status, _, errors = finish(
            start(
                SMALL,
                f"--workdir={alone}",
                f"--iterations={ITERATIONS}",
                "--strategy=one",
            )
        )
        self.assertEqual(status, 0, errors)
        one = scripts.weights(alone, ITERATIONS)
        for name, values in scripts.weights(self.whole, ITERATIONS).items():
            np.testing.assert_allclose(
                values, one[name], rtol=1e-3, atol=1e-4, err_msg=name
            )

    def test_after_kills_the_same_command_ends_bit_identical(self):
        """First a worker is killed, later the chief."""
        workdir = self.create_tempdir().full_path
        for victim, iteration in ((1, 60), (0, 200)):
            process = launch(workdir)
            wait_for(workdir, iteration)
            killed = time.monotonic()
            os.kill(children(process)[victim], signal.SIGKILL)
            status, _, errors = finish(process)
            self.assertLess(time.monotonic() - killed, 30)
            self.assertNotEqual(status, 0)
            left = 1 - victim
            self.assertRegex(
                errors,
                rf"\[{left}\] error: workers: worker {left} of 2 lost",
            )
            self.assertNotIn("Traceback", errors)
        status, _, errors = finish(launch(workdir))
        self.assertEqual(status, 0, errors)
        self.assert_same_end(workdir)

    def test_signals_end_all_at_the_same_iteration(self):
        """First at one worker, then at the command, as by Ctrl-C."""
        workdir = self.create_tempdir().full_path
        process = launch(workdir)
        wait_for(workdir, 60)
        os.kill(children(process)[1], signal.SIGTERM)
        status, out, errors = finish(process)
        self.assertEqual(status, 0, errors)
        self.assertRegex(out, r"\[0\] SIGTERM: saved after \d+ of")
        process = launch(workdir)
        wait_for(workdir, 200)
        workers = children(process)
        process.send_signal(signal.SIGINT)
        status, out, errors = finish(process)
        self.assertEqual(status, 0, errors)
        self.assertRegex(out, r"\[0\] SIGINT: saved after")
        for number in workers:
            self.assertFalse(pathlib.Path(f"/proc/{number}").exists())
        status, _, errors = finish(launch(workdir))
        self.assertEqual(status, 0, errors)
        self.assert_same_end(workdir)

    def test_another_number_of_workers_goes_on_with_a_note(self):
        workdir = self.create_tempdir().full_path
        self.assertEqual(finish(launch(workdir, iterations=40))[0], 0)
        status, _, errors = finish(launch(workdir, iterations=60, workers=3))
        self.assertEqual(status, 0, errors)
        self.assertRegex(
            errors, r"\[0\] note: .* by 2 replicas until now and goes on with 3"
        )


class SentencesTest(parameterized.TestCase):
    @parameterized.parameters(
        (["--workers=0", "--", "train"], "workers: 0 was given; it must be 1"),
        (["--", "evaluate"], "launch: 'evaluate' was given as the command"),
        ([], "launch: nothing was given as the command to start"),
    )
    def test_bad_input_is_refused_before_anything_starts(self, flags, part):
        status, out, errors = finish(start(["launch"], *flags))
        self.assertEqual((status, out), (1, ""))
        self.assertStartsWith(errors, f"error: {part}")

    def test_help_explains_and_shows_an_example(self):
        status, out, _ = finish(start(["launch"], "--help"))
        self.assertEqual(status, 0)
        self.assertStartsWith(
            out, "usage: maml-tf launch [flags] -- COMMAND [flags]\n"
        )
        self.assertIn("maml-tf launch --workers=2 -- train", out)


@pytest.mark.slow
class DifferentWorkersTest(absltest.TestCase):
    def test_different_flags_are_named_at_all_workers(self):
        workdir = self.create_tempdir().full_path
        processes = self.started(workdir, ["--tasks=3"], ["--tasks=4"])
        sentences = [finish(process)[::2] for process in processes]
        for index, (status, errors) in enumerate(sentences):
            self.assertEqual(status, 1)
            self.assertStartsWith(
                errors,
                f"error: tasks: worker {index} was given {3 + index}, and"
                f" worker {1 - index} {4 - index}; give all the same.",
            )
        self.assertEmpty(os.listdir(workdir))

    def test_a_folder_that_cannot_be_written_ends_all(self):
        folder = self.create_tempfile().full_path
        processes = self.started(f"{folder}/x", [], [])
        (status, errors), (other, others) = [
            finish(process)[::2] for process in processes
        ]
        self.assertEqual((status, other), (1, 1))
        self.assertIn("error: Not a directory", errors)
        self.assertRegex(
            others, "error: (workers: worker 1 of 2 lost|Not a directory)"
        )

    def started(self, workdir, *flags):
        """Starts a worker for each of some lists of flags."""
        addresses = free_addresses(len(flags))
        processes = []
        for index, own in enumerate(flags):
            config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            processes.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "maml_tf.commands.main"),
                        *SMALL,
                        f"--workdir={workdir}",
                        *own,
                    ],
                    env={**os.environ, "TF_CONFIG": json.dumps(config)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        return processes


if __name__ == "__main__":
    absltest.main()
