"""Methods of Python objects that a graph calls.

TensorFlow's default graph keeps each function of Python that any graph calls,
as long as the process lives. It would keep a user's generator with its data.
"""

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def call_method(
    method: Callable, inputs: list, dtypes: Any, *, stateful: bool
) -> Any:
    """Calls a method on arrays as the graph runs, without keeping its object.

    Args:
        method: A bound method of arrays. The graph's owner keeps its object.
        inputs: List of tensors, which the method gets as arrays.
        dtypes: Dtype of its result, or a list of them for several results.
        stateful: Whether equal inputs may have other results.

    Returns:
        The results as tensors of unknown shape.
    """
    weak = weakref.WeakMethod(method)

    def call(*arrays):
        present: Any = weak()
        return present(*arrays)

    return tf.numpy_function(call, inputs, dtypes, stateful=stateful)
