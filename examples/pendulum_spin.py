r"""
Your own environment
====================

A pendulum learns to spin in the direction of its task, 1 or −1. The observation
does not show the direction: a policy learns it from its rewards in the first
rollouts. From the repository's root::

    maml-tf train-rl --workdir=results/pendulum_spin \
        --environment=gymnasium:examples.pendulum_spin:PendulumSpin-v0

Importing this module registers the environment with Gymnasium. An environment
that is not registered is named by its file and class, as in
`gymnasium:examples/pendulum_spin.py:PendulumSpin`. Needs `pip install ".[rl]"`.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.pendulum import PendulumEnv


class PendulumSpin(PendulumEnv):
    """Gymnasium's pendulum, with a motor that can turn it all the way.

    maml_tf needs `sample_task` and `task` of an environment.

    Attributes:
        task: The direction in an array, 1 (anticlockwise) or −1.
    """

    def __init__(self) -> None:
        # Less gravity: Pendulum-v1's motor has to swing it up first.
        super().__init__(g=2.0)
        self.task = np.ones(1)

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws the parameter of a task."""
        return rng.choice([-1.0, 1.0], 1)

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, Any, bool, bool, dict]:
        """Moves; the reward is the speed in that direction, from −1 to 1."""
        observation, _, terminated, truncated, _ = super().step(action)
        speed = observation[2] / self.max_speed
        return observation, self.task[0] * speed, terminated, truncated, {}


gymnasium.register("PendulumSpin-v0", entry_point=PendulumSpin)
