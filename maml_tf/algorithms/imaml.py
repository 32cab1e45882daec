"""Implicit MAML: iMAML (Rajeswaran et al. 2019).

    φ* = argmin_φ L_S(φ) + λ/2 |φ − φ_0|²
    ∂L_Q(φ*)/∂φ_0 = (I + H/λ)⁻¹ ∇L_Q(φ*),    H = ∇²L_S(φ*)

The meta-gradient does not depend on the way to φ*, so no step of it is kept.
"""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.algorithms.dense_gradient import dense_gradient
from maml_tf.algorithms.maml import MAML, MetaGradient
from maml_tf.algorithms.wrapped import Wrapped
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError, check_at_least_one, refusal
from maml_tf.functional.conjugate_gradient import conjugate_gradient
from maml_tf.functional.projections import projects
from maml_tf.functional.randomness import unrepeatable_refused
from maml_tf.graph.vectors import joined, like


class Proximal(Wrapped):
    """An inner optimizer that is pulled back to where the task began.

    It adds λ (φ − φ_0), the slope of λ/2 |φ − φ_0|², to the gradients of
    weights that adapt.

    Args:
        optimizer: The inner optimizer that takes the step.
        strength: λ.
    """

    def __init__(self, optimizer: Any, strength: float) -> None:
        super().__init__(optimizer)
        self.strength = strength

    def start(self, phi: list, *learned: list) -> tuple[list, Any]:
        """Returns the slots: φ_0, and those of the optimizer."""
        return phi, super().start(phi, *learned)

    def update(
        self, phi: list, gradients: list, slots: tuple[list, Any]
    ) -> tuple[list, tuple[list, Any]]:
        """Takes one step; see `GradientDescent.update`."""
        origin, slots = slots
        gradients = [
            None if g is None else g + self.strength * (weight - start)
            for g, weight, start in zip(gradients, phi, origin)
        ]
        phi, slots = self.optimizer.update(phi, gradients, slots)
        return phi, (origin, slots)


