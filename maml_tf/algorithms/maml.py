"""MAML, an initialisation that adapts in a few steps (Finn et al. 2017)."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.adapted_weights import Selection
from maml_tf.algorithms.algorithm import (
    Algorithm,
    MetaGradient,
)
from maml_tf.algorithms.beginnings import HeadBeginning, beginning
from maml_tf.algorithms.dense_gradient import dense_gradient
from maml_tf.algorithms.inner_loop import BatchNorm, InnerLoop
from maml_tf.algorithms.inner_optimizers import clipped
from maml_tf.algorithms.learned_rates import InnerRates, gradient_descent
from maml_tf.algorithms.rates import check_rates
from maml_tf.algorithms.rematerialization import rematerialized
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import check_above_zero, refusal
from maml_tf.functional.layer_losses import with_layer_losses
from maml_tf.networks.support_memory import refuse_memory
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
        inner_rates: Which rates meta-training learns, from α on. `fixed`: none.
            `per_weight`: one for each weight tensor. `per_weight_and_step`: one
            for each of them and each of the inner steps (LSLR of MAML++).
            `per_element`: one for each element (Meta-SGD).
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
        inner_regularization: Whether the losses of layers, such as
            `kernel_regularizer`, count in the inner loop too. They always count
            in the outer loss.
        head: How the head of a task begins. `learned`: at its own weights.
            `zero`: at zero. `shared`: at one learned vector for all classes.
            `prototypes`: as the nearest class mean. All but `learned` serve any
            number of ways.
        prototype_scale: Factor of the distances that `prototypes` begins with.
            Defaults to 1 / √d for d features.

    Raises:
        InputError: An argument cannot be used.
    """

    # The class of its inner loop.
    loop: type[InnerLoop] = InnerLoop

    @ALGORITHMS.takes_former_names
    def __init__(
        self,
        model: keras.Model,
        loss: Callable,
        metric: Callable | None = None,
        *,
        inner_steps: int = 1,
        inner_learning_rate: float | list = 0.01,
        inner_rates: InnerRates = "fixed",
        inner_optimizer: Any = None,
        inner_clip_norm: float | None = None,
        inner_clip_value: float | None = None,
        adapts: Selection | Callable | None = None,
        second_order: bool = True,
        batch_norm: BatchNorm = "transductive",
        rematerialize: bool = False,
        inner_regularization: bool = False,
        head: HeadBeginning = "learned",
        prototype_scale: float | None = None,
    ):
        if inner_steps < 0:
            raise refusal("inner_steps", inner_steps, "it must be 0 or more")
        check_rates(inner_learning_rate=inner_learning_rate)
        check_above_zero(
            inner_clip_norm=inner_clip_norm,
            inner_clip_value=inner_clip_value,
            prototype_scale=prototype_scale,
        )
        optimizer = gradient_descent(
            model,
            inner_rates,
            inner_learning_rate,
            inner_steps,
            inner_optimizer,
        )
        if self.loop is InnerLoop:
            refuse_memory(model)
        inner_loop = self.loop(
            model,
            loss,
            clipped(optimizer, inner_clip_norm, inner_clip_value),
            adapts=adapts,
            second_order=second_order,
            batch_norm=batch_norm,
            inner_regularization=inner_regularization,
            beginning=beginning(
                model,
                head,
                batch_norm=batch_norm,
                prototype_scale=prototype_scale,
                adapts=adapts,
            ),
        )
        super().__init__(model, loss, metric, inner_steps, inner_loop)
        self.rematerialize = rematerialize

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Differentiates the query loss at φ_K by θ; see `Algorithm`."""
        if self.rematerialize and self.inner_steps > 0:
            return MetaGradient(
                *rematerialized(
                    self.inner_loop,
                    theta,
                    episode,
                    self.inner_steps,
                    seed,
                    self._query_loss,
                )
            )
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(theta)
            adaptation = self.inner_loop.adapt(
                theta,
                episode.support_x,
                episode.support_y,
                self.inner_steps,
                seed,
            )
            loss, metric = self._outer_loss(adaptation, episode, iteration)
        return MetaGradient(
            dense_gradient(tape, loss, theta),
            loss,
            metric,
            adaptation.support_losses,
        )

    def _outer_loss(self, adaptation, episode, iteration):
        """Returns the loss that the meta-gradient is of, and the metric."""
        del iteration
        return self._query_loss(adaptation.phi[-1], adaptation.state, episode)

    def _query_loss(self, phi, state, episode):
        """Returns the loss and metric of the query set, dropout being on."""
        outputs, losses = self.inner_loop.predict_with_losses(
            phi, state, episode.query_x, episode.support_x, training=True
        )
        y = episode.query_y
        loss = with_layer_losses(self.loss(y, outputs), losses)
        return loss, self.metric(y, outputs)

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
