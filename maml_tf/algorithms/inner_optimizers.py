"""Inner optimizers: one step of a task's weights, as a pure function.

Keras optimizers assign to variables, which would cut the meta-gradient. These
return new tensors, so the gradient flows through the update itself. `chain`
clips gradients before an optimizer sees them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.algorithms.adam import Adam, AdamSlots, adam_update
from maml_tf.algorithms.clipping import (
    Chain,
    chain,
    clip_by_global_norm,
    clip_by_value,
    clipped,
)
from maml_tf.algorithms.rates import (
    check_rates,
    in_dtype_of,
    one_per_weight,
)
from maml_tf.errors import refusal

__all__ = [
    "Adam",
    "AdamSlots",
    "Chain",
    "GradientDescent",
    "ScheduledGradientDescent",
    "adam_update",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "clipped",
]


class GradientDescent:
    """φ ← φ − α g (Finn et al. 2017, equation 1).

    Args:
        learning_rate: α, a number or scalar tensor. A list has one for each of
            the model's trainable weights, in their order, each a scalar or of
            the weight's shape (as in Meta-SGD, Li et al. 2017).
    """

    def __init__(self, learning_rate: Any):
        check_rates(learning_rate=learning_rate)
        self.learning_rate = learning_rate

    def start(self, phi: list) -> tuple:
        """Returns the slots before the first step: an empty tuple."""
        del phi
        return ()

    def update(
        self, phi: list, gradients: list, slots: tuple
    ) -> tuple[list, tuple]:
        """Takes one step.

        Args:
            phi: The weights.
            gradients: One for each weight; None if it does not adapt.
            slots: The slots from `start` or from the last `update`.

        Returns:
            `(phi, slots)` after the step.
        """
        rates = one_per_weight(self.learning_rate, phi)
        return [
            weight
            if gradient is None
            else weight - in_dtype_of(weight, rate) * gradient
            for weight, gradient, rate in zip(phi, gradients, rates)
        ], slots


class ScheduledGradientDescent:
    """Gradient descent whose rate depends on the step within the task.

    Args:
        learning_rates: α of the first step, the second and so on, numbers; the
            last one holds for all steps after it.
    """

    def __init__(self, learning_rates: Sequence[float]):
        if isinstance(learning_rates, np.ndarray):
            learning_rates = learning_rates.tolist()
        if not learning_rates or not isinstance(learning_rates, list | tuple):
            raise refusal(
                "learning_rates", learning_rates, "give a list of one or more"
            )
        check_rates(learning_rates=learning_rates)
        self.learning_rates = list(learning_rates)

    def start(self, phi: list) -> tf.Tensor:
        """Returns the slots before the first step: its number, 0."""
        del phi
        return tf.constant(0)

    def update(
        self, phi: list, gradients: list, slots: tf.Tensor
    ) -> tuple[list, tf.Tensor]:
        """Takes one step; see `GradientDescent.update`."""
        last = len(self.learning_rates) - 1
        rate = tf.gather(self.learning_rates, tf.minimum(slots, last))
        phi, _ = GradientDescent(rate).update(phi, gradients, ())
        return phi, slots + 1
