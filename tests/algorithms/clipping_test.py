"""Tests of maml_tf/algorithms/clipping.py."""

import tensorflow as tf

from maml_tf.algorithms.inner_optimizers import (
    GradientDescent,
    chain,
    clip_by_global_norm,
    clip_by_value,
    clipped,
)
from maml_tf.errors import InputError


class ChainTest(tf.test.TestCase):
    def step(self, optimizer, *gradients):
        phi = [tf.zeros([2]) for _ in gradients]
        moved, slots = optimizer.update(phi, gradients, optimizer.start(phi))
        self.assertEqual(slots, ())
        return moved

    def test_the_first_transformation_comes_first(self):
        gradient = tf.constant([3.0, 4.0])
        by_value = chain(
            clip_by_value(3.0), clip_by_global_norm(1.0), GradientDescent(1.0)
        )
        self.assertAllClose(
            self.step(by_value, gradient), [[-(0.5**0.5)] * 2], rtol=1e-6
        )
        by_norm = chain(
            clip_by_global_norm(1.0), clip_by_value(0.7), GradientDescent(1.0)
        )
        self.assertAllClose(self.step(by_norm, gradient), [[-0.6, -0.7]])

    def test_the_norm_is_that_of_all_weights(self):
        optimizer = chain(clip_by_global_norm(1.0), GradientDescent(1.0))
        moved = self.step(
            optimizer, tf.constant([3.0, 0.0]), tf.constant([0.0, 4.0])
        )
        self.assertAllClose(moved, [[-0.6, 0.0], [0.0, -0.8]])

    def test_weights_that_do_not_adapt_stay(self):
        optimizer = clipped(GradientDescent(1.0), clip_norm=1.0, clip_value=5.0)
        moved = self.step(optimizer, None, tf.constant([0.0, 4.0]))
        self.assertAllEqual(moved, [[0.0, 0.0], [0.0, -1.0]])

    def test_no_limit_is_the_optimizer_itself(self):
        optimizer = GradientDescent(1.0)
        self.assertIs(clipped(optimizer), optimizer)

    def test_limits_are_above_zero(self):
        for make in (clip_by_value, clip_by_global_norm):
            with self.assertRaisesRegex(InputError, "^limit: 0 was given"):
                make(0)


if __name__ == "__main__":
    tf.test.main()
