import numpy as np
import tensorflow as tf

from maml_tf import InputError
from maml_tf.graph.random_streams import fold_in
from maml_tf.rl.environments.navigation_2d import Navigation2D
from maml_tf.rl.policy import Policy, gaussian_mlp

SEED = tf.constant([2, 3], tf.int64)


class Straight:
    """Walks to the goal that it observes, as fast as it may."""

    def act(self, phi, observations, noise):
        del phi
        actions = 10.0 * (observations[..., 2:] - observations[..., :2])
        return actions, tf.concat([actions, noise], -1)


class EnvironmentTest(tf.test.TestCase):
    def test_rollouts_by_hand(self):
        environment = Navigation2D(horizon=5, observes_task=True)
        self.assertEqual(environment.observation_size, 4)
        goals = tf.constant([[0.25, -0.1], [0.5, 0.5]])
        got = environment.sample(Straight(), [], goals, 2, SEED)
        places = np.array(
            [
                [[0, 0], [0.1, -0.1], [0.2, -0.1], [0.25, -0.1], [0.25, -0.1]],
                [[0, 0], [0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.4, 0.4]],
            ]
        )
        distances = [
            [np.hypot(0.15, 0), 0.05, 0, 0, 0],
            0.5 * 2**0.5 - 0.1 * 2**0.5 * np.arange(1, 6),
        ]
        for rollout in range(2):
            self.assertAllClose(got.observations[:, rollout, :, :2], places)
            for time in range(5):
                self.assertAllEqual(
                    got.observations[:, rollout, time, 2:], goals
                )
            self.assertAllClose(
                got.rewards[:, rollout], -np.array(distances), atol=1e-6
            )
            # The step that ended it counts.
            self.assertAllEqual(
                got.mask[:, rollout], [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
            )
            # As drawn, not clipped.
            self.assertAllClose(got.actions[0, rollout, 0], [2.5, -1.0])
        self.assertAllEqual(got.outputs[..., :2], got.actions)
        self.assertEqual(got.outputs.shape, [2, 2, 5, 4])

    def test_seeds_make_the_rollouts(self):
        environment = Navigation2D(horizon=4)
        policy = Policy(gaussian_mlp(2, 2, (5,), seed=0))
        goals = environment.tasks("test", 0, 2, 0)
        weights = [v.value for v in policy.model.trainable_variables]
        phi = [tf.stack([w, 2.0 * w]) for w in weights]

        @tf.function(autograph=False)
        def sample(seed):
            return environment.sample(policy, phi, goals, 3, seed)

        first = sample(SEED)
        for one, other in zip(sample(SEED), first):
            self.assertAllEqual(one, other)
        other = sample(fold_in(SEED, 1))
        self.assertNotAllClose(first.actions, other.actions)
        # Rollouts differ, of one task as of another.
        self.assertLen(set(first.actions.numpy()[:, :, 0, 0].ravel()), 6)

    def test_tasks_are_functions_of_split_seed_and_number(self):
        environment = Navigation2D()
        tasks = environment.tasks("train", 0, 20, 3)
        self.assertEqual(tasks.dtype, tf.float32)
        self.assertAllEqual(environment.tasks("train", 7, 2, 3), tasks[7:9])
        self.assertAllEqual(
            environment.tasks("train", tf.constant(19, tf.int64), 1, 3),
            tasks[19:],
        )
        drawn = [tasks] + [
            environment.tasks(split, 0, 20, seed)
            for split, seed in (("valid", 3), ("test", 3), ("train", 4))
        ]
        self.assertLen(set(np.concatenate(drawn).ravel()), 160)

    def test_observes_no_task_unless_asked_to(self):
        environment = Navigation2D()
        self.assertEqual(environment.observation_size, 2)
        observations = tf.ones([2, 3, 2])
        self.assertAllEqual(
            environment.observed(observations, tf.zeros([2, 2])), observations
        )

    def test_a_horizon_below_1_is_refused(self):
        with self.assertRaisesRegex(InputError, "^horizon: 0 was given"):
            Navigation2D(horizon=0)


if __name__ == "__main__":
    tf.test.main()
