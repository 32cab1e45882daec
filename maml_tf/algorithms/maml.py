"""MAML, an initialisation that adapts in a few steps (Finn et al. 2017)."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.adapted_weights import Selection
from maml_tf.algorithms.algorithm import Algorithm, MetaGradient
from maml_tf.algorithms.inner_loop import BatchNorm, InnerLoop
from maml_tf.algorithms.inner_optimizers import GradientDescent, clipped
from maml_tf.algorithms.rematerialization import pull_back
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import check_above_zero, check_not_negative, refusal
from maml_tf.registry import ALGORITHMS


class MAML(Algorithm):
    """Learns an initialisation that a few gradient steps adapt to a task.

    The meta-gradient is ∇_θ L_query(φ_K), through the inner loop's gradients.
    Most other algorithms are this one with a line changed.

    Args:
        model: Any built `keras.Model`.
        loss: Function `(y, outputs) -> scalar`, of the support set in the inner
            loop and of the query set outside it.
        metric: Function `(y, outputs) -> scalar` to report. Defaults to the
            loss.
        inner_steps: K, the number of gradient steps in meta-training.
        inner_learning_rate: α, the learning rate of inner steps, or a list with
            one for each trainable weight.
        inner_optimizer: An inner optimizer in place of gradient descent with α;
            see `maml_tf.inner_optimizers`.
        inner_clip_norm: Largest norm of an inner gradient, all weights
            together; a longer one is scaled down to it. Defaults to no limit.
        inner_clip_value: Largest magnitude of an inner gradient's elements,
            applied before `inner_clip_norm`. Defaults to no limit.
        adapts: Which weights inner steps adapt; meta-training learns all
            weights. Python also takes a predicate over variables. Defaults to
            all.
        second_order: Whether the meta-gradient flows through the inner
            gradients; if not, they count as constants.
        batch_norm: The statistics that batch normalisation uses.
            `transductive`: those of the batch at hand, also of the query set,
            as in the paper. `inductive`: the support set's, so a prediction
            does not depend on other queries. `moving`: the model's moving
            averages, which meta-training leaves as they are.
        rematerialize: Whether the meta-gradient is computed by one
            Hessian-vector product a step, from the steps' weights alone. The
            gradient is the same, it takes up to a third longer, and memory
            hardly grows with `inner_steps`.

    Raises:
        InputError: An argument cannot be used.
    """

    @ALGORITHMS.takes_former_names
    def __init__(
        self,
        model: keras.Model,
        loss: Callable,
        metric: Callable | None = None,
        *,
        inner_steps: int = 1,
        inner_learning_rate: float | list = 0.01,
        inner_optimizer: Any = None,
        inner_clip_norm: float | None = None,
        inner_clip_value: float | None = None,
        adapts: Selection | Callable | None = None,
        second_order: bool = True,
        batch_norm: BatchNorm = "transductive",
        rematerialize: bool = False,
    ):
        if inner_steps < 0:
            raise refusal("inner_steps", inner_steps, "it must be 0 or more")
        check_not_negative(inner_learning_rate=inner_learning_rate)
        check_above_zero(
            inner_clip_norm=inner_clip_norm, inner_clip_value=inner_clip_value
        )
        optimizer = inner_optimizer or GradientDescent(inner_learning_rate)
        inner_loop = InnerLoop(
            model,
            loss,
            clipped(optimizer, inner_clip_norm, inner_clip_value),
            adapts=adapts,
            second_order=second_order,
            batch_norm=batch_norm,
        )
        super().__init__(model, loss, metric, inner_steps, inner_loop)
        self.rematerialize = rematerialize

    def meta_gradient(
        self, theta: list, episode: Episode, seed: tf.Tensor
    ) -> MetaGradient:
        """Differentiates the query loss at φ_K by θ; see `Algorithm`."""
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
            loss, metric = self._query_loss(
                adaptation.phi[-1], adaptation.state, episode
            )
        return MetaGradient(
            dense_gradient(tape, loss, theta),
            loss,
            metric,
            adaptation.support_losses,
        )

    def _query_loss(self, phi, state, episode):
        """Returns the loss and metric of the query set, dropout being on."""
        outputs = self.inner_loop.predict(
            phi, state, episode.query_x, episode.support_x, training=True
        )
        y = episode.query_y
        return self.loss(y, outputs), self.metric(y, outputs)

    def _rematerialized(self, theta, episode, seed):
        """Computes the same meta-gradient without keeping inner graphs."""
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
                lambda carry: self._query_loss(carry[0], carry[1][1], episode),
            )
        )

    def curve(
        self, theta: list, episode: Episode, steps: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Evaluates the query set at φ_0 … φ_K; see `Algorithm.curve`."""
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


def dense_gradient(
    tape: tf.GradientTape, loss: tf.Tensor, theta: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Returns ∂loss/∂θ as dense tensors, zero for weights without effect."""
    gradient = tape.gradient(loss, theta, unconnected_gradients="zero")
    return [tf.convert_to_tensor(g) for g in gradient]
