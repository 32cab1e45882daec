"""What rollouts give: observations, actions and rewards, and what to learn."""

from typing import Any, NamedTuple

import tensorflow as tf


class Trajectories(NamedTuple):
    """Rollouts of one task, or of several along a leading axis `tasks`.

    All are of the same length; what lies after a rollout's end counts nothing.

    Attributes:
        observations: `[rollouts, horizon, observation_size]`, before each step.
        actions: `[rollouts, horizon, action_size]`, as the policy drew them.
        rewards: `[rollouts, horizon]`.
        mask: `[rollouts, horizon]`, 1.0 up to the step that ended the rollout,
            that one included, then 0.0.
        outputs: `[rollouts, horizon, outputs]`, those of the policy's network
            that the actions were drawn from.
    """

    observations: Any
    actions: Any
    rewards: Any
    mask: Any
    outputs: Any


class PolicyTargets(NamedTuple):
    """What a policy-gradient loss takes as `y`: rollouts, without inputs.

    Attributes:
        actions: `[rollouts, horizon, action_size]`.
        advantages: `[rollouts, horizon]`.
        mask: `[rollouts, horizon]`.
        outputs: `[rollouts * horizon, outputs]`, those of the policy that the
            actions were drawn from.
    """

    actions: Any
    advantages: Any
    mask: Any
    outputs: Any


def returns(trajectories):
    """The sum of rewards of each rollout, not discounted, `[..., rollouts]`."""
    return tf.reduce_sum(trajectories.rewards * trajectories.mask, -1)
