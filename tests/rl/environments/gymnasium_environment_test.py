import contextlib
import os
import pathlib
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError
from maml_tf.graph.random_streams import fold_in, random_normal
from maml_tf.rl import categorical, environments
from maml_tf.rl.policy import Policy, categorical_mlp

gymnasium = pytest.importorskip("gymnasium")

from tests.helpers import tiny_environments  # noqa: E402
from tests.helpers.rollouts import SEED, own_seeds, policy_of, sample  # noqa: E402


def walk(name="Walk", **options):
    options = {"horizon": 6, "workers": 0} | options
    return environments.create(
        f"gymnasium:{tiny_environments.SOURCE}{name}", **options
    )


class GymnasiumEnvironmentTest(tf.test.TestCase, parameterized.TestCase):
    def test_sizes_and_name(self):
        environment = walk(observes_task=True)
        self.assertStartsWith(environment.name, "gymnasium:")
        self.assertFalse(environment.in_graph)
        self.assertEqual(environment.own_observation_size, 2)
        self.assertEqual(environment.observation_size, 3)
        self.assertEqual(environment.action_size, 1)
        self.assertEqual(environment.task_size, 1)
        self.assertEqual(environment.horizon, 6)

    def test_transitions(self):
        environment = walk(horizon=12, observes_task=True)
        tasks = environment.tasks("train", 0, 2, 0)
        got = sample(environment, tasks)
        # Recorded actions are the policy's own.
        noise = random_normal([12, 2, 3, 1], fold_in(SEED, 0)).numpy()
        mean, log_deviation = np.split(got.outputs, 2, -1)
        alive = got.mask[..., np.newaxis]
        self.assertAllClose(
            got.actions * alive,
            alive * (mean + np.exp(log_deviation) * np.moveaxis(noise, 0, 2)),
        )
        self.assertAllEqual(
            got.observations[..., 2] * got.mask,
            np.broadcast_to(tasks[:, np.newaxis], [2, 3, 12]) * got.mask,
        )
        seeds = own_seeds(2, 3)
        for task in range(2):
            for rollout in range(3):
                rng = np.random.default_rng(seeds[task, rollout])
                place = rng.random()
                for time in range(12):
                    self.assertEqual(got.mask[task, rollout, time], 1.0)
                    self.assertAllClose(
                        got.observations[task, rollout, time, :2],
                        [place, rng.random()],
                    )
                    # −1 is 0 of the box from 0 to 4, and 1 is 4.
                    action = 2 + 2 * got.actions[task, rollout, time, 0]
                    moved = np.clip(action, 0, 4)
                    place += moved
                    self.assertAllClose(
                        got.rewards[task, rollout, time], moved * tasks[task, 0]
                    )
                    if place >= 20:
                        break
                self.assertAllEqual(
                    got.mask[task, rollout],
                    np.arange(12) <= time,
                )
        lengths = got.mask.sum(-1)
        self.assertGreater(len(set(lengths.ravel())), 1)
        self.assertAllInRange(lengths, 5, 11)

    @parameterized.parameters("Unbounded", "WideOpen")
    def test_unbounded_actions_are_taken_as_they_are(self, name):
        environment = walk(name, horizon=2)
        tasks = tf.constant([[1.0], [3.0]])
        got = sample(environment, tasks)
        self.assertGreater(abs(got.actions).max(), 1.0)
        self.assertAllClose(
            got.rewards, got.actions[..., 0] * tasks.numpy()[:, np.newaxis]
        )

    def test_rollouts_that_all_ended_are_not_stepped_on(self):
        environment = walk("Unbounded", horizon=50)
        policy = policy_of(environment)
        calls = []
        act = policy.act_compiled

        def act_fast(phi, observations, noise):
            calls.append(1)
            actions, outputs = act(phi, observations, noise)
            return actions + 10.0, outputs

        policy.act_compiled = act_fast
        got = sample(environment, policy=policy)
        self.assertAllEqual(got.mask[..., 4:], np.zeros([2, 3, 46]))
        self.assertLessEqual(len(calls), 4)
        self.assertAllEqual(got.rewards[..., 4:], np.zeros([2, 3, 46]))

    def test_any_number_of_workers_gives_the_same_rollouts(self):
        here = walk(horizon=12)
        expected = {n: sample(here, 2, n) for n in (1, 3, 4)}
        # More workers than rollouts, shares of unlike size, more and fewer
        # environments than in the call before.
        environment = walk(horizon=12, workers=3)
        for rollouts in (3, 1, 4, 3):
            with self.subTest(rollouts=rollouts):
                got = sample(environment, 2, rollouts)
                for one, other in zip(got, expected[rollouts]):
                    self.assertAllEqual(one, other)
        environment.close()

    def test_seeds_make_the_rollouts(self):
        environment = walk()
        first = sample(environment)
        for one, other in zip(sample(environment), first):
            self.assertAllEqual(one, other)
        other = sample(environment, seed=fold_in(SEED, 1))
        self.assertNotAllClose(first.observations, other.observations)
        starts = first.observations[:, :, 0, 0].ravel()
        self.assertLen(set(starts), 6)

    def test_tasks_are_functions_of_split_seed_and_number(self):
        environment = walk()
        tasks = environment.tasks("train", 0, 20, 3)
        self.assertEqual(tasks.dtype, tf.float32)
        self.assertEqual(tasks.shape, [20, 1])
        self.assertAllInRange(tasks, 1.0, 2.0)
        self.assertLen(set(tasks.numpy().ravel()), 20)
        self.assertAllEqual(environment.tasks("train", 7, 2, 3), tasks[7:9])
        for split, seed in (("valid", 3), ("test", 3), ("train", -1)):
            others = environment.tasks(split, 0, 20, seed)
            self.assertNotAllClose(others, tasks)

    def test_a_wrapper_may_have_the_task_and_truncate(self):
        got = sample(walk("Wrapped"), tf.constant([[1.0], [2.0], [3.0]]), 1)
        self.assertAllEqual(got.mask[:, 0], np.tril(np.ones([3, 6])))

    def test_workers_have_no_tensorflow(self):
        environment = walk("SeesTensorFlow", workers=1, horizon=1)
        self.assertAllEqual(sample(environment, 1, 1).rewards, [[[0.0]]])
        environment.close()

    @parameterized.parameters(0, 2)
    def test_discrete_actions_are_drawn_and_counted_from_the_start(
        self, workers
    ):
        environment = walk("Discrete", workers=workers, horizon=4)
        self.assertEqual(environment.action_size, 3)
        model = categorical_mlp(2, 3, (4,), seed=0)
        policy = Policy(model, environment.distribution)
        got = sample(environment, 2, 3, policy=policy)
        environment.close()
        self.assertEqual(got.actions.dtype, np.int64)
        self.assertEqual(got.actions.shape, (2, 3, 4))
        noise = categorical.noise([4, 2, 3], 3, fold_in(SEED, 0)).numpy()
        drawn = np.argmax(got.outputs + np.moveaxis(noise, 0, 2), -1)
        self.assertAllEqual(got.actions * got.mask, drawn * got.mask)
        self.assertGreater(len(set(drawn.ravel())), 1)
        # The environment counts them from 5.
        observed = got.observations[:, :, 1:, 1]
        going = got.mask[:, :, 1:]
        self.assertAllEqual(
            observed * going, (5 + got.actions[:, :, :-1]) * going
        )

    @parameterized.parameters(0, 2)
    def test_what_an_environment_raises_is_one_sentence(self, workers):
        environment = walk("Raises", workers=workers)
        raising = tf.constant([[1.0], [2.0]])
        for _ in range(2):
            with self.assertRaisesRegex(
                InputError,
                r"^environment: 'gymnasium:.*:Raises' raised ValueError: the"
                r" floor is gone \(tiny_environments.py, line \d+\)\.$",
            ):
                sample(environment, raising)
            # It goes on after that.
            got = sample(environment, tf.constant([[1.0]]), 1)
            self.assertAllEqual(got.mask[0, 0, :2], [1.0, 1.0])
        environment.close()

    def test_a_worker_that_ends_is_told_of(self):
        with self.assertRaisesRegex(
            InputError, "Dies' ended its worker process with status 3; with"
        ):
            sample(walk("Dies", workers=2))

    @parameterized.parameters(
        ("NoNumber", "gave observations that are not finite.*step 1 "),
        ("NoReward", "gave rewards that are not finite.*step 0 "),
    )
    def test_what_is_not_finite_is_refused(self, name, message):
        with self.assertRaisesRegex(InputError, f"{name}' {message}"):
            sample(walk(name))

    @parameterized.parameters(
        (
            "MultiDiscrete",
            r"has the actions MultiDiscrete\(\[2 3\]\); .*Box or",
        ),
        ("MultiBinary", r"has the actions MultiBinary\(2\); .*Box or Discrete"),
        ("Dict", r"has the actions Dict\(.*\); they must be a Box or Discrete"),
        ("DiscreteObservations", r"the observations Discrete\(4\); .* a Box"),
        ("Taskless", r"has no method sample_task\(rng\)"),
        ("Refuses", "raised RuntimeError: no more tasks"),
        ("Matrix", "must return a 1-D array"),
        ("Missing", "cannot be made, AttributeError: .*'Missing'"),
    )
    def test_what_cannot_be_used_is_refused(self, name, message):
        with self.assertRaisesRegex(InputError, message):
            walk(name)

    def test_tasks_are_all_as_long(self):
        with self.assertRaisesRegex(
            InputError, "all must have the same length"
        ):
            walk("Uneven").tasks("train", 0, 10, 0)

    @parameterized.parameters(
        ("Walk-v0", "Environment `Walk` doesn't exist"),
        ("no.such:Walk-v0", "No module named 'no'"),
        ("no/such.py:Walk", "No such file"),
    )
    def test_what_is_not_there_is_refused(self, argument, message):
        with self.assertRaisesRegex(
            InputError, f"^environment: 'gymnasium:{argument}' .*{message}"
        ):
            environments.create(f"gymnasium:{argument}")

    def test_workers_are_not_negative(self):
        with self.assertRaisesRegex(InputError, "^workers: -1 was given"):
            walk(workers=-1)

    @parameterized.parameters("gymnasium", "mujoco")
    def test_without_the_extra_a_sentence_says_what_to_install(self, package):
        with (
            without(package),
            self.assertRaisesRegex(
                InputError,
                f"^environment: 'half_cheetah_velocity' needs {package}, which"
                r' is not installed; `pip install "maml_tf\[rl\]"` installs it,'
                r' or in a checkout `pip install "\.\[rl\]"`\.$',
            ),
        ):
            environments.create("half_cheetah_velocity")

    def test_example(self):
        root = pathlib.Path(__file__).parents[3]
        path = [p for p in sys.path if pathlib.Path(p or ".") != root]
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(root)
        with mock.patch.object(sys, "path", path):
            environment = environments.create(
                "gymnasium:examples.pendulum_spin:PendulumSpin-v0",
                horizon=5,
                workers=1,
            )
            got = sample(environment, tf.constant([[1.0], [-1.0]]))
            environment.close()
        self.assertAllEqual(got.mask, np.ones([2, 3, 5]))
        self.assertEqual(got.observations.shape, (2, 3, 5, 3))
        # Speeds are observed a step later.
        speeds = got.observations[:, :, 1:, 2] / 8
        self.assertAllClose(got.rewards[..., :-1], speeds * [[[1.0]], [[-1.0]]])
        drawn = environment.tasks("train", 0, 20, 0)
        self.assertSetEqual(set(drawn.numpy().ravel()), {1.0, -1.0})


@contextlib.contextmanager
def without(package):
    """As if a package were not installed, and nothing had imported it."""
    parent = environments.__name__
    hidden = {
        name: module
        for name, module in sys.modules.items()
        if name in (f"{parent}.vector_worker", f"{parent}.worker_pool")
    }
    with mock.patch.dict(sys.modules, {package: None}):
        for name in hidden:
            del sys.modules[name]
            delattr(environments, name.rpartition(".")[2])
        try:
            yield
        finally:
            for name, module in hidden.items():
                setattr(environments, name.rpartition(".")[2], module)


if __name__ == "__main__":
    tf.test.main()
