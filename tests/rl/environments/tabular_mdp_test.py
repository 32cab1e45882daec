import itertools

import numpy as np
import tensorflow as tf

from maml_tf import InputError
from maml_tf.rl import environments
from maml_tf.rl.policy import Policy, categorical_mlp
from tests.helpers.rollouts import sample


class TabularMDPTest(tf.test.TestCase):
    def test_tasks_are_those_of_the_paper(self):
        environment = environments.create("tabular_mdp", observes_task=True)
        self.assertEqual(environment.size, "10 states, 5 actions")
        self.assertEqual(environment.horizon, 10)
        self.assertEqual(environment.observation_size, 10 + 50 + 500)
        tasks = environment.tasks("train", 0, 200, 0)
        means, probabilities = environment.parts(tasks)
        # Ten thousand numbers of N(1, 1).
        self.assertAllClose(np.mean(means), 1.0, atol=0.04, rtol=0)
        self.assertAllClose(np.std(means), 1.0, atol=0.04, rtol=0)
        self.assertAllInRange(probabilities, 0.0, 1.0)
        self.assertAllClose(
            tf.reduce_sum(probabilities, -1), np.ones([200, 10, 5])
        )
        # Of a flat Dirichlet distribution of n: (n − 1) / n² / (n + 1).
        self.assertAllClose(
            np.var(probabilities), 9 / 100 / 11, atol=2e-4, rtol=0
        )
        for options in ({"states": 0}, {"actions": 0}):
            (name,) = options
            with self.assertRaisesRegex(InputError, f"^{name}: 0 .*1 or more"):
                environments.create("tabular_mdp", **options)

    def test_rewards_and_moves(self):
        environment = environments.create(
            "tabular_mdp", states=2, actions=2, horizon=20
        )
        tasks = environment.tasks("train", 0, 2, 0)
        means, probabilities = environment.parts(tasks)
        policy = Policy(
            categorical_mlp(2, 2, (4,), seed=0), environment.distribution
        )
        got = sample(environment, tasks, 100, policy=policy)
        states = got.observations.argmax(-1)
        self.assertAllEqual(got.observations.sum(-1), np.ones([2, 100, 20]))
        self.assertAllEqual(states[:, :, 0], np.zeros([2, 100]))
        self.assertAllEqual(got.mask, np.ones([2, 100, 20]))
        for task, state, action in itertools.product(range(2), repeat=3):
            taken = (states[task] == state) & (got.actions[task] == action)
            number = taken.sum()
            self.assertGreater(number, 50)
            mean = means[task, state, action].numpy()
            deviations = got.rewards[task][taken] - mean
            # Four standard deviations.
            most = 4 / number**0.5
            self.assertLess(abs(deviations.mean()), most)
            self.assertLess(abs((deviations**2).mean() - 1), 1.5 * most)
            following = states[task][:, 1:][taken[:, :-1]]
            self.assertAllClose(
                following.mean(),
                probabilities[task, state, action, 1],
                atol=most / 2,
                rtol=0,
            )

    def test_references_are_those_of_all_policies(self):
        environment = environments.create(
            "tabular_mdp", states=2, actions=2, horizon=2
        )
        tasks = environment.tasks("train", 0, 5, 0)
        found = environment.references(tasks)
        for task in range(5):
            means, probabilities = (
                part[task].numpy() for part in environment.parts(tasks)
            )
            # An action at first, then one for each state that may follow.
            returns = [
                means[0, first]
                + probabilities[0, first] @ means[[0, 1], list(then)]
                for first, *then in itertools.product(range(2), repeat=3)
            ]
            self.assertAllClose(found["best policy"][task], max(returns))
            self.assertAllClose(found["random actions"][task], np.mean(returns))


if __name__ == "__main__":
    tf.test.main()
