"""Maps a function of one task over the leading axis of its arguments."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from maml_tf.graph import execution
from maml_tf.graph.loop_body import loop_body


def over_tasks(function: Callable, *arguments: Any) -> Any:
    """Calls the function for each task and stacks the results.

    The tasks run in a loop, as many at a time as there are threads: one task's
    activations stay in a core's cache, those of all tasks do not.

    Args:
        function: A pure TensorFlow function of one task's share of each
            argument.
        *arguments: Tensors `[tasks, ...]`, or structures of such tensors.

    Returns:
        The function's results, each tensor `[tasks, ...]`.
    """
    tasks = tf.nest.flatten(arguments)[0].shape[0]
    body = loop_body(function)
    task_specs = tf.nest.map_structure(
        lambda t: tf.TensorSpec(t.shape[1:], t.dtype), arguments
    )
    signature = tf.nest.map_structure(
        tf.type_spec_from_value,
        body.get_concrete_function(*task_specs).structured_outputs,
    )
    return tf.map_fn(
        lambda task: body(*task),
        arguments,
        fn_output_signature=signature,
        parallel_iterations=execution.tasks_at_once(tasks),
    )


def mean_over_tasks(
    function: Callable, *arguments: Any, share: float = 1.0
) -> Any:
    """Returns the mean over tasks of the function's results.

    Args:
        function: As in `over_tasks`.
        *arguments: As in `over_tasks`.
        share: Share of the tasks that it is called for, above 0; it is called
            for the first ones, and at least for one.
    """
    if share < 1.0:
        tasks = tf.nest.flatten(arguments)[0].shape[0]
        some = max(1, round(share * tasks))
        arguments = tf.nest.map_structure(lambda t: t[:some], arguments)
    return tf.nest.map_structure(
        lambda t: tf.reduce_mean(t, 0), over_tasks(function, *arguments)
    )
