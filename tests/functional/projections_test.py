"""Tests of maml_tf/functional/projections.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from keras import constraints

from maml_tf.functional.projections import projected

RANDOM = np.random.default_rng(0)
# A column of zeros, one that is long and one that is short.
KERNEL = np.array([[0, 3, 0.1], [0, 4, 0.2], [0, -1, 0.1]], np.float32)
DIRECTION = RANDOM.normal(size=KERNEL.shape).astype(np.float32)
OTHER = RANDOM.normal(size=KERNEL.shape).astype(np.float32)


def projection(constraint):
    layer = keras.layers.Dense(
        3, kernel_constraint=constraint, use_bias=False, dtype="float32"
    )
    model = keras.Sequential([keras.Input((3,)), layer])
    return lambda kernel: projected(model, [kernel], [], [True])[0][0]


class NormsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(
        constraint=(
            constraints.MaxNorm(2.0),
            constraints.MinMaxNorm(0.0, 2.0, rate=0.5),
        ),
        compiled=(None, False, True),
    )
    def test_derivatives_where_a_column_is_zero(self, constraint, compiled):
        project = projection(constraint)
        kernel = tf.constant(KERNEL)
        self.assertAllEqual(project(kernel), constraint(kernel))

        def derivatives(kernel):
            with tf.GradientTape() as outer:
                outer.watch(kernel)
                with tf.GradientTape() as inner:
                    inner.watch(kernel)
                    value = tf.reduce_sum(project(kernel) * OTHER)
                first = inner.gradient(value, kernel)
                slope = tf.reduce_sum(first * DIRECTION)
            return first, slope, outer.gradient(slope, kernel)

        if compiled is not None:
            derivatives = tf.function(derivatives, jit_compile=compiled)
        first, slope, second = derivatives(kernel)
        step = 1e-3 * DIRECTION
        ahead, behind = (
            project(tf.constant(KERNEL + by)) for by in (step, -step)
        )
        difference = (ahead - behind) / 2e-3
        self.assertAllClose(slope, tf.reduce_sum(difference * OTHER), rtol=1e-3)
        # The map leaves short columns as they are.
        self.assertAllEqual(first[:, 0], OTHER[:, 0])
        self.assertAllEqual(second[:, 0], np.zeros(3))
        ahead, behind = (
            derivatives(tf.constant(KERNEL + by))[0] for by in (step, -step)
        )
        self.assertAllClose(
            second[:, 1:], ((ahead - behind) / 2e-3)[:, 1:], atol=2e-3
        )

    @parameterized.parameters(
        (constraints.UnitNorm(), 1.0),
        (constraints.MinMaxNorm(0.5, 2.0, rate=0.8), 0.4),
    )
    def test_a_lower_bound(self, constraint, shortest):
        """Zero columns leave zero as fast as Keras's ε allows."""
        project = projection(constraint)
        kernel = tf.constant(KERNEL)
        self.assertAllEqual(project(kernel), constraint(kernel))
        derivative = tf.function(
            lambda kernel: tf.gradients(project(kernel), kernel, OTHER)[0],
            jit_compile=True,
        )(kernel)
        step = 1e-10 * OTHER
        ahead = constraint(tf.constant(KERNEL * [1, 0, 0] + step, tf.float64))
        self.assertAllClose(derivative[:, 0], 1e10 * ahead[:, 0], rtol=1e-2)
        self.assertAllClose(
            derivative[:, 0], shortest * 1e7 * OTHER[:, 0], rtol=1e-5
        )


if __name__ == "__main__":
    tf.test.main()
