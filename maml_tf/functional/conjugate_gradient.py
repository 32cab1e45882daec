"""Linear equations, solved by products with their matrix alone."""

import math
from collections.abc import Callable

import tensorflow as tf


def conjugate_gradient(
    product: Callable,
    target: tf.Tensor,
    steps: int,
    tolerance: float = 1e-10,
    longest: float = math.inf,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Solves A x = b for a symmetric, positive definite A.

    It ends at a direction along which A is not positive or x would become too
    long, as Newton's method with conjugate gradients does (Nocedal and Wright
    2006, algorithms 7.1 and 7.2). If that is the first one, x is b. The steps'
    x grow in length.

    Args:
        product: Function `v -> A v`.
        target: The right-hand side b, `[n]`.
        steps: Products, a Python integer. The graph does not grow with them.
        tolerance: Squared length of b − A x at which x is a solution.
        longest: Largest length of x, as a multiple of b's.

    Returns:
        `(x, image)`, each `[n]`. The image is A x, found without a further
        product; the residual is `b - image`.
    """
    bound = longest**2 * tf.tensordot(target, target, 1)
    zero = tf.zeros([], target.dtype)

    # A fixed number of steps, so that a batch of equations can be solved at
    # once. What is solved stays as it is.
    def step(k, x, residual, direction, square):
        image = product(direction)
        curvature = tf.tensordot(direction, image, 1)
        whole = tf.math.divide_no_nan(square, curvature)
        further = x + whole * direction
        fits = curvature > 0
        fits &= tf.tensordot(further, further, 1) <= bound
        first = tf.cast(tf.equal(k, 0), target.dtype)
        goes_on = square > tolerance
        length = tf.where(goes_on, tf.where(fits, whole, first), zero)
        x += length * direction
        residual -= length * image
        before, square = square, tf.tensordot(residual, residual, 1)
        square = tf.where(goes_on & fits, square, zero)
        ratio = tf.math.divide_no_nan(square, before)
        return k + 1, x, residual, residual + ratio * direction, square

    _, x, residual, *_ = tf.while_loop(
        lambda k, *_: k < steps,
        step,
        (
            0,
            tf.zeros_like(target),
            target,
            target,
            tf.tensordot(target, target, 1),
        ),
        maximum_iterations=steps,
        parallel_iterations=1,
    )
    return x, target - residual
