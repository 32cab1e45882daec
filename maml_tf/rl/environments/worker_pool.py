"""Processes that each step a share of the Gymnasium environments."""

import contextlib
import json
import os
import subprocess
import sys
import weakref

import numpy as np

from maml_tf.rl.environments import vector_worker

# Seconds until a worker that was told to end is killed.
_PATIENCE = 5


class WorkerPool:
    """`vector_worker.Environments`, divided among processes.

    The processes end with this object, and when this process ends for any
    reason. They ignore SIGINT.

    Args:
        source: As in `vector_worker.make`.
        workers: Number of processes, 1 or more; they start at once.
    """

    def __init__(self, source: str, workers: int) -> None:
        self._processes = [_start(source) for _ in range(workers)]
        self._finalizer = weakref.finalize(self, _end, self._processes)

    def reset(self, tasks: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Begins rollouts; see `vector_worker.Environments.reset`."""
        (observations,) = self._ask("reset", tasks, seeds)
        return observations

    def step(self, actions: np.ndarray) -> list[np.ndarray]:
        """Steps all; see `vector_worker.Environments.step`."""
        return self._ask("step", actions)

    def close(self) -> None:
        """Ends the processes; the pool cannot be used any more."""
        self._finalizer()

    def _ask(self, command, *arrays):
        """Has each worker do its part; returns arrays of all parts."""
        number = len(self._processes)
        parts = zip(*(np.array_split(array, number) for array in arrays))
        # With fewer environments than workers, the last ones have none.
        requests = [
            (process, part)
            for process, part in zip(self._processes, parts)
            if len(part[0])
        ]
        for process, part in requests:
            try:
                vector_worker.send(process.stdin, command, *part)
            except BrokenPipeError:
                raise _lost(process) from None
        return [
            np.concatenate(results)
            for results in zip(*(_answer(process) for process, _ in requests))
        ]


def _start(source):
    return subprocess.Popen(
        [
            sys.executable,
            # The parent has already shown the environments' warnings.
            *("-W", "ignore"),
            vector_worker.__file__,
            source,
            json.dumps(sys.path),
        ],
        # Each has one thread, as there are as many workers as cores.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A terminal's Ctrl-C must not reach it before it ignores SIGINT.
        start_new_session=True,
    )


def _answer(process):
    try:
        problem, results = vector_worker.receive(process.stdout)
    except EOFError:
        raise _lost(process) from None
    if problem:
        raise vector_worker.EnvironmentFailure(problem)
    return results


def _lost(process):
    status = process.wait(_PATIENCE)
    return vector_worker.EnvironmentFailure(
        f"ended its worker process with status {status}; with workers=0 it runs"
        " in this process"
    )


def _end(processes):
    for process in processes:
        for stream in (process.stdout, process.stdin):
            # The process may have ended, and its last message be lost.
            with contextlib.suppress(OSError):
                stream.close()
    for process in processes:
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
