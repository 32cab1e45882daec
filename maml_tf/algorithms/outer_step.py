"""The compiled meta-update: θ ← θ − β · mean over tasks of the meta-gradient.

(Finn et al. 2017, algorithm 1, line 8.)
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.algorithm import Algorithm, MetaGradient
from maml_tf.algorithms.missing_derivatives import missing_derivatives_refused
from maml_tf.algorithms.updates import Updates
from maml_tf.episodes import told_apart
from maml_tf.errors import check_at_least_one, refusal
from maml_tf.functional import testing
from maml_tf.functional.convolution import by_patches
from maml_tf.functional.model import variables_read_once
from maml_tf.functional.projections import normalize_spectra
from maml_tf.functional.trainability import Trainability
from maml_tf.graph import execution
from maml_tf.graph.custom_gradients import Forgetting
from maml_tf.graph.loop_body import loop_body
from maml_tf.graph.random_streams import Stream, stream
from maml_tf.graph.replicas import Replicas, build_optimizer


class OuterStep:
    """Meta-updates as one `tf.function`, traced once.

    Iteration `i` learns from the tasks number `i · tasks … (i + 1) · tasks − 1`
    only, so a run is a function of its seed.

    Args:
        algorithm: The algorithm that computes one task's meta-gradient, such as
            `maml_tf.algorithms.MAML`.
        episodes: Function `number -> Episode`: pure TensorFlow, called within
            the graph with an int64 scalar, or of Python, called for each task.
        optimizer: Any Keras optimizer. Its `clipvalue`, `global_clipnorm` and
            `gradient_accumulation_steps` apply to the outer step.
        tasks: Tasks in a meta-batch.
        seed: Seed of dropout and minibatches within tasks.
        vectorize: Whether all tasks run as one batched computation
            (`tf.vectorized_map`) rather than in a loop. A loop's memory does
            not grow with `tasks`. By default they do for small dense networks
            and on a GPU; see `maml_tf/graph/execution.py`.
        parallel_tasks: Tasks of the loop that may run at the same time.
            Defaults to the number of threads.
        iterations_per_call: Most meta-updates in one compiled call; more are
            faster for small networks.
        jit_compile: Whether XLA compiles the function, `episodes` included. If
            None, XLA compiles it if the tasks are vectorized.

    Raises:
        InputError: A number is below 1.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        episodes: Callable,
        optimizer: Any,
        *,
        tasks: int,
        seed: int = 0,
        vectorize: bool | None = None,
        parallel_tasks: int | None = None,
        iterations_per_call: int = 1,
        jit_compile: bool | None = False,
    ):
        if parallel_tasks is None:
            parallel_tasks = execution.tasks_at_once(tasks)
        check_at_least_one(
            tasks=tasks,
            parallel_tasks=parallel_tasks,
            iterations_per_call=iterations_per_call,
        )
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            raise refusal(
                "optimizer",
                "a LossScaleOptimizer",
                "meta-gradients are not scaled; give its inner optimizer",
            )
        self.algorithm = algorithm
        self.model = algorithm.model
        self.episodes = told_apart.for_each_task(episodes, self.model)
        self.optimizer = optimizer
        self.tasks = tasks
        self.replicas = Replicas(self.model)
        self.replicas.check_share(tasks)
        told_apart.check_shared(self.episodes, self.replicas.number)
        self.seed = seed
        jit_compile = told_apart.check_compiles(self.episodes, jit_compile)
        if vectorize is None:
            vectorize = execution.vectorizes(algorithm, tasks)
        elif vectorize:
            execution.check_vectorizes(self.model)
        if jit_compile is None:
            jit_compile = execution.compiles(vectorize)
        self.vectorize = vectorize
        self.parallel_tasks = parallel_tasks
        self.iterations_per_call = iterations_per_call
        # A checkpoint can only restore slots that exist.
        build_optimizer(optimizer, algorithm.meta_variables)
        self._trainability = Trainability(self.model)
        # XLA compiles either all or, as it cannot add up replicas, their parts.
        alone = self.replicas.number == 1
        self._compiles_share = jit_compile and not alone
        self._compiled = tf.function(
            self._updates, autograph=False, jit_compile=jit_compile and alone
        )
        self._forget = Forgetting(self, self._compiled)

    def __call__(self, iteration: int, count: int = 1) -> Updates:
        """Performs the meta-updates `iteration … iteration + count − 1`.

        Args:
            iteration: Number of the first update, from 0.
            count: Number of updates, at most `iterations_per_call`.

        Returns:
            The `Updates` that report them.

        Raises:
            InputError: The count is out of range.
        """
        most = self.iterations_per_call
        if not 1 <= count <= most:
            bounds = f"it must be from 1 to iterations_per_call={most}"
            raise refusal("count", count, bounds)
        arguments = tf.constant(iteration, tf.int64), tf.constant(count)
        self._trainability.check("OuterStep")
        with missing_derivatives_refused(self.check_meta_gradient):
            updates = self._compiled(*arguments)
        self._forget(*arguments)
        return Updates(*(values.numpy()[:count] for values in updates))

    @property
    def traces(self) -> int:
        """The number of traces of the function; 1 after any number of calls."""
        return self._compiled.experimental_get_tracing_count()

    def _updates(self, iteration, count):
        """Repeats θ ← θ − β · meta-gradient, or as the outer optimizer does."""

        def body(index, arrays):
            update = self.meta_gradient(iteration + tf.cast(index, tf.int64))
            with self.replicas.as_one():
                self.algorithm.update(self.optimizer, update.gradient)
                normalize_spectra(self.model)
            return index + 1, tuple(
                array.write(index, value)
                for array, value in zip(arrays, update[1:])
            )

        arrays = tuple(
            tf.TensorArray(
                tf.float32, self.iterations_per_call, element_shape=shape
            )
            for shape in ([], [], [self.algorithm.inner_steps])
        )
        _, arrays = tf.while_loop(
            lambda index, _: index < count,
            body,
            (0, arrays),
            maximum_iterations=self.iterations_per_call,
            # Each update must see the weights that the last one assigned.
            parallel_iterations=1,
        )
        return tuple(array.stack() for array in arrays)

    def check_meta_gradient(self) -> None:
        """Checks second derivatives on a task; see `maml_tf.testing`."""
        testing.check_first_episode(
            self.model, self.algorithm.loss, self.episodes, self.seed
        )

    def meta_gradient(self, iteration: int | tf.Tensor) -> MetaGradient:
        """Computes the mean meta-gradient over an iteration's tasks.

        Args:
            iteration: Number of the iteration, an integer or int64 scalar.
        """
        iteration = tf.cast(iteration, tf.int64)

        sum_tasks = (
            self._sum_vectorized if self.vectorize else self._sum_in_a_loop
        )

        def share(replica):
            tasks = self.replicas.share(replica, self.tasks)
            first = iteration * self.tasks + tasks.start
            return sum_tasks(
                self.algorithm.theta(), first, len(tasks), iteration
            )

        total = self.replicas.sum(share, self._compiles_share)
        return tf.nest.map_structure(lambda t: t / self.tasks, total)

    def _draw(self, number):
        seed = stream(self.seed, Stream.TRAINING_TASKS, number)
        return self.episodes(number), seed

    def _contribution(self, theta, iteration, episode, seed):
        result = self.algorithm.meta_gradient(theta, episode, seed, iteration)
        # A user's loss may be of another dtype.
        reports = (tf.cast(value, tf.float32) for value in result[1:])
        return MetaGradient(result.gradient, *reports)

    def _sum_vectorized(self, theta, first, count, iteration):
        numbers = first + tf.range(count, dtype=tf.int64)
        # Tasks are drawn in a loop: random operations cannot be vectorised. The
        # trace gives the shapes without running a user's generator.
        traced = tf.function(self._draw, autograph=False)
        signature = tf.nest.map_structure(
            tf.type_spec_from_value,
            traced.get_concrete_function(first).structured_outputs,
        )
        drawn = tf.map_fn(self._draw, numbers, fn_output_signature=signature)
        with by_patches():
            stacked = tf.vectorized_map(
                lambda task: self._contribution(theta, iteration, *task),
                drawn,
            )
        return tf.nest.map_structure(lambda t: tf.reduce_sum(t, 0), stacked)

    def _sum_in_a_loop(self, theta, first, count, iteration):
        # A task's graph ends with its own gradient, inside the loop's body, so
        # no activation outlives its task. The sum's order is fixed, so the
        # result is the same to the last bit.
        zero = MetaGradient(
            [tf.zeros_like(weight) for weight in theta],
            tf.constant(0.0),
            tf.constant(0.0),
            tf.zeros([self.algorithm.inner_steps]),
        )

        contribution = loop_body(self._contribution)

        def add(task, total):
            one = contribution(theta, iteration, *self._draw(first + task))
            return task + 1, tf.nest.map_structure(tf.add, total, one)

        with variables_read_once(self.model):
            _, total = tf.while_loop(
                lambda task, _: task < count,
                add,
                (tf.constant(0, tf.int64), zero),
                parallel_iterations=self.parallel_tasks,
                maximum_iterations=count,
            )
        return total
