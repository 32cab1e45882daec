"""A function of one task, mapped over the leading axis of its arguments."""

import tensorflow as tf

from maml_tf.graph import execution
from maml_tf.graph.loop_body import loop_body


def over_tasks(function, *arguments):
    """Calls the function for each task; results are stacked.

    In a loop, as many tasks at a time as there are threads: a task's own
    activations stay in a core's cache, those of all tasks do not.

    Args:
        function: Pure TensorFlow, of one task's share of each argument.
        *arguments: Tensors `[tasks, ...]`, or structures of such.

    Returns:
        What the function returns, each tensor `[tasks, ...]`.
    """
    tasks = tf.nest.flatten(arguments)[0].shape[0]
    body = loop_body(function)
    one = tf.nest.map_structure(
        lambda t: tf.TensorSpec(t.shape[1:], t.dtype), arguments
    )
    signature = tf.nest.map_structure(
        tf.type_spec_from_value,
        body.get_concrete_function(*one).structured_outputs,
    )
    return tf.map_fn(
        lambda task: body(*task),
        arguments,
        fn_output_signature=signature,
        parallel_iterations=execution.tasks_at_once(tasks),
    )


def mean_over_tasks(function, *arguments):
    """The mean of what the function returns for each task."""
    return tf.nest.map_structure(
        lambda t: tf.reduce_mean(t, 0), over_tasks(function, *arguments)
    )
