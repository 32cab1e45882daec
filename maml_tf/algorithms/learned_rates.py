"""Inner learning rates that meta-training learns.

Meta-SGD has one for each element of each weight (Li et al. 2017), MAML++ one
for each weight and step (LSLR; Antoniou et al. 2019). No rate is held positive.
"""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from maml_tf.algorithms.inner_optimizers import GradientDescent
from maml_tf.algorithms.rates import check_rates, one_per_weight
from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel
from maml_tf.registry import find

InnerRates = Literal[
    "fixed", "per_weight", "per_weight_and_step", "per_element"
]
_KINDS = ("per_weight", "per_weight_and_step", "per_element")


class LearnedRates:
    """Gradient descent with learned rates, φ_{k+1} = φ_k − a_k ∘ g_k.

    Args:
        model: The model whose weights adapt.
        kind: `"per_weight"`: a number for each weight tensor.
            `"per_weight_and_step"`: one for each of them and each step; further
            steps at test take the last step's. `"per_element"`: one for each
            element.
        learning_rate: What all rates begin at, as in `GradientDescent`.
        steps: Steps with rates of their own.

    Attributes:
        kind: As given.
        variables: The rates: one variable `[steps, weights]`, or one of the
            shape of each weight.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self, model: keras.Model, kind: str, learning_rate: Any, steps: int = 1
    ) -> None:
        check_rates(learning_rate=learning_rate)
        self.kind = find("inner_rates", kind, dict.fromkeys(_KINDS, kind))
        weights = model.trainable_variables
        rates = one_per_weight(learning_rate, FunctionalModel(model).theta())
        if kind == "per_element":
            self.variables = [
                _variable(np.broadcast_to(rate, weight.shape), weight.dtype)
                for rate, weight in zip(rates, weights)
            ]
        else:
            steps = max(steps, 1) if kind == "per_weight_and_step" else 1
            self.variables = [_variable([rates] * steps, weights[0].dtype)]

    @property
    def learning_rate(self) -> str:
        """The rates in words."""
        return f"learned {self.kind.replace('_', ' ')}"

    def start(self, phi: list, learned: list) -> tuple[tf.Tensor, list]:
        """Returns the slots: the number of the next step, and the rates."""
        del phi
        return tf.constant(0), learned

    def update(
        self, phi: list, gradients: list, slots: tuple[tf.Tensor, list]
    ) -> tuple[list, tuple[tf.Tensor, list]]:
        """Takes one step; see `GradientDescent.update`."""
        step, rates = slots
        if self.kind != "per_element":
            last = rates[0].shape[0] - 1
            rates = tf.unstack(tf.gather(rates[0], tf.minimum(step, last)))
        phi, _ = GradientDescent(rates).update(phi, gradients, ())
        return phi, (step + 1, slots[1])


def gradient_descent(
    model: keras.Model, rates: str, learning_rate: Any, steps: int, given: Any
) -> Any:
    """Returns the inner optimizer that options describe.

    Args:
        model: The model whose weights adapt.
        rates: One of `InnerRates`.
        learning_rate: As in `GradientDescent`.
        steps: Steps with rates of their own.
        given: An inner optimizer of the user's, or None.

    Raises:
        InputError: Rates of a user's optimizer are to be learned, or an
            argument cannot be used.
    """
    if rates == "fixed":
        return given or GradientDescent(learning_rate)
    if given is not None:
        raise InputError(
            f"inner_rates: {rates} was given, but an inner_optimizer has rates"
            " of its own; give one of the two."
        )
    return LearnedRates(model, rates, learning_rate, steps)


def _variable(value, dtype):
    value = np.array(value, dtype)
    return keras.Variable(value, dtype=dtype, name="inner_rates")
