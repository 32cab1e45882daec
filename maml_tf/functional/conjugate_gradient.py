"""Linear equations, solved by products with their matrix alone."""

from collections.abc import Callable

import tensorflow as tf


def conjugate_gradient(
    product: Callable, target: tf.Tensor, steps: int, tolerance: float = 1e-10
) -> tuple[tf.Tensor, tf.Tensor]:
    """Solves A x = b for a symmetric, positive definite A.

    It ends at a direction along which A is not positive, as Newton's method
    with conjugate gradients does (Nocedal and Wright 2006, algorithm 7.1). If
    that is the first one, x is b.

    Args:
        product: Function `v -> A v`.
        target: The right-hand side b, `[n]`.
        steps: Products, a Python integer. The graph does not grow with them.
        tolerance: Squared length of b − A x at which x is a solution.

    Returns:
        `(x, image)`, each `[n]`. The image is A x, found without a further
        product; the residual is `b - image`.
    """
    zero = tf.zeros([], target.dtype)

    # A fixed number of steps, so that a batch of equations can be solved at
    # once. What is solved stays as it is.
    def step(k, x, residual, direction, square):
        image = product(direction)
        curvature = tf.tensordot(direction, image, 1)
        is_positive = curvature > 0
        goes_on = square > tolerance
        length = tf.where(
            is_positive,
            tf.math.divide_no_nan(square, curvature),
            tf.cast(tf.equal(k, 0), target.dtype),
        )
        length = tf.where(goes_on, length, zero)
        x += length * direction
        residual -= length * image
        before, square = square, tf.tensordot(residual, residual, 1)
        square = tf.where(goes_on & is_positive, square, zero)
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
