"""The processes that train one model together, usually one on each machine.

All of them compute the same meta-updates. One, the chief, writes the files.
"""

import contextlib
import functools
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.graph.replicas import share, strategy_of

# Errors of TensorFlow if another process is gone.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class Workers:
    """The workers of a `tf.distribute.MultiWorkerMirroredStrategy`.

    Each method but `share` waits for all workers: all must call it.

    Args:
        strategy: A `tf.distribute.Strategy`, or None; with any other than
            `MultiWorkerMirroredStrategy` this process is alone.

    Attributes:
        number: Workers in all.
        index: Number of this one, from 0; the chief is 0.
        replicas: Copies of the model on all workers together.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None) -> None:
        self._strategy: Any = strategy
        # The strategies of one machine do not have a resolver.
        resolver = getattr(strategy, "cluster_resolver", None)
        self.number, self.index = 1, 0
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        if resolver is not None and resolver.task_type is not None:
            jobs = resolver.cluster_spec().as_dict()
            chiefs = len(jobs.get("chief", ()))
            self.number = chiefs + len(jobs.get("worker", ()))
            first = 0 if resolver.task_type == "chief" else chiefs
            self.index = first + resolver.task_id

    @functools.cached_property
    def _sum(self):
        # Faster than the strategy's own, which is not compiled.
        return tf.function(
            lambda rows: self._strategy.reduce("SUM", rows, axis=None),
            autograph=False,
            reduce_retracing=True,
        )

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the files."""
        return self.index == 0

    def share(self, number: int) -> range:
        """Returns this worker's share of the numbers 0 … `number − 1`.

        Args:
            number: How many there are.
        """
        return share(number, self.index, self.number)

    def gather(self, values: Any) -> np.ndarray:
        """Returns the values of all workers.

        Args:
            values: This worker's, an array of numbers `[...]` of a shape that
                is the same for all.

        Returns:
            An array `[number, ...]`.
        """
        values = np.asarray(values)
        if self.number == 1:
            return values[np.newaxis]
        rows = np.zeros((self.number, *values.shape), values.dtype)
        rows[self.index] = values
        # Each element is a sum with zeros, and so exact.
        return self._sum(tf.constant(rows)).numpy()

    def barrier(self) -> None:
        """Waits until all workers are here."""
        self.gather(0)


def workers_of(model: keras.Model) -> Workers:
    """Returns the workers that train a model; this process alone if none do.

    Args:
        model: A built `keras.Model`.
    """
    return Workers(strategy_of(model.variables))


@contextlib.contextmanager
def lost_worker_named(workers: Workers) -> Iterator[None]:
    """Raises a sentence in place of TensorFlow's errors about a lost worker.

    Args:
        workers: The workers that compute together.

    Raises:
        InputError: A worker ended, or cannot be reached any more.
    """
    try:
        yield
    except _LOST as error:
        if workers.number == 1:
            raise
        gone = re.search(r"reported from /job:\w+/task:(\d+)", str(error))
        which = f"number {gone[1]}" if gone else "another one"
        raise InputError(
            f"workers: worker {workers.index} of {workers.number} lost {which},"
            " which ended or cannot be reached; see its messages, and start all"
            " again with the same command, which goes on after the last"
            " checkpoint."
        ) from error
