"""Selections of the weights that the inner loop adapts.

Each function here takes the model and returns a predicate
`adapts(variable) -> bool`; any function of that form can be given in its place.
"""

from collections.abc import Callable
from typing import Literal

import keras

from maml_tf.errors import InputError
from maml_tf.functional.layers import leaf_layers
from maml_tf.registry import find

NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)


def everything(model: keras.Model) -> Callable:
    """Selects all trainable weights (MAML)."""
    del model
    return lambda variable: True


def head(model: keras.Model) -> Callable:
    """Selects the last layer with trainable weights (ANIL).

    (Raghu et al. 2020.)
    """
    variables = _identities(_weighted_layers(model)[-1:])
    return lambda variable: id(variable) in variables


def body(model: keras.Model) -> Callable:
    """Selects all weights except the head's (BOIL, Oh et al. 2021).

    Raises:
        InputError: The model has only a head, so nothing would adapt.
    """
    if len(_weighted_layers(model)) == 1:
        raise InputError(
            f"adapts=body: model {model.name!r} has one layer with trainable"
            " weights, its head; a body needs at least one more."
        )
    in_head = head(model)
    return lambda variable: not in_head(variable)


def all_but_normalization(model: keras.Model) -> Callable:
    """Selects all weights except scales and offsets of normalisation layers.

    The code of Finn et al. (2017) adapts in this way: batch normalisation keeps
    the initialisation's β.
    """
    variables = _identities(
        layer
        for layer in leaf_layers(model)
        if isinstance(layer, NORMALIZATIONS)
    )
    return lambda variable: id(variable) not in variables


SELECTIONS = {
    "all": everything,
    "head": head,
    "body": body,
    "all_but_normalization": all_but_normalization,
}
# The names of `SELECTIONS`, as a type.
Selection = Literal["all", "head", "body", "all_but_normalization"]


def predicate(
    model: keras.Model, adapts: str | Callable | None = None
) -> Callable:
    """Returns the predicate over variables that a name stands for.

    Args:
        model: A built `keras.Model`.
        adapts: A name of `SELECTIONS`, or a predicate. Defaults to all weights.

    Returns:
        A function `variable -> bool`.

    Raises:
        InputError: The name is unknown, or its selection is empty.
    """
    if callable(adapts):
        return adapts
    return find("adapts", adapts or "all", SELECTIONS)(model)


def _weighted_layers(model):
    return [layer for layer in _in_order(model) if layer.trainable_variables]


def _in_order(model):
    """Yields the layers in the model's order, nested models' in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _in_order(layer)
        else:
            yield layer


def _identities(layers):
    return {
        id(variable)
        for layer in layers
        for variable in layer.trainable_variables
    }
