"""Trust region policy optimisation (Schulman et al. 2015).

    min_θ L(θ)  such that  mean KL(π_old ‖ π_θ) ≤ δ

by a natural-gradient step of length √(2δ / dᵀFd) along d = F⁻¹∇L, shortened
until it is within the bound and an improvement.
"""

from collections.abc import Callable

import tensorflow as tf

from maml_tf.errors import check_at_least_one, check_not_negative, refusal
from maml_tf.functional.conjugate_gradient import conjugate_gradient
from maml_tf.graph.over_tasks import mean_over_tasks
from maml_tf.graph.vectors import joined, like
from maml_tf.rl import losses


class TRPO:
    """The outer update of MAML-TRPO (Finn et al. 2017, section 5.3).

    Args:
        max_kl: δ, the largest mean divergence of an update, in nats.
        conjugate_gradient_steps: Steps that find an update's direction, by
            solving Fd = ∇L.
        damping: Number added to the diagonal of F.
        line_search_steps: Lengths of an update that are tried, the longest
            first.
        backtrack: Length that is tried next, as a share of the one before.
        fisher_share: Share of a meta-batch's tasks, the first of each replica,
            that F is the mean over (Schulman et al. 2015, appendix C, which
            takes a tenth of the samples). The rest of an update is of all
            tasks, the bound too.

    Raises:
        InputError: A value cannot be used.
    """

    # It has no state from one update to the next.
    variables = ()

    def __init__(
        self,
        max_kl: float = 0.01,
        conjugate_gradient_steps: int = 10,
        damping: float = 1e-5,
        line_search_steps: int = 15,
        backtrack: float = 0.8,
        fisher_share: float = 1.0,
    ) -> None:
        check_at_least_one(
            conjugate_gradient_steps=conjugate_gradient_steps,
            line_search_steps=line_search_steps,
        )
        if max_kl <= 0:
            raise refusal("max_kl", max_kl, "it must be above 0")
        check_not_negative(damping=damping)
        if not 0 < backtrack < 1:
            raise refusal("backtrack", backtrack, "it must lie between 0 and 1")
        if not 0 < fisher_share <= 1:
            bounds = "it must be above 0 and at most 1"
            raise refusal("fisher_share", fisher_share, bounds)
        self.max_kl = max_kl
        self.conjugate_gradient_steps = conjugate_gradient_steps
        self.damping = damping
        self.line_search_steps = line_search_steps
        self.backtrack = backtrack
        self.fisher_share = fisher_share

    def build(self, variables: list) -> None:
        """Does nothing; optimizers have such a method."""

    def update(
        self,
        variables: list,
        outputs_of: Callable,
        tasks: tuple,
        mean: Callable = mean_over_tasks,
    ) -> dict[str, tf.Tensor]:
        """Takes a step of θ, or none if no length is accepted.

        Args:
            variables: The policy's variables, which hold θ.
            outputs_of: Function `(theta, task) -> outputs` of the policy,
                adapted to the task if there is an inner loop.
            tasks: Tuple of structures of tensors `[tasks, ...]`; `outputs_of`
                takes one task's share of them, and the last are
                `PolicyTargets`.
            mean: Function that takes means over tasks, or over a `share` of
                them; defaults to `graph.over_tasks.mean_over_tasks`.

        Returns:
            A dict of scalars: `surrogate_gain`, by how much the step lowers L;
            `kl`, the mean divergence after it, in nats; `accepted_step`, its
            length as a share of the longest that was tried. They are 0 if no
            step was taken.
        """
        theta = [tf.convert_to_tensor(v.value) for v in variables]

        def gradient(*task):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(theta)
                loss = losses.low_variance(task[-1], outputs_of(theta, task))
            slope = tape.gradient(loss, theta, unconnected_gradients="zero")
            return loss, joined(slope)

        def product(vector):
            return self.damping * vector + mean(
                lambda *task: fisher_product(theta, vector, outputs_of, task),
                *tasks,
                share=self.fisher_share,
            )

        def loss_and_kl(theta):
            def task_loss_and_kl(*task):
                outputs = outputs_of(theta, task)
                return (
                    losses.low_variance(task[-1], outputs),
                    losses.kl_divergence(task[-1], outputs),
                )

            return mean(task_loss_and_kl, *tasks)

        before, slope = mean(gradient, *tasks)
        direction, image = conjugate_gradient(
            product, slope, self.conjugate_gradient_steps
        )
        curvature = tf.tensordot(direction, image, 1)
        step = tf.sqrt(2.0 * self.max_kl / curvature) * direction
        theta, report = self._line_search(theta, step, loss_and_kl, before)
        for variable, value in zip(variables, theta):
            variable.assign(value)
        return report

    def _line_search(self, theta, step, loss_and_kl, before):
        """Finds the longest of some steps that improves within the bound."""

        def shorten(number, length, candidate, loss, kl, accepted):
            del candidate, loss, kl, accepted
            candidate = [
                t - length * s for t, s in zip(theta, like(theta, step))
            ]
            loss, kl = loss_and_kl(candidate)
            # NaN is not accepted.
            accepted = (loss < before) & (kl <= self.max_kl)
            return (
                number + 1,
                length * self.backtrack,
                candidate,
                loss,
                kl,
                accepted,
            )

        zero, one = tf.zeros_like(before), tf.ones_like(before)
        number, _, candidate, loss, kl, accepted = tf.while_loop(
            lambda *loop: ~loop[-1],
            shorten,
            (0, one, theta, before, zero, False),
            maximum_iterations=self.line_search_steps,
        )
        chosen = [
            tf.where(accepted, new, old) for new, old in zip(candidate, theta)
        ]
        length = self.backtrack ** tf.cast(number - 1, before.dtype)
        report = {
            "surrogate_gain": before - loss,
            "kl": kl,
            "accepted_step": length,
        }
        return chosen, {
            name: tf.where(accepted, value, zero)
            for name, value in report.items()
        }


def fisher_product(
    theta: list[tf.Tensor], vector: tf.Tensor, outputs_of: Callable, task: tuple
) -> tf.Tensor:
    """Returns F v of one task: v times the mean divergence's Hessian by θ.

    At the θ of the policy that acted, the divergence is 0, and so is its slope
    by the outputs z. Its Hessian is then Jᵀ (∂²KL/∂z²) J with J = ∂z/∂θ: v is
    pushed forward through the adaptation, and pulled back.

    Args:
        theta: List of tensors.
        vector: Vector v `[weights]`, as long as all of θ.
        outputs_of: As in `TRPO.update`.
        task: One task's share of `TRPO.update`'s tasks.

    Returns:
        A tensor `[weights]`.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(theta)
        with tf.autodiff.ForwardAccumulator(
            theta, like(theta, vector)
        ) as forward:
            outputs = outputs_of(theta, task)
        pushed = forward.jvp(outputs, tf.UnconnectedGradients.ZERO)
    curved = losses.fisher_product(task[-1], tf.stop_gradient(pushed))
    return joined(
        tape.gradient(outputs, theta, curved, unconnected_gradients="zero")
    )
