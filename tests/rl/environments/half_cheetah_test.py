import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.rl import environments
from maml_tf.rl.policy import Policy, gaussian_mlp
from tests.helpers.rollouts import own_seeds, sample

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")


def forwards(direction, velocity):
    return direction * velocity


def distance(goal, velocity):
    return -abs(velocity - goal)


class HalfCheetahTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("half_cheetah_direction", [[1.0], [-1.0]], forwards),
        ("half_cheetah_velocity", [[0.2], [1.7]], distance),
    )
    def test_is_half_cheetah_v5_with_the_papers_rewards(
        self, name, tasks, reward
    ):
        steps = 50
        environment = environments.create(name, horizon=steps, workers=0)
        policy = Policy(gaussian_mlp(17, 6, (8,), seed=0))
        got = sample(environment, tf.constant(tasks), 2, policy=policy)
        self.assertEqual(got.observations.shape, (2, 2, steps, 17))
        self.assertAllEqual(got.mask, np.ones([2, 2, steps]))
        # So that clipping matters.
        self.assertGreater(abs(got.actions).max(), 1.0)
        plain = gymnasium.make("HalfCheetah-v5")
        seeds = own_seeds(2, 2)
        for task in range(2):
            for rollout in range(2):
                observation, _ = plain.reset(seed=int(seeds[task, rollout]))
                for time in range(steps):
                    self.assertAllEqual(
                        got.observations[task, rollout, time],
                        observation.astype(np.float32),
                    )
                    action = np.clip(got.actions[task, rollout, time], -1, 1)
                    observation, *_, info = plain.step(action)
                    self.assertAllClose(
                        got.rewards[task, rollout, time],
                        reward(tasks[task][0], info["x_velocity"])
                        - 0.05 * np.sum(np.square(action, dtype=np.float64)),
                    )
        plain.close()

    def test_directions_are_both_and_velocities_up_to_2(self):
        for name in ("half_cheetah_direction", "half_cheetah_velocity"):
            environment = environments.create(name, observes_task=True)
            self.assertEqual(environment.name, name)
            self.assertEqual(environment.horizon, 200)
            self.assertEqual(environment.observation_size, 18)
            self.assertEqual(environment.action_size, 6)
            tasks = environment.tasks("train", 0, 200, 0).numpy().ravel()
            if name == "half_cheetah_direction":
                self.assertSetEqual(set(tasks), {-1.0, 1.0})
                self.assertLess(abs(tasks.mean()), 0.3)
            else:
                self.assertAllInRange(tasks, 0.0, 2.0)
                self.assertAllClose(tasks.mean(), 1.0, atol=0.15)
                self.assertLess(tasks.min(), 0.1)
                self.assertGreater(tasks.max(), 1.9)


if __name__ == "__main__":
    tf.test.main()
