"""How one inner step moves a task's weights: pure functions over tensors.

Keras optimizers assign to variables, which would cut the meta-gradient. These
return new tensors, so that the gradient flows through the update itself.
Gradients may be clipped before an optimizer sees them: see `chain`.
"""

from typing import NamedTuple

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
        learning_rate: α; a number or scalar tensor, or one for each of the
            model's trainable weights, in their order, each a scalar or of the
            weight's own shape (as in Meta-SGD, Li et al. 2017).
    """

    def __init__(self, learning_rate):
        check_not_negative(learning_rate=learning_rate)
        self.learning_rate = learning_rate

    def start(self, phi):
        """The slots before the first step: none."""
        del phi
        return ()

    def update(self, phi, gradients, slots):
        """One step.

        Args:
            phi: the weights.
            gradients: one for each weight; None where it does not adapt.
            slots: what `start` or the last `update` returned.

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
        learning_rates: α of the first step, the second and so on; the last of
            them holds from then on. Each as in `GradientDescent`, but a number.
    """

    def __init__(self, learning_rates):
        if not learning_rates:
            raise InputError(
                "learning_rates: none was given; give one or more."
            )
        check_not_negative(learning_rates=learning_rates)
        self.learning_rates = list(learning_rates)

    def start(self, phi):
        """The slots before the first step: its number, 0."""
        del phi
        return tf.constant(0)

    def update(self, phi, gradients, slots):
        """One step; arguments and result as in `GradientDescent.update`."""
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
    """Adam (Kingma and Ba 2015), its slots starting afresh in every task.

    Args:
        learning_rate: as in `GradientDescent`.
        beta_1: decay of the first moment; 0 as in Reptile (Nichol et al. 2018).
        beta_2: decay of the second moment.
        epsilon: added to the root of the second moment.
    """

    def __init__(self, learning_rate, beta_1=0.0, beta_2=0.999, epsilon=1e-8):
        check_not_negative(learning_rate=learning_rate)
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def start(self, phi):
        """The slots before the first step: zero moments."""
        return AdamSlots(
            tf.constant(0.0),
            [tf.zeros_like(weight) for weight in phi],
            [tf.zeros_like(weight) for weight in phi],
        )

    def update(self, phi, gradients, slots):
        """One step; arguments and result as in `GradientDescent.update`."""
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


def adam_update(weight, g, m, v, t, *, alpha, beta_1, beta_2, epsilon):
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
        epsilon: Added to the root of the second moment.

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
    """√(v / divisor), with the derivative 0 at v = 0.

    There the root's own derivative is infinite. A weight that has had no
    gradient is at 0, and would turn the whole meta-gradient NaN. Both branches
    of a `tf.where` are differentiated, so v is replaced by 1 there first.
    """
    root = tf.sqrt(tf.where(v > 0, v, tf.ones_like(v)) / divisor)
    return tf.where(v > 0, root, tf.zeros_like(root))


def _as(weight, rate):
    """The rate in the weight's dtype, numbers without a detour by float32."""
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
