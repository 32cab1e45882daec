r"""Starts a training as several processes on this machine.

    maml-tf launch --workers=2 -- train --experiment=omniglot_5way_1shot \
        --inter_op_threads=1

Each process is a worker that takes its share of the tasks of each meta-batch
(--strategy=multi_worker). What a worker prints has its number before it. The
first one that fails ends all, and so does Ctrl-C. The same command resumes a
training that was stopped.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from absl import flags

from maml_tf.commands import sentences
from maml_tf.commands.ports import free_addresses
from maml_tf.errors import InputError, check_at_least_one

FLAGS = flags.FLAGS
flags.DEFINE_integer("workers", 2, "Processes to start.")
_COMMANDS = ("train", "train-rl")
# Seconds in which the others of a worker that failed may say why they end.
_GRACE = 15.0


def main(argv: list[str]) -> int:
    """Starts the workers and waits for them; returns the exit status."""
    check_at_least_one(workers=FLAGS.workers)
    command = argv[1:]
    if not command or command[0].replace("_", "-") not in _COMMANDS:
        given = repr(" ".join(command)) if command else "nothing"
        raise InputError(
            f"launch: {given} was given as the command to start; give one such"
            " as maml-tf launch --workers=2 -- train"
            " --experiment=sinusoid_10shot."
        )
    workers = [
        _start(
            [sys.executable, "-m", "maml_tf.commands.main", *command], config
        )
        for config in _configurations(FLAGS.workers)
    ]
    readers = [
        threading.Thread(target=_copy, args=(number, stream, out))
        for number, worker in enumerate(workers)
        for stream, out in (
            (worker.stdout, sys.stdout),
            (worker.stderr, sys.stderr),
        )
    ]
    for reader in readers:
        reader.start()
    try:
        status = _wait(workers)
    finally:
        for worker in workers:
            worker.kill()  # Does nothing to one that has ended.
    for reader in readers:
        reader.join()
    return status


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    sentences.run(main, InputError, arguments="-- COMMAND [flags]")


def _configurations(number):
    """Makes the TF_CONFIG of each worker, at ports that are free now."""
    addresses = free_addresses(number)
    return [
        {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        for index in range(number)
    ]


def _start(command, configuration):
    return subprocess.Popen(
        command,
        env={**os.environ, "TF_CONFIG": json.dumps(configuration)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Signals from the terminal come to this process, which passes them on.
        start_new_session=True,
    )


def _copy(number, stream, out):
    """Copies lines, each with the worker's number."""
    for line in stream:
        out.write(f"[{number}] {line}")
        out.flush()


def _wait(workers):
    """Waits for the workers; ends all after the first failure or a signal.

    Returns:
        The exit status: that of the first worker that failed, or 0.
    """
    received = []
    before = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    passed_on, failure, deadline = 0, 0, float("inf")
    try:
        while any(worker.poll() is None for worker in workers):
            for number in received[passed_on:]:
                passed_on += 1
                for worker in workers:
                    worker.send_signal(number)
            if not failure and (failure := _failure(workers)):
                deadline = time.monotonic() + _GRACE
            if time.monotonic() > deadline:
                for worker in workers:
                    worker.kill()
            time.sleep(0.1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return failure or _failure(workers)


def _failure(workers):
    """Returns the exit status of a worker that failed, or 0."""
    for worker in workers:
        if status := worker.poll():
            # A worker that a signal ended has a negative status.
            return status if status > 0 else 128 - status
    return 0
