"""Tests of maml_tf/algorithms/baselines.py."""

import keras
import numpy as np
import tensorflow as tf

from maml_tf import algorithms, losses
from maml_tf.algorithms.baselines import nearest_centroid
from maml_tf.episodes.class_pool import Episode


def episode(support_x, support_y, query_x, query_y):
    return Episode(*map(tf.constant, (support_x, support_y, query_x, query_y)))


class NearestCentroidTest(tf.test.TestCase):
    def test_images_by_the_distance_from_the_mean(self):
        outputs = nearest_centroid(
            episode(
                [[[0.0, 0.0]], [[2.0, 0.0]], [[5.0, 5.0]]],
                [0, 0, 1],
                [[[1.0, 1.0]], [[4.0, 5.0]]],
                [0, 1],
            ),
            way=2,
        )
        # Centroids (1, 0) and (5, 5).
        self.assertAllClose(outputs, [[-1.0, -32.0], [-34.0, -1.0]])

    def test_texts_by_the_cosine_of_their_counts(self):
        outputs = nearest_centroid(
            episode(
                # Words from 2 up: a a b; b; c. 0 pads, 1 is unknown.
                [[2, 2, 3, 0], [3, 1, 1, 1], [4, 0, 0, 0]],
                [0, 1, 1],
                [[2, 1, 0, 0], [9, 4, 4, 0], [1, 1, 0, 0]],
                [0, 1, 0],
            ),
            way=2,
        )
        first = np.array([2.0, 1.0, 0.0]) / np.sqrt(5.0)
        second = np.array([0.0, 1.0, 1.0]) / np.sqrt(2.0)
        queries = np.array([[1.0, 0, 0], [0, 0, 2 / np.sqrt(5)], [0, 0, 0]])
        self.assertAllClose(outputs, queries @ np.stack([first, second], 1))

    def test_a_text_of_unknown_words_alone(self):
        outputs = nearest_centroid(episode([[1, 0]], [0], [[1, 1]], [0]), way=1)
        self.assertAllEqual(outputs, [[0.0]])

    def test_the_curve_is_flat_and_of_the_loss_and_metric_given(self):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        algorithm = algorithms.create(
            "nearest_centroid", model, losses.cross_entropy, losses.accuracy
        )
        self.assertFalse(algorithm.meta_trains)
        task = episode(
            [[0.0, 0.0], [4.0, 0.0]], [0, 1], [[1.0, 0.0], [1.5, 0.0]], [0, 1]
        )
        loss, metric = algorithm.curve(algorithm.theta(), task, 3, None)
        self.assertAllClose(metric, [0.5] * 4)
        expected = losses.cross_entropy(
            task.query_y, [[-1.0, -9.0], [-2.25, -6.25]]
        )
        self.assertAllClose(loss, [expected] * 4)


if __name__ == "__main__":
    tf.test.main()
