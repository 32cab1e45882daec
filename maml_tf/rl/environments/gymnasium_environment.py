"""A user's own Gymnasium environments, with a task parameter.

`gymnasium:ID` is an environment that `gymnasium.make(ID)` makes,
`gymnasium:MODULE:ID` one that importing MODULE registers, and
`gymnasium:FILE.py:CLASS` a class, which does not need to be registered. Modules
in the current folder can be imported. Such an environment is a `gymnasium.Env`
with observations that are a `Box`, and actions that are a `Box` or `Discrete`.
It also has

- a method `sample_task(rng)` that draws a task's parameter, a 1-D array of
  floats of constant length, with the NumPy `Generator` that it is given;
- an attribute `task`, which is set to such an array (float32) before `reset`.

A MuJoCo environment may describe itself for `mujoco_vector`, which is faster.
A rollout after `reset(seed=…)` must depend on the seed, the task and the
actions alone: environments are used again. `examples/pendulum_spin.py` is an
example.
"""

import os
import pathlib
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError, refusal
from maml_tf.graph.random_streams import fold_in, random_bits
from maml_tf.rl.environments.environment import Environment
from maml_tf.rl.policy import Policy
from maml_tf.rl.trajectories import Trajectories

# Packages that the extra [rl] installs.
_EXTRA = ("gymnasium", "mujoco", "glfw", "imageio", "OpenGL")


def load(
    argument: str,
    horizon: int = 200,
    workers: int | None = None,
    observes_task: bool = False,
) -> "GymnasiumEnvironment":
    """Makes a user's own Gymnasium environment.

    Args:
        argument: `ID`, `MODULE:ID` or `FILE.py:CLASS`, as described at the top
            of this module.
        horizon: As in `GymnasiumEnvironment`. The environment's own time
            limit, if it has one, holds too.
        workers: As in `GymnasiumEnvironment`.
        observes_task: As in `GymnasiumEnvironment`.

    Returns:
        A `GymnasiumEnvironment`.

    Raises:
        InputError: There is no such environment, or it cannot be used.
    """
    folder = os.getcwd()
    if folder not in sys.path:
        # Python itself does so, except for a script in another folder.
        sys.path.insert(0, folder)
    file, colon, name = argument.rpartition(":")
    source = argument
    if file.endswith(".py"):
        source = f"{pathlib.Path(file).resolve()}{colon}{name}"
    return GymnasiumEnvironment(
        source, f"gymnasium:{argument}", horizon, workers, observes_task
    )


