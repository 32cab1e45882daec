"""Learning on real Omniglot, past what chance and fine-tuning can do.

Needs the environment variable `MAML_TF_DATA_DIR`: a folder where TensorFlow
Datasets has prepared Omniglot.
"""

import os
import tempfile
import unittest

import keras
import pytest
import tensorflow as tf

import maml_tf

DATA_DIR = os.environ.get("MAML_TF_DATA_DIR")


@pytest.mark.slow
@unittest.skipUnless(DATA_DIR, "MAML_TF_DATA_DIR is not set")
class OmniglotLearningTest(tf.test.TestCase):
    def test_500_iterations_of_5_way_1_shot(self):
        dataset = maml_tf.datasets.load("omniglot", data_dir=DATA_DIR)
        model = maml_tf.networks.create(
            "conv4", (28, 28, 1), 5, seed=0, filters=32
        )
        algorithm = maml_tf.algorithms.create(
            "maml",
            model,
            dataset.loss,
            dataset.metric,
            inner_learning_rate=0.4,
        )
        test = maml_tf.MetaTest(
            algorithm,
            dataset.episodes("test", way=5, shot=1, query=1, seed=0),
            num_tasks=200,
            steps=3,
        )
        scratch = test()
        step = maml_tf.OuterStep(
            algorithm,
            dataset.episodes("train", way=5, shot=1, query=1, seed=0),
            keras.optimizers.Adam(4e-3),
            tasks=8,
        )
        with tempfile.TemporaryDirectory() as workdir:
            maml_tf.meta_train(step, 500, workdir, progress=False)
        learned = test()
        self.assertEqual(step.traces, 1)
        # Before adaptation no network can know the labels: chance.
        self.assertNear(scratch.metric[0], 0.2, 0.05)
        self.assertNear(learned.metric[0], 0.2, 0.05)
        # Random weights get to about 60 %; the intervals are far apart.
        self.assertLess(scratch.metric[3] + scratch.ci95[3], 0.68)
        self.assertGreater(learned.metric[3] - learned.ci95[3], 0.78)


if __name__ == "__main__":
    tf.test.main()
