"""MAML++, five changes that make MAML train better (Antoniou et al. 2019)."""

import copy
from typing import Any

import tensorflow as tf

from maml_tf.algorithms.algorithm import MetaGradient
from maml_tf.algorithms.learned_rates import InnerRates
from maml_tf.algorithms.maml import MAML
from maml_tf.algorithms.normalization_per_step import NormalizationPerStep
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError, check_not_negative

# The least weight of a step but the last, times the number of steps.
_LEAST = 0.03


class MAMLPlusPlus(MAML):
    """MAML with a loss of all steps, learned rates, and more.

    Each part is an option; without all of them it is MAML. The fifth, a cosine
    schedule, is the outer optimizer's.

    Args:
        *args: As in `MAML`.
        inner_steps: As in `MAML`.
        inner_rates: As in `MAML`.
        multi_step_iterations: Meta-updates at the start that minimise the query
            losses after all inner steps, weighted as by `multi_step_weights`.
            Later ones minimise the last step's. The papers' 10 epochs are the
            default.
        first_order_iterations: Meta-updates at the start without second
            derivatives (derivative-order annealing).
        batch_norm_per_step: Whether each inner step has a scale and an offset
            of batch normalisation of its own, which meta-training learns.
            Without effect on a model without batch normalisation.
        **options: As in `MAML`.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self,
        *args: Any,
        inner_steps: int = 1,
        inner_rates: InnerRates = "per_weight_and_step",
        multi_step_iterations: int = 5000,
        first_order_iterations: int = 0,
        batch_norm_per_step: bool = True,
        **options: Any,
    ):
        check_not_negative(
            multi_step_iterations=multi_step_iterations,
            first_order_iterations=first_order_iterations,
        )
        if options.get("rematerialize") and multi_step_iterations:
            raise InputError(
                f"multi_step_iterations: {multi_step_iterations} was given with"
                " rematerialize, which keeps the last step's loss alone; give"
                " 0, or leave rematerialize out."
            )
        super().__init__(
            *args, inner_steps=inner_steps, inner_rates=inner_rates, **options
        )
        if batch_norm_per_step and inner_steps > 0:
            self.inner_loop.optimizer = NormalizationPerStep(
                self.model, self.inner_loop.optimizer, inner_steps
            )
        self._all_steps = False  # True in a phase that counts them all.
        self.multi_step_iterations = multi_step_iterations
        self.first_order_iterations = first_order_iterations

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Differentiates the loss of the iteration's phase; see `Algorithm`."""
        arguments = theta, episode, seed, iteration

        def all_steps(counts):
            return _until(
                self.first_order_iterations,
                iteration,
                lambda: self._phase(counts, False, *arguments),
                lambda: self._phase(counts, True, *arguments),
            )

        several = self.inner_steps > 1
        return _until(
            self.multi_step_iterations if several else 0,
            iteration,
            lambda: all_steps(True),
            lambda: all_steps(False),
        )

    def _phase(self, all_steps, second_order, *arguments):
        """Computes the meta-gradient with some of the parts in use."""
        phase = copy.copy(self)
        phase._all_steps = all_steps
        phase._inner_loop = copy.copy(self.inner_loop)
        phase._inner_loop.second_order &= second_order
        return super(MAMLPlusPlus, phase).meta_gradient(*arguments)

    def _outer_loss(self, adaptation, episode, iteration):
        """Returns the weighted loss of all steps, or that of the last one."""
        if not self._all_steps:
            return super()._outer_loss(adaptation, episode, iteration)
        progress = iteration / self.multi_step_iterations
        weights = tf.unstack(multi_step_weights(self.inner_steps, progress))
        losses, metrics = zip(
            *[
                self._query_loss(phi, adaptation.state, episode)
                for phi in adaptation.phi[1:]
            ]
        )
        total = tf.add_n(
            [tf.cast(w, one.dtype) * one for w, one in zip(weights, losses)]
        )
        return total, metrics[-1]


def _until(end, iteration, before, after):
    """Returns `before()` up to an iteration, and `after()` from it on."""
    if not end:
        return after()
    if isinstance(iteration, int):
        return before() if iteration < end else after()
    return tf.cond(iteration < end, before, after)


def multi_step_weights(steps: int, progress: Any) -> tf.Tensor:
    """Computes the weights v_k of the query losses after steps 1 … K.

    v_k = max(1/K − p/K, 0.03/K) before the last step, and the last has the rest
    of 1 (Antoniou et al. 2019, section 4).

    Args:
        steps: K, 1 or more.
        progress: The part p of the multi-step meta-updates that is over, from
            0 to 1.

    Returns:
        A float64 tensor `[steps]` whose sum is 1.
    """
    progress = tf.cast(progress, tf.float64)
    early = tf.maximum(1.0 - progress, _LEAST) / steps
    last = 1.0 - (steps - 1) * early
    return tf.concat([tf.repeat(early, steps - 1), [last]], 0)
