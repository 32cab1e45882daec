"""Tests of maml_tf/evaluation/by_superclass.py."""

import math

import tensorflow as tf

from maml_tf.evaluation.by_superclass import by_superclass


class BySuperclassTest(tf.test.TestCase):
    def test_means_and_intervals(self):
        names = ["b", "a", "a", "b", "c"]
        found = by_superclass(names.__getitem__, [0.2, 0.5, 0.7, 0.4, 0.9])
        self.assertEqual(list(found["superclasses"]), ["a", "b", "c"])
        a = found["superclasses"]["a"]
        self.assertEqual(a["tasks"], 2)
        self.assertNear(a["mean"], 0.6, 1e-12)
        # The deviation of 0.5 and 0.7 is 0.1 times the root of 2.
        self.assertNear(a["ci95"], 1.96 * 0.1, 1e-12)
        self.assertTrue(math.isnan(found["superclasses"]["c"]["ci95"]))
        # Each superclass counts once: 0.6, 0.3 and 0.9.
        self.assertNear(found["mean"], 0.6, 1e-12)
        self.assertNear(found["ci95"], 1.96 * 0.3 / math.sqrt(3), 1e-12)


if __name__ == "__main__":
    tf.test.main()
