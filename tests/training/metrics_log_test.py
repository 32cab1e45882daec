"""Tests of the training's log."""

import contextlib
import pathlib
import tempfile

import tensorflow as tf
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.custom_scalar import layout_pb2

from maml_tf.training import metrics_log


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

    def test_tensorboard_gets_the_adaptation_curve_with_its_band(self):
        log = metrics_log.MetricsLog(self.workdir)
        with contextlib.closing(log):
            for iteration in (5, 10):
                log.write_adaptation(
                    iteration, "accuracy", [0.25, 0.75], [0.125, 0.0625]
                )
        (path,) = (self.workdir / "tensorboard").iterdir()
        found, layouts = {}, []
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                content = tf.make_ndarray(value.tensor).item()
                if value.metadata.plugin_data.plugin_name == "custom_scalars":
                    layouts.append(layout_pb2.Layout.FromString(content))
                else:
                    found[event.step, value.tag] = content
        step_0, step_1 = "adaptation/step_0", "adaptation/step_1"
        self.assertEqual(
            {tag: value for (step, tag), value in found.items() if step == 10},
            {
                step_0: 0.25,
                f"{step_0}/low": 0.125,
                f"{step_0}/high": 0.375,
                step_1: 0.75,
                f"{step_1}/low": 0.6875,
                f"{step_1}/high": 0.8125,
            },
        )
        self.assertLen(found, 12)
        (layout,) = layouts
        (chart,) = layout.category[0].chart
        self.assertIn("accuracy", chart.title)
        tags = [
            tag
            for series in chart.margin.series
            for tag in (series.value, series.lower, series.upper)
        ]
        # Each tag that is drawn is written, and the other way round.
        self.assertCountEqual(tags, {tag for _, tag in found})


if __name__ == "__main__":
    tf.test.main()
