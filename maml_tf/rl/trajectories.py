"""Rollouts: observations, actions and rewards, and the targets of a loss."""

from typing import Any, NamedTuple

import tensorflow as tf


class Trajectories(NamedTuple):
    """Rollouts of one task, or of several along a leading axis `tasks`.

    All have the same length; steps after a rollout's end do not count.

    Attributes:
        observations: `[rollouts, horizon, observation_size]`, before each step.
        actions: `[rollouts, horizon, action_size]`, as the policy drew them, or
            int64 `[rollouts, horizon]` if they are discrete.
        rewards: `[rollouts, horizon]`.
        mask: `[rollouts, horizon]`, 1.0 up to the step that ended the rollout,
            that one included, then 0.0.
        outputs: `[rollouts, horizon, outputs]`, the outputs of the policy's
            network that the actions were drawn from.
    """

    observations: Any
    actions: Any
    rewards: Any
    mask: Any
    outputs: Any


class PolicyTargets(NamedTuple):
    """The `y` of a policy-gradient loss: rollouts, without inputs.

    Attributes:
        actions: As in `Trajectories`.
        advantages: `[rollouts, horizon]`.
        mask: `[rollouts, horizon]`, as in `Trajectories`.
        outputs: `[rollouts * horizon, outputs]`, the outputs of the policy that
            the actions were drawn from.
    """

    actions: Any
    advantages: Any
    mask: Any
    outputs: Any


def returns(trajectories: Trajectories) -> tf.Tensor:
    """Returns each rollout's sum of rewards, not discounted.

    Args:
        trajectories: `Trajectories`, with or without leading axes.

    Returns:
        A tensor `[..., rollouts]`.
    """
    return tf.reduce_sum(trajectories.rewards * trajectories.mask, -1)
