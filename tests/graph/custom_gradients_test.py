"""Tests of maml_tf/graph/custom_gradients.py."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from maml_tf import Episode, Learner

layers = keras.layers

X = np.random.RandomState(0).normal(size=(4, 8, 8, 1)).astype(np.float32)
Y = np.array([0, 1, 0, 1], np.int32)


def episodes(number):
    del number
    x, y = tf.constant(X), tf.constant(Y)
    return Episode(x, y, x, y)


def learner():
    """A network whose layers and optimizer have custom gradients."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    return Learner(model, inner_learning_rate=0.1)


def use(one):
    one.meta_train(episodes, 1, tasks=1, progress=False)
    one.meta_test(episodes, num_tasks=1)
    one.adapt(X, list(Y))


class GrowthTest(tf.test.TestCase):
    @pytest.mark.slow
    def test_graphs_are_freed(self):
        one = learner()
        counts = []
        for _ in range(4):
            use(one)
            gc.collect()
            graphs = (o for o in gc.get_objects() if isinstance(o, FuncGraph))
            counts.append(sum(1 for _ in graphs))
        # The second use may read the graphs of functions that the first made,
        # and those of other tests may still go.
        self.assertLessEqual(counts[2], counts[1])
        self.assertLessEqual(counts[3], counts[2])


if __name__ == "__main__":
    tf.test.main()
