"""Meta-testing of policies: returns on new tasks, by gradient step."""

from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.algorithms import Algorithm
from maml_tf.algorithms.missing_derivatives import missing_derivatives_refused
from maml_tf.errors import check_at_least_one, refusal
from maml_tf.evaluation.curve import Curve, calls
from maml_tf.graph.random_streams import Stream, stream
from maml_tf.rl.adaptation import PolicyAdaptation
from maml_tf.rl.environments.environment import Environment
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trajectories import Trajectories, returns


class PolicyMetaTest:
    """Adapts to held-out tasks, with fresh rollouts before every step.

    The functions are compiled once and can be called again as the policy
    learns.

    Args:
        algorithm: One of `maml_tf.algorithms`.
        environment: A `maml_tf.rl.environments.Environment`.
        sampling: A `maml_tf.rl.sampling.Sampling`.
        split: The split of the tasks.
        num_tasks: Tasks number 0 … `num_tasks − 1` are used.
        steps: Gradient steps, 0 or more.
        seed: Seed of tasks, rollouts and actions.
        tasks_per_call: Tasks that act together; the progress bar moves after
            each call.
        greedy: Whether returns are of the most probable actions. Gradient steps
            are on drawn actions all the same.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        environment: Environment,
        sampling: Sampling,
        *,
        split: str = "test",
        num_tasks: int = 40,
        steps: int = 3,
        seed: int = 0,
        tasks_per_call: int = 40,
        greedy: bool = False,
    ) -> None:
        check_at_least_one(num_tasks=num_tasks, tasks_per_call=tasks_per_call)
        if steps < 0:
            raise refusal("steps", steps, "it must be 0 or more")
        self.num_tasks = num_tasks
        self._steps = steps
        self._tasks_per_call = min(tasks_per_call, num_tasks)
        adapt = PolicyAdaptation(algorithm, environment, sampling)

        def trajectories(first, count, start, stop):
            tasks = environment.tasks(split, first, count, seed)
            test_seed = stream(seed, Stream.TEST_ROLLOUTS, first)
            own = slice(start, stop)
            path, _ = adapt(tasks, steps, test_seed, own, greedy)
            return path

        if environment.in_graph:
            trajectories = tf.function(trajectories, autograph=False)
        self._trajectories = trajectories
        self._check = lambda: adapt.check_meta_gradient(
            environment.tasks(split, 0, 1, seed)
        )

    def __call__(self, progress: bool = False, workers: Any = None) -> Curve:
        """Returns the `Curve` of the policy as it is now.

        Its metric is the mean return of a task's rollouts, not discounted, and
        its loss the same with the other sign.

        Args:
            progress: Whether to show a progress bar, on a terminal.
            workers: As in `maml_tf.MetaTest`.
        """
        by_task = []
        count = self._tasks_per_call
        own = workers.share(count) if workers else range(count)
        for first in calls(self.num_tasks, count, progress):
            rows = np.zeros([count, self._steps + 1], np.float32)
            if own:
                path = self.trajectories(first, count, own)
                means = [returns(t).numpy().mean(-1) for t in path]
                rows[own.start : own.stop] = np.stack(means, -1)
            by_task.append(workers.gather(rows).sum(0) if workers else rows)
        metrics = np.concatenate(by_task)[: self.num_tasks]
        return Curve(-metrics, metrics)

    def trajectories(
        self, first: int, count: int, own: range | None = None
    ) -> list[Trajectories]:
        """Returns the policy's rollouts in some tasks.

        Args:
            first: Number of the first task.
            count: Number of tasks.
            own: Those among them whose rollouts are returned, counted from
                `first`. Defaults to all.

        Returns:
            A list over steps 0 … K of `Trajectories`, leading axis `tasks`.

        Raises:
            InputError: TensorFlow has no derivative for an operation of the
                policy.
        """
        with missing_derivatives_refused(self._check):
            own = range(count) if own is None else own
            return self._trajectories(
                tf.constant(first, tf.int64), count, own.start, own.stop
            )
