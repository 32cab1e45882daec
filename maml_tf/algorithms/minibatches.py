"""Minibatches of one task's support set, as in Reptile."""

from typing import Any

import tensorflow as tf

from maml_tf.errors import InputError, check_at_least_one
from maml_tf.graph.random_streams import fold_in, random_order


def minibatches(
    support_x: Any,
    support_y: Any,
    steps: int,
    seed: tf.Tensor | None,
    batch_size: int,
) -> list[tuple[Any, Any]]:
    """Draws one minibatch for each inner step.

    They are cut from shuffled passes over the support set, one after another,
    so an example returns only after all others were used.

    Args:
        support_x: Inputs `[examples, ...]`, or a structure of them.
        support_y: Targets `[examples, ...]`, or a structure of them.
        steps: Number of inner steps, a Python integer.
        seed: Int tensor `[2]`.
        batch_size: Examples in a step, 1 or more.

    Returns:
        A list of `(x, y)`, one for each step.

    Raises:
        InputError: `batch_size` is below 1, or the seed is None.
    """
    check_at_least_one(batch_size=batch_size)
    if seed is None:
        raise InputError(
            f"seed: None was given with batch_size={batch_size}; minibatches"
            " are drawn from a seed of two integers."
        )
    if steps == 0:
        return []
    examples = tf.nest.flatten(support_x)[0].shape[0]
    passes = -(-steps * batch_size // examples)
    orders = [random_order(examples, fold_in(seed, p)) for p in range(passes)]
    order = tf.concat(orders, 0)
    return [
        tf.nest.map_structure(
            lambda t, i=indices: tf.gather(t, i), (support_x, support_y)
        )
        for indices in tf.split(order[: steps * batch_size], steps)
    ]
