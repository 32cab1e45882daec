r"""Times 2D navigation in the graph, and in Python with NumPy.

    python benchmarks/environment_speed.py

Prints steps a second of navigation_2d, whole rollouts in one `tf.function`, and
of the same environment in NumPy, where a call moves one point, as in the
official code. Actions are random, which times the environment alone, or come
from a policy with two layers of 100. Each figure is the fastest of --repeats
runs.
"""

import time

from maml_tf.commands.experiments import supervised  # isort: skip, quiet
import numpy as np
import tensorflow as tf
from absl import flags

from maml_tf.reports import tables
from maml_tf.rl.environments.navigation_2d import Navigation2D
from maml_tf.rl.policy import Policy, gaussian_mlp

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_integer("tasks", 40, "Goals.", lower_bound=1)
flags.DEFINE_integer("rollouts", 20, "Rollouts to each goal.", lower_bound=1)
flags.DEFINE_integer("horizon", 100, "Steps of a rollout.", lower_bound=1)
flags.DEFINE_integer("repeats", 5, "Runs of each.", lower_bound=1)

# Rollouts timed in NumPy; more would not change the time per step.
_FEW = 20


class _RandomPolicy:
    """Standard normal actions, without a network."""

    def act(self, phi, observations, noise):
        del phi, observations
        return noise, tf.concat([noise, noise], -1)


class _Point:
    """Navigation as in the official code: one point, which a call moves."""

    def __init__(self, goal):
        self._goal = goal
        self._position = np.zeros(2, np.float32)

    def step(self, action):
        self._position = self._position + np.clip(0.1 * action, -0.1, 0.1)
        x, y = self._position - self._goal
        reward = -((x**2 + y**2) ** 0.5)
        done = abs(x) < 0.01 and abs(y) < 0.01
        return np.copy(self._position), reward, done


def main(argv: list[str]) -> int:
    """Times both and prints a table; returns the exit status."""
    del argv
    model = gaussian_mlp(2, 2, seed=0)
    arrays = [v.numpy() for v in model.trainable_variables]
    networks = {
        "random": (_RandomPolicy(), None),
        "policy": (Policy(model), arrays),
    }
    rows = [["actions", "in the graph, steps/s", "NumPy, steps/s", "times"]]
    for name, (policy, weights) in networks.items():
        in_graph = _in_graph(policy, arrays)
        in_python = _in_python(weights)
        rows.append(
            [
                name,
                f"{in_graph:,.0f}",
                f"{in_python:,.0f}",
                f"{in_graph / in_python:.1f}",
            ]
        )
    print(
        f"navigation_2d, {FLAGS.tasks} tasks × {FLAGS.rollouts} rollouts ×"
        f" {FLAGS.horizon} steps, fastest of {FLAGS.repeats}; NumPy: {_FEW}"
        f" rollouts\n\n{tables.columns(rows)}"
    )
    return 0


def _in_graph(policy, weights):
    environment = Navigation2D(horizon=FLAGS.horizon)
    phi = [tf.repeat(w[np.newaxis], FLAGS.tasks, 0) for w in weights]

    @tf.function(autograph=False)
    def sample(phi, seed):
        goals = environment.tasks("train", 0, FLAGS.tasks, 0)
        return environment.sample(policy, phi, goals, FLAGS.rollouts, seed)

    seed = tf.constant([0, 1], tf.int64)
    # Reading a number waits for all of them.
    return _pace(
        lambda: sample(phi, seed).rewards.numpy(), FLAGS.tasks * FLAGS.rollouts
    )


def _in_python(weights):
    rng = np.random.default_rng(0)
    goals = rng.uniform(-0.5, 0.5, (_FEW, 2)).astype(np.float32)
    noise = rng.standard_normal((_FEW, FLAGS.horizon, 2), np.float32)

    def run():
        for goal, noise_of_rollout in zip(goals, noise):
            point, position = _Point(goal), np.zeros(2, np.float32)
            for action in noise_of_rollout:
                if weights is not None:
                    action = _act(weights, position, action)
                position, *_ = point.step(action)

    return _pace(run, _FEW)


def _act(weights, x, noise):
    *hidden, kernel, bias, log_deviation = weights
    for w, b in zip(hidden[::2], hidden[1::2]):
        x = np.maximum(x @ w + b, 0)
    return x @ kernel + bias + np.exp(log_deviation) * noise


def _pace(function, rollouts):
    """Returns steps a second of the fastest run, after one that compiles."""
    function()
    times = []
    for _ in range(FLAGS.repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return rollouts * FLAGS.horizon / min(times)


if __name__ == "__main__":
    supervised.run(main)
