"""Biases that batch normalisation takes away again.

Normalised by the batch's own statistics, (x ∗ w + b) − mean does not depend on
b, and the gradient of b is zero. Leaving out the sum and the gradient saves two
passes over the activations in each step.
"""

import keras


def redundant_biases(
    model: keras.Model,
) -> dict[keras.layers.BatchNormalization, keras.layers.Conv2D]:
    """Finds convolutions that are followed only by a batch normalisation.

    The model's graph must show it: in functional and sequential models that
    contain only Keras's own models, for layers that are called once, if their
    output is not an output of a model.

    Args:
        model: Any built `keras.Model`.

    Returns:
        A dict from `BatchNormalization` layers to the `Conv2D` before each.
    """
    models = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.Model)
    ]
    graphs = [getattr(m, "_functional", None) or m for m in models]
    if not all(
        # A user's class may call its layers in any way.
        type(m).__module__.startswith("keras.")
        and hasattr(graph, "_nodes_by_depth")
        for m, graph in zip(models, graphs)
    ):
        return {}
    # A sequential model's graph may also be one of the models.
    graphs = list({id(graph): graph for graph in graphs}.values())
    calls: dict[int, list] = {}
    consumers: dict[int, list] = {}
    outputs: set[int] = set()
    for graph in graphs:
        outputs.update(id(tensor) for tensor in graph.outputs)
        for nodes in graph._nodes_by_depth.values():
            for node in nodes:
                calls.setdefault(id(node.operation), []).append(node)
                for tensor in node.arguments.keras_tensors:
                    consumers.setdefault(id(tensor), []).append(node)
    redundant = {}
    for node, *other_calls in calls.values():
        convolution = node.operation
        if (
            other_calls
            or type(convolution) is not keras.layers.Conv2D
            or not convolution.use_bias
            or convolution.activation is not keras.activations.linear
            or id(node.outputs[0]) in outputs
        ):
            continue
        users = consumers.get(id(node.outputs[0]), [])
        if len(users) != 1:
            continue
        layer = users[0].operation
        channels_last = convolution.data_format == "channels_last"
        if (
            type(layer) is keras.layers.BatchNormalization
            and len(calls[id(layer)]) == 1
            and layer.axis in ((-1, 3) if channels_last else (1, -3))
        ):
            redundant[layer] = convolution
    return redundant
