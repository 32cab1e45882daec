"""Biases that batch normalisation takes away again.

Normalised by the batch's own statistics, (x ∗ w + b) − mean does not depend on
b. Neither adding it nor summing its gradient, which is zero, needs to be done:
two passes over the activations a step.
"""

import keras


def redundant_biases(model):
    """Convolutions whose only consumer is a batch normalisation.

    Only where the model's graph shows it: in functional and sequential models
    that are Keras' own all the way down, for layers that are called once and
    whose output is no output of a model.

    Args:
        model: any built `keras.Model`.

    Returns:
        A dict from `BatchNormalization` layers to `Conv2D` layers.
    """
    models = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.Model)
    ]
    graphs = [getattr(m, "_functional", None) or m for m in models]
    if not all(
        # A class of the user's may call its layers as it likes.
        type(m).__module__.startswith("keras.")
        and hasattr(graph, "_nodes_by_depth")
        for m, graph in zip(models, graphs)
    ):
        return {}
    # A sequential model's graph may be among the models itself.
    graphs = list({id(graph): graph for graph in graphs}.values())
    calls, consumers, outputs = {}, {}, set()
    for graph in graphs:
        outputs.update(id(tensor) for tensor in graph.outputs)
        for nodes in graph._nodes_by_depth.values():
            for node in nodes:
                calls.setdefault(id(node.operation), []).append(node)
                for tensor in node.arguments.keras_tensors:
                    consumers.setdefault(id(tensor), []).append(node)
    found = {}
    for node, *more in calls.values():
        convolution = node.operation
        if (
            more
            or type(convolution) is not keras.layers.Conv2D
            or not convolution.use_bias
            or convolution.activation is not keras.activations.linear
            or id(node.outputs[0]) in outputs
        ):
            continue
        users = consumers.get(id(node.outputs[0]), [])
        layer = users[0].operation if users else None
        channels_last = convolution.data_format == "channels_last"
        if (
            type(layer) is keras.layers.BatchNormalization
            and len(users) == len(calls[id(layer)]) == 1
            and layer.axis in ((-1, 3) if channels_last else (1, -3))
        ):
            found[layer] = convolution
    return found
