import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.rl import environments
from maml_tf.rl.policy import Policy, gaussian_mlp
from tests.helpers.rollouts import own_seeds, sample

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

PARTS = ("reward_survive", "reward_ctrl", "reward_contact")


class AntTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("ant_direction", [1.0, -1.0], lambda task, v: task * v),
        ("ant_velocity", [0.2, 2.9], lambda task, v: 1 - abs(v - task)),
    )
    def test_rewards_are_the_sum_of_gymnasiums_parts(self, name, tasks, reward):
        environment = environments.create(name, horizon=60, workers=0)
        policy = Policy(gaussian_mlp(105, 8, (8,), seed=0))
        got = sample(
            environment, tf.constant(tasks)[:, np.newaxis], 2, policy=policy
        )
        plain = gymnasium.make(
            "Ant-v5",
            ctrl_cost_weight=0.005,
            contact_cost_weight=5e-4,
            healthy_reward=0.05,
        )
        seeds = own_seeds(2, 2)
        touched = False
        for task, rollout in np.ndindex(2, 2):
            observation, _ = plain.reset(seed=int(seeds[task, rollout]))
            going = True
            for time in range(60):
                self.assertEqual(got.mask[task, rollout, time], going)
                if not going:
                    break
                self.assertAllEqual(
                    got.observations[task, rollout, time],
                    observation.astype(np.float32),
                )
                action = np.clip(got.actions[task, rollout, time], -1, 1)
                observation, _, ended, _, info = plain.step(action)
                self.assertAllClose(
                    got.rewards[task, rollout, time],
                    reward(tasks[task], info["x_velocity"])
                    + sum(info[part] for part in PARTS),
                )
                touched |= info["reward_contact"] < 0
                going = not ended
        self.assertTrue(touched)
        plain.close()

    def test_a_rollout_ends_when_it_falls(self):
        from maml_tf.rl.environments import mujoco_tasks

        ant = mujoco_tasks.AntVelocity()
        ant.reset(seed=0)
        for height, ended in ((0.5, False), (3.0, True)):
            position = ant.init_qpos.copy()
            position[2] = height
            ant.set_state(position, ant.init_qvel)
            _, reward, terminated, truncated, _ = ant.step(np.zeros(8))
            self.assertEqual(bool(terminated), ended)
            self.assertFalse(truncated)
        ant.close()

    def test_directions_are_both_and_velocities_up_to_3(self):
        for name in ("ant_direction", "ant_velocity"):
            environment = environments.create(name, observes_task=True)
            self.assertEqual(environment.name, name)
            self.assertEqual(environment.horizon, 200)
            self.assertEqual(environment.observation_size, 106)
            self.assertEqual(environment.action_size, 8)
            tasks = environment.tasks("train", 0, 200, 0).numpy().ravel()
            if name == "ant_direction":
                self.assertSetEqual(set(tasks), {-1.0, 1.0})
                self.assertLess(abs(tasks.mean()), 0.3)
            else:
                self.assertAllInRange(tasks, 0.0, 3.0)
                self.assertAllClose(tasks.mean(), 1.5, atol=0.2)


if __name__ == "__main__":
    tf.test.main()
