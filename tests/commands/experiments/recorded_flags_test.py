"""Tests of records of flags, those of version 0.1.0 included."""

import pathlib

from absl.testing import absltest

from maml_tf.commands.experiments import (
    policies,
    policy_flags,
    supervised,
    supervised_flags,
)
from tests.helpers.few_glyphs import few_glyphs

# As version 0.1.0 wrote them, except for --in_memory.
GLYPHS = """\
# The flags of this training; give them back with --flagfile.
--algorithm=reptile
--batch_norm=transductive
--checkpoint_interval=500
--dataset=glyphs
--nodownload
--filters=8
--inner_batch_size=5
--inner_clip_value=2.0
--inner_learning_rate=0.01
--inner_steps=1
--iterations=4
--iterations_per_call=1
--jit_compile=auto
--learning_rate=1.0
--learning_rate_schedule=linear
--log_interval=100
--nomixed_bfloat16
--network=conv4
--optimizer=sgd
--noprogress
--query=1
--seed=0
--shot=1
--tasks=2
--train_shot=3
--validation_interval=2
--validation_tasks=4
--vectorize=auto
--way=5
"""
NAVIGATION = """\
# The flags of this training; give them back with --flagfile.
--algorithm=maml
--checkpoint_interval=10
--discount=0.99
--environment=navigation_2d
--gae_lambda=1.0
--initial_deviation=1.0
--inner_clip_norm=3.0
--inner_learning_rate=0.1
--inner_loss=reinforce
--inner_steps=1
--iterations=2
--log_interval=10
--max_kl=0.02
--outer_update=trpo
--noprogress
--rollouts=3
--seed=0
--tasks=3
--test_inner_steps=3
--validation_interval=50
--validation_tasks=2
--widths=100,100
"""


class FormerRecordTest(absltest.TestCase):
    def folder(self, record):
        folder = self.create_tempdir().full_path
        pathlib.Path(folder, "experiment.flags").write_text(record)
        return folder

    def test_of_episodes(self):
        folder = self.folder(GLYPHS)
        values = supervised_flags.recorded(folder)
        supervised_flags.check_unchanged(values, folder)
        with few_glyphs(self.create_tempdir().full_path):
            built = supervised.Experiment(values)
        self.assertEqual(built.algorithm.inner_batch_size, 5)
        loop = built.algorithm.inner_loop
        self.assertLen(loop.optimizer.transformations, 1)
        self.assertEqual(loop.optimizer.learning_rate, 0.01)
        self.assertEqual(built.model.layers[1].filters, 8)

    def test_of_policies(self):
        folder = self.folder(NAVIGATION)
        values = policy_flags.recorded(folder)
        policy_flags.check_unchanged(values, folder)
        built = policies.RLExperiment(values)
        loop = built.algorithm.inner_loop
        self.assertLen(loop.optimizer.transformations, 1)
        self.assertEqual(built.update().max_kl, 0.02)


if __name__ == "__main__":
    absltest.main()
