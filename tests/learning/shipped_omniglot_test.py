"""The shipped Omniglot learner on all its card's tasks, exported and called."""

import os
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import absltest

import maml_tf
from tests.helpers.cards import figures

NAME = "omniglot_5way_1shot"
TASKS = 600


@pytest.mark.slow
@absltest.skipUnless(
    os.environ.get("MAML_TF_DATA_DIR"), "MAML_TF_DATA_DIR is not set"
)
class ShippedOmniglotTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        folder = self.enter_context(tempfile.TemporaryDirectory())
        dataset = maml_tf.datasets.load(
            "omniglot", data_dir=os.environ["MAML_TF_DATA_DIR"]
        )
        self.learner = maml_tf.load(NAME)
        self.exported = os.path.join(folder, "exported")
        maml_tf.export(self.learner, self.exported)
        self.episode = dataset.episodes("test", way=5, shot=1, query=1, seed=0)

    def test_saved_model_alone_has_the_card_s_accuracy(self):
        served = tf.saved_model.load(self.exported)
        answer = served.signatures["adapt_and_predict"]
        episode = tf.function(self.episode)
        right = []
        for number in range(TASKS):
            support_x, support_y, query_x, query_y = episode(
                tf.constant(number, tf.int64)
            )
            probabilities = answer(
                support_x=raw(support_x),
                support_y=support_y,
                query_x=raw(query_x),
            )["probabilities"].numpy()
            right.append(np.mean(probabilities.argmax(-1) == query_y))
        accuracy, _, query, mode = figures(NAME)[0]
        self.assertEqual((query, mode), (1, "transductive"))
        # One query of the 3000 may be a tie that is rounded otherwise.
        self.assertNear(100 * np.mean(right), accuracy, 0.05)


def raw(x):
    """The drawings as they were: dark ink on white, uint8."""
    return tf.cast(255.0 - tf.round(255.0 * x), tf.uint8)


if __name__ == "__main__":
    tf.test.main()
