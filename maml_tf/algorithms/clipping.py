"""Transformations of gradients before an inner optimizer sees them.

They are composed as in Optax:

```python
chain(clip_by_value(1.0), clip_by_global_norm(10.0), GradientDescent(0.1))
```
"""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from maml_tf.algorithms.wrapped import Wrapped
from maml_tf.errors import check_above_zero, refusal


class Chain(Wrapped):
    """An inner optimizer that sees transformed gradients; see `chain`.

    Args:
        transformations: Functions from gradients to gradients, in the order in
            which they are applied.
        optimizer: The inner optimizer that takes the step.
    """

    def __init__(self, transformations: Iterable[Callable], optimizer: Any):
        super().__init__(optimizer)
        self.transformations = list(transformations)

    def update(
        self, phi: list, gradients: list, slots: Any
    ) -> tuple[list, Any]:
        """Takes one step; see `GradientDescent.update`."""
        for transform in self.transformations:
            gradients = transform(gradients)
        return self.optimizer.update(phi, gradients, slots)


def chain(*parts: Any) -> Chain:
    """Composes transformations of gradients with an inner optimizer.

    Args:
        *parts: Functions from gradients to gradients, applied in this order,
            followed by an inner optimizer.

    Returns:
        An inner optimizer.
    """
    *transformations, optimizer = parts
    return Chain(transformations, optimizer)


def clip_by_value(limit: float) -> Callable:
    """Makes a transformation that clips each element to ±`limit`.

    Args:
        limit: Largest magnitude of an element, above 0.

    Returns:
        A function from gradients to gradients; None, for a weight that does not
        adapt, stays None.

    Raises:
        InputError: The limit is not above 0.
    """
    check_above_zero(limit=limit)
    return lambda gradients: [
        None if g is None else tf.clip_by_value(g, -limit, limit)
        for g in gradients
    ]


def clip_by_global_norm(limit: float) -> Callable:
    """Makes a transformation that scales all gradients to a norm of `limit`.

    They stay as they are if the norm of all elements together is at most
    `limit`. Unlike in `tf.clip_by_global_norm`, the second derivative exists
    where all gradients are 0.

    Args:
        limit: Largest norm, above 0.

    Returns:
        A function from gradients to gradients; None, for a weight that does not
        adapt, stays None.

    Raises:
        InputError: The limit is not above 0.
    """
    check_above_zero(limit=limit)

    def clip(gradients):
        squares = [tf.reduce_sum(tf.square(g)) for g in _present(gradients)]
        if not squares:
            return gradients
        square = tf.add_n(squares)
        bound = tf.constant(limit, square.dtype)
        beyond = square > bound * bound
        norm = tf.sqrt(tf.where(beyond, square, tf.ones_like(square)))
        scale = tf.where(beyond, bound / norm, tf.ones_like(norm))
        return [None if g is None else g * scale for g in gradients]

    return clip


def clipped(
    optimizer: Any,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> Any:
    """Chains an inner optimizer with clipping by value, then by norm.

    Args:
        optimizer: An inner optimizer.
        clip_norm: Limit of `clip_by_global_norm`. Defaults to no limit.
        clip_value: Limit of `clip_by_value`. Defaults to no limit.

    Returns:
        An inner optimizer; the given one if both limits are None.

    Raises:
        InputError: A limit is not above 0, or the optimizer is another object,
            such as one of Keras.
    """
    if not (hasattr(optimizer, "start") and hasattr(optimizer, "update")):
        shown = type(optimizer).__name__
        raise refusal(
            "inner_optimizer",
            optimizer if isinstance(optimizer, str) else shown,
            "give one of maml_tf.inner_optimizers; optimizers of Keras assign"
            " to variables, which cuts the meta-gradient",
        )
    transformations: list[Callable] = []
    if clip_value is not None:
        transformations.append(clip_by_value(clip_value))
    if clip_norm is not None:
        transformations.append(clip_by_global_norm(clip_norm))
    return chain(*transformations, optimizer) if transformations else optimizer


def _present(gradients):
    return [g for g in gradients if g is not None]
