"""Low-rank adapters (LoRA) in files.

Keras merges the adapters of `enable_lora` into the kernels when it saves, and
loads zeros in their place. The network computes the same, but the adapters are
lost, and with two factors of zeros they cannot learn again.
"""

import pathlib
from typing import Any

import keras

from maml_tf.files.arrays import read_arrays, write_arrays
from maml_tf.functional.layers import leaf_layers


def write_adapters(path: pathlib.Path, model: keras.Model) -> None:
    """Writes the weights of layers with adapters, unmerged.

    Args:
        path: The .npz file; removed if no layer has adapters.
        model: The network.
    """
    weights = {
        f"{number}/{part}": variable.numpy()
        for number, layer in enumerate(_adapting(model))
        for part, variable in enumerate(_own_weights(layer))
    }
    write_arrays(path, weights)


def read_adapters(path: pathlib.Path, model: keras.Model) -> None:
    """Gives a loaded network the weights that `write_adapters` wrote.

    Args:
        path: The .npz file, which may be missing.
        model: The network, loaded by Keras.

    Raises:
        ValueError: The file is of another network.
    """
    if not path.is_file():
        return
    weights = read_arrays(path)
    for number, layer in enumerate(_adapting(model)):
        for part, variable in enumerate(_own_weights(layer)):
            variable.assign(weights.pop(f"{number}/{part}"))
    if weights:
        raise ValueError(f"{path.name} has weights that the network lacks")


def _adapting(model: keras.Model) -> list[Any]:
    return [
        layer
        for layer in leaf_layers(model)
        if getattr(layer, "lora_enabled", False)
    ]


def _own_weights(layer):
    return [*layer._trainable_variables, *layer._non_trainable_variables]
