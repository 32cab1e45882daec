"""Tests of maml_tf/functional/conjugate_gradient.py."""

import numpy as np
import tensorflow as tf

from maml_tf.functional.conjugate_gradient import conjugate_gradient


def equations(number, size=6):
    """Positive definite matrices `[number, size, size]`, and right sides."""
    draw = np.random.default_rng(0).normal
    roots = draw(size=(number, size, size))
    matrices = roots @ roots.transpose(0, 2, 1) + np.eye(size)
    return matrices, draw(size=(number, size))


def solve(matrix, target, steps):
    return conjugate_gradient(
        lambda v: tf.linalg.matvec(matrix, v), target, steps, tolerance=0.0
    )[0]


class ConjugateGradientTest(tf.test.TestCase):
    def test_as_many_steps_as_numbers_solve(self):
        matrices, targets = map(tf.constant, equations(3))
        expected = np.linalg.solve(matrices, targets[..., np.newaxis])[..., 0]
        at_once = tf.vectorized_map(lambda e: solve(*e, 6), (matrices, targets))
        self.assertAllClose(at_once, expected, 1e-9, 1e-9)
        for steps in (6, 40):  # What is solved stays.
            one_by_one = [solve(*e, steps) for e in zip(matrices, targets)]
            self.assertAllClose(one_by_one, expected, 1e-9, 1e-9)
        self.assertNotAllClose(solve(matrices[0], targets[0], 5), expected[0])

    def test_it_ends_where_the_matrix_is_not_positive(self):
        target = tf.constant([1.0, 1.0], tf.float64)
        negative = tf.linalg.diag(tf.constant([-3.0, 1.0], tf.float64))
        self.assertAllEqual(solve(negative, target, 5), target)
        # bᵀb / bᵀAb = 2 / 2 along b; the second direction goes down.
        mixed = tf.linalg.diag(tf.constant([-1.0, 3.0], tf.float64))
        for steps in (1, 2, 5):
            self.assertAllEqual(solve(mixed, target, steps), [1.0, 1.0])

    def test_it_ends_before_it_becomes_too_long(self):
        target = tf.constant([1.0, 1.0], tf.float64)
        matrix = tf.linalg.diag(tf.constant([0.5, 4.0], tf.float64))
        for longest, expected in (
            (2.0, [2.0, 0.25]),  # The solution.
            (1.0, [4 / 9, 4 / 9]),  # The step along b: bᵀb / bᵀAb = 4 / 9.
            (0.4, [1.0, 1.0]),  # Not even that, so b.
        ):
            found, image = conjugate_gradient(
                lambda v: tf.linalg.matvec(matrix, v),
                target,
                5,
                tolerance=0.0,
                longest=longest,
            )
            self.assertAllClose(found, expected, 1e-12)
            self.assertAllClose(image, [0.5, 4.0] * found, 1e-12)


if __name__ == "__main__":
    tf.test.main()
