"""Tests of the command `maml-tf`, which answers before TensorFlow starts."""

import subprocess
import sys
import time

from absl.testing import absltest, parameterized

import maml_tf
from maml_tf.commands import main


def maml_tf_command(*arguments):
    """Runs `maml-tf` and returns its completed process and its seconds."""
    started = time.monotonic()
    result = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "maml_tf.commands.main",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return result, time.monotonic() - started


class MainTest(parameterized.TestCase):
    def assertQuick(self, result, seconds):
        self.assertNotRegex(result.stderr, r"\| +(tensorflow|keras|numpy)$")
        # It takes 0.1 seconds; other tests run beside it.
        self.assertLess(seconds, 5.0)

    @parameterized.parameters([[]], [["--help"]], [["help"]], [["-h"]])
    def test_help_lists_every_command(self, arguments):
        result, seconds = maml_tf_command(*arguments)
        self.assertEqual(result.returncode, 0)
        self.assertQuick(result, seconds)
        for command in main.COMMANDS:
            self.assertRegex(result.stdout, rf"(?m)^  {command} +[A-Z].*\.$")

    def test_version(self):
        result, seconds = maml_tf_command("--version")
        self.assertEqual(result.stdout, f"maml-tf {maml_tf.__version__}\n")
        self.assertQuick(result, seconds)

    @parameterized.parameters(
        ("trian", "did you mean train"),
        ("evaluate_r1", "did you mean evaluate-rl"),
        ("xyzzy", "maml-tf --help lists them"),
    )
    def test_an_unknown_command(self, name, hint):
        result, seconds = maml_tf_command(name)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stdout, "")
        self.assertQuick(result, seconds)
        last = result.stderr.splitlines()[-1]
        self.assertStartsWith(last, f"error: command: {name!r} is unknown; ")
        self.assertIn(hint, last)
        self.assertNotIn("Traceback", result.stderr)

    @parameterized.parameters("list learners", "--help", "demo --help")
    def test_a_reader_may_stop_reading(self, arguments):
        result = subprocess.run(
            # The reader ends at once; what is then written is lost.
            f"(sleep 0.3; {sys.executable} -m maml_tf.commands.main"
            f" {arguments}) | true",
            shell=True,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.assertNotIn("Traceback", result.stderr)
        self.assertNotIn("BrokenPipe", result.stderr)

    def test_every_command_is_a_module_that_runs(self):
        for command in main.COMMANDS:
            self.assertNotEmpty(main.summary(command))
        self.assertLen(set(main.COMMANDS), len(main.COMMANDS))


if __name__ == "__main__":
    absltest.main()
