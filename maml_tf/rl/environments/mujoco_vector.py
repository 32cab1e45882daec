"""MuJoCo environments of one class, stepped without a Python call for each.

Gymnasium's `step` takes about as long in Python as MuJoCo takes in C. Here a
step is one call of MuJoCo for each environment, and all observations and
rewards come from a few NumPy operations. Results are those of `step`, to the
last bit.

`vector_worker` uses it for a `gymnasium.envs.mujoco.MujocoEnv` whose class also
has

- `mujoco_fields`: names of the arrays of `MjData` that the next two read, such
  as `("qpos", "qvel")`;
- `observations(state)`: returns observations `[environments, ...]`;
- `outcome(before, after, actions, tasks, seconds)`: returns `(rewards, ended)`,
  each `[environments]`.

A state is a dict from each field's name to an array `[environments, ...]`.
`mujoco_tasks.py` is an example. This does not import maml_tf, as
`vector_worker`.
"""

from typing import Any

import mujoco
import numpy as np
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space

# Gymnasium computes them after each step, which takes longer than to read them.
_FORCES = {"cacc", "cfrc_ext", "cfrc_int"}


class MujocoVector(VectorEnv):
    """Several MuJoCo environments as one.

    An environment that has ended is not stepped until the next reset: its
    observations and rewards are 0.

    Args:
        environments: A list of environments of one class, as described at the
            top of this module. All have the same model.
    """

    def __init__(self, environments: list) -> None:
        self.num_envs = len(environments)
        self._environments = environments
        first = environments[0]
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self.observation_space = batch_space(
            first.observation_space, self.num_envs
        )
        self.action_space = batch_space(first.action_space, self.num_envs)
        self._model, self._skip = first.model, first.frame_skip
        self._has_forces = not _FORCES.isdisjoint(first.mujoco_fields)
        self._data = [environment.data for environment in environments]
        # Views of MuJoCo's own memory, which stays where it is.
        self._controls = [data.ctrl for data in self._data]
        self._views = {
            name: [getattr(data, name)[np.newaxis] for data in self._data]
            for name in first.mujoco_fields
        }

    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple:
        """Begins a rollout in each environment, as Gymnasium does.

        Args:
            seed: A list with an integer for each, not negative.
            options: None.

        Returns:
            `(observations, info)`, the info empty.
        """
        del options
        for environment, number in zip(self._environments, seed):
            environment.reset(seed=number)
        self._tasks = np.stack([e.task for e in self._environments])
        self._ended = np.zeros(self.num_envs, bool)
        self._state = self._read()
        return self._environments[0].observations(self._state), {}

    def step(self, actions: np.ndarray) -> tuple:
        """Steps each environment that has not ended.

        Args:
            actions: `[environments, action_size]`.

        Returns:
            `(observations, rewards, terminated, truncated, info)`; none is
            truncated, and the info is empty.
        """
        model, skip, step = self._model, self._skip, mujoco.mj_step
        for data, control, action, ended in zip(
            self._data, self._controls, actions, self._ended.tolist()
        ):
            if ended:
                continue
            control[:] = action
            step(model, data, skip)
            if self._has_forces:
                mujoco.mj_rnePostConstraint(model, data)
        first = self._environments[0]
        before, self._state = self._state, self._read()
        observations = first.observations(self._state)
        rewards, ended = first.outcome(
            before, self._state, actions, self._tasks, first.dt
        )
        observations[self._ended] = 0.0
        rewards[self._ended] = 0.0
        self._ended = self._ended | ended
        return observations, rewards, self._ended, np.zeros_like(ended), {}

    def _read(self):
        return {
            name: np.concatenate(views) for name, views in self._views.items()
        }
