"""Tests of maml_tf/commands/flag_ranges.py."""

import json
import pathlib

import pytest
from absl.testing import absltest

from maml_tf.commands.flag_ranges import LARGEST
from maml_tf.commands.main import COMMANDS
from tests.helpers import forked

_FLAGS = pathlib.Path(__file__).parents[1] / "helpers" / "integer_flags.py"

# Flags without an upper bound of their own, and why.
UNBOUNDED = {
    "log_interval": "a longer interval is less work",
    "validation_interval": "a longer interval is less work",
    "checkpoint_interval": "a longer interval is less work",
    "augment": "a list of names",
    "alphabets": "a list of names",
    "batch_norm": "a list of names, to distortion",
    "shears": "distortion checks these numbers, and those below",
    "scales": "",
    "amplitudes": "",
    "phases": "",
    "workdir": "a list of folders, to plot and evaluate-rl",
}


class FlagRangesTest(absltest.TestCase):
    @pytest.mark.slow
    def test_every_whole_number_has_a_range_or_a_reason(self):
        status, stdout, stderr = forked.run(
            _FLAGS, cwd=self.create_tempdir().full_path
        )
        self.assertEqual(status, 0, stderr)
        by_command = json.loads(stdout)
        self.assertEqual(set(by_command), set(COMMANDS))
        self.assertIn("households", by_command["make-series"])
        flags = {name for names in by_command.values() for name in names}
        self.assertEmpty(
            flags - set(LARGEST) - set(UNBOUNDED),
            "give these flags a largest value in LARGEST",
        )
        self.assertEmpty(set(LARGEST) - flags, "there are no such flags")
        self.assertEmpty(set(UNBOUNDED) - flags, "there are no such flags")
        self.assertEmpty(set(LARGEST) & set(UNBOUNDED))


if __name__ == "__main__":
    absltest.main()
