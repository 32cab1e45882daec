"""Inner optimizers: one step of a task's weights, as a pure function.

Keras optimizers assign to variables, which would cut the meta-gradient. These
return new tensors, so the gradient flows through the update itself. `chain`
clips gradients before an optimizer sees them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from maml_tf.algorithms.clipping import (
    Chain,
    chain,
    clip_by_global_norm,
    clip_by_value,
    clipped,
)
from maml_tf.errors import InputError, check_not_negative

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
        check_not_negative(learning_rate=learning_rate)
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
        rates = _one_per_weight(self.learning_rate, phi)
        return [
            weight
            if gradient is None
            else weight - _as(weight, rate) * gradient
            for weight, gradient, rate in zip(phi, gradients, rates)
        ], slots


class ScheduledGradientDescent:
    """Gradient descent whose rate depends on the step within the task.

    Args:
        learning_rates: α of the first step, the second and so on, numbers; the
            last one holds for all steps after it.
    """

    def __init__(self, learning_rates: Sequence[float]):
        if not learning_rates:
            raise InputError(
                "learning_rates: none was given; give one or more."
            )
        check_not_negative(learning_rates=learning_rates)
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


class AdamSlots(NamedTuple):
    """Adam's memory within one task."""

    step: tf.Tensor
    first_moments: list
    second_moments: list


class Adam:
    """Adam (Kingma and Ba 2015); its slots are zero at the start of each task.

    Args:
        learning_rate: As in `GradientDescent`.
        beta_1: Decay of the first moment. Defaults to 0, as in Reptile (Nichol
            et al. 2018).
        beta_2: Decay of the second moment.
        epsilon: Number added to the root of the second moment.
    """

    def __init__(
        self,
        learning_rate: Any,
        beta_1: float = 0.0,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        check_not_negative(learning_rate=learning_rate)
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def start(self, phi: list) -> AdamSlots:
        """Returns the slots before the first step: zero moments."""
        return AdamSlots(
            tf.constant(0.0),
            [tf.zeros_like(weight) for weight in phi],
            [tf.zeros_like(weight) for weight in phi],
        )

    def update(
        self, phi: list, gradients: list, slots: AdamSlots
    ) -> tuple[list, AdamSlots]:
        """Takes one step; see `GradientDescent.update`."""
        t = slots.step + 1.0
        rates = _one_per_weight(self.learning_rate, phi)
        updated = [
            (weight, m, v)
            if g is None
            else adam_update(
                weight,
                g,
                m,
                v,
                t,
                alpha=_as(weight, rate),
                beta_1=self.beta_1,
                beta_2=self.beta_2,
                epsilon=self.epsilon,
            )
            for weight, g, rate, m, v in zip(
                phi, gradients, rates, slots.first_moments, slots.second_moments
            )
        ]
        phi, first_moments, second_moments = map(list, zip(*updated))
        return phi, AdamSlots(t, first_moments, second_moments)


def adam_update(
    weight: tf.Tensor,
    g: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    t: tf.Tensor,
    *,
    alpha: tf.Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Takes one step of Adam on one weight (Kingma and Ba 2015, algorithm 1).

    Args:
        weight: The weight.
        g: Its gradient, of its shape.
        m: Its first moment before the step, of its shape.
        v: Its second moment before the step, of its shape.
        t: Number of the step from 1, a float32 scalar.
        alpha: The learning rate, in the weight's dtype.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Number added to the root of the second moment.

    Returns:
        `(weight, m, v)` after the step.
    """
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    m_hat = m / tf.cast(1.0 - tf.pow(beta_1, t), m.dtype)
    root_of_v_hat = _root_of_ratio(v, tf.cast(1.0 - tf.pow(beta_2, t), v.dtype))
    weight = weight - alpha * m_hat / (root_of_v_hat + epsilon)
    return weight, m, v


def _root_of_ratio(v, divisor):
    """Computes √(v / divisor), with the derivative 0 at v = 0.

    The root's own derivative there is infinite. A weight that has had no
    gradient has v = 0, and would turn the whole meta-gradient NaN. Both
    branches of a `tf.where` are differentiated, so v is first replaced by 1.
    """
    root = tf.sqrt(tf.where(v > 0, v, tf.ones_like(v)) / divisor)
    return tf.where(v > 0, root, tf.zeros_like(root))


def _as(weight, rate):
    """Returns the rate in the weight's dtype; numbers skip float32."""
    rate = tf.convert_to_tensor(rate, dtype_hint=weight.dtype)
    return tf.cast(rate, weight.dtype)


def _one_per_weight(learning_rate, phi):
    if not isinstance(learning_rate, (list, tuple)):
        return [learning_rate] * len(phi)
    if len(learning_rate) != len(phi):
        raise InputError(
            f"learning_rate: {len(learning_rate)} rates were given for"
            f" {len(phi)} weights; give one number, or one rate for each"
            " trainable weight."
        )
    return learning_rate
