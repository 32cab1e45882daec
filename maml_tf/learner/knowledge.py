"""The knowledge of layers beside their weights: vocabularies, constants.

A layer may keep a vocabulary outside of its weights, or constants that it
computed from them when they were last set. A copy of a network with the same
weights lacks both.
"""

import tempfile

import keras
import numpy as np


def copy_knowledge(source: keras.Model, target: keras.Model) -> None:
    """Gives a copy of a network its layers' vocabularies and the like.

    Args:
        source: A built `keras.Model`.
        target: A copy of it, the weights of which may be others. They are
            frozen where those of `source` are.
    """
    for known, new in zip(source._flatten_layers(), target._flatten_layers()):
        if isinstance(known, keras.Model) or type(known) is not type(new):
            continue
        # In Keras's order.
        if hasattr(known, "save_assets") or _loads_its_own_way(known):
            new.load_own_variables(_stored(known))
        if hasattr(known, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                known.save_assets(folder)
                new.load_assets(folder)
    for old, variable in zip(source.variables, target.variables):
        if variable.trainable != old.trainable:
            variable.trainable = old.trainable


def derive_again(model: keras.Model) -> None:
    """Lets layers compute again what they derive from their weights.

    Call it after weights were assigned.

    Args:
        model: A built `keras.Model`.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
        elif _loads_its_own_way(layer):
            layer.load_own_variables(_stored(layer))


def _loads_its_own_way(layer):
    """Returns whether a layer of the user's may do more than assign."""
    method = type(layer).load_own_variables
    return not method.__module__.startswith("keras.")


def _stored(layer):
    store: dict = {}
    layer.save_own_variables(store)
    return {name: np.array(value) for name, value in store.items()}
