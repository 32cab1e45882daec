"""Inner steps in a graph of the size of one step."""

from typing import Any

import tensorflow as tf

from maml_tf.algorithms.inner_loop import InnerLoop


def take_steps(
    loop: InnerLoop, start: tuple, x: Any, y: Any, steps: int | tf.Tensor
) -> tuple[list, Any, list]:
    """Takes inner steps on a support set, and keeps what the last one leaves.

    For evaluation and serving; meta-training needs each step's weights.

    Args:
        loop: The inner loop.
        start: `(phi, slots, state)`, as `InnerLoop.begin` returns them.
        x: Support inputs, as in `InnerLoop.step`.
        y: Their targets.
        steps: Number of steps, 0 or more; a tensor if the graph is to take any.

    Returns:
        `(phi, slots, state)` after them.
    """

    def step(k, carry):
        phi, slots, state = carry
        *after, _ = loop.step(phi, slots, state, x, y)
        for tensor, before in zip(
            tf.nest.flatten(after), tf.nest.flatten(carry), strict=True
        ):
            tensor.set_shape(before.shape)
        return k + 1, tuple(after)

    _, last = tf.while_loop(
        lambda k, _: k < steps,
        step,
        (tf.constant(0), start),
        parallel_iterations=1,
    )
    return last
