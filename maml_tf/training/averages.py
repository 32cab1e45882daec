"""Averages of weights that an optimizer keeps (`use_ema=True`)."""

import contextlib
from collections.abc import Iterator
from typing import Any


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


def take_averages(variables: list, optimizer: Any) -> None:
    """Overwrites variables by their averages, as Keras's `fit` ends.

    Args:
        variables: What the optimizer was built for; without averages, or before
            the first update, they stay as they are.
        optimizer: The optimizer, or None.
    """
    if averages(optimizer) and int(optimizer.iterations.numpy()) > 0:
        optimizer.finalize_variable_values(variables)


@contextlib.contextmanager
def averages_in_place(variables: list, optimizer: Any) -> Iterator[None]:
    """Gives variables their averages for a while.

    Args:
        variables: As in `take_averages`.
        optimizer: The optimizer, or None.
    """
    if not averages(optimizer):
        yield
        return
    values = [v.numpy() for v in variables]
    take_averages(variables, optimizer)
    try:
        yield
    finally:
        for variable, value in zip(variables, values):
            variable.assign(value)
