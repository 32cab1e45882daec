"""Tests of the training's log."""

import contextlib
import pathlib
import tempfile

import tensorflow as tf

from maml_tf import metrics_log


class MetricsLogTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.workdir = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.path = self.workdir / metrics_log.FILE_NAME

    def write(self, iteration, *records):
        log = metrics_log.MetricsLog(self.workdir, iteration)
        with contextlib.closing(log):
            for number, values in records:
                log.write(number, "train", values)

    def test_reads_what_was_written(self):
        self.write(0, (1, {"loss": 0.5}), (2, {"loss": 0.25, "by": [1.0, 2]}))
        self.assertEqual(
            metrics_log.read(self.workdir),
            [
                {"iteration": 1, "phase": "train", "loss": 0.5},
                {"iteration": 2, "phase": "train", "loss": 0.25, "by": [1, 2]},
            ],
        )

    def test_no_file_is_no_records(self):
        self.assertEqual(metrics_log.read(self.workdir), [])

    def test_drops_what_will_be_done_again_and_a_line_cut_off(self):
        self.write(0, *((n, {"loss": float(n)}) for n in range(1, 6)))
        with self.path.open("a") as file:
            file.write('{"iteration": 6, "ph')
        self.assertLen(metrics_log.read(self.workdir), 5)
        self.write(3, (4, {"loss": 40.0}))
        self.assertEqual(
            [r["loss"] for r in metrics_log.read(self.workdir)],
            [1.0, 2.0, 3.0, 40.0],
        )
        self.assertEqual(
            {path.name for path in self.workdir.iterdir()},
            {metrics_log.FILE_NAME, "tensorboard"},
        )

    def test_what_json_cannot_say_is_null(self):
        self.write(0, (1, {"loss": float("nan"), "ci95": [float("inf"), 1.0]}))
        self.assertIn(
            '"loss": null, "ci95": [null, 1.0]', self.path.read_text()
        )


if __name__ == "__main__":
    tf.test.main()
