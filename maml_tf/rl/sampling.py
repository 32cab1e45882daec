"""The rollouts of a gradient step, and the targets made from them."""

import dataclasses

import tensorflow as tf

from maml_tf.errors import check_at_least_one, refusal
from maml_tf.rl import advantages, linear_baseline
from maml_tf.rl.trajectories import PolicyTargets, Trajectories


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Settings of every policy-gradient step, inner and outer.

    Attributes:
        rollouts: Number of rollouts in each task.
        discount: Discount γ of later rewards.
        gae_lambda: Parameter λ of generalised advantages.

    Raises:
        InputError: A value cannot be used.
    """

    rollouts: int = 20
    discount: float = 0.99
    gae_lambda: float = 1.0

    def __post_init__(self):
        check_at_least_one(rollouts=self.rollouts)
        for name in ("discount", "gae_lambda"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise refusal(name, value, "it must be from 0 to 1")

    def batch(
        self, trajectories: Trajectories
    ) -> tuple[tf.Tensor, PolicyTargets]:
        """Makes a policy-gradient loss's batch from several tasks' rollouts.

        Advantages are relative to a linear baseline fitted to each task, and
        normalised.

        Args:
            trajectories: `Trajectories` with a leading axis `tasks`.

        Returns:
            `(x, y)`: observations `[tasks, rollouts * horizon, ...]` and
            `PolicyTargets`, each with a leading axis `tasks`.
        """
        observations, actions, rewards, mask, outputs = trajectories
        returns = advantages.discounted_sums(rewards * mask, self.discount)
        values = linear_baseline.fitted_values(observations, returns, mask)
        estimates = advantages.generalized_advantages(
            rewards, values, mask, self.discount, self.gae_lambda
        )
        y = PolicyTargets(
            actions,
            advantages.normalized(estimates, mask),
            mask,
            _without_time(outputs),
        )
        return _without_time(observations), y


def _without_time(tensor):
    """Joins rollouts and their steps to one axis, after the tasks' axis."""
    tasks, rollouts, horizon, *rest = tensor.shape
    return tf.reshape(tensor, [tasks, rollouts * horizon, *rest])
