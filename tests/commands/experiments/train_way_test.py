"""Tests of --train_way in maml_tf/commands/experiments/supervised.py."""

import json

from absl import flags

from maml_tf import InputError
from maml_tf.commands.experiments import supervised, supervised_flags
from tests.helpers.scripts import ScriptTestCase

SPLIT = {
    "train": [f"c{i}" for i in range(6)],
    "valid": ["c6", "c7", "c8"],
    "test": ["c9", "c10", "c11"],
}


class TrainWayTest(ScriptTestCase):
    def experiment(self, *given):
        """On texts of twelve classes, tested with three of them."""
        split = self.folder / "split.json"
        split.write_text(json.dumps(SPLIT))
        rows = [f"{w} {c},c{c}" for c in range(12) for w in "abcde"]
        data = self.folder / "texts.csv"
        data.write_text("\n".join(["text,label", *rows]))
        values = flags.FlagValues()
        supervised_flags.define(values)
        values(
            [
                "train",
                f"--dataset=text:{data}",
                f"--class_split={split}",
                "--network=text_cnn",
                "--way=3",
                *given,
            ]
        )
        return supervised.Experiment(values)

    def test_more_classes_in_training_than_at_test(self):
        built = self.experiment("--train_way=5", "--algorithm=protonet")
        self.assertEqual(built.model.output_shape, (None, 5))
        step = built.outer_step()
        self.assertEqual(
            sorted(step.episodes(0).support_y.numpy()), [*range(5)]
        )
        self.assertEqual(built.adapting(3).model.output_shape, (None, 3))
        self.assertEqual(built.validation()().metric.shape, (2,))

    def test_it_is_way_by_default(self):
        built = self.experiment()
        self.assertEqual(built.model.output_shape, (None, 3))

    def test_one_class_is_refused(self):
        with self.assertRaisesRegex(InputError, "^train_way: 1 was given"):
            self.experiment("--train_way=1")
