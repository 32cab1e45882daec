"""Action spaces of Gymnasium, as policies see them."""

import gymnasium
import numpy as np
from gymnasium import spaces

from maml_tf.errors import InputError
from maml_tf.rl import categorical, gaussian
from maml_tf.rl.distribution import Distribution


class BoxActions:
    """Numbers, in units in which a bounded `Box` reaches from −1 to 1.

    They are clipped to the box, as by rllab's `normalize`; without bounds they
    are used unchanged.

    Args:
        space: A `gymnasium.spaces.Box`.

    Attributes:
        distribution: `maml_tf.rl.gaussian`.
        size: Numbers in an action.
    """

    distribution: Distribution = gaussian

    def __init__(self, space: spaces.Box) -> None:
        low, high = (
            bound.ravel().astype(np.float32)
            for bound in (space.low, space.high)
        )
        self.size = len(low)
        self._low, self._high = low, high
        # ∞ − ∞ is not a number, and float32's whole range overflows float32.
        with np.errstate(invalid="ignore", over="ignore"):
            bounded = np.isfinite(high - low)
            self._centre = np.where(bounded, low + (high - low) / 2, 0.0)
            self._half = np.where(bounded, (high - low) / 2, 1.0)

    def applied(self, actions: np.ndarray) -> np.ndarray:
        """Returns actions in the environment's units.

        Args:
            actions: The policy's, `[tasks, rollouts, size]`.

        Returns:
            An array `[tasks * rollouts, size]`.
        """
        applied = np.clip(
            self._centre + self._half * actions, self._low, self._high
        )
        return applied.reshape(-1, self.size)


class DiscreteActions:
    """The actions of a `Discrete` space, counted from 0.

    Args:
        space: A `gymnasium.spaces.Discrete`.

    Attributes:
        distribution: `maml_tf.rl.categorical`.
        size: Number of the actions.
    """

    distribution: Distribution = categorical

    def __init__(self, space: spaces.Discrete) -> None:
        self.size = int(space.n)
        self._start = int(space.start)

    def applied(self, actions: np.ndarray) -> np.ndarray:
        """Returns the environment's actions, which the space's start moves.

        Args:
            actions: The policy's, integers `[tasks, rollouts]`.

        Returns:
            An array `[tasks * rollouts]`.
        """
        return self._start + actions.ravel()


def of_environment(
    environment: gymnasium.Env, name: str
) -> BoxActions | DiscreteActions:
    """Returns an environment's actions.

    Args:
        environment: A `gymnasium.Env`.
        name: Its name in messages.

    Raises:
        InputError: Policies do not know its actions, or its observations.
    """
    observations, actions = (
        environment.observation_space,
        environment.action_space,
    )
    if not isinstance(observations, spaces.Box):
        raise InputError(
            f"environment: {name!r} has the observations {observations}; they"
            " must be a Box."
        )
    if isinstance(actions, spaces.Box):
        return BoxActions(actions)
    if isinstance(actions, spaces.Discrete):
        return DiscreteActions(actions)
    raise InputError(
        f"environment: {name!r} has the actions {actions}; they must be a Box"
        " or Discrete."
    )
