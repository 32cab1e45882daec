"""Processes that step Gymnasium environments, each its share of them."""

import contextlib
import json
import os
import subprocess
import sys
import weakref

import numpy as np

from maml_tf.rl.environments import vector_worker

# A worker that is told to end and does not within so many seconds is killed.
_PATIENCE = 5


class WorkerPool:
    """As `vector_worker.Environments`, divided among processes.

    The processes end with this object, and when this process ends, however it
    does. They ignore SIGINT.

    Args:
        source: As `vector_worker.make` takes it.
        workers: How many processes, 1 or more; they start at once.
    """

    def __init__(self, source, workers):
        self._processes = [_start(source) for _ in range(workers)]
        self._finalizer = weakref.finalize(self, _end, self._processes)

    def reset(self, tasks, seeds):
        """Begins rollouts; see `vector_worker.Environments.reset`."""
        (observations,) = self._ask("reset", tasks, seeds)
        return observations

    def step(self, actions):
        """One step of all; see `vector_worker.Environments.step`."""
        return self._ask("step", actions)

    def close(self):
        """Ends the processes; the pool cannot be used any more."""
        self._finalizer()

    def _ask(self, command, *arrays):
        """Has each worker do its part; returns arrays of all parts."""
        number = len(self._processes)
        parts = zip(*(np.array_split(array, number) for array in arrays))
        # Fewer environments than workers: the last ones have none.
        asked = [
            (process, part)
            for process, part in zip(self._processes, parts)
            if len(part[0])
        ]
        for process, part in asked:
            try:
                vector_worker.send(process.stdin, command, *part)
            except BrokenPipeError:
                raise _lost(process) from None
        return [
            np.concatenate(results)
            for results in zip(*(_answer(process) for process, _ in asked))
        ]


def _start(source):
    return subprocess.Popen(
        [
            sys.executable,
            # The parent has shown the warnings that environments give.
            *("-W", "ignore"),
            vector_worker.__file__,
            source,
            json.dumps(sys.path),
        ],
        # One thread each: there are as many workers as cores.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Out of reach of a terminal's Ctrl-C, before it can ignore it.
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
            # It may be no more, and what it was sent be lost.
            with contextlib.suppress(OSError):
                stream.close()
    for process in processes:
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
