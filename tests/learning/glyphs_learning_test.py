"""Learning on glyphs, which need no data: scripts that were not trained on."""

import tempfile

import keras
import pytest
import tensorflow as tf

import maml_tf


@pytest.mark.slow
class GlyphsLearningTest(tf.test.TestCase):
    def test_200_iterations_of_5_way_1_shot(self):
        dataset = maml_tf.datasets.load("glyphs")
        model = maml_tf.networks.create(
            "conv4", dataset.input_shape, 5, seed=0, filters=32
        )
        algorithm = maml_tf.algorithms.create(
            "maml",
            model,
            dataset.loss,
            dataset.metric,
            inner_learning_rate=0.4,
        )
        baseline = maml_tf.algorithms.create(
            "nearest_centroid", model, dataset.loss, dataset.metric
        )
        test, nearest = (
            maml_tf.MetaTest(
                adapts,
                dataset.episodes("test", way=5, shot=1, query=5, seed=0),
                num_tasks=200,
                steps=3,
            )
            for adapts in (algorithm, baseline)
        )
        scratch, pixels = test(), nearest()
        step = maml_tf.OuterStep(
            algorithm,
            dataset.episodes("train", way=5, shot=1, query=5, seed=0),
            keras.optimizers.Adam(4e-3),
            tasks=8,
        )
        with tempfile.TemporaryDirectory() as workdir:
            maml_tf.meta_train(step, 200, workdir, progress=False)
        learned = test()
        # Chance before, and neither random weights nor pixels come near.
        self.assertNear(learned.metric[0], 0.2, 0.05)
        self.assertGreater(learned.metric[3] - learned.ci95[3], 0.75)
        for other in (scratch, pixels):
            self.assertLess(other.metric[3] + other.ci95[3], 0.65)


if __name__ == "__main__":
    tf.test.main()
