"""Scripts, run as a user runs them, and checks of what they say and leave."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.helpers import forked

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A training of seconds, without XLA's compilation.
SMALL = (
    f"--flagfile={ROOT / 'flags' / 'sinusoid_10shot.flags'}",
    "--jit_compile=false",
    "--widths=8",
    "--tasks=3",
    "--iterations_per_call=5",
    "--log_interval=10",
    "--validation_interval=20",
    "--validation_tasks=5",
    "--checkpoint_interval=10",
)


def start(script, *flags):
    """Starts a script; returns the process, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def finish(process):
    """Waits; returns `(exit status, stdout, stderr)`."""
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr


def run(script, *flags):
    """Runs a script to its end; returns `(exit status, stdout, stderr)`."""
    return forked.run(ROOT / "scripts" / f"{script}.py", *flags, cwd=ROOT)


def weights(workdir, iteration):
    """All that a checkpoint holds, by name."""
    path = pathlib.Path(workdir, "checkpoints", "latest", f"ckpt-{iteration}")
    reader = tf.train.load_checkpoint(str(path))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "save_counter/.ATTRIBUTES/VARIABLE_VALUE"
        and not name.startswith("_CHECKPOINTABLE")
    }


class ScriptTestCase(parameterized.TestCase):
    """A test with a folder of its own, `self.folder`."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def assertSucceeds(self, result):
        status, stdout, stderr = result
        self.assertEqual(status, 0, stderr)
        return stdout

    def assertRefuses(self, result, *patterns):
        """One sentence on stderr, no stack trace, a non-zero status."""
        status, _, stderr = result
        self.assertEqual(status, 1, stderr)
        self.assertNotIn("Traceback", stderr)
        (line,) = [x for x in stderr.splitlines() if x.startswith("error:")]
        for pattern in patterns:
            self.assertRegex(line, pattern)

    def assertSameWeights(self, one, other, iteration):
        one, other = weights(one, iteration), weights(other, iteration)
        self.assertEqual(one.keys(), other.keys())
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name], name)
