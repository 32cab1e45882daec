"""A process that runs one implementation of one workload.

    python worker.py MODULE IMPLEMENTATION WORKLOAD SEED

In a process of its own, its peak memory and its thread pools are its own. It
reads a command a line and answers each with a line of JSON; the first answer
comes when the module is imported. An error is answered too, and ends it.

    first_step           makes the implementation and performs the first step
    step                 performs a step
    meta_gradients PATH  writes those of a new implementation to PATH, an .npy:
                         [tasks, weights], of the first tasks one by one
    memory               gives the peak so far, in bytes
"""

import importlib
import json
import math
import os
import pathlib
import resource
import sys
import time
import types
from typing import Any

import numpy as np

# The folder of the package `benchmarking`, in place of this file's.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from benchmarking import workloads  # noqa: E402

# Tasks whose meta-gradients are written.
_COMPARED = 9


class Commands:
    """The commands of a worker, a method each.

    Args:
        module: Module of `benchmarking`, such as `ours`.
        implementation: A key of its `IMPLEMENTATIONS`.
        workload: The workload.
        seed: Seed of weights and data.
    """

    def __init__(
        self,
        module: types.ModuleType,
        implementation: str,
        workload: workloads.Workload,
        seed: int,
    ) -> None:
        make = module.IMPLEMENTATIONS[implementation]
        weights = workloads.weights(workload, seed)
        data = workloads.data(workload, seed)
        self._module = module
        self._tasks = workload.tasks
        self._make = lambda: make(workload, weights, data)
        self._made: Any = None

    def first_step(self) -> dict[str, Any]:
        """Makes the implementation, which may compile, and steps once."""
        started = time.perf_counter()
        self._made = self._make()
        self._step()
        return {
            "seconds": time.perf_counter() - started,
            "name": self._made.name,
            "updates": self._made.updates_per_call,
        }

    def step(self) -> dict[str, float]:
        """Times a step."""
        started = time.perf_counter()
        self._step()
        return {"seconds": time.perf_counter() - started}

    def meta_gradients(self, path: str) -> dict[str, float]:
        """Writes meta-gradients at the initial weights; returns the loss."""
        made = self._make()
        tasks = range(min(self._tasks, _COMPARED))
        losses, gradients = zip(*(made.meta_gradient(task) for task in tasks))
        np.save(
            path,
            [
                np.concatenate([g.ravel() for g in arrays])
                for arrays in gradients
            ],
        )
        return {"loss": float(np.mean(losses))}

    def memory(self) -> dict[str, int | None]:
        """Returns the peak of the resident set and of a GPU's memory."""
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return {"bytes": peak, "gpu_bytes": _gpu_bytes(self._module)}

    def _step(self):
        loss = self._made.step()
        if not math.isfinite(loss):
            raise ArithmeticError(f"the loss became {loss}")


def _gpu_bytes(module):
    """Returns the framework's peak of GPU memory; None without a GPU."""
    if hasattr(module, "torch"):
        cuda = module.torch.cuda
        return cuda.max_memory_allocated() if cuda.is_available() else None
    if hasattr(module, "jax"):
        statistics = module.jax.devices()[0].memory_stats() or {}
        return statistics.get("peak_bytes_in_use")
    config = module.tf.config
    if not config.list_physical_devices("GPU"):
        return None
    return config.experimental.get_memory_info("GPU:0")["peak"]


def main(module: str, implementation: str, workload: str, seed: str) -> None:
    """Answers commands until standard input ends.

    Args:
        module: Name of a module of `benchmarking`, such as `"ours"`.
        implementation: A key of its `IMPLEMENTATIONS`.
        workload: As in `workloads.find`.
        seed: Seed of weights and data.
    """
    # Libraries print to standard output; answers must not mix with that.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**values):
        answers.write(json.dumps(values) + "\n")

    try:
        if module == "ours":
            # If JAX is installed, TensorFlow Lite would import it, and take a
            # hundred megabytes that we do not need.
            sys.modules["jax"] = None  # type: ignore[assignment]
        imported = importlib.import_module(f"benchmarking.{module}")
        commands = Commands(
            imported, implementation, workloads.find(workload), int(seed)
        )
        answer(version=imported.VERSION)
        for line in sys.stdin:
            name, *arguments = line.rstrip("\n").split(" ", 1)
            answer(**getattr(commands, name)(*arguments))
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        answer(error=f"{type(error).__name__}: {first_line}")
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
