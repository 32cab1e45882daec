"""Adapts a policy to tasks: act, take a gradient step, act again."""

import math

import tensorflow as tf

from maml_tf import registry
from maml_tf.algorithms import Algorithm
from maml_tf.errors import InputError, refusal
from maml_tf.functional.testing import check_meta_gradient
from maml_tf.graph.over_tasks import over_tasks
from maml_tf.graph.random_streams import fold_in
from maml_tf.rl.environments.environment import Environment
from maml_tf.rl.policy import Policy
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trajectories import Trajectories

# Entries of `maml_tf.algorithms` that can adapt by rollouts.
ALGORITHMS = (
    "anil",
    "boil",
    "fomaml",
    "maml",
    "meta_sgd",
    "oracle",
    "pretrain",
    "scratch",
)


class PolicyAdaptation:
    """Collects rollouts before each inner step and after the last.

    These are lines 4 to 8 of algorithm 3 of Finn et al. (2017).

    Args:
        algorithm: One of `maml_tf.algorithms`; its inner loop adapts.
        environment: A `maml_tf.rl.environments.Environment`.
        sampling: A `maml_tf.rl.sampling.Sampling`.

    Raises:
        InputError: The algorithm cannot adapt by rollouts, or the model's
            outputs do not fit the environment's actions.
    """

    def __init__(
        self, algorithm: Algorithm, environment: Environment, sampling: Sampling
    ) -> None:
        name = registry.ALGORITHMS.name_of(type(algorithm))
        if name in registry.ALGORITHMS.names():
            check_available(name)
        self.algorithm = algorithm
        self.environment = environment
        self.sampling = sampling
        _check_outputs(algorithm.model, environment)
        self._policy = Policy(algorithm.model, environment.distribution)
        self._greedy = Policy(algorithm.model, environment.distribution, True)
        self._step_compiled = tf.function(self._step, autograph=False)
        self._batch_compiled = tf.function(sampling.batch, autograph=False)

    def __call__(
        self,
        tasks: tf.Tensor,
        steps: int,
        seed: tf.Tensor,
        own: slice = slice(None),
        greedy: bool = False,
    ) -> tuple[list[Trajectories], list]:
        """Adapts to some tasks.

        It is pure TensorFlow if the environment is; otherwise call it eagerly.

        Args:
            tasks: Parameters of the tasks, `[tasks, task_size]`.
            steps: Gradient steps K.
            seed: Stateless seed, an int64 tensor `[2]`.
            own: The tasks to adapt to here; other replicas adapt to the others.
                Defaults to all.
            greedy: Whether the returned rollouts are other ones, of the most
                probable actions. Steps are always on drawn actions.

        Returns:
            `(trajectories, batches)`, lists of length K + 1: the policy's
            rollouts at φ_0 … φ_K, and a loss's batch of each.
        """
        number = tasks[own].shape[0]
        phi, slots, _ = self.algorithm.inner_loop.begin(self.algorithm.theta())
        phi, slots = tf.nest.map_structure(
            lambda t: tf.repeat(t[tf.newaxis], number, axis=0), (phi, slots)
        )
        path, batches = [], []
        for step in range(steps + 1):
            arguments = (
                phi,
                tasks,
                self.sampling.rollouts,
                fold_in(seed, step),
                own,
            )
            trajectories = self._sample(self._policy, *arguments)
            batches.append(self._batch_compiled(trajectories))
            if greedy:
                trajectories = self._sample(self._greedy, *arguments)
            path.append(trajectories)
            if step < steps:
                phi, slots = self._step_compiled(phi, slots, *batches[-1])
        return path, batches

    def check_meta_gradient(self, tasks: tf.Tensor, seed: int = 0) -> None:
        """Checks second derivatives on a task's rollouts before adaptation.

        Args:
            tasks: Parameters of tasks; the first is taken.
            seed: Seed of the rollouts and of directions.

        Raises:
            InputError: As in `maml_tf.testing.check_meta_gradient`.
        """
        _, batches = self(tasks[:1], 0, tf.constant([seed, 0], tf.int64))
        x, y = tf.nest.map_structure(lambda t: t[0], batches[0])
        check_meta_gradient(
            self.algorithm.model, self.algorithm.loss, x, y, seed=seed
        )

    def _sample(self, policy, *arguments):
        trajectories = self.environment.sample(policy, *arguments)
        return _with_divergence(trajectories)

    def _step(self, phi, slots, x, y):
        inner_loop = self.algorithm.inner_loop

        def step(phi, slots, x, y):
            state = inner_loop.functional_model.state()
            phi, slots, *_ = inner_loop.step(phi, slots, state, x, y)
            return phi, slots

        return over_tasks(step, phi, slots, x, y)


def check_available(name: str) -> None:
    """Refuses an algorithm that cannot adapt by rollouts.

    Args:
        name: Its name in `maml_tf.algorithms`.

    Raises:
        InputError: It is not one of `ALGORITHMS`.
    """
    if name not in ALGORITHMS:
        available = f"available for policies: {', '.join(ALGORITHMS)}"
        raise refusal("algorithm", name, available)


def _with_divergence(trajectories):
    """Makes rewards NaN where a policy's outputs are not finite numbers.

    Actions that are real numbers show this themselves; integers do not.
    """
    if not trajectories.actions.dtype.is_integer:
        return trajectories
    finite = tf.reduce_all(tf.math.is_finite(trajectories.outputs), -1)
    return trajectories._replace(
        rewards=tf.where(
            finite | (trajectories.mask == 0), trajectories.rewards, math.nan
        )
    )


def _check_outputs(model, environment):
    """Refuses a model of another number of outputs than actions need."""
    number = model.output_shape[-1]
    needed = environment.distribution.outputs_size(environment.action_size)
    if number != needed:
        raise InputError(
            f"model: it has {number} outputs; for the actions of environment"
            f" {environment.name!r} it must have {needed}."
        )
