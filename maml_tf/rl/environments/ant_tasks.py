"""MuJoCo's ant with the rewards of Finn et al. 2017, section 5.3.

Gymnasium uses it in processes without TensorFlow, so it does not import
maml_tf.
"""

import functools

import mujoco
import numpy as np
from gymnasium.envs.mujoco.ant_v5 import AntEnv


class _Ant(AntEnv):
    """Gymnasium's Ant-v5 with the rewards of subclasses.

    Attributes:
        task: The task's parameter, a number in an array.
    """

    def __init__(self) -> None:
        # The official code's weights. Its squares of contact forces have this
        # weight too.
        super().__init__(
            ctrl_cost_weight=0.005,
            contact_cost_weight=5e-4,
            healthy_reward=0.05,
        )

    def step(self, action: np.ndarray) -> tuple:
        """Takes a step of 0.05 s; `action` is from −1 to 1."""
        torso = self.data.body(self._main_body)
        before = torso.xpos[0]
        self.do_simulation(action, self.frame_skip)
        velocity = (torso.xpos[0] - before) / self.dt
        reward = (
            self._task_reward(velocity)
            + self.healthy_reward
            - self.control_cost(action)
            - self.contact_cost
        )
        # Gymnasium's information is left out, as it takes time.
        return self._get_obs(), reward, not self.is_healthy, False, {}

    def _task_reward(self, velocity: float) -> float:
        raise NotImplementedError

    def _get_reset_info(self):
        return {}

    def _initialize_simulation(self):
        # The model does not change; shared, it is read once, and an environment
        # takes less memory.
        model = _model(self.fullpath)
        return model, mujoco.MjData(model)


class AntDirection(_Ant):
    """Rewarded for velocity forwards (task 1) or backwards (−1)."""

    task = np.ones(1)

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws −1 or 1, equally likely."""
        return rng.choice([-1.0, 1.0], 1)

    def _task_reward(self, velocity):
        return self.task[0] * velocity


class AntVelocity(_Ant):
    """Rewarded for being near to a velocity in m/s, the task."""

    task = np.ones(1)

    def sample_task(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a velocity, uniform from 0 to 3."""
        return rng.uniform(0.0, 3.0, 1)

    def _task_reward(self, velocity):
        # Without the 1, falling would be better than walking too slowly.
        return 1.0 - abs(velocity - self.task[0])


@functools.cache
def _model(path):
    return mujoco.MjModel.from_xml_path(path)
