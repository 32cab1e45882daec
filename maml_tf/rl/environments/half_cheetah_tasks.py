"""MuJoCo's half cheetah with the rewards of Finn et al. 2017, section 5.3.

Gymnasium uses it in processes without TensorFlow, so it does not import
maml_tf.
"""

import functools

import mujoco
import numpy as np
from gymnasium.envs.mujoco.half_cheetah_v5 import HalfCheetahEnv

_CONTROL_COST = 0.05


class _HalfCheetah(HalfCheetahEnv):
    """Gymnasium's HalfCheetah-v5 with the rewards of subclasses.

    `mujoco_vector` steps several together.

    Attributes:
        task: The task's parameter, a number in an array.
    """

    task: np.ndarray
    mujoco_fields = ("qpos", "qvel")

    def step(self, action: np.ndarray) -> tuple:
        """Takes a step of 0.05 s; `action` is from −1 to 1."""
        before = self._state()
        self.do_simulation(action, self.frame_skip)
        after = self._state()
        rewards, _ = self.outcome(
            before, after, action[np.newaxis], self.task[np.newaxis], self.dt
        )
        # Gymnasium spends longer on information than on the reward.
        return self.observations(after)[0], rewards[0], False, False, {}

    def observations(self, state: dict[str, np.ndarray]) -> np.ndarray:
        """Returns all but the position along the ground, `[environments, 17]`.

        Args:
            state: As in `mujoco_vector`.
        """
        return np.concatenate([state["qpos"][:, 1:], state["qvel"]], 1)

    def outcome(
        self,
        before: dict[str, np.ndarray],
        after: dict[str, np.ndarray],
        actions: np.ndarray,
        tasks: np.ndarray,
        seconds: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rewards of a step, and that nothing has ended.

        Args:
            before: The state before it, as in `mujoco_vector`.
            after: The state after it.
            actions: `[environments, 6]`, from −1 to 1.
            tasks: `[environments, 1]`.
            seconds: Duration of the step.
        """
        velocities = (after["qpos"][:, 0] - before["qpos"][:, 0]) / seconds
        rewards = self._task_rewards(velocities, tasks[:, 0])
        rewards -= _CONTROL_COST * np.sum(np.square(actions), 1)
        return rewards, np.zeros(len(rewards), bool)

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


class HalfCheetahDirection(_HalfCheetah):
    """Rewarded for velocity forwards (task 1) or backwards (−1)."""

    task = np.ones(1)

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws −1 or 1, equally likely."""
        return rng.choice([-1.0, 1.0], 1)

    def _task_rewards(self, velocities, tasks):
        return tasks * velocities


class HalfCheetahVelocity(_HalfCheetah):
    """Rewarded for being near to a velocity in m/s, the task."""

    task = np.ones(1)

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a velocity, uniform from 0 to 2."""
        return rng.uniform(0.0, 2.0, 1)

    def _task_rewards(self, velocities, tasks):
        return -abs(velocities - tasks)


@functools.cache
def _model(path):
    return mujoco.MjModel.from_xml_path(path)
