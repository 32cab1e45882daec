"""The naive forecast of series, which a trained model should beat."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def naive_metrics(
    naive: Callable, episodes: Callable, num_tasks: int
) -> np.ndarray:
    """Measures the naive forecast on the tasks of a meta-test.

    Args:
        naive: Function from an `Episode` to the metric, as in
            `maml_tf.datasets.Dataset`.
        episodes: Function `number -> Episode`.
        num_tasks: Tasks number 0 … `num_tasks − 1` are used.

    Returns:
        A float array `[num_tasks]`.
    """

    @tf.function(autograph=False)
    def metrics(numbers):
        return tf.map_fn(
            lambda number: tf.cast(naive(episodes(number)), tf.float32),
            numbers,
            fn_output_signature=tf.TensorSpec([]),
        )

    return metrics(tf.range(num_tasks, dtype=tf.int64)).numpy()
