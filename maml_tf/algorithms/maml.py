"""MAML (Finn, Abbeel and Levine 2017, algorithm 1)."""

from typing import Any, NamedTuple

import tensorflow as tf

from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.algorithms.inner_optimizers import GradientDescent
from maml_tf.algorithms.rematerialization import pull_back
from maml_tf.errors import InputError


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


class MAML:
    """Learns an initialisation that a few gradient steps adapt to a task.

    The meta-gradient is ∇_θ L_query(φ_K), through the inner loop's gradients.
    The other algorithms are this one with a line changed.

    Args:
        model: any built `keras.Model`.
        loss: function `(y, outputs) -> scalar`, of the support set in the inner
            loop and of the query set outside it.
        metric: function `(y, outputs) -> scalar` to report; the loss if None.
        inner_steps: K, gradient steps in meta-training.
        inner_learning_rate: α, a number or one for each trainable weight.
        inner_optimizer: in place of gradient descent with α.
        rematerialize: whether the meta-gradient is computed by one
            Hessian-vector product a step, from the steps' weights alone. It is
            the same and takes up to a third longer, and memory hardly grows
            with `inner_steps`.
        **inner_loop: further arguments of `maml_tf.InnerLoop`: `adapts`,
            `second_order`, `clip_norm`, `clip_value`, `batch_norm`.

    Raises:
        InputError: an argument that cannot be used.
    """

    # False where there is nothing to meta-train.
    meta_trains = True

    def __init__(
        self,
        model,
        loss,
        metric=None,
        *,
        inner_steps=1,
        inner_learning_rate=0.01,
        inner_optimizer=None,
        rematerialize=False,
        **inner_loop,
    ):
        if inner_steps < 0:
            raise InputError(
                f"inner_steps: {inner_steps} was given; it must be 0 or more."
            )
        self.model = model
        self.loss = loss
        self.metric = metric or loss
        self.inner_steps = inner_steps
        self.rematerialize = rematerialize
        self.inner_loop = InnerLoop(
            model,
            loss,
            inner_optimizer or GradientDescent(inner_learning_rate),
            **inner_loop,
        )

    def theta(self):
        """The initialisation as tensors, ordered as `trainable_variables`."""
        return self.inner_loop.functional_model.theta()

    def meta_gradient(self, theta, episode, seed):
        """One task's contribution to the meta-update.

        Args:
            theta: the initialisation, as `theta()` gives it.
            episode: a `maml_tf.episodes.Episode`.
            seed: int tensor `[2]`, for dropout and minibatches.

        Returns:
            A `MetaGradient`.
        """
        if self.rematerialize and self.inner_steps > 0:
            return self._rematerialized(theta, episode, seed)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(theta)
            adaptation = self.inner_loop.adapt(
                theta,
                episode.support_x,
                episode.support_y,
                self.inner_steps,
                seed,
            )
            loss, metric = self._judge(
                adaptation.phi[-1], adaptation.state, episode
            )
        return MetaGradient(
            dense_gradient(tape, loss, theta),
            loss,
            metric,
            adaptation.support_losses,
        )

    def _judge(self, phi, state, episode):
        """Loss and metric of the query set, as in meta-training."""
        outputs = self.inner_loop.predict(
            phi, state, episode.query_x, episode.support_x, training=True
        )
        y = episode.query_y
        return self.loss(y, outputs), self.metric(y, outputs)

    def _rematerialized(self, theta, episode, seed):
        loop = self.inner_loop

        def step(carry):
            phi, (slots, state) = carry
            phi, slots, state, loss = loop.step(
                phi, slots, state, episode.support_x, episode.support_y
            )
            return (phi, (slots, state)), loss

        start = (
            list(theta),
            (loop.optimizer.start(theta), loop.functional_model.state(seed)),
        )
        return MetaGradient(
            *pull_back(
                step,
                start,
                self.inner_steps,
                lambda carry: self._judge(carry[0], carry[1][1], episode),
            )
        )

    def curve(self, theta, episode, steps, seed):
        """How one task's query set fares as the task is adapted to.

        Args:
            theta: the initialisation.
            episode: an `Episode`.
            steps: K, inner steps.
            seed: int tensor `[2]`.

        Returns:
            `(losses, metrics)`, each `[steps + 1]`, before the first step and
            after each.
        """
        adaptation = self.inner_loop.adapt(
            theta, episode.support_x, episode.support_y, steps, seed
        )
        outputs = [
            self.inner_loop.predict(
                phi, adaptation.state, episode.query_x, episode.support_x
            )
            for phi in adaptation.phi
        ]
        return (
            tf.stack([self.loss(episode.query_y, o) for o in outputs]),
            tf.stack([self.metric(episode.query_y, o) for o in outputs]),
        )


def dense_gradient(tape, loss, theta):
    """The gradient by θ, zero where unconnected, embeddings' slices filled."""
    gradient = tape.gradient(loss, theta, unconnected_gradients="zero")
    return [tf.convert_to_tensor(g) for g in gradient]
