"""The inner loop: K differentiable gradient steps on a task's support set.

    φ_0 = θ,   φ_{k+1} = φ_k − α ∇_φ L_support(φ_k)

(Finn et al. 2017, equation 1). The inner loop knows losses and weights, but
not data sets, algorithms or files: regression, classification and reinforcement
learning differ only in the loss that they give it.
"""

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from maml_tf.algorithms import adapted_weights, inner_optimizers
from maml_tf.algorithms.adaptation import Adaptation
from maml_tf.algorithms.minibatches import minibatches
from maml_tf.errors import check_above_zero, deprecated, refusal
from maml_tf.functional.layer_losses import with_layer_losses
from maml_tf.functional.measures import as_loss
from maml_tf.functional.model import BATCH_NORM_MODES, FunctionalModel
from maml_tf.functional.projections import projected

# The names of `BATCH_NORM_MODES`, as a type.
BatchNorm = Literal["transductive", "inductive", "moving"]


class InnerLoop:
    """Adapts a model to a task by differentiable gradient steps.

    Args:
        model: Any built `keras.Model`; its variables are read, never written.
        loss: Function `(y, outputs) -> scalar`, or a loss of Keras; `y` is the
            support set's targets, of any form.
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
        inner_regularization: Whether inner steps also minimise the losses of
            layers, such as `kernel_regularizer`.
        beginning: What makes φ_0 of θ, if they are not the same; see
            `maml_tf.algorithms.beginnings`.
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
        inner_regularization: bool = False,
        beginning: Any = None,
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
        self.loss = as_loss(loss, model)
        self.optimizer = optimizer
        self.adapts = adapts
        adapted_weights.predicate(model, adapts)  # Refuses other names.
        self.inner_regularization = inner_regularization
        self.second_order = second_order
        self.batch_norm = batch_norm
        self.beginning = beginning

    @property
    def own_variables(self) -> list[keras.Variable]:
        """The variables of θ beside the weights: its parts' own."""
        parts = (self.beginning, self.optimizer)
        return [v for part in parts for v in getattr(part, "variables", ())]

    @property
    def changes(self) -> list[bool]:
        """Whether each trainable weight differs from θ's in a task."""
        parts = (self.beginning, self.optimizer)
        changes = [p.changes for p in parts if hasattr(p, "changes")]
        return [any(marks) for marks in zip(self.adapted, *changes)]

    def split(self, theta: list) -> tuple[list, list]:
        """Returns `(weights, own)`, the two parts of θ."""
        number = len(self.model.trainable_variables)
        return list(theta[:number]), list(theta[number:])

    def begin(
        self,
        theta: list,
        support_x: Any = None,
        support_y: Any = None,
        seed: tf.Tensor | None = None,
    ) -> tuple[list, Any, list]:
        """Prepares a task's first step.

        Args:
            theta: As in `adapt`.
            support_x: As in `adapt`.
            support_y: As in `adapt`.
            seed: As in `adapt`.

        Returns:
            `(phi, slots, state)`: the weights φ_0, the optimizer's slots, and
            the non-trainable weights.
        """
        state = self.functional_model.state(seed)
        phi, own = self.split(theta)
        if self.beginning is not None:
            number = len(self.beginning.variables)
            phi = self.beginning(phi, own[:number], state, support_x, support_y)
            own = own[number:]
        # Only optimizers that learn their rates take a second argument.
        slots = self.optimizer.start(phi, *([own] if own else []))
        return phi, slots, state

    @property
    def adapted(self) -> list[bool]:
        """Whether each trainable weight adapts, as layers are now frozen."""
        is_adapted = adapted_weights.predicate(self.model, self.adapts)
        return [bool(is_adapted(v)) for v in self.model.trainable_variables]

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
                `model.trainable_variables` and then of `own_variables`.
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
        start = self.begin(theta, support_x, support_y, seed)
        return self._along(start, batches)

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
        x, y = batches[0] if batches else (None, None)
        return self._along(self.begin(theta, x, y, seed), batches)

    def _along(self, start, batches):
        phi, slots, state = start
        path, losses = [phi], []
        for x, y in batches:
            phi, slots, state, loss = self.step(phi, slots, state, x, y)
            path.append(phi)
            losses.append(loss)
        support_losses = tf.stack(losses) if losses else tf.zeros([0])
        return Adaptation(path, state, support_losses, slots)

    def predict(self, *args: Any, **options: Any) -> Any:
        """Computes the outputs alone; see `predict_with_losses`."""
        return self.predict_with_losses(*args, **options)[0]

    def predict_with_losses(
        self,
        phi: list,
        state: list,
        query_x: Any,
        support_x: Any,
        training: bool = False,
    ) -> tuple[Any, list]:
        """Computes the outputs for a query set at adapted weights.

        Args:
            phi: The weights, one element of `Adaptation.phi`.
            state: The non-trainable weights, `Adaptation.state`.
            query_x: Inputs `[examples, ...]`.
            support_x: The support set's inputs; the inductive mode uses their
                statistics.
            training: Whether dropout is on, as in meta-training.

        Returns:
            `(outputs, losses)`: outputs `[examples, ...]`, and the losses of
            layers, a list of scalars.
        """
        if self.batch_norm == "inductive":
            state = self.support_statistics(phi, state, support_x, training)
        outputs, _, losses = self.functional_model.with_losses(
            phi,
            state,
            query_x,
            training=training,
            batch_statistics=self.batch_norm == "transductive",
        )
        return outputs, losses

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
        loss, gradients, state = self.gradients(phi, state, x, y)
        phi, slots = self.optimizer.update(phi, gradients, slots)
        phi, state = projected(self.model, phi, state, self.adapted)
        return phi, slots, state, loss

    def gradients(
        self, phi: list, state: list, x: Any, y: Any
    ) -> tuple[tf.Tensor, list, list]:
        """Returns the loss, its gradients (None: not adapted) and the state.

        Args:
            phi: As in `step`.
            state: As in `step`.
            x: As in `step`.
            y: As in `step`.
        """
        is_adapted = self.adapted
        adapted = [w for w, adapts in zip(phi, is_adapted) if adapts]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(adapted)
            outputs, state, losses = self.functional_model.with_losses(
                phi,
                state,
                x,
                training=True,
                batch_statistics=self.batch_norm != "moving",
            )
            loss = self.loss(y, outputs)
            if self.inner_regularization:
                loss = with_layer_losses(loss, losses)
        gradients = tape.gradient(loss, adapted, unconnected_gradients="zero")
        # An embedding's gradient is a set of slices of its table.
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        if not self.second_order:
            gradients = [tf.stop_gradient(g) for g in gradients]
        remaining = iter(gradients)
        gradients = [next(remaining) if a else None for a in is_adapted]
        return loss, gradients, state
