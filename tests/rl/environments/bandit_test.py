import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import InputError, rl
from maml_tf.rl import environments
from maml_tf.rl.policy import Policy, categorical_mlp
from tests.helpers.rollouts import sample

PROBABILITIES = tf.constant([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]])


def outer_step(iterations=2, workdir=None, update=rl.TRPO, seed=0):
    environment = environments.create("bandit", arms=3, horizon=20)
    maml = maml_tf.algorithms.MAML(
        categorical_mlp(1, 3, (8,), seed=seed),
        rl.losses.low_variance,
        inner_learning_rate=1.0,
    )
    sampling = rl.Sampling(rollouts=1, discount=0.0)
    step = rl.PolicyOuterStep(maml, environment, update(), sampling, tasks=20)
    maml_tf.meta_train(
        step, iterations, workdir, metric_name="return", progress=False
    )
    return step


def ppo():
    return rl.PPO(keras.optimizers.Adam(0.03), epochs=2)


class BanditTest(tf.test.TestCase, parameterized.TestCase):
    def test_arms_pay_by_their_probabilities(self):
        environment = environments.create("bandit", arms=3, horizon=20)
        model = categorical_mlp(1, 3, (8,), seed=0)
        policy = Policy(model, environment.distribution)
        got = sample(environment, PROBABILITIES, 100, policy=policy)
        self.assertAllEqual(got.observations, np.ones([2, 100, 20, 1]))
        self.assertAllEqual(got.mask, np.ones([2, 100, 20]))
        for task in range(2):
            for arm in range(3):
                pays = got.rewards[task][got.actions[task] == arm]
                self.assertGreater(len(pays), 200)
                probability = PROBABILITIES[task, arm]
                # Four standard deviations.
                self.assertAllClose(
                    pays.mean(), probability, atol=2 / len(pays) ** 0.5, rtol=0
                )

    def test_a_pull_depends_on_its_chance_alone(self):
        environment = environments.create("bandit", arms=3, horizon=2)
        state = environment.reset(PROBABILITIES, 3, tf.constant([0, 0]))
        chances = state[1]
        actions = np.array([[0, 1, 2], [2, 1, 0]])
        for pull in range(2):
            state, rewards, done = environment.step(
                state, actions, PROBABILITIES
            )
            pays = np.take_along_axis(PROBABILITIES.numpy(), actions, 1)
            self.assertAllEqual(rewards, chances[..., pull] < pays)
            self.assertFalse(np.any(done))

    def test_tasks_and_what_can_be_had(self):
        environment = environments.create("bandit", observes_task=True)
        self.assertEqual(environment.observation_size, 1 + 5)
        self.assertEqual(environment.size, "5 arms")
        tasks = environment.tasks("test", 0, 2000, 0).numpy()
        self.assertAllInRange(tasks, 0.0, 1.0)
        found = environment.references(tasks)
        self.assertAllClose(found["random actions"], 20 * tasks.sum(1))
        self.assertAllClose(found["best policy"], 100 * tasks.max(1))
        # The largest of k uniform numbers is k / (k + 1) on average.
        self.assertAllClose(
            np.mean(found["best policy"]), 100 * 5 / 6, atol=1.3, rtol=0
        )
        with self.assertRaisesRegex(InputError, "^arms: 0 .*1 or more"):
            environments.create("bandit", arms=0)

    def test_resumed_is_uninterrupted(self):
        def everything(step):
            return [*step.model.get_weights(), *step.optimizer.variables]

        for update in (rl.TRPO, ppo):
            whole = everything(outer_step(3, None, update))
            workdir = self.create_tempdir().full_path
            outer_step(1, workdir, update)
            # Weights come from the checkpoint alone.
            parts = everything(outer_step(3, workdir, update, seed=1))
            for one, other in zip(whole, parts, strict=True):
                self.assertAllEqual(one, other)

    @parameterized.parameters(rl.TRPO, ppo)
    @pytest.mark.slow
    def test_learns_to_learn(self, update):
        def after(step, greedy):
            return rl.PolicyMetaTest(
                step.algorithm,
                step.environment,
                rl.Sampling(rollouts=1, discount=0.0),
                num_tasks=200,
                steps=1,
                tasks_per_call=200,
                greedy=greedy,
            )().metric

        begun = after(outer_step(0, update=update), False)
        step = outer_step(30, update=update)
        learned, chosen = after(step, False), after(step, True)
        # Of 20 pulls, 10 pay at random and 15 of the best arm.
        self.assertLess(begun[1], 12.0)
        self.assertBetween(learned[0], 9.0, 11.0)
        self.assertGreater(learned[1], 12.8)
        self.assertGreater(chosen[1], 12.8)


if __name__ == "__main__":
    tf.test.main()
