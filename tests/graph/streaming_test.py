"""Each worker reads the records of its own tasks, and no others."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from maml_tf.commands.ports import free_addresses
from maml_tf.episodes import class_records
from tests.helpers import streaming_worker

CLASSES, EXAMPLES = 6, 40


@pytest.mark.slow
class StreamingTest(tf.test.TestCase):
    def rows(self, folder, configuration):
        """Returns the rows that each process read, by iteration."""
        processes = []
        for tf_config in configuration:
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
            environment.pop("TF_CONFIG", None)
            if tf_config:
                environment["TF_CONFIG"] = json.dumps(tf_config)
            process = subprocess.Popen(
                [sys.executable, streaming_worker.__file__, folder],
                stdout=subprocess.PIPE,
                env=environment,
            )
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            processes.append(process)
        outputs = [p.communicate(timeout=200)[0] for p in processes]
        return [json.loads(output.splitlines()[-1]) for output in outputs]

    def test_two_workers_share_what_one_reads(self):
        folder = self.enter_context(tempfile.TemporaryDirectory())
        folder = str(pathlib.Path(folder, "records"))
        generator = np.random.default_rng(0)
        class_records.write(
            folder,
            [f"c{number}" for number in range(CLASSES)],
            [4],
            lambda classes: (
                (number, generator.integers(0, 256, 4, np.uint8))
                for number in sorted(classes)
                for _ in range(EXAMPLES)
            ),
        )
        (alone,) = self.rows(folder, [None])
        addresses = free_addresses(2)
        both = self.rows(
            folder,
            [
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
                for index in range(2)
            ],
        )
        # A task has two classes with two examples each.
        shares = [4 * 3, 4 * 2]
        for iteration, rows in enumerate(alone):
            self.assertLen(rows, sum(shares))
            parts = [worker[iteration] for worker in both]
            self.assertCountEqual(map(len, parts), shares)
            self.assertEqual(sorted(sum(parts, [])), rows)


if __name__ == "__main__":
    tf.test.main()
