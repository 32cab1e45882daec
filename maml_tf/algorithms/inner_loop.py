"""The inner loop: K differentiable gradient steps on a task's support set.

    φ_0 = θ,   φ_{k+1} = φ_k − α ∇_φ L_support(φ_k)

(Finn et al. 2017, equation 1). The inner loop knows losses and weights, but
not data sets, algorithms or files: regression, classification and reinforcement
learning differ only in the loss that they give it.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras
import tensorflow as tf

from maml_tf.algorithms import adapted_weights, inner_optimizers
from maml_tf.algorithms.minibatches import minibatches
from maml_tf.errors import check_above_zero, deprecated, refusal
from maml_tf.functional.model import BATCH_NORM_MODES, FunctionalModel

# The names of `BATCH_NORM_MODES`, as a type.
BatchNorm = Literal["transductive", "inductive", "moving"]


class Adaptation(NamedTuple):
    """The result of the inner loop on one task.

    Attributes:
        phi: φ_0 … φ_K, each a list of tensors in the order of
            `model.trainable_variables`.
        state: The non-trainable weights after the last step.
        support_losses: `[K]`, the support loss at φ_0 … φ_{K−1}.
    """

    phi: list
    state: list
    support_losses: Any


class InnerLoop:
    """Adapts a model to a task by differentiable gradient steps.

    Args:
        model: Any built `keras.Model`; its variables are read, never written.
        loss: Function `(y, outputs) -> scalar tensor`; `y` is the support set's
            targets, of any form.
        optimizer: An inner optimizer, such as
            `maml_tf.inner_optimizers.GradientDescent(0.01)`.
        adapts: The weights that adapt: a name of `adapted_weights.SELECTIONS`
            or a predicate over variables. Other weights stay bit-identical
            along the loop, but have a meta-gradient. Defaults to all.
        second_order: Whether the meta-gradient flows through the inner
            gradients. If not, they count as constants (FOMAML).
        batch_norm: The statistics that batch normalisation uses.
            `"transductive"`: those of the batch at hand, also of the query set
            (as in the paper). `"inductive"`: the support set's, so a prediction
            does not depend on the other queries. `"moving"`: the model's moving
            averages, which meta-training leaves as they are.
        clip_norm: Deprecated; chain `inner_optimizers.clip_by_global_norm`.
        clip_value: Deprecated; chain `inner_optimizers.clip_by_value`.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: Callable,
        optimizer: Any,
        *,
        adapts: str | Callable | None = None,
        second_order: bool = True,
        batch_norm: str = "transductive",
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ):
        if batch_norm not in BATCH_NORM_MODES:
            modes = ", ".join(BATCH_NORM_MODES)
            raise refusal("batch_norm", batch_norm, f"choose one of {modes}")
        check_above_zero(clip_norm=clip_norm, clip_value=clip_value)
        if clip_norm is not None or clip_value is not None:
            deprecated(
                "InnerLoop: clip_norm and clip_value are now part of its"
                " optimizer, chain(clip_by_value(...), clip_by_global_norm("
                "...), optimizer) of maml_tf.inner_optimizers"
            )
            optimizer = inner_optimizers.clipped(
                optimizer, clip_norm, clip_value
            )
        self.functional_model = FunctionalModel(model)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        is_adapted = adapted_weights.predicate(model, adapts)
        self.adapted = [bool(is_adapted(v)) for v in model.trainable_variables]
        self.second_order = second_order
        self.batch_norm = batch_norm

    def adapt(
        self,
        theta: list,
        support_x: Any,
        support_y: Any,
        steps: int,
        seed: tf.Tensor | None = None,
        batch_size: int | None = None,
    ) -> Adaptation:
        """Takes `steps` gradient steps on a support set.

        Args:
            theta: The initialisation, tensors in the order of
                `model.trainable_variables` (`functional_model.theta()`).
            support_x: Inputs `[examples, ...]`, or a structure of them.
            support_y: Targets in any form that the loss takes.
            steps: K, a Python integer, 0 or more.
            seed: Int tensor `[2]`, for dropout and minibatches. Required with
                `batch_size`.
            batch_size: Examples in a step, drawn without replacement until all
                were used, then again (Reptile). Defaults to the whole support
                set in every step.

        Returns:
            An `Adaptation`.

        Raises:
            InputError: A number is too small, or `batch_size` lacks a seed.
        """
        if steps < 0:
            raise refusal("steps", steps, "it must be 0 or more")
        if batch_size is None:
            batches = [(support_x, support_y)] * steps
        else:
            batches = minibatches(support_x, support_y, steps, seed, batch_size)
        return self.adapt_along(theta, batches, seed)

    def adapt_along(
        self, theta: list, batches: list, seed: tf.Tensor | None = None
    ) -> Adaptation:
        """Takes one gradient step on each batch, in order.

        Args:
            theta: The initialisation.
            batches: A list of `(x, y)`, one for each step. In reinforcement
                learning each holds rollouts of the weights before its step.
            seed: Int tensor `[2]`, for dropout.

        Returns:
            An `Adaptation`.
        """
        state = self.functional_model.state(seed)
        phi = list(theta)
        slots = self.optimizer.start(phi)
        path, losses = [phi], []
        for x, y in batches:
            phi, slots, state, loss = self.step(phi, slots, state, x, y)
            path.append(phi)
            losses.append(loss)
        support_losses = tf.stack(losses) if losses else tf.zeros([0])
        return Adaptation(path, state, support_losses)

    def predict(
        self,
        phi: list,
        state: list,
        query_x: Any,
        support_x: Any,
        training: bool = False,
    ) -> Any:
        """Computes the outputs for a query set at adapted weights.

        Args:
            phi: The weights, one element of `Adaptation.phi`.
            state: The non-trainable weights, `Adaptation.state`.
            query_x: Inputs `[examples, ...]`.
            support_x: The support set's inputs; the inductive mode uses their
                statistics.
            training: Whether dropout is on, as in meta-training.

        Returns:
            Outputs `[examples, ...]`.
        """
        if self.batch_norm == "inductive":
            state = self.support_statistics(phi, state, support_x, training)
        outputs, _ = self.functional_model(
            phi,
            state,
            query_x,
            training=training,
            batch_statistics=self.batch_norm == "transductive",
        )
        return outputs

    def support_statistics(
        self, phi: list, state: list, support_x: Any, training: bool = False
    ) -> list:
        """Returns the state with the support set's batch-norm statistics.

        Args:
            phi: The weights, one element of `Adaptation.phi`.
            state: The non-trainable weights, `Adaptation.state`.
            support_x: The support set's inputs.
            training: Whether dropout is on.

        Returns:
            The non-trainable weights, in the order of
            `model.non_trainable_variables`.
        """
        _, state = self.functional_model(
            phi, state, support_x, training=training, batch_statistics=True
        )
        return state

    def step(
        self, phi: list, slots: Any, state: list, x: Any, y: Any
    ) -> tuple[list, Any, list, tf.Tensor]:
        """Takes one inner step, φ ← φ − α ∇_φ L(φ) by gradient descent.

        Args:
            phi: The weights.
            slots: The inner optimizer's slots.
            state: The non-trainable weights.
            x: Support inputs, `[examples, ...]` or a structure of them.
            y: Their targets.

        Returns:
            `(phi, slots, state, loss)`; the loss is the one before the step.
        """
        loss, gradients, state = self._gradients(phi, state, x, y)
        phi, slots = self.optimizer.update(phi, gradients, slots)
        return phi, slots, state, loss

    def _gradients(self, phi, state, x, y):
        """Returns the loss, its gradients (None: not adapted) and the state."""
        adapted = [w for w, adapts in zip(phi, self.adapted) if adapts]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(adapted)
            outputs, state = self.functional_model(
                phi,
                state,
                x,
                training=True,
                batch_statistics=self.batch_norm != "moving",
            )
            loss = self.loss(y, outputs)
        gradients = tape.gradient(loss, adapted, unconnected_gradients="zero")
        # An embedding's gradient is a set of slices of its table.
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        if not self.second_order:
            gradients = [tf.stop_gradient(g) for g in gradients]
        remaining = iter(gradients)
        gradients = [next(remaining) if a else None for a in self.adapted]
        return loss, gradients, state
