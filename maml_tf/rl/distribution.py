"""Distributions of actions, given by the outputs of a policy's network.

There are two: `maml_tf.rl.gaussian`, whose actions are real numbers, and
`maml_tf.rl.categorical`, whose actions are the integers below their number.
Policies, losses and outer updates use no more of them than `Distribution`.
"""

from typing import Any, Protocol

import tensorflow as tf

from maml_tf.rl import categorical, gaussian


class Distribution(Protocol):
    """A module of pure functions of a network's outputs.

    Attributes:
        action_dtype: The dtype of actions: integers if they are discrete.
    """

    action_dtype: tf.DType

    def outputs_size(self, action_size: int) -> int:
        """Returns the number of a network's outputs."""
        ...

    def noise(self, shape: Any, action_size: int, seed: tf.Tensor) -> tf.Tensor:
        """Draws the random numbers of `draw`, `[*shape, action_size]`."""
        ...

    def draw(self, outputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns random actions."""
        ...

    def most_probable(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the actions of largest probability or density."""
        ...

    def log_probability(
        self, outputs: tf.Tensor, actions: tf.Tensor
    ) -> tf.Tensor:
        """Returns the logarithm of the actions' probability, `[...]`."""
        ...

    def kl_divergence(self, outputs: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        """Returns the divergence in nats, `[...]`."""
        ...

    def fisher_product(
        self, outputs: tf.Tensor, vectors: tf.Tensor
    ) -> tf.Tensor:
        """Multiplies the Fisher information by the outputs with vectors."""
        ...


def of_actions(actions: tf.Tensor) -> Distribution:
    """Returns the distribution that actions were drawn from.

    Args:
        actions: Integers are of a categorical distribution, other numbers of a
            Gaussian one.
    """
    return categorical if actions.dtype.is_integer else gaussian
