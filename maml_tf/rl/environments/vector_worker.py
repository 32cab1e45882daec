"""Gymnasium environments stepped together, here or in a process of their own.

Run as a program, this is a worker: it makes environments and steps them, as
`worker_pool.py` tells it to over stdin, and answers over stdout. Therefore
nothing of maml_tf is imported here: TensorFlow would come with it, and take
longer to start, and more memory, than the environments.
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

import gymnasium
import numpy as np
from gymnasium.vector import SyncVectorEnv


class EnvironmentFailure(Exception):
    """What an environment raised, in a line that can follow its name."""


def make(source):
    """Makes an environment.

    Args:
        source: `ID` or `MODULE:ID` as `gymnasium.make` takes it, or
            `FILE.py:CLASS`.

    Returns:
        A `gymnasium.Env`.
    """
    file, _, name = source.rpartition(":")
    if file.endswith(".py"):
        return getattr(_module(file), name)()
    # Checks of every step would take longer than many a step.
    return gymnasium.make(source, disable_env_checker=True)


def draw_task(environment, rng):
    """What the `sample_task` of an environment draws.

    Args:
        environment: A `gymnasium.Env`.
        rng: A NumPy `Generator`.

    Returns:
        A float32 array.

    Raises:
        EnvironmentFailure: It has no `sample_task`, or that raised something.
    """
    with _failures():
        task = _holder_of_task(environment).sample_task(rng)
        return np.asarray(task, np.float32)


class Environments:
    """Environments of one kind; made when first needed, and used again.

    Args:
        source: As `make` takes it.
    """

    def __init__(self, source):
        self._source = source
        self._made = []
        self._vector = None

    def reset(self, tasks, seeds):
        """Begins a rollout in each of as many environments as there are seeds.

        Args:
            tasks: `[environments, task_size]`.
            seeds: `[environments]`, integers, not negative.

        Returns:
            float32 observations `[environments, observation_size]`.

        Raises:
            EnvironmentFailure: An environment raised something.
        """
        with _failures():
            while len(self._made) < len(seeds):
                self._made.append(make(self._source))
            if self._vector is None or self._vector.num_envs != len(seeds):
                self._vector = SyncVectorEnv(
                    [
                        functools.partial(_itself, environment)
                        for environment in self._made[: len(seeds)]
                    ],
                    copy=False,
                )
            for environment, task in zip(self._made, tasks):
                _holder_of_task(environment).task = task.copy()
            observations, _ = self._vector.reset(seed=seeds.tolist())
            return _flat(observations)

    def step(self, actions):
        """One step of all environments that the last reset began.

        What has ended is reset by the next step instead, unseeded, and goes on.

        Args:
            actions: `[environments, action_size]`, in the environment's units.

        Returns:
            `(observations, rewards, done)`, float32, float32 and bool, the
            latter where a rollout terminated or was truncated.

        Raises:
            EnvironmentFailure: An environment raised something.
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

    def close(self):
        """Closes the environments; they cannot be used any more."""
        for environment in self._made:
            environment.close()


def send(stream, command, *arrays):
    """Writes a message: a line that says what follows, then the arrays.

    Args:
        stream: Binary, to write to.
        command: A string.
        *arrays: NumPy arrays of numbers.
    """
    forms = [(array.dtype.str, array.shape) for array in arrays]
    stream.write(json.dumps([command, forms]).encode() + b"\n")
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream):
    """Reads what `send` wrote.

    Args:
        stream: Binary, to read from.

    Returns:
        `(command, arrays)`.

    Raises:
        EOFError: The other side is no more.
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


def main(source, path):
    """Serves until stdin ends.

    Args:
        source: As `make` takes it.
        path: The parent's `sys.path`, as JSON.
    """
    # Ctrl-C in a terminal reaches all processes; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What an environment prints must not mix with the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.path[:] = json.loads(path)
    try:
        _serve(Environments(source), sys.stdin.buffer, answers)
    except (EOFError, BrokenPipeError):
        # The parent is no more; nor is there anybody to flush answers to.
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
    """Makes an `EnvironmentFailure` of what a `with` block raises."""
    try:
        yield
    except EnvironmentFailure:
        raise
    except Exception as error:
        raise _failure(error) from error


def _failure(error):
    """An exception as an `EnvironmentFailure` that says where it came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return EnvironmentFailure(
        f"raised {type(error).__name__}: {text.rstrip('.')}"
        f" ({pathlib.Path(frame.filename).name}, line {frame.lineno})"
    )


def _holder_of_task(environment):
    """The environment itself, or the wrapper of it, that has the task."""
    holder = environment
    while not hasattr(holder, "sample_task"):
        if not isinstance(holder, gymnasium.Wrapper):
            raise EnvironmentFailure(
                "has no method sample_task(rng), which is to draw the parameter"
                " of a task"
            )
        holder = holder.env
    return holder


@functools.cache
def _module(file):
    specification = importlib.util.spec_from_file_location(
        pathlib.Path(file).stem, file
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _itself(environment):
    return environment


def _flat(observations):
    return observations.astype(np.float32).reshape(len(observations), -1)


if __name__ == "__main__":
    main(*sys.argv[1:])
