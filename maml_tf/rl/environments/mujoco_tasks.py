"""MuJoCo's half cheetah and ant with the rewards of Finn et al. 2017, 5.3.

Gymnasium uses them in processes without TensorFlow, so this does not import
maml_tf. `mujoco_vector` steps several together; its states are those here.
"""

import functools
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco.ant_v5 import AntEnv
from gymnasium.envs.mujoco.half_cheetah_v5 import HalfCheetahEnv

_CONTROL_COST = 0.05  # The half cheetah pays it.


class _WithTask:
    """A MuJoCo environment of Gymnasium with the rewards of a task.

    Attributes:
        task: The task's parameter, a number in an array.
        mujoco_fields: As in `mujoco_vector`.
    """

    task = np.ones(1)
    mujoco_fields: tuple[str, ...]
    # Gymnasium's.
    data: Any
    dt: float
    frame_skip: int
    fullpath: str

    def step(self, action: np.ndarray) -> tuple:
        """Takes a step of 0.05 s; `action` is from −1 to 1."""
        before = self._state()
        self.do_simulation(action, self.frame_skip)  # type: ignore[attr-defined]
        after = self._state()
        rewards, ended = self.outcome(
            before, after, action[np.newaxis], self.task[np.newaxis], self.dt
        )
        # Gymnasium spends longer on information than on the reward.
        return (
            self.observations(after)[0],
            rewards[0],
            bool(ended[0]),
            False,
            {},
        )

    def observations(self, state: dict[str, np.ndarray]) -> np.ndarray:
        """Returns the observations of states, `[environments, ...]`.

        Args:
            state: As in `mujoco_vector`.
        """
        raise NotImplementedError

    def outcome(
        self,
        before: dict[str, np.ndarray],
        after: dict[str, np.ndarray],
        actions: np.ndarray,
        tasks: np.ndarray,
        seconds: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rewards of a step, and which environments have ended.

        Args:
            before: The state before it, as in `mujoco_vector`.
            after: The state after it.
            actions: `[environments, action_size]`, from −1 to 1.
            tasks: `[environments, 1]`.
            seconds: Duration of the step.
        """
        raise NotImplementedError

    def _task_rewards(
        self, velocities: np.ndarray, tasks: np.ndarray
    ) -> np.ndarray:
        raise NotImplementedError

    def _state(self):
        return {
            name: getattr(self.data, name)[np.newaxis].copy()
            for name in self.mujoco_fields
        }

    def _get_reset_info(self):
        return {}

    def _initialize_simulation(self):
        # The model does not change; shared, it is read once, and an environment
        # takes half the memory.
        model = _model(self.fullpath)
        return model, mujoco.MjData(model)


class _Directions(_WithTask):
    """Rewarded for velocity forwards (task 1) or backwards (−1)."""

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws −1 or 1, equally likely."""
        return rng.choice([-1.0, 1.0], 1)

    def _task_rewards(self, velocities, tasks):
        return tasks * velocities


class _HalfCheetah(_WithTask, HalfCheetahEnv):
    """Gymnasium's HalfCheetah-v5 with the rewards of subclasses."""

    mujoco_fields = ("qpos", "qvel")

    def observations(self, state: dict[str, np.ndarray]) -> np.ndarray:
        """Returns all but the position along the ground, `[environments, 17]`.

        Args:
            state: As in `mujoco_vector`.
        """
        return np.concatenate([state["qpos"][:, 1:], state["qvel"]], 1)

    def outcome(self, before, after, actions, tasks, seconds):
        """Returns the rewards of a step, and that nothing has ended."""
        velocities = (after["qpos"][:, 0] - before["qpos"][:, 0]) / seconds
        rewards = self._task_rewards(velocities, tasks[:, 0])
        rewards -= _CONTROL_COST * np.sum(np.square(actions), 1)
        return rewards, np.zeros(len(rewards), bool)


class HalfCheetahDirection(_Directions, _HalfCheetah):
    """Rewarded for velocity forwards (task 1) or backwards (−1)."""


class HalfCheetahVelocity(_HalfCheetah):
    """Rewarded for being near to a velocity in m/s, the task."""

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a velocity, uniform from 0 to 2."""
        return rng.uniform(0.0, 2.0, 1)

    def _task_rewards(self, velocities, tasks):
        return -abs(velocities - tasks)


class _Ant(_WithTask, AntEnv):
    """Gymnasium's Ant-v5 with the rewards of subclasses."""

    mujoco_fields = ("qpos", "qvel", "xpos", "cfrc_ext")

    def __init__(self) -> None:
        # The official code's weights. Its squares of contact forces have this
        # weight too.
        super().__init__(
            ctrl_cost_weight=0.005,
            contact_cost_weight=5e-4,
            healthy_reward=0.05,
        )

    def observations(self, state: dict[str, np.ndarray]) -> np.ndarray:
        """Returns all but the place on the ground, `[environments, 105]`.

        Args:
            state: As in `mujoco_vector`.
        """
        forces = self._forces(state)[:, 1:]
        return np.concatenate(
            [
                state["qpos"][:, 2:],
                state["qvel"],
                forces.reshape(len(forces), -1),
            ],
            1,
        )

    def outcome(self, before, after, actions, tasks, seconds):
        """Returns the rewards of a step, and which ants have fallen."""
        heights = after["qpos"][:, 2]
        lowest, highest = self._healthy_z_range
        healthy = (lowest <= heights) & (heights <= highest)
        for name in ("qpos", "qvel"):
            healthy &= np.isfinite(after[name]).all(1)
        torso = self._main_body
        moved = after["xpos"][:, torso, 0] - before["xpos"][:, torso, 0]
        rewards = self._task_rewards(moved / seconds, tasks[:, 0])
        rewards += self._healthy_reward * healthy
        rewards -= self._ctrl_cost_weight * np.sum(np.square(actions), 1)
        rewards -= self._contact_cost_weight * np.sum(
            np.square(self._forces(after)), (1, 2)
        )
        return rewards, ~healthy

    def _forces(self, state):
        return np.clip(state["cfrc_ext"], *self._contact_force_range)


class AntDirection(_Directions, _Ant):
    """Rewarded for velocity forwards (task 1) or backwards (−1)."""


class AntVelocity(_Ant):
    """Rewarded for being near to a velocity in m/s, the task."""

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a velocity, uniform from 0 to 3."""
        return rng.uniform(0.0, 3.0, 1)

    def _task_rewards(self, velocities, tasks):
        # Without the 1, falling would be better than walking too slowly.
        return 1.0 - abs(velocities - tasks)


@functools.cache
def _model(path):
    return mujoco.MjModel.from_xml_path(path)
