"""Finds targets that are broadcast against outputs, by a function's graph."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def broadcasts(
    function: Callable, y: tf.TensorSpec, outputs: tf.TensorSpec
) -> bool:
    """Returns whether an operation broadcasts targets against outputs.

    Args:
        function: The function of both, which is traced once more.
        y: Their form, a `tf.TensorSpec`.
        outputs: The outputs' form.
    """
    try:
        with tf.init_scope():
            concrete = tf.function(
                function, autograph=False
            ).get_concrete_function(y, outputs)
    except Exception:  # The function is the user's; it may not be traceable.
        return False
    sources: dict[int, set] = {
        id(tensor.op): {number}
        for number, tensor in enumerate(concrete.inputs[:2])
    }
    for operation in concrete.graph.get_operations():
        if id(operation) in sources:
            continue
        inputs = list(operation.inputs)
        of_inputs = [sources.get(id(t.op), set()) for t in inputs]
        sources[id(operation)] = set().union(*of_inputs)
        if len(inputs) != 2 or {0, 1} != sources[id(operation)]:
            continue
        if 2 in map(len, of_inputs) or not operation.outputs:
            continue
        shape = operation.outputs[0].shape
        if operation.type != "MatMul" and all(
            tensor.shape.rank and not shape.is_compatible_with(tensor.shape)
            for tensor in inputs
        ):
            one, other = (tuple(tensor.shape) for tensor in inputs)
            try:
                if np.broadcast_shapes(one, other) == tuple(shape):
                    return True
            except (TypeError, ValueError):
                continue
    return False
