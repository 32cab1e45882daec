"""Tests of maml_tf/commands/experiments/quiet_tensorflow.py."""

import os
import subprocess
import sys

import pytest
from absl.testing import absltest, parameterized

MODULE = "maml_tf.commands.experiments.quiet_tensorflow"


def python(code):
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


class QuietTensorFlowTest(parameterized.TestCase):
    @parameterized.parameters(
        ("", 1, os.cpu_count()),
        ("3, 5", 3, 5),
        ("0, 0", os.cpu_count(), os.cpu_count()),
    )
    @pytest.mark.slow
    def test_threads_are_set_without_a_note(self, arguments, intra, inter):
        status, stdout, stderr = python(
            f"import {MODULE} as quiet_tensorflow\n"
            "import maml_tf, tensorflow as tf\n"
            f"quiet_tensorflow.set_threads({arguments})\n"
            "threading = tf.config.threading\n"
            "print(threading.get_intra_op_parallelism_threads(),"
            " threading.get_inter_op_parallelism_threads())"
        )
        self.assertEqual((status, stderr), (0, ""))
        self.assertEqual(stdout, f"{intra} {inter}\n")

    @pytest.mark.slow
    def test_running_already(self):
        status, _, stderr = python(
            "import tensorflow as tf\n"
            "tf.constant(1)\n"
            f"import {MODULE} as quiet_tensorflow\n"
            "quiet_tensorflow.set_threads(3)\n"
            "assert tf.config.threading.get_intra_op_parallelism_threads() == 0"
        )
        self.assertEqual(status, 0, stderr)

    def test_a_failing_import_says_what_it_said(self):
        status, _, stderr = python(
            f"import sys\nsys.modules['numpy'] = None\nimport {MODULE}"
        )
        self.assertEqual(status, 1)
        self.assertIn("numpy", stderr)


if __name__ == "__main__":
    absltest.main()
