"""Averages of weights that an optimizer keeps (`use_ema=True`)."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


def averages(optimizer: Any) -> list:
    """Returns the averages of the trainable weights, in their order.

    Args:
        optimizer: A Keras optimizer, built, or None.

    Returns:
        A list of variables; empty if the optimizer keeps no averages.
    """
    if not getattr(optimizer, "use_ema", False):
        return []
    return list(optimizer._model_variables_moving_average)


def take_averages(model: keras.Model, optimizer: Any) -> None:
    """Overwrites the weights by their averages, as Keras's `fit` ends.

    Args:
        model: The model; without averages, or before the first update, it
            stays as it is.
        optimizer: Its optimizer, or None.
    """
    if averages(optimizer) and int(optimizer.iterations.numpy()) > 0:
        optimizer.finalize_variable_values(model.trainable_variables)


@contextlib.contextmanager
def averages_in_place(model: keras.Model, optimizer: Any) -> Iterator[None]:
    """Gives the model its averages for a while.

    Args:
        model: The model.
        optimizer: Its optimizer, or None.
    """
    if not averages(optimizer):
        yield
        return
    weights = [v.numpy() for v in model.trainable_variables]
    take_averages(model, optimizer)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, weights):
            variable.assign(value)
