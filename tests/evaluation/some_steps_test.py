"""Tests of maml_tf/evaluation/some_steps.py."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms, losses, networks
from maml_tf.episodes.class_pool import Episode
from maml_tf.evaluation.some_steps import curve_at


def episode():
    """A task of two classes, one example to learn each from."""
    x = np.random.default_rng(0).normal(size=[8, 14, 14, 1])
    x = tf.constant(x, tf.float32)
    return Episode(x[:2], tf.range(2), x[2:], tf.range(6) % 2)


class CurveAtTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        (
            "learned rates",
            "maml",
            {"batch_norm": "inductive", "inner_rates": "per_weight_and_step"},
        ),
        ("class means", "proto_maml", {}),
        ("own curve", "nearest_centroid", {}),
    )
    def test_is_a_part_of_the_curve(self, name, options):
        model = networks.create("conv4", (14, 14, 1), 2, seed=0, filters=3)
        if name != "nearest_centroid":
            options = {"inner_steps": 2, "inner_learning_rate": 0.1, **options}
        algorithm = algorithms.create(
            name, model, losses.cross_entropy, losses.accuracy, **options
        )
        theta, task, seed = algorithm.theta(), episode(), tf.constant([1, 2])

        @tf.function(autograph=False)
        def both():
            every = algorithm.curve(theta, task, 3, seed)
            return every, curve_at(algorithm, theta, task, (2, 0, 3), seed)

        every, some = both()
        for whole, part in zip(every, some, strict=True):
            self.assertAllClose(
                part, tf.gather(whole, [2, 0, 3]), rtol=1e-4, atol=1e-5
            )
        adapts = name != "nearest_centroid"
        self.assertEqual(len(set(some[0].numpy().tolist())) == 3, adapts)

    def test_the_graph_does_not_grow_with_the_steps(self):
        model = networks.create("mlp", (4,), 2, seed=0)
        algorithm = algorithms.create("maml", model, losses.cross_entropy)
        task = Episode(
            tf.ones([2, 4]), tf.range(2), tf.ones([2, 4]), tf.range(2)
        )

        def operations(steps):
            function = tf.function(
                lambda: curve_at(
                    algorithm, algorithm.theta(), task, (steps,), [1, 2]
                ),
                autograph=False,
            )
            graph = function.get_concrete_function().graph.as_graph_def()
            return len(graph.node) + sum(
                len(f.node_def) for f in graph.library.function
            )

        self.assertEqual(operations(100), operations(2))


if __name__ == "__main__":
    tf.test.main()
