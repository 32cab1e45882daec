"""The initialisations of a learner's members, as variables that are saved."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.functional.model import FunctionalModel
from maml_tf.learner.learner import Learner
from maml_tf.learner.members import thetas


class ServedMembers(tf.Module):
    """θ of each member; of one that is no ensemble, its model's own.

    Args:
        learner: The `maml_tf.Learner`.
        algorithm: The algorithm that is served.
        variables: What is saved of `algorithm.model.variables`, in their order.
    """

    def __init__(
        self, learner: Learner, algorithm: Algorithm, variables: Sequence
    ) -> None:
        super().__init__(name="members")
        self._theta = algorithm.theta
        served = thetas(learner, algorithm)[1:]
        trained = thetas(learner, learner.algorithm)[1:]
        # The first member is the model itself, which is saved anyway.
        saved = dict(zip(map(id, algorithm.model.variables), variables))
        self._first = [
            saved.get(id(v), v.value) for v in algorithm.meta_variables
        ]
        self._others = [
            [tf.Variable(w, trainable=False) for w in theta] for theta in served
        ]
        self._others_trained = [
            [
                variable if equal(variable, w) else tf.Variable(w)
                for variable, w in zip(variables, theta)
            ]
            for variables, theta in zip(self._others, trained)
        ]

    @property
    def count(self) -> int:
        """The number of members, 1 if there is no ensemble."""
        return 1 + len(self._others)

    def thetas(self) -> list[list[tf.Tensor]]:
        """Returns the members' θ for a task."""
        if not self._others:
            return [self._theta()]
        return [_tensors(theta) for theta in (self._first, *self._others)]

    def trained(self, model: FunctionalModel) -> list[list[tf.Tensor]]:
        """Returns the members' weights as they were trained.

        Args:
            model: The first member's.
        """
        number = len(model.theta())
        return [
            model.theta(),
            *(_tensors(theta[:number]) for theta in self._others_trained),
        ]

    def shares(self, weights: tf.Tensor) -> list[tf.Tensor]:
        """Returns each member's part of the weights that a task changed.

        Args:
            weights: All members' weights in one vector.
        """
        return tf.split(weights, self.count) if self._others else [weights]


def _tensors(variables):
    return [tf.convert_to_tensor(variable) for variable in variables]


def equal(one: Any, other: Any) -> bool:
    """Returns whether two weights have the same shape and values."""
    return one.shape == other.shape and np.array_equal(one, other)
