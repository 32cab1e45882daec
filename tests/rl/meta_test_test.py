import functools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError, inner_optimizers
from maml_tf.algorithms import ANIL, FOMAML, MAML, Oracle, Scratch
from maml_tf.rl import environments, losses
from maml_tf.rl.environments.navigation_2d import Navigation2D
from maml_tf.rl.meta_test import PolicyMetaTest
from maml_tf.rl.policy import categorical_mlp, gaussian_mlp
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trajectories import returns


def meta_test(algorithm=MAML, rates=(0.3, 0.1), seed=0, **options):
    environment = Navigation2D(horizon=6, observes_task=algorithm is Oracle)
    model = gaussian_mlp(environment.observation_size, 2, (8,), seed=0)
    optimizer = inner_optimizers.ScheduledGradientDescent(list(rates))
    made = algorithm(model, losses.reinforce, inner_optimizer=optimizer)
    options = {"num_tasks": 3, "steps": 2} | options
    return PolicyMetaTest(made, environment, Sampling(5), seed=seed, **options)


@functools.cache
def metrics():
    """Those of MAML."""
    return meta_test()().metrics


class PolicyMetaTestTest(parameterized.TestCase, tf.test.TestCase):
    def test_returns_are_those_of_the_trajectories(self):
        test = meta_test()
        curve = test()
        path = test.trajectories(0, 3)
        self.assertLen(path, 3)
        for step, trajectories in enumerate(path):
            self.assertEqual(trajectories.rewards.shape, (3, 5, 6))
            self.assertAllClose(
                curve.metrics[:, step],
                np.mean(returns(trajectories), -1),
                rtol=1e-6,
            )
        self.assertAllEqual(curve.losses, -curve.metrics)
        self.assertEqual(curve.num_tasks, 3)

    def test_a_task_does_not_depend_on_how_many_there_are(self):
        whole = meta_test(tasks_per_call=3)()
        again = meta_test(tasks_per_call=3, num_tasks=6)()
        self.assertAllEqual(again.metrics[:3], whole.metrics)

    def test_held_out_tasks_are_others(self):
        splits = [
            meta_test(split=split, steps=0)().metrics
            for split in ("train", "valid", "test")
        ]
        for one in range(3):
            for other in range(one):
                self.assertNotAllClose(splits[one], splits[other])

    def test_rates_are_by_step(self):
        curves = metrics(), meta_test(rates=(0.3, 0))().metrics
        self.assertAllEqual(curves[0][:, :2], curves[1][:, :2])
        self.assertNotAllEqual(curves[0][:, 2], curves[1][:, 2])

    def test_first_order_and_scratch_adapt_alike_at_test(self):
        for algorithm in (FOMAML, Scratch):
            self.assertAllEqual(meta_test(algorithm)().metrics, metrics())

    def test_anil_moves_the_head_alone(self):
        test = meta_test(ANIL)
        self.assertNotAllEqual(test().metrics, metrics())
        path = test.trajectories(0, 1)
        # The same features of the same state: only the head differs, so that
        # outputs at the origin do.
        first, second = (t.outputs[0, 0, 0] for t in path[:2])
        self.assertNotAllEqual(first, second)

    def test_greedy_returns_are_of_the_most_probable_actions(self):
        greedy = meta_test(greedy=True).trajectories(0, 3)
        drawn = meta_test().trajectories(0, 3)
        for step, (one, other) in enumerate(zip(greedy, drawn)):
            self.assertAllEqual(one.actions, one.outputs[..., :2])
            self.assertNotAllEqual(other.actions, other.outputs[..., :2])
            # Gradient steps are on the same drawn actions.
            self.assertAllClose(
                one.outputs[:, :, 0], other.outputs[:, :, 0], msg=f"{step}"
            )

    def test_a_policy_that_has_diverged_is_seen_in_the_returns(self):
        environment = environments.create("bandit", arms=3, horizon=4)
        model = categorical_mlp(1, 3, (4,), seed=0)
        made = MAML(model, losses.reinforce, inner_learning_rate=0.1)
        model.layers[-1].set_weights([np.full([4, 3], np.nan), np.zeros([3])])
        test = PolicyMetaTest(made, environment, Sampling(2), num_tasks=1)
        self.assertAllEqual(np.isnan(test().metrics), np.ones([1, 4]))

    def test_a_model_for_other_actions_is_refused(self):
        made = MAML(gaussian_mlp(1, 3), losses.reinforce)
        for environment, sentence in (
            (environments.create("bandit", arms=3), "it has 6 outputs; .* 3"),
            (Navigation2D(), "it has 6 outputs; .*navigation_2d.* have 4"),
        ):
            with self.assertRaisesRegex(InputError, f"^model: {sentence}"):
                PolicyMetaTest(made, environment, Sampling(2))

    def test_oracle_is_told_and_does_not_adapt(self):
        test = meta_test(Oracle)
        path = test.trajectories(0, 3)
        origin = [t.outputs[:, :, 0] for t in path]
        self.assertAllEqual(origin[0], origin[1])
        self.assertAllEqual(origin[0], origin[2])
        self.assertNotAllEqual(origin[0][0], origin[0][1])  # By the goal.

    @parameterized.parameters(
        ({"num_tasks": 0}, "num_tasks: 0 was given"),
        ({"steps": -1}, "steps: -1 was given"),
    )
    def test_refuses(self, options, sentence):
        with self.assertRaisesRegex(InputError, sentence):
            meta_test(**options)


class SamplingTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        ({"rollouts": 0}, "rollouts: 0 was given"),
        ({"discount": 1.5}, "discount: 1.5 was given"),
        ({"gae_lambda": -0.1}, "gae_lambda: -0.1 was given"),
    )
    def test_refuses(self, options, sentence):
        with self.assertRaisesRegex(InputError, sentence):
            Sampling(**options)


if __name__ == "__main__":
    tf.test.main()
