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

    Attributes:
        task: The task's parameter, a number in an array.
    """

    def step(self, action: np.ndarray) -> tuple:
        """Takes a step of 0.05 s; `action` is from −1 to 1."""
        before = self.data.qpos[0]
        self.do_simulation(action, self.frame_skip)
        velocity = (self.data.qpos[0] - before) / self.dt
        reward = self._task_reward(velocity) - _CONTROL_COST * np.sum(
            np.square(action)
        )
        # Gymnasium spends longer on information than on the reward.
        return self._get_obs(), reward, False, False, {}

    def _task_reward(self, velocity: float) -> float:
        raise NotImplementedError

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

    def _task_reward(self, velocity):
        return self.task[0] * velocity


class HalfCheetahVelocity(_HalfCheetah):
    """Rewarded for being near to a velocity in m/s, the task."""

    task = np.ones(1)

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a velocity, uniform from 0 to 2."""
        return rng.uniform(0.0, 2.0, 1)

    def _task_reward(self, velocity):
        return -abs(velocity - self.task[0])


@functools.cache
def _model(path):
    return mujoco.MjModel.from_xml_path(path)
