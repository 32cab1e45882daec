"""Tests of maml_tf/functional/moments.py."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.functional.moments import moments


def examples(shape):
    return np.random.RandomState(0).normal(size=shape)


class MomentsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        dtype=(tf.float16, tf.bfloat16, tf.float32, tf.float64),
        keepdims=(False, True),
    )
    def test_moments_are_tensorflows_in_value(self, dtype, keepdims):
        x = tf.cast(examples(shape=(5, 4, 3)), dtype)
        for ours, theirs in zip(
            moments(x, [0, 2], keepdims=keepdims),
            tf.nn.moments(x, [0, 2], keepdims=keepdims),
            strict=True,
        ):
            self.assertEqual(ours.dtype, theirs.dtype)
            self.assertAllCloseAccordingToType(ours, theirs)


if __name__ == "__main__":
    tf.test.main()
