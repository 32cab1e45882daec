"""Measures the implementations of a workload, which take turns."""

import contextlib
import dataclasses
import math
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarking import flops, machine
from benchmarking.processes import Worker, WorkerError
from benchmarking.workloads import Workload

OURS = "maml_tf"


class Peer(NamedTuple):
    """A framework to compare with.

    Attributes:
        module: Name of its module of `benchmarking`; only workers import it.
        implementations: Keys of the module's `IMPLEMENTATIONS`.
        packages: Packages that must be installed.
    """

    module: str
    implementations: tuple[str, ...]
    packages: tuple[str, ...]


PEERS = {
    "torch": Peer(
        "torch_peer",
        (
            *("torch_vmap", "torch_loop", "torch_channels_last"),
            *("torch_compiled_vmap", "torch_compiled_loop"),
        ),
        ("torch",),
    ),
    "jax": Peer("jax_peer", ("jax_vmap", "jax_scan"), ("jax", "optax")),
    "tensorflow1": Peer("tensorflow1_peer", ("tensorflow1",), ("tensorflow",)),
}

# Largest difference of meta-gradients, relative to ours by their norms, median
# over tasks. They agree to 2e-6, unless an input of a ReLU or the lead of a
# maximum is within rounding of zero: then frameworks take different sides, and
# that task's meta-gradient jumps by up to a tenth (docs/speed.md). First order
# is off by 0.08 on every task, and by more with more steps.
TOLERANCE = 0.02

_FEWEST_REPETITIONS = 2

# Seconds of rest before a repetition: the threads of the implementation before
# it may still spin, waiting for work.
_REST = 0.3

# A step of fewer seconds is timed after another one, so that the caches hold
# its own data; a longer step fills them itself.
_SHORT = 2.0


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An implementation to be measured.

    Attributes:
        framework: `OURS` or one of `PEERS`.
        module: Name of its module of `benchmarking`.
        implementation: A key of the module's `IMPLEMENTATIONS`.
        second_order: False for first-order MAML.
    """

    framework: str
    module: str
    implementation: str
    second_order: bool = True


def candidates(
    workload: Workload, peers: Sequence[str], first_order: bool
) -> list[Candidate]:
    """Lists the implementations to measure on a workload, ours first.

    Args:
        workload: The workload.
        peers: Names of `PEERS`.
        first_order: Whether our first-order MAML is measured too, if the inner
            loop has several steps.
    """
    chosen = [Candidate(OURS, "ours", "maml_tf")]
    if first_order and workload.inner_steps > 1:
        chosen.append(
            Candidate(OURS, "ours", "maml_tf_first_order", second_order=False)
        )
    for peer in peers:
        chosen += [
            Candidate(peer, PEERS[peer].module, name)
            for name in PEERS[peer].implementations
        ]
    return chosen


class Benchmark:
    """Measures workloads, one after the other.

    Args:
        repetitions: Timed steps of each implementation.
        seconds: Seconds for an implementation on a workload. A repetition that
            would take longer is left out, but there are at least two.
        seed: Seed of weights and data.
        warn: Function of a sentence, called when a peer fails.
        advance: Function of a text, called before each step of the work.
    """

    def __init__(
        self,
        *,
        repetitions: int,
        seconds: float,
        seed: int,
        warn: Callable[[str], None],
        advance: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.repetitions = repetitions
        self.seconds = seconds
        self.seed = seed
        self.warn = warn
        self.advance = advance

    def measure(
        self, workload: Workload, chosen: Sequence[Candidate]
    ) -> dict[str, Any]:
        """Measures a workload.

        Args:
            workload: The workload.
            chosen: The implementations, ours first.

        Returns:
            The dict of this workload in the JSON file.

        Raises:
            WorkerError: Our implementation failed.
        """
        gradients = self._gradients(workload, chosen)
        # A peer that failed is not tried again.
        chosen = [c for c in chosen if c in gradients or not c.second_order]
        runs, gemm_rates = self._runs(workload, chosen)
        gemm = statistics.median(gemm_rates)
        results = [
            {
                **_identity(run),
                **_agreement(gradients, run.candidate),
                **_figures(workload, run, gemm),
            }
            for run in runs
        ]
        _compare(results)
        return {
            **dataclasses.asdict(workload),
            "gflop_per_update": 1e-9 * flops.meta_update(workload),
            "gemm_gflops": gemm,
            "gemm_gflops_each": gemm_rates,
            "implementations": results,
        }

    def _gradients(self, workload, chosen):
        """Returns `(loss, gradients [tasks, weights])` by candidate."""
        gradients = {}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "gradients.npy"
            for candidate in chosen:
                if not candidate.second_order:
                    continue
                self.advance(f"{candidate.implementation}: meta-gradients")
                with self._unless_it_fails(workload, candidate):
                    # In another process, so that the measured one does nothing
                    # but steps.
                    with self._worker(workload, candidate) as worker:
                        loss = worker.ask("meta_gradients", str(path))["loss"]
                    gradients[candidate] = loss, np.load(path)
        return gradients

    def _runs(self, workload, chosen):
        """Returns the runs that came to their end, and GEMM rates meanwhile."""
        runs: list[_Run] = []
        gemm: list[float] = []
        with contextlib.ExitStack() as stack:
            for candidate in chosen:
                self.advance(f"{candidate.implementation}: first step")
                with self._unless_it_fails(workload, candidate):
                    worker = self._worker(workload, candidate)
                    stack.enter_context(worker)
                    runs.append(_Run(candidate, worker))
            for _ in range(self.repetitions):
                gemm.append(self._gemm())
                self._each(workload, runs, self._repeat)
            gemm.append(self._gemm())
            self._each(workload, runs, _Run.end)
        return runs, gemm

    def _gemm(self):
        time.sleep(_REST)
        return machine.gemm_gflops()

    def _repeat(self, run):
        self.advance(run.candidate.implementation)
        if run.may_repeat(self.seconds):
            time.sleep(_REST)
            run.repeat()

    def _each(self, workload, runs, act):
        """Calls `act` with each run, and removes runs that fail."""
        for run in list(runs):
            succeeded = False
            with self._unless_it_fails(workload, run.candidate):
                act(run)
                succeeded = True
            if not succeeded:
                runs.remove(run)

    def _worker(self, workload, candidate):
        return Worker(
            candidate.module,
            candidate.implementation,
            workload.name,
            self.seed,
        )

    @contextlib.contextmanager
    def _unless_it_fails(self, workload, candidate):
        """Warns if a peer fails, and raises if ours does."""
        try:
            yield
        except WorkerError as error:
            sentence = f"{candidate.implementation} on {workload.name}: {error}"
            if candidate.framework == OURS:
                raise WorkerError(sentence) from error
            self.warn(sentence)


class _Run:
    """A worker's first step, a warm-up, and then its repetitions."""

    def __init__(self, candidate, worker):
        self.candidate = candidate
        self.version = worker.version
        self._worker = worker
        first = worker.ask("first_step")
        self.name = first["name"]
        self.first_step = first["seconds"]
        self._updates = first["updates"]
        self._seconds = self._spent = worker.ask("step")["seconds"]
        self.seconds_an_update: list[float] = []

    def may_repeat(self, seconds):
        done = len(self.seconds_an_update)
        following = self._seconds * (2 if self._seconds < _SHORT else 1)
        return done < _FEWEST_REPETITIONS or self._spent + following <= seconds

    def repeat(self):
        if self._seconds < _SHORT:
            self._spent += self._worker.ask("step")["seconds"]
        seconds = self._seconds = self._worker.ask("step")["seconds"]
        self._spent += seconds
        self.seconds_an_update.append(seconds / self._updates)

    def end(self):
        """Asks for the memory and ends the worker."""
        self.memory = self._worker.ask("memory")
        self._worker.close()


