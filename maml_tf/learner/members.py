"""The members of a learner that is an ensemble.

`Learner.members` has the weights of each, the best first, and the learner's own
model those of the first.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.algorithms.ensemble import Ensemble
from maml_tf.errors import InputError
from maml_tf.functional.mean_predictions import (
    mean_binary_probabilities,
    mean_probabilities,
    mean_values,
)
from maml_tf.functional.measures import is_binary
from maml_tf.learner.knowledge import derive_again
from maml_tf.training.members import weights

if TYPE_CHECKING:
    from maml_tf.learner.learner import Learner


def variables(learner: "Learner") -> list:
    """Returns what a member has a value of, in the order of its values.

    Args:
        learner: The `maml_tf.Learner`.
    """
    return [*learner.model.variables, *learner.algorithm.own_variables]


def take_members(learner: "Learner", members: list) -> None:
    """Makes a learner an ensemble of members; its model becomes the first.

    Args:
        learner: The `maml_tf.Learner`.
        members: Lists of arrays in the order of `variables`. One alone becomes
            the model's weights, and none leaves them as they are.
    """
    learner.members = members if len(members) > 1 else []
    if members:
        _assign(learner, members[0])


def thetas(learner: "Learner", algorithm: Algorithm) -> list[list[tf.Tensor]]:
    """Returns the θ of each member, for tasks of any number of classes.

    Args:
        learner: The `maml_tf.Learner`.
        algorithm: Its algorithm, or one that `learner.with_outputs` returned.

    Returns:
        A list of lists, each as `algorithm.theta()` returns it; it has one if
        the learner is no ensemble.

    Raises:
        InputError: The model's weights are not those of the first member.
    """
    if not learner.members:
        return [algorithm.theta()]
    for own, first in zip(weights(variables(learner)), learner.members[0]):
        if not np.array_equal(own, first):
            raise InputError(
                f"ensemble: the model's weights have changed, and those of the"
                f" {len(learner.members)} members have not; to take the model"
                " alone, let learner.members be []."
            )
    found = []
    try:
        for member in learner.members:
            _assign(learner, member)
            learner.renew_head(algorithm)
            found.append(algorithm.theta())
    finally:
        _assign(learner, learner.members[0])
        learner.renew_head(algorithm)
    return found


def averaged(learner: "Learner", algorithm: Algorithm) -> Algorithm:
    """Returns the algorithm that predicts as a learner's members together.

    Args:
        learner: The `maml_tf.Learner`.
        algorithm: As in `thetas`.

    Returns:
        An `Ensemble`, or `algorithm` itself if the learner is none.

    Raises:
        InputError: As in `thetas`.
    """
    if not learner.members:
        return algorithm
    return Ensemble(
        algorithm, thetas(learner, algorithm), _mean(learner, algorithm)
    )


def _mean(learner, algorithm) -> Callable:
    if learner.task == "regression":
        return mean_values
    if is_binary(algorithm.loss) or learner.outputs == 1:
        return mean_binary_probabilities
    return mean_probabilities


def _assign(learner, values):
    for variable, value in zip(variables(learner), values, strict=True):
        variable.assign(value)
    derive_again(learner.model)
