"""The layers of a model."""

import keras


def leaf_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns all layers in `model`, also inside nested models and layers.

    The list has layers that contain others, but not nested models. Its order
    has no meaning.
    """
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model)
    ]


def batch_norms(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a model's batch normalisation layers."""
    kind = keras.layers.BatchNormalization
    return [layer for layer in leaf_layers(model) if isinstance(layer, kind)]


def has_batch_norm(model: keras.Model) -> bool:
    """Returns whether a model has a batch normalisation layer."""
    return bool(batch_norms(model))
