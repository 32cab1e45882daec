"""The contract that every algorithm keeps."""

import abc
from typing import Any, NamedTuple

from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel
from maml_tf.registry import ALGORITHMS


class MetaGradient(NamedTuple):
    """What one task contributes to a meta-update.

    Attributes:
        gradient: one tensor for each of the model's trainable weights.
        loss: scalar, the loss that the task was judged by.
        metric: scalar, accuracy or squared error on the same examples.
        support_losses: `[inner_steps]`, the support loss before each step.
    """

    gradient: list
    loss: Any
    metric: Any
    support_losses: Any


class Algorithm(abc.ABC):
    """Learns from many tasks, and answers a task's queries.

    Meta-training needs `theta`, `meta_gradient` and `inner_steps` of it,
    meta-testing `theta` and `curve`. Whatever adapts weights by gradient steps
    has an `inner_loop` besides.

    Args:
        model: Any built `keras.Model`.
        loss: Function `(y, outputs) -> scalar`.
        metric: Function `(y, outputs) -> scalar` to report; the loss if None.
        inner_steps: Gradient steps in meta-training.
        inner_loop: The `maml_tf.InnerLoop` that adapts the weights; None if
            none adapt.

    Attributes:
        model: The model; training changes its weights.
        loss: As given.
        metric: As given, or the loss.
        inner_steps: As given.

    Raises:
        InputError: An argument cannot be used.
    """

    # False if there is nothing to meta-train.
    meta_trains = True

    # Options of a base class that a class does not take: it settles their
    # values, or they mean nothing to it.
    settles: tuple[str, ...] = ()

    def __init__(
        self, model, loss, metric=None, inner_steps=0, inner_loop=None
    ):
        self._functional_model = FunctionalModel(model)
        self._inner_loop = inner_loop
        self.model = model
        self.loss = loss
        self.metric = metric or loss
        self.inner_steps = inner_steps

    @property
    def has_inner_loop(self):
        """Whether gradient steps adapt weights to a task."""
        return self._inner_loop is not None

    @property
    def inner_loop(self):
        """The `maml_tf.InnerLoop` that adapts weights to a task.

        Raises:
            InputError: There is none.
        """
        if self._inner_loop is None:
            raise nothing_adapts(self)
        return self._inner_loop

    def theta(self):
        """Returns the initialisation as tensors, as `trainable_variables`."""
        return self._functional_model.theta()

    @abc.abstractmethod
    def meta_gradient(self, theta, episode, seed):
        """Computes one task's contribution to the meta-update.

        Args:
            theta: The initialisation, as `theta()` gives it.
            episode: A `maml_tf.Episode`.
            seed: Int tensor `[2]`, for dropout and minibatches.

        Returns:
            A `MetaGradient`.
        """

    @abc.abstractmethod
    def curve(self, theta, episode, steps, seed):
        """Judges one task's query set before the first inner step and after.

        Args:
            theta: The initialisation.
            episode: A `maml_tf.Episode`.
            steps: K, the number of inner steps.
            seed: Int tensor `[2]`.

        Returns:
            `(losses, metrics)`, each `[steps + 1]`, before the first step and
            after each.
        """


def nothing_adapts(algorithm):
    """Returns the error to raise for an algorithm whose weights stay.

    Args:
        algorithm: An `Algorithm`.

    Returns:
        An `InputError`.
    """
    return InputError(
        f"algorithm: {ALGORITHMS.name_of(type(algorithm))} has no weights that"
        " adapt; give another."
    )
