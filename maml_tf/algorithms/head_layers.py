"""The head of a model: the layer that its output is computed from last.

It is a layer with a weight matrix (a trainable weight of two axes or more)
after which no other such layer comes. Scales, offsets and temperatures are not
heads. The order is that of the computation, not that in which layers were made.
"""

from collections.abc import Iterator
from typing import Any

import keras

from maml_tf.errors import InputError
from maml_tf.functional.output_graph import is_functional, traced

# Operations that hide the order of what they compute.
_OPAQUE = {
    "If",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "StatelessIf",
    "StatelessWhile",
    "While",
}


def weighted_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers with trainable weights, in the order they were made.

    A layer that contains others counts as one, a model as its layers.

    Args:
        model: A built `keras.Model`.
    """
    layers = {id(layer): layer for layer in _in_order(model)}
    return [layer for layer in layers.values() if layer.trainable_variables]


def head_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that the output is computed from last.

    Usually one; several that are side by side, such as two `Dense` layers with
    outputs that are joined, are all of the head.

    Args:
        model: A built `keras.Model`.

    Returns:
        A list of layers; empty if the model itself has all weights.

    Raises:
        InputError: The order cannot be seen.
    """
    weighted = weighted_layers(model)
    with_matrices = [layer for layer in weighted if _matrices(layer)]
    if len(with_matrices) < 2:
        return (with_matrices or weighted)[-1:]
    last = _last_in_chain(model)
    if last is not None:
        return [last]
    concrete = traced(model)
    if concrete is None:
        if is_functional(model):
            # Its layers are in the order of the graph.
            return with_matrices[-1:]
        raise _unknown(model, "it cannot be traced on inputs of one shape")
    return _last_in_graph(model, concrete, with_matrices)


def _in_order(model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _in_order(layer)
        else:
            yield layer


def _matrices(layer) -> list:
    return [v for v in layer.trainable_variables if len(v.shape) > 1]


def _last_in_chain(model):
    """Returns the last layer with matrices if only a chain comes after it.

    None stands for any other graph.
    """
    if not is_functional(model) or len(model.outputs) != 1:
        return None
    tensor = model.outputs[0]
    while True:
        operation, node_index, _ = tensor._keras_history
        if isinstance(operation, keras.Model):
            if not is_functional(operation):
                return None
            found = _last_in_chain(operation)
            if found is not None or _matrices(operation):
                return found
        elif getattr(operation, "trainable_variables", []) and _matrices(
            operation
        ):
            return operation
        inputs = operation._inbound_nodes[node_index].input_tensors
        if len(inputs) != 1:
            return None
        tensor = inputs[0]


def _last_in_graph(model, concrete, layers):
    """Returns the layers whose matrices no other layer's come after."""
    owners = {
        id(variable.value.handle): layer
        for layer in layers
        for variable in _matrices(layer)
    }
    captured = {
        id(inner): owners[id(outer)]
        for outer, inner in concrete.graph.captures
        if id(outer) in owners
    }
    number = len(concrete.inputs) - len(concrete.captured_inputs)
    depends = {id(tensor.op) for tensor in concrete.inputs[:number]}
    # By operation: the layers whose matrices, alone, it passes on.
    passes: dict[int, set] = {}
    entries: dict[int, set] = {}
    operations = concrete.graph.get_operations()
    for operation in operations:
        own: set[int] = set()
        for tensor in operation.inputs:
            if id(tensor) in captured:
                own.add(id(captured[id(tensor)]))
            own |= passes.get(id(tensor.op), set())
        if any(id(tensor.op) in depends for tensor in operation.inputs):
            depends.add(id(operation))
            entries[id(operation)] = own
        elif id(operation) not in depends:
            passes[id(operation)] = own
    # By operation: the layers that enter after it, on the way to the output.
    after: dict[int, set] = {id(t.op): set() for t in concrete.outputs}
    head: set[int] = set()
    for operation in reversed(operations):
        if id(operation) not in after:
            continue
        entered = entries.get(id(operation), set())
        if len(entered) > 1 and operation.type in _OPAQUE:
            raise _unknown(model, "several layers are inside one function")
        later = after[id(operation)]
        head |= {layer for layer in entered if not later - {layer}}
        for tensor in operation.inputs:
            after.setdefault(id(tensor.op), set()).update(later | entered)
    return [layer for layer in layers if id(layer) in head] or layers[-1:]


def _unknown(model, reason: Any) -> InputError:
    return InputError(
        f"adapts: the head of model {model.name!r} cannot be found, because"
        f" {reason}; give algorithm 'maml' a function of variables, such as"
        " adapts=lambda variable: 'head' in variable.path."
    )
