"""Tests of maml_tf/evaluation/numberings.py."""

import numpy as np
import tensorflow as tf

from maml_tf import Episode, InputError, algorithms, losses, meta_test
from maml_tf.evaluation.numberings import numbered
from maml_tf.networks.mlp import mlp

WAY = 3


def classes(number):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal([5 * WAY, 4], [3, number])
    y = tf.tile(tf.range(WAY), [4])
    x = noise[: 4 * WAY] + tf.gather(noise[-WAY:], y)
    return Episode(x[:WAY], y[:WAY], x[WAY:], y[WAY:])


def algorithm(name="maml", **options):
    return algorithms.create(
        name,
        mlp((4,), WAY, widths=(8,), seed=0),
        losses.cross_entropy,
        losses.accuracy,
        **({"inner_learning_rate": 0.1} | options),
    )


def measured(made, numberings, episodes=classes):
    return numbered(
        made, episodes, way=WAY, numberings=numberings, num_tasks=20, steps=2
    )


class NumberingsTest(tf.test.TestCase):
    def test_heads_that_do_not_know_numbers(self):
        for head in ("zero", "prototypes"):
            spread = measured(algorithm(head=head), 4)[1]
            self.assertEqual(spread["numberings"], 4)
            self.assertAllClose(spread["lowest"], spread["highest"], 1e-6)
            self.assertAllClose(spread["mean"], spread["highest"], 1e-6)

    def test_a_learned_head_does(self):
        made = algorithm()
        plain = meta_test(made, classes, num_tasks=20, steps=2)
        curve, spread = measured(made, 2)
        # The first numbering is that of the episodes.
        self.assertAllClose(curve.metrics, plain.metrics)
        # The second, computed by itself.
        order = tf.constant(np.random.default_rng(0).permutation(WAY), tf.int32)
        self.assertNotAllEqual(order, np.arange(WAY))

        def renumbered(number):
            episode = classes(number)
            return episode._replace(
                support_y=tf.gather(order, episode.support_y),
                query_y=tf.gather(order, episode.query_y),
            )

        other = meta_test(made, renumbered, num_tasks=20, steps=2)
        every = np.stack([plain.metrics[:, -1], other.metrics[:, -1]])
        self.assertAllClose(spread["mean"], every.mean())
        self.assertAllClose(spread["lowest"], every.min(0).mean())
        self.assertAllClose(spread["highest"], every.max(0).mean())
        self.assertGreater(spread["highest"] - spread["lowest"], 0.05)

    def test_one_numbering_has_no_spread(self):
        self.assertIsNone(measured(algorithm(), 1)[1])

    def test_none_is_refused(self):
        with self.assertRaisesRegex(InputError, "^numberings: 0 was given"):
            measured(algorithm(), 0)


if __name__ == "__main__":
    tf.test.main()
