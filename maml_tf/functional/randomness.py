"""Random numbers that differ each time that a graph computes them."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from maml_tf.errors import InputError

# Parts of the names of operations that draw.
_DRAWS = ("Random", "Normal", "Uniform", "Multinomial")


@contextlib.contextmanager
def unrepeatable_refused(
    model: keras.Model,
    option: str = "rematerialize: True",
    instead: str = "False",
) -> Iterator[None]:
    """Refuses operations of `tf.random` that are traced within it.

    Args:
        model: The `keras.Model` whose layers are named.
        option: The option that computes a step again, and its value.
        instead: A value that does not.

    Raises:
        InputError: A layer draws random numbers that are others when the same
            step is computed again.
    """
    graph = tf.compat.v1.get_default_graph()
    if tf.executing_eagerly():
        yield
        return
    before = len(graph.get_operations())
    yield
    for operation in graph.get_operations()[before:]:
        if _draws(operation.type):
            drawing = operation.type
        else:
            drawing = _drawing_in_functions(graph, operation)
        if drawing:
            raise InputError(
                f"{option} was given, but {_layer(model, operation)}"
                f" draws random numbers ({drawing}) that are others when a step"
                " is computed again; draw with keras.random and a"
                f" keras.random.SeedGenerator, or give {instead}."
            )


def _drawing_in_functions(graph, operation):
    """Returns the operation that draws in the functions that one calls."""
    names = [
        value.func.name
        for value in operation.node_def.attr.values()
        if value.WhichOneof("value") == "func"
    ]
    seen: set[str] = set()
    while names:
        name = names.pop()
        function = graph._functions.get(name)
        if name in seen or function is None:
            continue
        seen.add(name)
        definition = getattr(function, "cached_definition", None)
        if definition is None:
            definition = function.function_def
        for node in definition.node_def:
            if _draws(node.op):
                return node.op
            names += [
                value.func.name
                for value in node.attr.values()
                if value.WhichOneof("value") == "func"
            ]
    return None


def _draws(kind):
    return any(part in kind for part in _DRAWS) and "Stateless" not in kind


def _layer(model, operation):
    """Returns words for the layer in which an operation was traced."""
    layers = {layer.name: layer for layer in model._flatten_layers()}
    for name in reversed(operation.name.split("/")):
        if name not in layers:
            # TensorFlow numbers the calls of a layer.
            name = name.rstrip("0123456789").removesuffix("_")
        if name in layers and layers[name] is not model:
            return f"layer {name!r}"
    return "a layer"
