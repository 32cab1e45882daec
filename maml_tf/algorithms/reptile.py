"""Reptile, which moves towards adapted weights (Nichol et al. 2018)."""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.adam import LastingAdam
from maml_tf.algorithms.dense_gradient import dense_gradient
from maml_tf.algorithms.inner_optimizers import Adam
from maml_tf.algorithms.maml import MAML, MetaGradient
from maml_tf.algorithms.rates import check_rates
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel


class Reptile(MAML):
    """Moves θ towards each task's adapted weights.

    The meta-gradient is θ − φ_K. The paper's meta-step is then plain gradient
    descent as the outer optimizer, at a rate that falls linearly from 1 to 0.
    No query loss is differentiated: the support set is the training set, larger
    than at test. The inner optimizer is Adam with β₁ = 0. Its slots start at
    zero in every task, unless `persistent_moments` keeps them.

    Args:
        model: As in `MAML`.
        *args: As in `MAML`.
        inner_learning_rate: Adam's learning rate in inner steps.
        inner_optimizer: An inner optimizer in place of Adam.
        inner_batch_size: Support examples in an inner step of meta-training,
            different ones in every step. Defaults to all, as always at test.
        persistent_moments: Whether Adam's second moments last from task to
            task, as in the official code. All tasks of a meta-batch begin with
            the same ones, and the next with the mean of what they leave. Those
            of the training are kept with the weights, and each task of a test
            begins with them.
        **options: As in `MAML`.

    Raises:
        InputError: An argument cannot be used.
    """

    settles = ("inner_rates", "rematerialize", "second_order")

    def __init__(
        self,
        model: keras.Model,
        *args: Any,
        inner_learning_rate: float | list = 1e-3,
        inner_optimizer: Any = None,
        inner_batch_size: int | None = None,
        persistent_moments: bool = False,
        **options: Any,
    ):
        check_rates(inner_learning_rate=inner_learning_rate)
        self.inner_batch_size = inner_batch_size
        self.persistent_moments = persistent_moments
        if persistent_moments:
            if inner_optimizer is not None:
                raise InputError(
                    "persistent_moments: True was given, but an"
                    " inner_optimizer has moments of its own; give one of the"
                    " two."
                )
            FunctionalModel(model)  # Refuses what is not a built model.
            inner_optimizer = LastingAdam(model, inner_learning_rate)
        super().__init__(
            model,
            *args,
            inner_optimizer=inner_optimizer or Adam(inner_learning_rate),
            second_order=False,
            **options,
        )

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Computes φ_0 − φ_K, and loss and metric of the query set at φ_K."""
        support = episode.support_x, episode.support_y
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(theta)
            start, *_ = self.inner_loop.begin(theta, *support, seed)
        adaptation = self.inner_loop.adapt(
            theta, *support, self.inner_steps, seed, self.inner_batch_size
        )
        phi = adaptation.phi[-1]
        outputs, losses = self.inner_loop.predict_with_losses(
            phi, adaptation.state, episode.query_x, episode.support_x
        )
        if losses and not self.inner_loop.inner_regularization:
            raise InputError(
                "inner_regularization: False was given, but layers have losses"
                " of their own (regularizers or add_loss), and Reptile has no"
                " outer loss in which they could count; give True."
            )
        moved = [before - after for before, after in zip(start, phi)]
        gradient = dense_gradient(tape, start, theta, moved)
        if self.persistent_moments:
            slots = adaptation.slots
            left = [slots.step, *slots.second_moments]
            kept = theta[-len(left) :]
            gradient[-len(left) :] = [a - b for a, b in zip(kept, left)]
        return MetaGradient(
            gradient,
            self.loss(episode.query_y, outputs),
            self.metric(episode.query_y, outputs),
            adaptation.support_losses,
        )

    def update(self, optimizer: Any, gradient: list) -> None:
        """Moves θ by the optimizer, and the moments to the tasks' mean."""
        if not self.persistent_moments:
            super().update(optimizer, gradient)
            return
        variables = self.meta_variables
        kept = len(self.inner_loop.optimizer.variables)
        optimizer.apply(gradient[:-kept], variables[:-kept])
        for variable, change in zip(variables[-kept:], gradient[-kept:]):
            # Rounding must not make a square negative.
            variable.assign(tf.nn.relu(variable.value - change))
