"""Tests of which classes are taken for which."""

import keras
import numpy as np
import tensorflow as tf

from maml_tf import InputError, algorithms, losses
from maml_tf.episodes.class_pool import ClassPool
from maml_tf.evaluation import confusion


def pool(classes=4, examples=6):
    """Each class's examples are its own number, one-hot and a little noisy."""
    noise = np.random.RandomState(0).normal(size=[classes, examples, classes])
    x = np.eye(classes)[:, np.newaxis] + 0.01 * noise
    return ClassPool(
        x.reshape(-1, classes).astype(np.float32),
        np.arange(classes) * examples,
        [examples] * classes,
        names=np.array(["a", "b", "c", "d"][:classes]),
    )


def learner(inputs, way):
    """A linear model that starts from zero, so that one step tells apart."""
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(way, kernel_initializer="zeros"),
        ]
    )
    return algorithms.create(
        "maml", model, losses.cross_entropy, inner_learning_rate=1.0
    )


class CountsTest(tf.test.TestCase):
    def test_rows_are_true_and_columns_predicted(self):
        self.assertAllEqual(
            confusion.counts(
                ["cat", "cat", "dog", "cat"],
                ["cat", "dog", "dog", "dog"],
                ["dog", "cat"],
            ),
            [[1, 0], [2, 1]],
        )

    def test_refuses_what_does_not_fit(self):
        with self.assertRaisesRegex(InputError, "^predicted: 1 .* 2 examples"):
            confusion.counts(["a", "a"], ["a"], ["a"])
        with self.assertRaisesRegex(InputError, "^labels: 'b'.*available: a"):
            confusion.counts(["a"], ["b"], ["a"])


class ConfusionTest(tf.test.TestCase):
    def test_classes_that_are_apart_are_told_apart(self):
        found = confusion.confusion(
            learner(4, 3), pool(), way=3, shot=1, query=2, num_tasks=12
        )
        self.assertEqual(found.names, ["a", "b", "c", "d"])
        self.assertAllEqual(found.shares, np.eye(4))
        self.assertEqual(found.taken.sum(), 12 * 3 * 2)
        # Of 3 classes, each met itself and two others.
        self.assertEqual(found.possible.sum(), 12 * 3 * 3 * 2)
        self.assertAllEqual(found.possible, found.possible.T)
        self.assertAllEqual(found.accuracies, np.ones(12))

    def test_classes_that_are_alike_are_taken_for_one_another_alone(self):
        alike = pool()
        # Of "d", the examples of "c".
        alike = ClassPool(
            alike.examples, [0, 6, 12, 12], alike.sizes, names=alike.names
        )
        found = confusion.confusion(
            learner(4, 4), alike, way=4, shot=2, query=4, num_tasks=30
        )
        shares = found.shares
        self.assertAllClose(shares.sum(1), np.ones(4))
        self.assertAllEqual(shares[:2, :2], np.eye(2))
        self.assertAllEqual(shares[2:, :2], np.zeros([2, 2]))
        self.assertAllGreater(shares[2:, 2:], 0.1)
        self.assertAllClose(found.accuracies.mean(), np.diag(shares).mean())

    def test_unmet_classes_have_no_share(self):
        found = confusion.confusion(
            learner(4, 2), pool(), way=2, shot=1, query=1, num_tasks=1
        )
        self.assertEqual(np.isnan(found.shares).sum(), 16 - 4)

    def test_refuses_an_episode_that_cannot_be(self):
        with self.assertRaisesRegex(InputError, "^way: 5 "):
            confusion.confusion(learner(4, 5), pool(), 5, 1, 1)

    def test_some_classes_are_upright_and_a_function_of_the_seed(self):
        images = np.zeros([6, 2, 2, 1], np.uint8)
        whole = ClassPool(
            images, np.arange(6), [1] * 6, rotations=4, names=np.arange(6)
        )
        chosen = confusion.some_classes(whole, 3, seed=1)
        self.assertEqual(chosen.num_classes, 3)
        self.assertAllEqual(chosen.first, chosen.names)
        again = confusion.some_classes(whole, 3, seed=1)
        self.assertAllEqual(again.names, chosen.names)
        self.assertEqual(confusion.some_classes(whole, 9).num_classes, 6)


class OrderTest(tf.test.TestCase):
    def test_confused_classes_stand_together(self):
        blocks = np.kron(np.eye(2), np.full([3, 3], 0.3)) + 0.01
        mixed = [0, 3, 1, 4, 2, 5]
        order = confusion.by_similarity(blocks[np.ix_(mixed, mixed)])
        halves = [{mixed[i] for i in order[:3]}, {mixed[i] for i in order[3:]}]
        self.assertCountEqual(halves, [{0, 1, 2}, {3, 4, 5}])

    def test_reordering_moves_names_and_counts_together(self):
        taken = np.arange(4).reshape(2, 2)
        found = confusion.Confusion(["a", "b"], taken, taken + 1, np.ones(1))
        moved = found.reordered([1, 0])
        self.assertEqual(moved.names, ["b", "a"])
        self.assertAllEqual(moved.taken, [[3, 2], [1, 0]])
        self.assertAllEqual(moved.possible, [[4, 3], [2, 1]])


if __name__ == "__main__":
    tf.test.main()
