"""Lets TensorFlow forget the custom gradients of functions that are gone.

`tf.custom_gradient` registers each use in a graph under a name of its own, for
ever, and what is registered keeps the whole graph. Keras's optimizers use it
too. A process that trains again and again would grow by each traced graph.
"""

import weakref
from typing import Any

from tensorflow.python.framework import ops

_ATTRIBUTE = "_gradient_op_type"


class Forgetting:
    """Forgets the custom gradients of a function when its owner is gone.

    Call it after each call of the function, with the same arguments; it acts
    after those that were traced.

    Args:
        owner: The only object that calls the function.
        function: The `tf.function`; nobody differentiates a call of it. Other
            functions have nothing to forget.
    """

    def __init__(self, owner: Any, function: Any) -> None:
        self._owner = weakref.ref(owner)
        self._function = function
        self._traces = 0

    def __call__(self, *arguments: Any) -> None:
        """Takes note of the trace for these arguments, if it is new."""
        if not hasattr(self._function, "experimental_get_tracing_count"):
            return
        traces = self._function.experimental_get_tracing_count()
        if traces > self._traces:
            self._traces = traces
            concrete = self._function.get_concrete_function(*arguments)
            names = _names(concrete.graph.as_graph_def())
            weakref.finalize(self._owner(), _forget, names).atexit = False


def _names(graph_def):
    """Returns the names of a graph's custom gradients."""
    functions = graph_def.library.function
    return {
        node.attr[_ATTRIBUTE].s.decode()
        for nodes in (graph_def.node, *(f.node_def for f in functions))
        for node in nodes
        if _ATTRIBUTE in node.attr
    }


def _forget(names):
    # The registry has no function for it.
    registry = getattr(ops.gradient_registry, "_registry", {})
    for name in names:
        if name.startswith("CustomGradient-"):
            registry.pop(name, None)
