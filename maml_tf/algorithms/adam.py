"""Adam as an inner optimizer (Kingma and Ba 2015)."""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maml_tf.algorithms.rates import (
    check_rates,
    in_dtype_of,
    one_per_weight,
)


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
        check_rates(learning_rate=learning_rate)
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
        rates = one_per_weight(self.learning_rate, phi)
        updated = [
            (weight, m, v)
            if g is None
            else adam_update(
                weight,
                g,
                m,
                v,
                t,
                alpha=in_dtype_of(weight, rate),
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


class LastingAdam(Adam):
    """Adam without first moments, whose second moments outlast a task.

    Args:
        model: The model whose weights adapt.
        learning_rate: As in `Adam`.

    Attributes:
        variables: The number of steps so far `[]`, and a second moment of the
            shape of each weight.
    """

    def __init__(self, model: keras.Model, learning_rate: Any) -> None:
        super().__init__(learning_rate)
        weights = model.trainable_variables
        self.variables = [
            keras.Variable(np.zeros(shape, dtype), dtype=dtype, name="moments")
            for shape, dtype in (
                ((), "float32"),
                *((tuple(w.shape), w.dtype) for w in weights),
            )
        ]

    def start(  # type: ignore[override]
        self, phi: list, kept: list
    ) -> AdamSlots:
        """Returns the slots before the first step, `kept` among them.

        Args:
            phi: The weights.
            kept: A tensor for each of `variables`.
        """
        first_moments = [tf.zeros_like(weight) for weight in phi]
        return AdamSlots(kept[0], first_moments, list(kept[1:]))


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
