"""The layers of a model."""

import keras


def leaf_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns all layers in `model`, inside nested models and layers too.

    Layers that contain others are among them, nested models are not. The order
    has no meaning.
    """
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model)
    ]


def has_batch_norm(model: keras.Model) -> bool:
    """Returns whether batch normalisation is among a model's layers."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization)
        for layer in leaf_layers(model)
    )
