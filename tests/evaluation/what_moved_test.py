"""Tests of what moves in the inner loop."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError, algorithms, losses, networks
from maml_tf.episodes.class_pool import Episode
from maml_tf.evaluation import what_moved


def normal(shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype(np.float32)


def episodes(number):
    """Three classes of noise images, other ones by number."""
    x = tf.random.stateless_normal([15, 8, 8, 1], [number, 0])
    y = tf.repeat(tf.range(3), 5)
    return Episode(x[:3], y[::5], x, y)


class RelativeChangeTest(tf.test.TestCase):
    def test_is_the_distance_in_units_of_the_norm(self):
        before = [tf.constant([[3.0, 0.0]]), tf.constant([4.0])]
        after = [tf.constant([[3.0, 6.0]]), tf.constant([-4.0])]
        # ‖(0, 6, −8)‖ / ‖(3, 0, 4)‖ = 10 / 5.
        self.assertAllClose(what_moved.relative_change(before, after), 2.0)
        self.assertEqual(what_moved.relative_change(before, before), 0.0)

    def test_of_zeros(self):
        zero, one = [tf.zeros(2)], [tf.ones(2)]
        self.assertEqual(what_moved.relative_change(zero, zero), 0.0)
        self.assertEqual(what_moved.relative_change(zero, one), np.inf)


class LinearCKATest(tf.test.TestCase):
    def test_rotation_scale_and_offset_make_no_difference(self):
        x = normal([20, 7])
        rotation, _ = np.linalg.qr(normal([7, 7], seed=1))
        self.assertAllClose(
            what_moved.linear_cka(x, 3 * x @ rotation + 5), 1.0, atol=1e-5
        )
        other = normal([20, 3], seed=2) + x[:, :3]
        self.assertAllClose(
            what_moved.linear_cka(x, other),
            what_moved.linear_cka(x @ rotation - 1, -0.1 * other),
            atol=1e-5,
        )

    def test_is_symmetric_and_takes_features_of_any_shape(self):
        x, y = normal([9, 2, 3]), normal([9, 4], seed=1)
        value = what_moved.linear_cka(x, y)
        self.assertAllClose(value, what_moved.linear_cka(y, x))
        self.assertAllClose(
            value, what_moved.linear_cka(x.reshape(9, 6), y), atol=1e-6
        )

    def test_independent_features_have_none_even_if_they_are_many(self):
        for features in (3, 1000):
            values = [
                what_moved.linear_cka(
                    normal([10, features], seed=2 * n),
                    normal([10, features], seed=2 * n + 1),
                )
                for n in range(200)
            ]
            error = np.std(values) / np.sqrt(200)
            self.assertLess(abs(np.mean(values)), 4 * error + 0.01)

    def test_approaches_the_formula_of_kornblith(self):
        x = normal([2000, 3])
        y = x @ normal([3, 2], seed=1) + normal([2000, 2], seed=2)
        x, y = x - x.mean(0), y - y.mean(0)
        norm = np.linalg.norm
        expected = norm(y.T @ x) ** 2 / norm(x.T @ x) / norm(y.T @ y)
        self.assertBetween(expected, 0.2, 0.9)
        self.assertAllClose(what_moved.linear_cka(x, y), expected, atol=3e-3)

    def test_too_few_examples_are_refused(self):
        with self.assertRaisesRegex(InputError, "^query: .*4 or more"):
            what_moved.linear_cka(normal([3, 2]), normal([3, 2]))


class LayersTest(tf.test.TestCase):
    def test_a_normalisation_belongs_to_its_convolution(self):
        model = networks.create("conv4", (8, 8, 1), 3, filters=2, seed=0)
        found = what_moved.layers(model)
        self.assertEqual(
            [layer.name for layer in found],
            ["conv1", "conv2", "conv3", "conv4", "head"],
        )
        self.assertEqual(
            [v.path for v in found[1].variables],
            ["conv2/kernel", "conv2/bias", "batch_norm2/beta"],
        )
        # As the next layer gets them: activated, and the last ones averaged.
        self.assertIs(found[0].features, model.get_layer("relu1").output)
        self.assertEqual(found[3].features.shape, (None, 2))
        self.assertEqual(found[4].features.shape, (None, 3))

    def test_each_weight_is_in_one_layer_also_beside_a_skip(self):
        model = networks.create("resnet", (8, 8, 1), 3, filters=(2, 2), seed=0)
        found = what_moved.layers(model)
        self.assertLen(found, 7)
        self.assertCountEqual(
            [id(v) for layer in found for v in layer.variables],
            [id(v) for v in model.trainable_variables],
        )

    def test_of_a_sequential_model(self):
        model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)]
        )
        self.assertEqual(
            [layer.features.shape[-1] for layer in what_moved.layers(model)],
            [3, 1],
        )

    def test_a_model_without_a_graph_is_refused(self):
        class Own(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(1)

            def call(self, x):
                return self.dense(x)

        model = Own()
        model(tf.zeros([1, 2]))
        with self.assertRaisesRegex(InputError, "^model: .*functional"):
            what_moved.layers(model)


class WhatMovedTest(parameterized.TestCase, tf.test.TestCase):
    def moved(self, algorithm, batch_norm="transductive", **options):
        model = networks.create("conv4", (8, 8, 1), 3, filters=4, seed=0)
        algorithm = algorithms.create(
            algorithm,
            model,
            losses.cross_entropy,
            inner_learning_rate=0.5,
            batch_norm=batch_norm,
        )
        options = {"num_tasks": 3, "steps": 2, **options}
        moved = what_moved.what_moved(algorithm, episodes, **options)
        self.assertEqual(moved.changes.shape, (3, 5))
        self.assertEqual(moved.similarities.shape, (3, 5))
        return algorithm, moved

    @parameterized.parameters("transductive", "inductive", "moving")
    def test_anil_moves_its_head_alone(self, batch_norm):
        _, moved = self.moved("anil", batch_norm)
        self.assertAllEqual(moved.changes[:, :4], np.zeros([3, 4]))
        self.assertAllGreater(moved.changes[:, 4], 0)
        self.assertAllClose(moved.similarities[:, :4], np.ones([3, 4]))
        self.assertAllLess(moved.similarities[:, 4], 0.99999)

    def test_boil_moves_all_but_its_head(self):
        _, moved = self.moved("boil")
        self.assertAllEqual(moved.changes[:, 4], np.zeros(3))
        self.assertAllGreater(moved.changes[:, :4], 0)
        # The outputs change with the features below.
        self.assertAllLess(moved.similarities[:, 3:], 0.999)

    def test_is_what_the_inner_loop_makes_of_weights_and_outputs(self):
        algorithm, moved = self.moved("maml")
        loop = algorithm.inner_loop
        for number in range(3):
            episode = episodes(tf.constant(number, tf.int64))
            adaptation = loop.adapt(
                algorithm.theta(), episode.support_x, episode.support_y, 2
            )
            theta, *_, phi = adaptation.phi
            self.assertAllClose(
                moved.changes[number, 4],
                what_moved.relative_change(theta[-2:], phi[-2:]),
                rtol=1e-4,
            )
            before, after = (
                loop.predict(
                    weights,
                    adaptation.state,
                    episode.query_x,
                    episode.support_x,
                )
                for weights in (theta, phi)
            )
            self.assertAllClose(
                moved.similarities[number, 4],
                what_moved.linear_cka(before, after),
                atol=1e-3,
            )

    def test_nothing_that_adapts_is_refused(self):
        with self.assertRaisesRegex(InputError, "^algorithm: nearest_centroid"):
            self.moved("nearest_centroid")
        with self.assertRaisesRegex(InputError, "^steps: 0"):
            self.moved("maml", steps=0)


if __name__ == "__main__":
    tf.test.main()
