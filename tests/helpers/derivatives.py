"""What tests share: derivatives up to the third, slopes of meta-gradients."""

import numpy as np
import tensorflow as tf


def normal(*shape, seed=0):
    """Standard normal float32 numbers."""
    generator = np.random.default_rng([seed, *shape])
    return tf.constant(generator.normal(size=shape), tf.float32)


def derivatives(function, arguments):
    """First, second and third derivatives of a scalar made of the function.

    Each order is of a nonlinear function of the one before, so that every
    output's derivative by every argument counts.
    """
    with tf.GradientTape() as third:
        third.watch(arguments)
        with tf.GradientTape() as second:
            second.watch(arguments)
            with tf.GradientTape() as first:
                first.watch(arguments)
                outputs = function(*arguments)
                scalar = tf.reduce_sum(
                    tf.sin(outputs) * normal(*outputs.shape, seed=9)
                )
            one = first.gradient(scalar, arguments)
            scalar = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in one])
        two = second.gradient(scalar, arguments)
        scalar = tf.add_n([tf.reduce_sum(tf.sin(0.1 * g)) for g in two])
    return one, two, third.gradient(scalar, arguments)


class DerivativesTestCase(tf.test.TestCase):
    """Compares a function with one that computes the same plainly."""

    def assert_same_to_third_order(self, function, plain, arguments):
        self.assertAllClose(function(*arguments), plain(*arguments), atol=1e-5)
        for order, (ours, theirs) in enumerate(
            zip(
                derivatives(function, arguments),
                derivatives(plain, arguments),
                strict=True,
            ),
            1,
        ):
            for one, other in zip(ours, theirs, strict=True):
                size = float(tf.reduce_max(tf.abs(other)))
                self.assertAllClose(
                    one, other, rtol=0, atol=1e-5 * 10**order * max(size, 1.0)
                )


def slopes(meta_gradient, theta, length=1e-5):
    """Returns a meta-gradient's slope in a direction, and a difference's.

    Args:
        meta_gradient: Function `theta -> MetaGradient`, in double precision.
        theta: Where.
        length: Half the length of the central difference.
    """
    draw = np.random.default_rng(1).normal
    direction = [tf.constant(draw(size=t.shape), t.dtype) for t in theta]
    gradient = meta_gradient(theta).gradient

    def loss(step):
        moved = [t + step * d for t, d in zip(theta, direction)]
        return meta_gradient(moved).loss

    difference = (loss(length) - loss(-length)) / (2 * length)
    slope = sum(tf.reduce_sum(g * d) for g, d in zip(gradient, direction))
    return slope, difference
