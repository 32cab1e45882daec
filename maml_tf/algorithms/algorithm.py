"""The contract that every algorithm keeps."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.algorithms.missing_derivatives import missing_derivatives_named
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.functional.measures import as_loss, as_metric
from maml_tf.functional.model import FunctionalModel
from maml_tf.registry import ALGORITHMS


class MetaGradient(NamedTuple):
    """One task's contribution to a meta-update.

    Attributes:
        gradient: One tensor for each of the algorithm's `meta_variables`.
        loss: Scalar, the loss that is differentiated.
        metric: Scalar, such as the accuracy on the same examples.
        support_losses: `[inner_steps]`, the support loss before each step.
    """

    gradient: list
    loss: Any
    metric: Any
    support_losses: Any


class Algorithm(abc.ABC):
    """Learns from many tasks and predicts a new task's queries.

    Meta-training uses `theta`, `meta_gradient` and `inner_steps`, meta-testing
    `theta` and `curve`. An algorithm that adapts weights by gradient steps also
    has an `inner_loop`.

    Args:
        model: Any built `keras.Model`.
        loss: Function `(y, outputs)` of a scalar or of examples' values, which
            are averaged; or a loss of Keras: its name, function or object.
        metric: As `loss`, to report; or a name of a metric. Defaults to the
            loss.
        inner_steps: Gradient steps in meta-training.
        inner_loop: The `maml_tf.InnerLoop` that adapts the weights, None if
            nothing adapts.

    Attributes:
        model: The model; meta-training changes its weights.
        loss: The loss, a function `(y, outputs) -> scalar`.
        metric: The metric, such a function too, or the loss.
        inner_steps: Gradient steps in meta-training.

    Raises:
        InputError: An argument cannot be used.
    """

    # False if the algorithm learns nothing from training tasks.
    meta_trains = True

    # Options of a base class that a class does not take: it settles their
    # values, or they mean nothing to it.
    settles: tuple[str, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Makes `meta_gradient` name operations without a derivative."""
        super().__init_subclass__(**options)
        if "meta_gradient" in vars(cls):
            named = missing_derivatives_named(cls.meta_gradient)
            cls.meta_gradient = named  # type: ignore[method-assign]

    def __init__(
        self,
        model: keras.Model,
        loss: Callable,
        metric: Callable | None = None,
        inner_steps: int = 0,
        inner_loop: InnerLoop | None = None,
    ) -> None:
        self._functional_model = FunctionalModel(model)
        self._inner_loop = inner_loop
        self.model = model
        self.loss = as_loss(loss, model)
        self.metric = as_metric(metric, self.loss, model)
        self.inner_steps = inner_steps

    @property
    def has_inner_loop(self) -> bool:
        """Whether gradient steps adapt weights to a task."""
        return self._inner_loop is not None

    @property
    def inner_loop(self) -> InnerLoop:
        """The `maml_tf.InnerLoop` that adapts weights to a task.

        Raises:
            InputError: The algorithm does not have one.
        """
        if self._inner_loop is None:
            raise nothing_adapts(self)
        return self._inner_loop

    @property
    def own_variables(self) -> list[keras.Variable]:
        """The variables that it learns beside the model's weights."""
        return self._inner_loop.own_variables if self._inner_loop else []

    @property
    def meta_variables(self) -> list[keras.Variable]:
        """The variables that meta-training changes: the model's, its own."""
        return [*self.model.trainable_variables, *self.own_variables]

    def theta(self) -> list[tf.Tensor]:
        """Returns θ as tensors, in the order of `meta_variables`."""
        own = [tf.convert_to_tensor(v.value) for v in self.own_variables]
        return self._functional_model.theta() + own

    def update(self, optimizer: Any, gradient: list) -> None:
        """Moves the `meta_variables` by a meta-gradient.

        Args:
            optimizer: The outer optimizer, built.
            gradient: One tensor for each of them, the mean over tasks.
        """
        optimizer.apply(gradient, self.meta_variables)

    @abc.abstractmethod
    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Computes one task's contribution to the meta-update.

        Args:
            theta: The initialisation, as `theta()` returns it.
            episode: A `maml_tf.Episode`.
            seed: Int tensor `[2]`, for dropout and minibatches.
            iteration: Number of the meta-update, from 0, an int64 scalar. What
                changes during a training depends on it.

        Returns:
            A `MetaGradient`.

        Raises:
            InputError: TensorFlow has no derivative for an operation.
        """

    @abc.abstractmethod
    def curve(
        self, theta: list, episode: Episode, steps: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Evaluates one task's query set before and after each inner step.

        Args:
            theta: The initialisation, as `theta()` returns it.
            episode: A `maml_tf.Episode`.
            steps: K, the number of inner steps.
            seed: Int tensor `[2]`, for dropout and minibatches.

        Returns:
            `(losses, metrics)`, each `[steps + 1]`, at φ_0 … φ_K.
        """


def nothing_adapts(algorithm: Algorithm) -> InputError:
    """Returns the error to raise for an algorithm that adapts no weights.

    Args:
        algorithm: An `Algorithm`.

    Returns:
        An `InputError`.
    """
    return InputError(
        f"algorithm: {ALGORITHMS.name_of(type(algorithm))} has no weights that"
        " adapt; give another."
    )
