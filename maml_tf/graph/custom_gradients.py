"""Lets TensorFlow forget the custom gradients of functions that are gone.

`tf.custom_gradient` registers each use in a graph under a name of its own, for
ever, and what is registered keeps the whole graph. Keras's optimizers use it
too. A process that trains again and again would grow by each traced graph.
"""

import weakref
from typing import Any

from tensorflow.python.framework import ops

_ATTRIBUTE = "_gradient_op_type"


def forget_with(owner: Any, function: Any, *arguments: Any) -> None:
    """Forgets the custom gradients of a traced function when its owner is gone.

    Args:
        owner: The only object that calls the function.
        function: The `tf.function`; nobody differentiates a call of it. Other
            functions have nothing to forget.
        *arguments: The arguments that it was traced with.
    """
    if not hasattr(function, "get_concrete_function"):
        return
    concrete = function.get_concrete_function(*arguments)
    graph_def = concrete.graph.as_graph_def()
    names = {
        node.attr[_ATTRIBUTE].s.decode()
        for nodes in (
            graph_def.node,
            *(function.node_def for function in graph_def.library.function),
        )
        for node in nodes
        if _ATTRIBUTE in node.attr
    }
    weakref.finalize(owner, _forget, names).atexit = False


def _forget(names):
    # The registry has no function for it.
    registry = getattr(ops.gradient_registry, "_registry", {})
    for name in names:
        if name.startswith("CustomGradient-"):
            registry.pop(name, None)
