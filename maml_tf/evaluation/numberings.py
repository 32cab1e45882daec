"""How much a result depends on the numbers that classes have in a task."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.algorithms import Algorithm
from maml_tf.errors import check_at_least_one
from maml_tf.evaluation.curve import Curve, meta_test


def numbered(
    algorithm: Algorithm,
    episodes: Callable,
    *,
    way: int,
    numberings: int,
    num_tasks: int,
    seed: int = 0,
    **options: Any,
) -> tuple[Curve, dict | None]:
    """Adapts to each task once for each numbering of its classes.

    A learned head has an output of its own for each number, so the accuracy
    differs between numberings (Ye and Chao 2022, section 4).

    Args:
        algorithm: The algorithm that adapts, one of `maml_tf.algorithms`.
        episodes: Pure TensorFlow function `number -> Episode` whose targets are
            class numbers `[examples]`.
        way: Classes in a task.
        numberings: How many, 1 or more. The first is that of the episodes, the
            others are drawn at random, the same for all tasks.
        num_tasks: Tasks to adapt to.
        seed: Seed of the numberings and of the meta-test.
        **options: As in `maml_tf.meta_test`.

    Returns:
        `(curve, spread)`: the `Curve` of the first numbering, and what differs
        after the last step: a dict of the number of `"numberings"`, the
        `"mean"` accuracy of all, and the means over tasks of the `"lowest"` and
        the `"highest"` accuracy of a task. None for one numbering.

    Raises:
        InputError: The number is below 1.
    """
    check_at_least_one(numberings=numberings)
    if numberings == 1:
        curve = meta_test(
            algorithm, episodes, num_tasks=num_tasks, seed=seed, **options
        )
        return curve, None
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(way) for _ in range(numberings - 1)]
    numbers = tf.constant([np.arange(way), *orders], tf.int64)

    def renumbered(number):
        episode = episodes(number // numberings)
        new = numbers[number % numberings]
        return episode._replace(
            support_y=_renumbered(episode.support_y, new),
            query_y=_renumbered(episode.query_y, new),
        )

    every = meta_test(
        algorithm,
        renumbered,
        num_tasks=num_tasks * numberings,
        seed=seed,
        **options,
    )
    first = Curve(every.losses[::numberings], every.metrics[::numberings])
    last = every.metrics[:, -1].reshape(num_tasks, numberings)
    return first, {
        "numberings": numberings,
        "mean": float(last.mean()),
        "lowest": float(last.min(1).mean()),
        "highest": float(last.max(1).mean()),
    }


def _renumbered(y, new):
    return tf.cast(tf.gather(new, tf.cast(y, tf.int64)), y.dtype)
