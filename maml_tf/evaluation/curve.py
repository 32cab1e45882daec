"""Adaptation curves: loss and metric on new tasks, step by step."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from maml_tf.algorithms import Algorithm
from maml_tf.episodes.generated import GeneratedEpisodes
from maml_tf.episodes.told_apart import for_each_task
from maml_tf.errors import check_at_least_one, refusal
from maml_tf.evaluation.intervals import interval
from maml_tf.evaluation.some_steps import curve_at
from maml_tf.functional.model import variables_read_once
from maml_tf.functional.trainability import Trainability
from maml_tf.graph import execution
from maml_tf.graph.custom_gradients import Forgetting
from maml_tf.graph.loop_body import loop_body
from maml_tf.graph.random_streams import Stream, stream


@dataclasses.dataclass(frozen=True)
class Curve:
    """The query loss and metric by task and inner step.

    Attributes:
        losses: Float array `[num_tasks, steps + 1]`.
        metrics: Float array `[num_tasks, steps + 1]`.
    """

    losses: np.ndarray
    metrics: np.ndarray

    @property
    def num_tasks(self) -> int:
        """Returns the number of tasks that the means are over."""
        return len(self.metrics)

    @property
    def loss(self) -> np.ndarray:
        """Returns the mean loss by step, `[steps + 1]`."""
        return self.losses.mean(0)

    @property
    def metric(self) -> np.ndarray:
        """Returns the mean metric by step, `[steps + 1]`."""
        return self.metrics.mean(0)

    @property
    def ci95(self) -> np.ndarray:
        """Returns half the metric's 95 % interval by step, `[steps + 1]`."""
        return interval(self.metrics)


class MetaTest:
    """Adapts to many tasks and evaluates each step on the query set.

    The function is compiled once and can be called again as the model learns.

    Args:
        algorithm: The algorithm that adapts, one of `maml_tf.algorithms`.
        episodes: Function `number -> Episode`: pure TensorFlow, or of Python.
        num_tasks: Tasks number 0 … `num_tasks − 1` are used.
        steps: Inner steps, 0 or more.
        evaluated: The numbers of steps after which the query set is evaluated,
            one for each column of the `Curve`. Many steps are faster with a few
            of them. Defaults to 0 … `steps`.
        seed: Seed of dropout and minibatches within tasks.
        parallel_tasks: Tasks that may run at the same time; None: as many as
            there are threads.
        tasks_per_call: Tasks in one compiled call; the progress bar moves after
            each call.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        episodes: Callable,
        *,
        num_tasks: int = 600,
        steps: int = 1,
        evaluated: Sequence[int] | None = None,
        seed: int = 0,
        parallel_tasks: int | None = None,
        tasks_per_call: int = 25,
    ) -> None:
        if parallel_tasks is None:
            parallel_tasks = execution.tasks_at_once(tasks_per_call)
        check_at_least_one(
            num_tasks=num_tasks,
            tasks_per_call=tasks_per_call,
            parallel_tasks=parallel_tasks,
        )
        if steps < 0:
            raise refusal("steps", steps, "it must be 0 or more")
        for step in evaluated or ():
            if not 0 <= step <= steps:
                raise refusal(
                    "evaluated", step, f"it must be from 0 to steps = {steps}"
                )
        columns = steps + 1 if evaluated is None else len(evaluated)
        self.num_tasks = num_tasks
        self._columns = columns
        self._tasks_per_call = min(tasks_per_call, num_tasks)
        episodes = for_each_task(episodes, algorithm.model)
        # Others could not begin in the middle of a generator.
        self._come_in_order = isinstance(episodes, GeneratedEpisodes)

        @tf.function(
            autograph=False, input_signature=[tf.TensorSpec([None], tf.int64)]
        )
        def curves(numbers):
            theta = algorithm.theta()

            @loop_body
            def curve(theta, episode, task_seed):
                if evaluated is None:
                    values = algorithm.curve(theta, episode, steps, task_seed)
                else:
                    values = curve_at(
                        algorithm, theta, episode, evaluated, task_seed
                    )
                # A user's loss may be of another dtype.
                return tuple(tf.cast(value, tf.float32) for value in values)

            def task_curve(number):
                task_seed = adaptation_seed(seed, number)
                return curve(theta, episodes(number), task_seed)

            with variables_read_once(algorithm.model):
                return tf.map_fn(
                    task_curve,
                    numbers,
                    fn_output_signature=(
                        tf.TensorSpec([columns]),
                        tf.TensorSpec([columns]),
                    ),
                    parallel_iterations=parallel_tasks,
                )

        self._curves = curves
        self._trainability = Trainability(algorithm.model)
        self._forget = Forgetting(self, self._curves)

    def __call__(self, progress: bool = False, workers: Any = None) -> Curve:
        """Returns the `Curve` of the model as it is now.

        Args:
            progress: Whether to show a progress bar, on a terminal.
            workers: The `maml_tf.training.workers.Workers` among whom the tasks
                are divided; each gets the curve of all. Defaults to this
                process alone.
        """
        self._trainability.check("MetaTest")
        if self._come_in_order:
            workers = None
        tasks = range(self.num_tasks)
        if workers is not None:
            tasks = workers.share(self.num_tasks)
        curves = np.zeros([2, self.num_tasks, self._columns], np.float32)
        count = self._tasks_per_call
        for begun in calls(len(tasks), count, progress):
            # No task beyond the last: a source of episodes may end there.
            part = tasks[begun : begun + count]
            numbers = tf.range(part.start, part.stop, dtype=tf.int64)
            curves[:, part.start : part.stop] = self._curves(numbers)
            self._forget(numbers)
        if workers is not None:
            curves = workers.gather(curves).sum(0)
        return Curve(*curves)


def calls(
    num_tasks: int, tasks_per_call: int, progress: bool = False
) -> Iterator[int]:
    """Yields the number of the first task of each call of a meta-test.

    The last call may run over; the caller drops the tasks beyond the end.

    Args:
        num_tasks: Tasks in all.
        tasks_per_call: Tasks of a call; the progress bar moves after each.
        progress: Whether to show a progress bar, on a terminal.
    """
    with tqdm(
        total=num_tasks,
        desc="meta-testing",
        unit="task",
        disable=None if progress else True,
    ) as bar:
        for first in range(0, num_tasks, tasks_per_call):
            yield first
            bar.update(min(tasks_per_call, num_tasks - first))


def adaptation_seed(seed: int, number: int | tf.Tensor) -> tf.Tensor:
    """Returns the seed of dropout and minibatches in a test task.

    Args:
        seed: A Python integer, the test's seed.
        number: The task's number.

    Returns:
        An int64 tensor `[2]`.
    """
    return stream(seed, Stream.TEST_TASKS, number)


def meta_test(
    algorithm: Algorithm,
    episodes: Callable,
    *,
    progress: bool = False,
    **options: Any,
) -> Curve:
    """Returns the mean and 95 % interval over tasks after every inner step.

    Args:
        algorithm: The algorithm that adapts, one of `maml_tf.algorithms`.
        episodes: Function `number -> Episode`, pure TensorFlow or of Python, of
            any way, shot and query.
        progress: Whether to show a progress bar, on a terminal.
        **options: `num_tasks` (600), `steps`, `seed`, `parallel_tasks`; see
            `MetaTest`.

    Returns:
        A `Curve`.
    """
    return MetaTest(algorithm, episodes, **options)(progress=progress)
