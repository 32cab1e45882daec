"""Tests of maml_tf/algorithms/rematerialization.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms, losses, networks
from maml_tf.algorithms.inner_optimizers import Adam
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.episodes.class_pool import Episode
from tests.helpers.two_blocks import two_blocks

layers = keras.layers


def conv4(*shape, **options):
    with two_blocks():
        return networks.create("conv4", shape, 5, seed=0, filters=4, **options)


NETWORKS = {
    "conv4": lambda: conv4(14, 14, 1),
    "pooled": lambda: conv4(
        8, 8, 3, downsampling="max_pool", readout="flatten"
    ),
    "dropout": lambda: keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(
                8, kernel_initializer=keras.initializers.GlorotUniform(1)
            ),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.3, seed=1),
            layers.Dense(
                5, kernel_initializer=keras.initializers.GlorotUniform(2)
            ),
        ]
    ),
}


def episode(shape):
    generator = np.random.default_rng(0)
    arrays = []
    for examples in (10, 15):
        arrays += [
            generator.random((examples, *shape)).astype(np.float32),
            np.arange(examples) % 5,
        ]
    return Episode(*map(tf.constant, arrays))


def create(name, model, **options):
    return algorithms.create(
        name,
        model,
        losses.cross_entropy,
        losses.accuracy,
        **({"inner_steps": 2, "inner_learning_rate": 0.3} | options),
    )


def gradient_function(name, model, **options):
    algorithm = create(name, model, **options)
    task = episode(model.input_shape[1:])
    return tf.function(
        lambda: algorithm.meta_gradient(
            [tf.identity(t) for t in algorithm.theta()],
            task,
            tf.constant([1, 2], tf.int64),
        ),
        autograph=False,
    )


class RematerializationTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("dropout", "maml", {"inner_steps": 4}),
        ("dropout", "maml", {"batch_norm": "moving"}),
        ("dropout", "maml", {"inner_optimizer": Adam(0.05, beta_1=0.9)}),
        ("dropout", "maml", {"inner_clip_norm": 0.1}),
        ("dropout", "anil", {"batch_norm": "inductive"}),
        ("dropout", "boil", {}),
        ("dropout", "fomaml", {}),
        ("conv4", "maml", {"batch_norm": "inductive"}),
        ("pooled", "maml", {}),
    )
    def test_the_gradient_is_the_same(self, network, name, options):
        model = NETWORKS[network]()
        plain, ours = (
            gradient_function(name, model, rematerialize=value, **options)()
            for value in (False, True)
        )
        largest = max(float(tf.reduce_max(tf.abs(g))) for g in plain.gradient)
        self.assertGreater(largest, 1e-3)
        for one, other in zip(
            tf.nest.flatten(plain), tf.nest.flatten(ours), strict=True
        ):
            self.assertAllClose(one, other, rtol=0, atol=1e-5 * max(largest, 1))

    def test_it_is_not_first_order(self):
        model = NETWORKS["conv4"]()
        ours, first = (
            gradient_function(name, model, rematerialize=True)()
            for name in ("maml", "fomaml")
        )
        self.assertNotAllClose(ours.gradient[0], first.gradient[0], atol=1e-3)

    def test_the_graph_does_not_grow_with_the_steps(self):
        model = NETWORKS["dropout"]()
        sizes = []
        for steps in (2, 20):
            function = gradient_function(
                "maml", model, rematerialize=True, inner_steps=steps
            ).get_concrete_function()
            sizes.append(len(function.graph.as_graph_def().SerializeToString()))
        self.assertLess(sizes[1], 1.01 * sizes[0])

    @parameterized.parameters(True, False)
    def test_within_the_outer_step(self, vectorize):
        model = networks.create("mlp", (6,), 5, seed=0, widths=(8,))
        task = episode((6,))
        gradients = []
        for rematerialize in (True, False):
            step = OuterStep(
                create("maml", model, rematerialize=rematerialize),
                lambda number: task,
                keras.optimizers.SGD(),
                tasks=3,
                vectorize=vectorize,
            )
            function = tf.function(step.meta_gradient, autograph=False)
            gradients.append(function(tf.constant(0, tf.int64)))
        for one, other in zip(*map(tf.nest.flatten, gradients), strict=True):
            self.assertAllClose(one, other, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    tf.test.main()