class GymnasiumEnvironment(Environment):
    """Gymnasium environments, stepped together by several processes.

    Actions of a `Box` are in the units of `action_spaces.BoxActions`, as in the
    official code; those of a `Discrete` space are counted from 0. A rollout
    ends when its environment terminates or truncates it. Rollouts do not depend
    on the number of processes.

    Args:
        source: The environment, as `vector_worker.make` takes it.
        name: Its name in messages.
        horizon: Most steps of a rollout.
        workers: Processes that step environments of Gymnasium; one a core if
            None, this process itself if 0. They start when rollouts are first
            asked for.
        observes_task: Whether the task's parameter is appended to every
            observation, for the oracle.

    Raises:
        InputError: The environment cannot be made or used, or packages are
            missing.
    """

    in_graph = False

    def __init__(
        self,
        source: str,
        name: str,
        horizon: int = 200,
        workers: int | None = None,
        observes_task: bool = False,
    ) -> None:
        super().__init__(horizon, observes_task)
        if workers is None:
            workers = os.cpu_count() or 1
        if workers < 0:
            raise refusal("workers", workers, "it must be 0 or more")
        self.name = name
        self._source = source
        self._workers = workers
        self._environments: Any = None
        try:
            # These modules import Gymnasium.
            from maml_tf.rl.environments import action_spaces, vector_worker

            example: Any = vector_worker.make(source)
        except Exception as error:
            raise self._cannot_be_made(error) from error
        self._actions = action_spaces.of_environment(example, name)
        self.own_observation_size = int(
            np.prod(example.observation_space.shape)
        )
        self.action_size = self._actions.size
        self.distribution = self._actions.distribution
        self._vector_worker = vector_worker
        self._example = example
        self.task_size = len(self._draw_task(np.random.default_rng(0)))

    def draw_tasks(self, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws with `sample_task`; see `Environment.draw_tasks`."""
        seed = [int(part) % 2**32 for part in seed]
        tasks = [
            self._draw_task(np.random.default_rng([*seed, int(number)]))
            for number in numbers
        ]
        for task in tasks:
            if len(task) != self.task_size:
                raise InputError(
                    f"environment: {self.name!r} draws tasks of {len(task)}"
                    f" numbers and of {self.task_size}; all must have the same"
                    " length."
                )
        return tf.constant(tasks, tf.float32, [len(tasks), self.task_size])

    def sample(
        self,
        policy: Policy,
        phi: list[tf.Tensor],
        tasks: tf.Tensor,
        rollouts: int,
        seed: tf.Tensor,
        own: slice = slice(None),
    ) -> Trajectories:
        """Collects rollouts of a policy, not in a graph.

        Arguments and result are as in `Environment.sample`.

        Raises:
            InputError: An environment raised an error, or gave observations or
                rewards that are not finite numbers.
        """
        try:
            return self._sample(policy, phi, tasks, rollouts, seed, own)
        except BaseException:
            # The processes may still send answers that are not read.
            self.close()
            raise

    def close(self) -> None:
        """Ends the processes; they start again when needed."""
        if self._environments is not None:
            self._environments.close()
            self._environments = None

    def _sample(self, policy, phi, tasks, rollouts, seed, own):
        shape = (len(tasks), rollouts)
        noise = self.distribution.noise(
            [self.horizon, *shape], self.action_size, fold_in(seed, 0)
        ).numpy()[:, own]
        # Gymnasium does not take negative seeds.
        seeds = random_bits(shape, fold_in(seed, 1)).numpy().view(np.uint32)
        seeds, tasks = seeds[own], tasks[own]
        shape = (len(tasks), rollouts)
        environments = self._started()
        observations = self._call(
            environments.reset,
            np.repeat(np.asarray(tasks, np.float32), rollouts, 0),
            seeds.ravel(),
        )
        going = np.ones(shape, bool)
        steps = []
        for time in range(self.horizon):
            self._check_finite(observations, going, "observations", time)
            observed = self.observed(
                observations.reshape(*shape, self.own_observation_size), tasks
            )
            actions, outputs = policy.act_compiled(phi, observed, noise[time])
            actions = actions.numpy()
            observations, rewards, done = self._call(
                environments.step, self._actions.applied(actions)
            )
            self._check_finite(rewards, going, "rewards", time)
            rewards = rewards.reshape(shape)
            steps.append(
                (observed.numpy(), actions, rewards, going, outputs.numpy())
            )
            going = going & ~done.reshape(shape)
            if not going.any():
                break
        return Trajectories(
            *(
                tf.constant(_stacked(values, self.horizon))
                for values in zip(*steps)
            )
        )

    def _started(self):
        if self._environments is None:
            from maml_tf.rl.environments import worker_pool

            self._environments = (
                worker_pool.WorkerPool(self._source, self._workers)
                if self._workers
                else self._vector_worker.Environments(self._source)
            )
        return self._environments

    def _draw_task(self, rng):
        task = self._call(self._vector_worker.draw_task, self._example, rng)
        if task.ndim != 1 or not len(task) or not np.isfinite(task).all():
            raise InputError(
                f"environment: sample_task of {self.name!r} returned"
                f" {task.tolist()}; it must return a 1-D array of finite"
                " numbers."
            )
        return task

    def _check_finite(self, values, going, quantity, time):
        values = values.reshape(going.size, -1)[going.ravel()]
        if not np.isfinite(values).all():
            raise InputError(
                f"environment: {self.name!r} gave {quantity} that are not"
                f" finite numbers, at step {time} of a rollout."
            )

    def _call(self, function, *arguments):
        """Calls the environments; their failures become an `InputError`."""
        try:
            return function(*arguments)
        except self._vector_worker.EnvironmentFailure as failure:
            raise InputError(
                f"environment: {self.name!r} {failure}."
            ) from failure

    def _cannot_be_made(self, error):
        # Gymnasium's own error hides the error of a missing package.
        missing = {
            (getattr(e, "name", None) or "").partition(".")[0]
            for e in (error, error.__cause__)
            if isinstance(e, ImportError)
        }
        for package in _EXTRA:
            if package in missing:
                return InputError(
                    f"environment: {self.name!r} needs {package}, which is not"
                    ' installed; `pip install "maml_tf[rl]"` installs it, or in'
                    ' a checkout `pip install ".[rl]"`.'
                )
        text = " ".join(str(error).split()).rstrip(".")
        return InputError(
            f"environment: {self.name!r} cannot be made,"
            f" {type(error).__name__}: {text}."
        )


def _stacked(steps, horizon):
    """Stacks steps to `[tasks, rollouts, horizon, ...]`, padded with zeros.

    Integers remain so; all else becomes float32.
    """
    first = steps[0]
    is_integer = np.issubdtype(first.dtype, np.integer)
    stacked = np.zeros(
        (*first.shape[:2], horizon, *first.shape[2:]),
        first.dtype if is_integer else np.float32,
    )
    stacked[:, :, : len(steps)] = np.stack(steps, 2)
    return stacked
