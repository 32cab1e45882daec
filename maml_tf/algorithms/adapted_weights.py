"""Selections of the weights that the inner loop adapts.

Each function here takes the model and returns a predicate
`adapts(variable) -> bool`; any function of that form can be given in its place.
"""

from collections.abc import Callable
from typing import Literal

import keras

from maml_tf.algorithms.head_layers import head_layers
from maml_tf.errors import InputError
from maml_tf.functional.layers import leaf_layers
from maml_tf.networks.context import ContextParameters
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
    """Selects the layer that the output is computed from last (ANIL).

    (Raghu et al. 2020.) It is the last one with a trainable weight matrix, in
    the order of the computation; a scale or temperature after it is not the
    head. See `maml_tf.algorithms.head_layers`.

    Raises:
        InputError: The order cannot be seen in a model of one's own class.
    """
    variables = _identities(head_layers(model))
    return lambda variable: id(variable) in variables


def body(model: keras.Model) -> Callable:
    """Selects all weights except the head's (BOIL, Oh et al. 2021).

    Raises:
        InputError: The model has only a head, so nothing would adapt.
    """
    in_head = head(model)
    if all(map(in_head, model.trainable_variables)):
        raise InputError(
            f"adapts=body: model {model.name!r} has one layer with trainable"
            " weights, its head; a body needs at least one more."
        )
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


def contexts(model: keras.Model) -> Callable:
    """Selects the vectors of `ContextParameters` layers (CAVIA).

    Raises:
        InputError: The model has no such layer, or all are frozen.
    """
    variables = {
        id(layer.context)
        for layer in leaf_layers(model)
        if isinstance(layer, ContextParameters) and layer.trainable
    }
    if not variables:
        raise InputError(
            f"model: {model.name!r} has no trainable ContextParameters layer,"
            " the one that cavia adapts; give the network mlp context=5"
            " (--context=5), conv4 context=100, or put a"
            " maml_tf.ContextParameters layer into your model."
        )
    return lambda variable: id(variable) in variables


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


def _identities(layers):
    return {
        id(variable)
        for layer in layers
        for variable in layer.trainable_variables
    }