class IMAML(MAML):
    """MAML whose meta-gradient is found at the inner loop's end alone.

    Inner steps minimise the support loss and λ/2 |φ − φ_0|². The meta-gradient
    is (I + H/λ)⁻¹ ∇L_query(φ_K), with the support loss's Hessian H at φ_K, by
    conjugate gradients (Rajeswaran, Finn, Kakade and Levine 2019, algorithm 2).
    It is exact where φ_K is the minimum and the support loss convex near it.
    Conjugate gradients end before a solution becomes longer than ∇L_query,
    which shows that the loss is not convex. Far from a minimum the
    meta-gradient may point anywhere: give enough steps, at a rate that settles.
    Memory and the compiled graph do not grow with `inner_steps`.

    Args:
        *args: As in `MAML`.
        inner_learning_rate: As in `MAML`; below 2 / λ, or no step can settle.
        inner_optimizer: As in `MAML`; it must have nothing to learn, as the
            meta-gradient does not depend on the way to φ_K.
        proximal_strength: λ, how strongly inner steps are held at φ_0.
        conjugate_gradient_steps: Hessian-vector products of a meta-gradient.
        **options: As in `MAML`.
    """

    settles = ("inner_rates", "rematerialize", "second_order")

    def __init__(
        self,
        *args: Any,
        inner_learning_rate: float | list = 0.01,
        inner_optimizer: Any = None,
        proximal_strength: float = 2.0,
        conjugate_gradient_steps: int = 5,
        **options: Any,
    ):
        if not 0 < proximal_strength < math.inf:
            raise refusal(
                "proximal_strength",
                proximal_strength,
                "it must be a finite number above 0",
            )
        check_at_least_one(conjugate_gradient_steps=conjugate_gradient_steps)
        if getattr(inner_optimizer, "variables", ()):
            raise InputError(
                "inner_optimizer: one with rates to learn was given, but"
                " iMAML's meta-gradient does not depend on them; give one"
                " without, or algorithm maml."
            )
        super().__init__(
            *args,
            inner_learning_rate=inner_learning_rate,
            inner_optimizer=inner_optimizer,
            **options,
        )
        if inner_optimizer is None:
            _check_settles(inner_learning_rate, proximal_strength)
        loop = self.inner_loop
        if projects(self.model, loop.adapted):
            raise InputError(
                f"model: {self.model.name!r} has weights that layers change"
                " after each step (constraints or SpectralNormalization), so"
                " that iMAML's inner loop does not end at a minimum; give a"
                " model without, or algorithm maml."
            )
        loop.optimizer = Proximal(loop.optimizer, proximal_strength)
        self.proximal_strength = proximal_strength
        self.conjugate_gradient_steps = conjugate_gradient_steps

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Finds the implicit derivative at φ_K; see `Algorithm`."""
        if self.inner_steps == 0:
            return super().meta_gradient(theta, episode, seed, iteration)
        support = episode.support_x, episode.support_y
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(theta)
            start, slots, state = self.inner_loop.begin(theta, *support, seed)
        phi, state, support_losses = self._last(start, slots, state, support)
        with tf.GradientTape(watch_accessed_variables=False) as query:
            query.watch(phi)
            loss, metric = self._query_loss(phi, state, episode)
        slope = dense_gradient(query, loss, phi)
        slope = self._implicit(phi, state, support, slope)
        return MetaGradient(
            dense_gradient(tape, start, theta, slope),
            loss,
            metric,
            support_losses,
        )

    def _last(self, phi, slots, state, support):
        """Takes all inner steps, and keeps the last one's weights and state."""

        def step(k, phi, slots, state, losses):
            phi, slots, state, loss = self.inner_loop.step(
                phi, slots, state, *support
            )
            losses = losses.write(k, tf.cast(loss, tf.float32))
            return k + 1, phi, slots, state, losses

        losses = tf.TensorArray(tf.float32, self.inner_steps, element_shape=[])
        _, last, _, state, losses = tf.while_loop(
            lambda k, *_: k < self.inner_steps,
            step,
            (0, phi, slots, state, losses),
            maximum_iterations=self.inner_steps,
            parallel_iterations=1,
        )
        return last, state, losses.stack()

    def _implicit(self, phi, state, support, slope):
        """Turns the query loss's slope at φ_K into the one by φ_0.

        A weight that does not adapt also moves the minimum of those that do:
        its slope loses the mixed derivative times their solution, over λ.
        """
        loop, strength = self.inner_loop, self.proximal_strength
        marks = loop.adapted

        def adapting(tensors):
            return [t for t, adapts in zip(tensors, marks) if adapts]

        target = adapting(slope)
        if not target:
            return slope

        def hessian_product(vector):
            """Returns H v by all weights, v being of those that adapt."""
            with (
                tf.GradientTape(watch_accessed_variables=False) as tape,
                unrepeatable_refused(self.model, "algorithm: imaml", "maml"),
            ):
                tape.watch(phi)
                _, gradients, _ = loop.gradients(phi, state, *support)
            return dense_gradient(
                tape, adapting(gradients), phi, like(target, vector)
            )

        def product(vector):
            curved = joined(adapting(hessian_product(vector)))
            return vector + curved / strength

        solution, _ = conjugate_gradient(
            product,
            joined(target),
            self.conjugate_gradient_steps,
            tolerance=0.0,
            longest=1.0,
        )
        if all(marks):
            return like(target, solution)
        solved = iter(like(target, solution))
        return [
            next(solved) if adapts else s - mixed / strength
            for adapts, s, mixed in zip(marks, slope, hessian_product(solution))
        ]


def _check_settles(learning_rate, strength):
    """Refuses rates at which the proximal term alone overshoots."""
    largest = max(
        float(np.max(rate)) for rate in tf.nest.flatten(learning_rate)
    )
    if largest * strength >= 2:
        raise InputError(
            f"inner_learning_rate: {largest:g} was given with"
            f" proximal_strength={strength:g}, at which inner steps move ever"
            f" further away; give a rate below {2 / strength:g}."
        )
