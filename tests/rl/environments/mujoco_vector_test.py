import numpy as np
import pytest
from absl.testing import absltest, parameterized

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

from gymnasium.envs.mujoco.half_cheetah_v5 import HalfCheetahEnv  # noqa: E402

from maml_tf.rl.environments import mujoco_tasks  # noqa: E402
from maml_tf.rl.environments.mujoco_vector import MujocoVector  # noqa: E402


class Forces(HalfCheetahEnv):
    """Observes forces; the one with the task 1 ends after three steps."""

    mujoco_fields = ("cfrc_ext", "qpos", "qvel", "xpos")

    def observations(self, state):
        forces = state["cfrc_ext"].reshape(len(state["qpos"]), -1)
        return np.concatenate([forces, state["xpos"][:, 1], state["qvel"]], 1)

    def outcome(self, before, after, actions, tasks, seconds):
        del before, actions, seconds
        self.steps = getattr(self, "steps", 0) + 1
        return after["qpos"][:, 0].copy(), (tasks[:, 0] == 1) & (self.steps > 2)


class MujocoVectorTest(parameterized.TestCase):
    def actions(self, steps, environments, size=6):
        rng = np.random.default_rng(0)
        shape = steps, environments, size
        return rng.uniform(-1, 1, shape).astype(np.float32)

    @parameterized.parameters(
        "HalfCheetahDirection", "HalfCheetahVelocity", "AntVelocity"
    )
    def test_is_each_environments_own_step(self, name):
        made = getattr(mujoco_tasks, name)
        together, alone = ([made() for _ in range(3)] for _ in range(2))
        for number, pair in enumerate(zip(together, alone)):
            for environment in pair:
                environment.task = np.float32([number - 1.0])
        vector = MujocoVector(together)
        for seeds in ([3, 4, 5], [6, 3, 4]):
            observations, _ = vector.reset(seed=seeds)
            for environment, seed, got in zip(alone, seeds, observations):
                np.testing.assert_array_equal(
                    got, environment.reset(seed=seed)[0]
                )
            going = {0, 1, 2}
            size = vector.single_action_space.shape[0]
            for actions in self.actions(60, 3, size):
                observations, rewards, ended, truncated, _ = vector.step(
                    actions
                )
                self.assertFalse(truncated.any())
                for number in sorted(going):
                    observation, reward, terminated, *_ = alone[number].step(
                        actions[number]
                    )
                    np.testing.assert_array_equal(
                        observations[number], observation
                    )
                    self.assertEqual(rewards[number], reward)
                    self.assertEqual(ended[number], terminated)
                # An ant may fall, a half cheetah goes on.
                going -= set(np.flatnonzero(ended))
                if "Ant" not in name:
                    self.assertLen(going, 3)

    def test_forces_and_ends(self):
        together, plain = [Forces(), Forces()], Forces()
        together[0].task, together[1].task = np.ones(1), np.zeros(1)
        vector = MujocoVector(together)
        vector.reset(seed=[0, 1])
        plain.reset(seed=1)
        for time, actions in enumerate(self.actions(5, 2)):
            observations, rewards, ended, *_ = vector.step(actions)
            HalfCheetahEnv.step(plain, actions[1])
            np.testing.assert_array_equal(
                observations[1],
                [
                    *plain.data.cfrc_ext.ravel(),
                    *plain.data.xpos[1],
                    *plain.data.qvel,
                ],
            )
            self.assertEqual(rewards[1], plain.data.qpos[0])
            self.assertEqual(ended.tolist(), [time >= 2, False])
            # The step that ends it counts.
            self.assertEqual(bool(observations[0].any()), time <= 2)
            self.assertEqual(bool(rewards[0]), time <= 2)


if __name__ == "__main__":
    absltest.main()
