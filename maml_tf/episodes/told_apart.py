"""Tells Python functions from TensorFlow functions, which are traced once.

A compiled step calls a function `number -> Episode` once, as it is traced. If
NumPy draws the arrays, the trace would hold the first draw for good, and all
tasks would be one. Such a function is called for each task.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from maml_tf.episodes.array_form import ArrayForm
from maml_tf.episodes.class_pool import Episode
from maml_tf.episodes.generated import GeneratedEpisodes, PythonEpisodes
from maml_tf.errors import InputError, refusal


def for_each_task(
    episodes: Callable,
    model: keras.Model | None = None,
    form: ArrayForm | None = None,
) -> Callable:
    """Returns the function in a form that a trace may call once.

    Args:
        episodes: Function `number -> Episode`, of TensorFlow or of Python.
        model: The model that takes the episodes.
        form: The form of episodes of Python; by default the model gives it.

    Returns:
        The function itself if it is of TensorFlow, otherwise `PythonEpisodes`.

    Raises:
        InputError: It is not a function, or its episodes cannot be used.
    """
    if not callable(episodes):
        raise refusal(
            "episodes", episodes, "it must be a function number -> Episode"
        )
    # Ours are all of TensorFlow.
    if type(episodes).__module__.startswith("maml_tf.") or (
        getattr(episodes, "__module__", None) or ""
    ).startswith("maml_tf."):
        return episodes
    traced = _traced_twice(episodes)
    if traced is None:
        function = getattr(episodes, "python_function", episodes)
        return PythonEpisodes(function, form or ArrayForm(model))
    if isinstance(traced, Episode):
        return episodes
    return lambda number: Episode(*episodes(number))


def check_compiles(episodes: Callable, jit_compile: bool | None) -> bool | None:
    """Returns `jit_compile`; False in place of None for episodes of Python.

    Args:
        episodes: Episodes as `for_each_task` returned them.
        jit_compile: As given to `maml_tf.OuterStep`.

    Raises:
        InputError: It is true, and Python draws the episodes.
    """
    if not isinstance(episodes, PythonEpisodes):
        return jit_compile
    if jit_compile:
        raise refusal(
            "jit_compile",
            jit_compile,
            "Python draws the episodes, which XLA cannot compile, so it must be"
            " False; or give a TensorFlow function number -> Episode",
        )
    return False


def check_shared(episodes: Callable, replicas: int) -> None:
    """Refuses a generator if several replicas draw episodes.

    Args:
        episodes: Episodes as `for_each_task` returned them.
        replicas: Number of replicas.

    Raises:
        InputError: It gives its episodes one after the other.
    """
    if replicas > 1 and isinstance(episodes, GeneratedEpisodes):
        raise InputError(
            "episodes: a generator or data set was given; each of"
            f" {replicas} replicas draws its own tasks, so give a function"
            " number -> Episode."
        )


def _traced_twice(function: Callable) -> Any:
    """Returns the structure of a TensorFlow function's result.

    Returns:
        None for a function of Python: it does not take a tensor, its result
        depends neither on the number nor on a draw of TensorFlow, or two traces
        hold different constants.
    """
    # An inner tf.function would hide its own constants.
    autograph = hasattr(function, "python_function")
    function = getattr(function, "python_function", function)
    results = []

    def outputs(number):
        results.append(function(number))
        return [
            tf.convert_to_tensor(leaf)
            for leaf in tf.nest.flatten(tuple(results[-1]))
        ]

    graphs, held = [], []
    for _ in range(2):
        try:
            graph = (
                tf.function(outputs, autograph=autograph)
                .get_concrete_function(tf.TensorSpec([], tf.int64))
                .graph
            )
        except Exception:  # NumPy and Python's own refuse a symbolic tensor.
            return None
        if not _varies(graph):
            return None
        graphs.append(graph)  # Captured tensors are known by their identity.
        held.append(_constants(graph))
    return results[0] if held[0] == held[1] else None


def _varies(graph):
    """Returns whether outputs depend on the number, or on a stateful draw."""
    waiting = [tensor.op for tensor in graph.outputs]
    number, seen = graph.inputs[0].op, set()
    while waiting:
        operation = waiting.pop()
        if operation is number or operation.op_def.is_stateful:
            return True
        if operation not in seen:
            seen.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
    return False


def _constants(graph):
    """Returns what a graph holds of Python's values, to be compared."""
    definition = graph.as_graph_def()
    nodes = [*definition.node]
    for function in definition.library.function:
        nodes += function.node_def
    values = sorted(
        node.attr["value"].SerializeToString()
        for node in nodes
        if node.op == "Const"
    )
    return values, [id(outer) for outer, _ in graph.captures]
