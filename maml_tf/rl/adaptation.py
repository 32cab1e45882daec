"""Adapts a policy to tasks: act, take a gradient step, act again."""

import tensorflow as tf

from maml_tf import registry
from maml_tf.algorithms import Algorithm
from maml_tf.errors import refusal
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
        InputError: The algorithm cannot adapt by rollouts.
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
        self._policy = Policy(algorithm.model)
        self._step_compiled = tf.function(self._step, autograph=False)
        self._batch_compiled = tf.function(sampling.batch, autograph=False)

    def __call__(
        self,
        tasks: tf.Tensor,
        steps: int,
        seed: tf.Tensor,
        own: slice = slice(None),
    ) -> tuple[list[Trajectories], list]:
        """Adapts to some tasks.

        It is pure TensorFlow if the environment is; otherwise call it eagerly.

        Args:
            tasks: Parameters of the tasks, `[tasks, task_size]`.
            steps: Gradient steps K.
            seed: Stateless seed, an int64 tensor `[2]`.
            own: The tasks to adapt to here; other replicas adapt to the others.
                Defaults to all.

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
            trajectories = self.environment.sample(
                self._policy,
                phi,
                tasks,
                self.sampling.rollouts,
                fold_in(seed, step),
                own,
            )
            path.append(trajectories)
            batches.append(self._batch_compiled(trajectories))
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
