"""A task's functional clone of a Keras model and its K differentiable steps.

    φ_0 = θ,   φ_{k+1} = φ_k − α ∇_φ L_support(φ_k)

(Finn et al. 2017, equation 1). The inner loop knows losses and weights and no
data sets, algorithms or files: regression, classification and reinforcement
learning differ in the loss that they hand it.
"""

from typing import Any, Literal, NamedTuple

import tensorflow as tf

from maml_tf.algorithms import adapted_weights, inner_optimizers
from maml_tf.errors import InputError, check_above_zero, deprecated
from maml_tf.functional.model import BATCH_NORM_MODES, FunctionalModel
from maml_tf.graph.random_streams import fold_in, random_order

# The names of `BATCH_NORM_MODES`, as a type.
BatchNorm = Literal["transductive", "inductive", "moving"]


class Adaptation(NamedTuple):
    """What the inner loop made of one task.

    Attributes:
        phi: φ_0 … φ_K, each a list of tensors in the order of
            `model.trainable_variables`.
        state: the non-trainable weights as the task leaves them.
        support_losses: `[K]`, the support loss at φ_0 … φ_{K−1}.
    """

    phi: list
    state: list
    support_losses: Any


class InnerLoop:
    """Adapts a model to a task by differentiable gradient steps.

    Args:
        model: any built `keras.Model`; its variables are read, never written.
        loss: function `(y, outputs) -> scalar tensor`; `y` is whatever the
            task's support set carries.
        optimizer: an inner optimizer, such as
            `maml_tf.inner_optimizers.GradientDescent(0.01)`.
        adapts: which weights adapt: a name of `adapted_weights.SELECTIONS`, a
            predicate over variables, or None for all. Others stay
            bit-identical along the loop and have a meta-gradient all the same.
        second_order: whether the meta-gradient flows through the inner
            gradients. If not, they count as constants (FOMAML).
        batch_norm: whose statistics batch normalisation uses.
            `"transductive"`: those of the batch at hand, the query set's own
            too (as in the paper). `"inductive"`: the support set's, so that a
            query's prediction does not depend on the other queries.
            `"moving"`: the moving averages that the model came with, which
            meta-training leaves as they are.
        clip_norm: deprecated; chain `inner_optimizers.clip_by_global_norm`.
        clip_value: deprecated; chain `inner_optimizers.clip_by_value`.

    Raises:
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        model,
        loss,
        optimizer,
        *,
        adapts=None,
        second_order=True,
        batch_norm="transductive",
        clip_norm=None,
        clip_value=None,
    ):
        if batch_norm not in BATCH_NORM_MODES:
            raise InputError(
                f"batch_norm: {batch_norm!r} was given; choose one of"
                f" {', '.join(BATCH_NORM_MODES)}."
            )
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
        adapts = adapted_weights.predicate(model, adapts)
        self.adapted = [bool(adapts(v)) for v in model.trainable_variables]
        self.second_order = second_order
        self.batch_norm = batch_norm

    def adapt(
        self, theta, support_x, support_y, steps, seed=None, batch_size=None
    ):
        """Takes `steps` gradient steps on a support set.

        Args:
            theta: the initialisation, tensors in the order of
                `model.trainable_variables` (`functional_model.theta()`).
            support_x: inputs `[examples, ...]`, or a structure of such.
            support_y: targets `[examples, ...]`, or whatever the loss takes.
            steps: K, a Python integer, 0 or more.
            seed: int tensor `[2]`, from which the task's dropout and
                minibatches are drawn. Required with `batch_size`.
            batch_size: examples in a step, drawn without replacement until each
                was used, then again (Reptile). None takes the whole support set
                in every step.

        Returns:
            An `Adaptation`.
        """
        if steps < 0:
            raise InputError(f"steps: {steps} was given; it must be 0 or more.")
        if batch_size is None:
            batches = [(support_x, support_y)] * steps
        else:
            batches = _minibatches(
                support_x, support_y, steps, seed, batch_size
            )
        return self.adapt_along(theta, batches, seed)

    def adapt_along(self, theta, batches, seed=None):
        """Takes a gradient step on each of some support sets, in their order.

        Args:
            theta: the initialisation.
            batches: a list of `(x, y)`, one for each step. In reinforcement
                learning each holds rollouts of the weights before its step.
            seed: int tensor `[2]`, from which the task's dropout is drawn.

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

    def predict(self, phi, state, query_x, support_x, training=False):
        """The outputs for a query set at adapted weights.

        Args:
            phi: the weights, one element of `Adaptation.phi`.
            state: `Adaptation.state`.
            query_x: inputs `[examples, ...]`.
            support_x: the support set's inputs, whose statistics the inductive
                mode uses.
            training: whether dropout is on, as in meta-training.

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

    def support_statistics(self, phi, state, support_x, training=False):
        """The state, with the support set's statistics for batch norm.

        Args:
            phi: the weights, one element of `Adaptation.phi`.
            state: `Adaptation.state`.
            support_x: the support set's inputs.
            training: whether dropout is on.

        Returns:
            The non-trainable weights, in the order of
            `model.non_trainable_variables`.
        """
        _, state = self.functional_model(
            phi, state, support_x, training=training, batch_statistics=True
        )
        return state

    def step(self, phi, slots, state, x, y):
        """One inner step: φ ← φ − α ∇_φ L(φ), or as the inner optimizer has it.

        Args:
            phi: the weights.
            slots: the inner optimizer's.
            state: the non-trainable weights.
            x: support inputs, `[examples, ...]` or a structure of such.
            y: their targets.

        Returns:
            `(phi, slots, state, loss)`, the loss being that before the step.
        """
        loss, gradients, state = self._gradients(phi, state, x, y)
        phi, slots = self.optimizer.update(phi, gradients, slots)
        return phi, slots, state, loss

    def _gradients(self, phi, state, x, y):
        """Support loss, its gradient by weight (None: not adapted), state."""
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
        # An embedding's gradient comes as slices of the table.
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        if not self.second_order:
            gradients = [tf.stop_gradient(g) for g in gradients]
        remaining = iter(gradients)
        gradients = [next(remaining) if a else None for a in self.adapted]
        return loss, gradients, state


def _minibatches(support_x, support_y, steps, seed, batch_size):
    """`(x, y)` by step: shuffled passes over the support set, end to end."""
    if batch_size < 1:
        raise InputError(
            f"batch_size: {batch_size} was given; it must be 1 or more."
        )
    if seed is None:
        raise InputError(
            f"seed: None was given with batch_size={batch_size}; minibatches"
            " are drawn from a seed of two integers."
        )
    if steps == 0:
        return []
    examples = tf.nest.flatten(support_x)[0].shape[0]
    passes = -(-steps * batch_size // examples)
    order = tf.concat(
        [
            random_order(examples, fold_in(seed, number))
            for number in range(passes)
        ],
        0,
    )
    return [
        tf.nest.map_structure(
            lambda t, i=indices: tf.gather(t, i), (support_x, support_y)
        )
        for indices in tf.split(order[: steps * batch_size], steps)
    ]
