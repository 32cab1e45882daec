"""The inputs that a Keras model declares."""

from typing import Any

import keras


def model_input(model: keras.Model) -> Any:
    """Returns the Keras input of a model, or a structure of several."""
    if isinstance(model, keras.Sequential):
        # `model.input` exists only after the first call.
        return model.inputs[0]
    inputs = model.input
    if isinstance(inputs, list | tuple) and len(inputs) == 1:
        return inputs[0]
    return inputs
