"""Gymnasium environments stepped together, here or in a process of their own.

Run as a program, this is a worker: it makes environments and steps them on
commands of `worker_pool.py` over stdin, and answers over stdout. It does not
import maml_tf: TensorFlow would come with it, and take longer to start, and
more memory, than the environments.
"""

import contextlib
import functools
import importlib.util
import json
import math
import os
import pathlib
import signal
import sys
import traceback
from typing import Any, BinaryIO

import gymnasium
import numpy as np
from gymnasium.vector import SyncVectorEnv


class EnvironmentFailure(Exception):
    """An environment's error, in a line that can follow its name."""


def make(source: str) -> gymnasium.Env:
    """Makes an environment.

    Args:
        source: `ID` or `MODULE:ID` as in `gymnasium.make`, or `FILE.py:CLASS`.

    Returns:
        A `gymnasium.Env`.
    """
    file, _, name = source.rpartition(":")
    if file.endswith(".py"):
        return getattr(_module(file), name)()
    # Checks of every step would take longer than many steps do.
    return gymnasium.make(source, disable_env_checker=True)


def draw_task(
    environment: gymnasium.Env, rng: np.random.Generator
) -> np.ndarray:
    """Draws a task by the `sample_task` of an environment.

    Args:
        environment: A `gymnasium.Env`.
        rng: A NumPy `Generator`.

    Returns:
        A float32 array.

    Raises:
        EnvironmentFailure: It has no `sample_task`, or that raised an error.
    """
    with _failures():
        task = _holder_of_task(environment).sample_task(rng)
        return np.asarray(task, np.float32)


class Environments:
    """Environments of one kind, made when first needed and used again.

    Args:
        source: As in `make`.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._made: list[gymnasium.Env] = []
        self._vector: Any = None

    def reset(self, tasks: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Begins a rollout in one environment for each seed.

        Args:
            tasks: Parameters of the tasks, `[environments, task_size]`.
            seeds: Integers `[environments]`, not negative.

        Returns:
            Observations, float32 `[environments, observation_size]`.

        Raises:
            EnvironmentFailure: An environment raised an error.
        """
        with _failures():
            while len(self._made) < len(seeds):
                self._made.append(make(self._source))
            if self._vector is None or self._vector.num_envs != len(seeds):
                self._vector = _vector(self._made[: len(seeds)])
            for environment, task in zip(self._made, tasks):
                _holder_of_task(environment).task = task.copy()
            observations, _ = self._vector.reset(seed=seeds.tolist())
            return _flat(observations)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps all environments that the last reset began.

        What follows for an environment that has ended does not count: the next
        step resets it, without a seed, or does not step it (`mujoco_vector`).

        Args:
            actions: `[environments, action_size]`, in the environment's units.

        Returns:
            `(observations, rewards, done)`, float32, float32 and bool; done is
            true if a rollout terminated or was truncated.

        Raises:
            EnvironmentFailure: An environment raised an error.
        """
        space = self._vector.action_space
        with _failures():
            observations, rewards, terminated, truncated, _ = self._vector.step(
                actions.astype(space.dtype).reshape(space.shape)
            )
            return (
                _flat(observations),
                rewards.astype(np.float32),
                terminated | truncated,
            )

    def close(self) -> None:
        """Closes the environments; they cannot be used any more."""
        for environment in self._made:
            environment.close()


def send(stream: BinaryIO, command: str, *arrays: np.ndarray) -> None:
    """Writes a message: a line with the arrays' types, then the arrays.

    Args:
        stream: Binary stream to write to.
        command: The command or the answer, a string.
        *arrays: NumPy arrays of numbers.
    """
    forms = [(array.dtype.str, array.shape) for array in arrays]
    stream.write(json.dumps([command, forms]).encode() + b"\n")
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> tuple[str, list[np.ndarray]]:
    """Reads a message of `send`.

    Args:
        stream: Binary stream to read from.

    Returns:
        `(command, arrays)`.

    Raises:
        EOFError: The other side has ended.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    command, forms = json.loads(line)
    arrays = []
    for dtype, shape in forms:
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        data = stream.read(size)
        if len(data) < size:
            raise EOFError
        arrays.append(np.frombuffer(data, dtype).reshape(shape))
    return command, arrays


def main(source: str, path: str) -> None:
    """Serves until stdin ends.

    Args:
        source: As in `make`.
        path: The parent's `sys.path`, as JSON.
    """
    # Ctrl-C in a terminal reaches all processes; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Output that an environment prints must not mix with the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.path[:] = json.loads(path)
    try:
        _serve(Environments(source), sys.stdin.buffer, answers)
    except (EOFError, BrokenPipeError):
        # The parent has ended, so answers cannot be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())


def _serve(environments, requests, answers):
    try:
        while True:
            command, arrays = receive(requests)
            try:
                if command == "reset":
                    results = (environments.reset(*arrays),)
                else:
                    results = environments.step(*arrays)
            except EnvironmentFailure as problem:
                send(answers, str(problem))
            else:
                send(answers, "", *results)
    finally:
        environments.close()


@contextlib.contextmanager
def _failures():
    """Turns errors of a `with` block into `EnvironmentFailure`s."""
    try:
        yield
    except EnvironmentFailure:
        raise
    except Exception as error:
        raise _failure(error) from error


def _failure(error):
    """Makes an `EnvironmentFailure` that names an error's file and line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return EnvironmentFailure(
        f"raised {type(error).__name__}: {text.rstrip('.')}"
        f" ({pathlib.Path(frame.filename).name}, line {frame.lineno})"
    )


def _holder_of_task(environment):
    """Finds the environment or its wrapped one that has the task."""
    holder = environment
    while not hasattr(holder, "sample_task"):
        if not isinstance(holder, gymnasium.Wrapper):
            raise EnvironmentFailure(
                "has no method sample_task(rng), which must draw the parameter"
                " of a task"
            )
        holder = holder.env
    return holder


@functools.cache
def _module(file):
    specification = importlib.util.spec_from_file_location(
        pathlib.Path(file).stem, file
    )
    # A name that ends in .py always has a loader.
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _vector(environments):
    """Makes one vector environment of several environments."""
    if hasattr(type(environments[0]), "mujoco_fields"):
        # By its file, because importing maml_tf imports TensorFlow.
        file = pathlib.Path(__file__).with_name("mujoco_vector.py")
        return _module(str(file)).MujocoVector(environments)
    return SyncVectorEnv(
        [
            functools.partial(_itself, environment)
            for environment in environments
        ],
        copy=False,
    )


def _itself(environment):
    return environment


def _flat(observations):
    return observations.astype(np.float32).reshape(len(observations), -1)


if __name__ == "__main__":
    main(*sys.argv[1:])
