"""Replicas: the devices, of one machine or several, that share the tasks.

A model made in the scope of a `tf.distribute.Strategy` has a copy on each
device. Here the copies learn as one: each replica adds up its own tasks, the
sums are added over replicas, and all else is computed as if there were one.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from maml_tf.errors import InputError, refusal
from maml_tf.graph.vectors import joined, like


class Replicas:
    """The copies of a model, one on each device of its strategy.

    Args:
        model: A built `keras.Model`.

    Attributes:
        strategy: The `tf.distribute.Strategy` in whose scope it was made, or
            None.
        number: Replicas in all, those of other machines included; 1 without a
            strategy.

    Raises:
        InputError: The model was made outside of the scope that is active.
    """

    def __init__(self, model: keras.Model) -> None:
        strategy: Any = strategy_of(model.variables)
        active = tf.distribute.get_strategy()
        if strategy is None and active.num_replicas_in_sync == 1:
            # The variables of a strategy of one device do not know it.
            strategy = active if tf.distribute.has_strategy() else None
        self.strategy = strategy
        self.number = strategy.num_replicas_in_sync if strategy else 1
        if tf.distribute.has_strategy() and active is not strategy:
            raise InputError(
                "model: it was made outside of the scope of the strategy that"
                f" is active, a {type(active).__name__}; make it in `with"
                " strategy.scope():`."
            )

    def share(self, replica: int, tasks: int) -> range:
        """Returns the tasks of a meta-batch that a replica takes.

        Args:
            replica: Its number, from 0.
            tasks: Tasks of the meta-batch.
        """
        return share(tasks, replica, self.number)

    def check_share(self, tasks: int) -> None:
        """Refuses meta-batches that leave a replica without a task.

        Args:
            tasks: Tasks of a meta-batch.

        Raises:
            InputError: There are more replicas than tasks.
        """
        if tasks < self.number:
            raise refusal(
                "tasks",
                tasks,
                f"there are {self.number} replicas, and each needs a task;"
                f" {self.number} or more will do",
            )

    def each(self, function: Callable) -> Any:
        """Returns a function's results, those of each replica on it.

        Args:
            function: As in `sum`.
        """
        if self.number == 1:
            return function(0)
        return self.strategy.run(lambda: function(_number()))

    def sum(
        self,
        function: Callable,
        jit_compile: bool = False,
        arguments: tuple = (),
    ) -> Any:
        """Adds up a function's results over replicas.

        Args:
            function: Function from a replica's number, an int, to a structure
                of tensors; all replicas run it at once.
            jit_compile: Whether XLA compiles it. XLA cannot compile the sum.
            arguments: Further arguments of it: tensors that each replica has
                for itself, as `each` returned them, or structures of them.

        Returns:
            The same structure, on all replicas.
        """
        if self.number == 1:
            return function(0, *arguments)
        structure = []

        def run(*own):
            part = tf.function(
                functools.partial(function, _number()),
                autograph=False,
                jit_compile=jit_compile,
            )
            structure.append(part(*own))
            return _joined(tf.nest.flatten(structure[-1]))

        # A vector for each dtype: one message an update, not one a weight.
        vectors = self.strategy.run(run, arguments)
        totals = {
            dtype: self.strategy.reduce("SUM", vector, axis=None)
            for dtype, vector in vectors.items()
        }
        parts = _split(totals, tf.nest.flatten(structure[0]))
        return tf.nest.pack_sequence_as(structure[0], parts)

    def mean(self, tasks: int, function: Callable, *arguments: Any) -> Any:
        """Returns the mean over tasks of what a function gives.

        Args:
            tasks: Tasks of the meta-batch.
            function: Function that returns the mean over the replica's tasks, a
                structure of tensors.
            *arguments: As in `sum`.
        """
        if self.number == 1:
            return function(*arguments)

        def weighted(replica, *own):
            weight = len(self.share(replica, tasks)) / tasks
            return tf.nest.map_structure(lambda t: t * weight, function(*own))

        return self.sum(weighted, arguments=arguments)

    @contextlib.contextmanager
    def as_one(self) -> Iterator[None]:
        """Lets an optimizer act on all copies at once.

        A Keras optimizer would otherwise want to be called on each replica,
        where it cannot be within a loop or a condition, and where it clips the
        replica's own gradient instead of the sum.
        """
        if self.strategy is None:
            yield
            return
        extended = self.strategy.extended
        with self.strategy.scope():
            # Keras then updates the copies by `extended.update` at once, which
            # is what its merged calls come to.
            extended._use_merge_call = lambda: False
            try:
                yield
            finally:
                del extended._use_merge_call


def share(number: int, index: int, parts: int) -> range:
    """Returns one of the parts into which 0 … `number − 1` are divided.

    Args:
        number: How many numbers there are.
        index: Which part, from 0.
        parts: How many parts there are, as equal as can be.
    """
    return range(index * number // parts, (index + 1) * number // parts)


def build_optimizer(optimizer: Any, variables: list) -> None:
    """Makes an optimizer's slots, with a copy for each of the variables'.

    Args:
        optimizer: A Keras optimizer. It may have been made in no scope.
        variables: The `keras.Variable`s that it will update.

    Raises:
        InputError: It was built outside of the variables' scope.
    """
    strategy = strategy_of(variables)
    if strategy is None:
        optimizer.build(variables)
        return
    if optimizer.built and optimizer._distribution_strategy is not strategy:
        raise refusal(
            "optimizer",
            type(optimizer).__name__,
            "it was built outside of the scope of the model's strategy; give a"
            " new one",
        )
    optimizer._distribution_strategy = strategy
    with strategy.scope():
        optimizer.build(variables)


def strategy_of(variables: list) -> tf.distribute.Strategy | None:
    """Returns the strategy in whose scope variables were made, or None.

    Args:
        variables: A list of `keras.Variable`s.
    """
    for variable in variables:
        # Only variables with copies have it.
        strategy = getattr(variable.value, "distribute_strategy", None)
        if strategy is not None:
            return strategy
    return None


def _number():
    """Returns the number of the replica that runs this."""
    replica = tf.distribute.get_replica_context()
    return int(tf.get_static_value(replica.replica_id_in_sync_group))


def _joined(tensors):
    """Joins the tensors of each dtype to a vector; returns them by dtype."""
    by_dtype: dict[tf.DType, list] = {}
    for tensor in tensors:
        by_dtype.setdefault(tensor.dtype, []).append(tensor)
    return {dtype.name: joined(same) for dtype, same in by_dtype.items()}


def _split(vectors, tensors):
    """Splits what `_joined` made into tensors of the others' shapes."""
    parts = {
        name: iter(like([t for t in tensors if t.dtype.name == name], vector))
        for name, vector in vectors.items()
    }
    return [next(parts[tensor.dtype.name]) for tensor in tensors]