def _identity(run):
    return {
        "implementation": run.candidate.implementation,
        "name": run.name,
        "framework": run.candidate.framework,
        "version": run.version,
        "second_order": run.candidate.second_order,
    }


def _agreement(gradients, candidate):
    """Compares a meta-gradient with ours, unless it is of first order."""
    if not candidate.second_order:
        return {"loss": None, "gradient_differs_by": None, "agrees": None}
    (_, ours), *_ = gradients.values()
    loss, gradient = gradients[candidate]
    difference = math.inf
    if gradient.shape == ours.shape:
        by_task = np.linalg.norm(gradient - ours, axis=1)
        difference = float(np.median(by_task / np.linalg.norm(ours, axis=1)))
    return {
        "loss": _finite(loss),
        "gradient_differs_by": _finite(difference),
        "agrees": difference <= TOLERANCE,
    }


def _figures(workload, run, gemm):
    seconds = statistics.median(run.seconds_an_update)
    operations = flops.meta_update(workload, run.candidate.second_order)
    rate = 1e-9 * operations / seconds
    gpu_bytes = run.memory["gpu_bytes"]
    return {
        "milliseconds": [1e3 * s for s in run.seconds_an_update],
        "median_ms": 1e3 * seconds,
        "min_ms": 1e3 * min(run.seconds_an_update),
        "tasks_per_second": workload.tasks / seconds,
        "gflops": rate,
        # NumPy's products run on the CPU; they do not bound a GPU.
        "percent_of_gemm": 100 * rate / gemm if gpu_bytes is None else None,
        "first_step_seconds": run.first_step,
        "peak_memory_mb": 1e-6 * run.memory["bytes"],
        "gpu_memory_mb": None if gpu_bytes is None else 1e-6 * gpu_bytes,
    }


def _compare(results):
    """Marks the best of each peer, and divides all times by ours."""
    ours = results[0]["median_ms"]
    for result in results:
        rivals = [
            other["median_ms"]
            for other in results
            if other["framework"] == result["framework"]
        ]
        is_peer = result["framework"] != OURS
        result["best_of_peer"] = is_peer and result["median_ms"] == min(rivals)
        result["times_ours"] = result["median_ms"] / ours


def disagreements(result: dict[str, Any]) -> list[str]:
    """Writes a sentence for each meta-gradient that differs from ours.

    Args:
        result: The dict that `Benchmark.measure` returns.
    """
    sentences = []
    for line in result["implementations"]:
        if line["agrees"] is False:
            difference = line["gradient_differs_by"]
            number = "infinite" if difference is None else f"{difference:.2g}"
            sentences.append(
                f"{result['name']}: the meta-gradient of {line['name']} is not"
                f" ours: their relative difference is {number}, and at most"
                f" {TOLERANCE} would be rounding."
            )
    return sentences


def _finite(value):
    return value if math.isfinite(value) else None
