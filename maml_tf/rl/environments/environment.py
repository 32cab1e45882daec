"""The base of every environment with a task parameter: sizes and tasks."""

import abc
from typing import Any

import tensorflow as tf

from maml_tf.errors import check_at_least_one
from maml_tf.graph.random_streams import fold_in
from maml_tf.rl import gaussian
from maml_tf.rl.distribution import Distribution
from maml_tf.rl.policy import Policy
from maml_tf.rl.trajectories import Trajectories

_SPLITS = ("train", "valid", "test")


class Environment(abc.ABC):
    """Tasks that share observations and actions and differ in a parameter.

    Attributes:
        name: The environment's name, as in `maml_tf.rl.environments`.
        task_size: Numbers in a task's parameter.
        own_observation_size: Numbers in an observation of the environment.
        action_size: Numbers in an action, or the number of the actions if they
            are discrete.
        distribution: Distribution of a policy's actions:
            `maml_tf.rl.categorical` if they are discrete, otherwise
            `maml_tf.rl.gaussian`.
        in_graph: Whether `sample` is pure TensorFlow and can be part of a
            compiled function.

    Args:
        horizon: Most steps of a rollout.
        observes_task: Whether the task's parameter is appended to every
            observation, for the oracle.

    Raises:
        InputError: The horizon is below 1.
    """

    name: str
    task_size: int
    own_observation_size: int
    action_size: int
    distribution: Distribution = gaussian
    in_graph: bool

    def __init__(self, horizon: int, observes_task: bool = False) -> None:
        check_at_least_one(horizon=horizon)
        self.horizon = horizon
        self.observes_task = observes_task

    @property
    def observation_size(self) -> int:
        """Returns the numbers in an observation, an observed task included."""
        return self.own_observation_size + self.task_size * self.observes_task

    @abc.abstractmethod
    def draw_tasks(self, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws the parameters of tasks.

        Args:
            numbers: Numbers of the tasks, an int64 tensor `[tasks]`; the same
                number is the same task.
            seed: The split's seed, an int64 tensor `[2]`.

        Returns:
            A float32 tensor `[tasks, task_size]`.
        """

    @abc.abstractmethod
    def sample(
        self,
        policy: Policy,
        phi: list[tf.Tensor],
        tasks: tf.Tensor,
        rollouts: int,
        seed: tf.Tensor,
        own: slice = slice(None),
    ) -> Trajectories:
        """Collects rollouts of a policy.

        Args:
            policy: A `maml_tf.rl.policy.Policy`.
            phi: Its weights, each `[own tasks, *shape]`.
            tasks: Parameters of the tasks, `[tasks, task_size]`.
            rollouts: Number of rollouts in each task.
            seed: Stateless seed, an int64 tensor `[2]`; the same seed gives the
                same rollouts.
            own: The tasks in which it acts here; other replicas act in the
                others. Defaults to all.

        Returns:
            `Trajectories` with a leading axis, the own tasks.
        """

    def tasks(
        self, split: str, first: int | tf.Tensor, count: int, seed: int
    ) -> tf.Tensor:
        """Draws the tasks number `first … first + count − 1` of a split.

        Args:
            split: `"train"`, `"valid"` or `"test"`; its tasks are independent
                of the other splits'.
            first: Number of the first task, an integer or int64 scalar.
            count: Number of tasks, a Python integer.
            seed: The run's seed, a Python integer.

        Returns:
            A float32 tensor `[count, task_size]`.
        """
        numbers = tf.cast(first, tf.int64) + tf.range(count, dtype=tf.int64)
        split_seed = tf.constant([seed, _SPLITS.index(split)], tf.int64)
        return self.draw_tasks(numbers, split_seed)

    def references(self, tasks: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns expected returns to compare a policy's with, if known.

        Args:
            tasks: Parameters of the tasks, `[tasks, task_size]`.

        Returns:
            Dict of `[tasks]` by a name such as `"best policy"`; empty if none
            can be computed.
        """
        del tasks
        return {}

    def observed(self, observations: tf.Tensor, tasks: tf.Tensor) -> tf.Tensor:
        """Returns the observations that the policy sees.

        Args:
            observations: `[tasks, rollouts, own_observation_size]`.
            tasks: `[tasks, task_size]`.

        Returns:
            `[tasks, rollouts, observation_size]`.
        """
        observations = tf.cast(observations, tf.float32)
        if not self.observes_task:
            return observations
        rollouts = tf.shape(observations)[1]
        parameters = tf.repeat(tasks[:, tf.newaxis], rollouts, axis=1)
        return tf.concat([observations, parameters], -1)


class InGraphEnvironment(Environment):
    """An environment of pure TensorFlow, batched over tasks × rollouts.

    Whole rollouts run inside one `tf.function`, without Python per step.
    """

    in_graph = True

    @abc.abstractmethod
    def reset(self, tasks: tf.Tensor, rollouts: int, seed: tf.Tensor) -> Any:
        """Returns the first state, one or more tensors `[tasks, rollouts, …]`.

        Args:
            tasks: Parameters of the tasks, `[tasks, task_size]`.
            rollouts: Number of rollouts in each task.
            seed: Stateless seed, an int64 tensor `[2]`.
        """

    @abc.abstractmethod
    def observe(self, state: Any) -> tf.Tensor:
        """Returns observations `[tasks, rollouts, own_observation_size]`."""

    @abc.abstractmethod
    def step(
        self, state: Any, actions: tf.Tensor, tasks: tf.Tensor
    ) -> tuple[Any, tf.Tensor, tf.Tensor]:
        """Takes a step of all rollouts.

        Args:
            state: As `reset` or the last step gave it.
            actions: Actions `[tasks, rollouts, action_size]`, or int64 `[tasks,
                rollouts]` if they are discrete.
            tasks: Parameters of the tasks, `[tasks, task_size]`.

        Returns:
            `(state, rewards, done)`; rewards are float32 `[tasks, rollouts]`,
            done is bool `[tasks, rollouts]`.
        """

    def sample(
        self,
        policy: Policy,
        phi: list[tf.Tensor],
        tasks: tf.Tensor,
        rollouts: int,
        seed: tf.Tensor,
        own: slice = slice(None),
    ) -> Trajectories:
        """Collects rollouts of a policy; see `Environment.sample`."""
        # All tasks are begun, so that a task does not depend on the share.
        noise = self.distribution.noise(
            [self.horizon, tasks.shape[0], rollouts],
            self.action_size,
            fold_in(seed, 0),
        )
        state = self.reset(tasks, rollouts, fold_in(seed, 1))
        noise, tasks = noise[:, own], tasks[own]
        state = tf.nest.map_structure(lambda t: t[own], state)
        number = tasks.shape[0]

        def body(time, state, mask, arrays):
            observations = self.observed(self.observe(state), tasks)
            actions, outputs = policy.act(phi, observations, noise[time])
            state, rewards, done = self.step(state, actions, tasks)
            step = Trajectories(observations, actions, rewards, mask, outputs)
            arrays = Trajectories(
                *(a.write(time, value) for a, value in zip(arrays, step))
            )
            return time + 1, state, mask * tf.cast(~done, tf.float32), arrays

        dtypes = [tf.float32] * 5
        dtypes[Trajectories._fields.index("actions")] = (
            self.distribution.action_dtype
        )
        arrays = Trajectories(
            *(tf.TensorArray(dtype, self.horizon) for dtype in dtypes)
        )
        *_, arrays = tf.while_loop(
            lambda time, *_: time < self.horizon,
            body,
            (0, state, tf.ones([number, rollouts]), arrays),
            maximum_iterations=self.horizon,
        )
        return Trajectories(*(_time_last(array.stack()) for array in arrays))


def _time_last(tensor):
    """Turns `[horizon, tasks, rollouts, ...]` to time after the rollouts."""
    return tf.transpose(tensor, [1, 2, 0, *range(3, tensor.shape.rank)])
