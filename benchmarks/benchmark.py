r"""Times whole meta-updates of this library and of its peers.

    make benchmark

installs the peers into .venv-benchmark and runs everything. With the packages
of `pip install .[benchmark]`, this does the same:

    python benchmarks/benchmark.py --workloads=sinusoid,omniglot_5way_1shot \
        --peers=torch,jax --output=results/benchmark.json

A meta-update is second-order MAML with its optimizer, on synthetic data. All
implementations start from the same weights and data, and their meta-gradients
are compared first. Each has its own process; they take turns, and rest while
another is timed. The peers are PyTorch (eager, and by `torch.compile`), JAX,
and a static graph of TensorFlow 1, built as the paper's code builds it.
"""

import datetime
import importlib.metadata
import importlib.util
import json
import pathlib
import sys

from absl import flags
from benchmarking import machine, measurement, report
from benchmarking.processes import WorkerError
from benchmarking.workloads import WORKLOADS
from tqdm import tqdm

from maml_tf.commands import sentences
from maml_tf.files import replacing

FLAGS = flags.FLAGS
flags.DEFINE_list(
    "workloads",
    None,
    f"Workloads to run, of {', '.join(WORKLOADS)}. Default: all.",
)
flags.DEFINE_list(
    "peers",
    None,
    f"Frameworks to compare with, of {', '.join(measurement.PEERS)}; empty:"
    " none. Default: those that are installed.",
)
flags.DEFINE_integer(
    "repetitions", 7, "Timed steps of each implementation.", lower_bound=2
)
flags.DEFINE_float(
    "seconds",
    60.0,
    "Time for the repetitions of an implementation of a workload; slow ones"
    " are repeated less often, but at least twice.",
    lower_bound=0.0,
)
flags.DEFINE_bool(
    "first_order",
    True,
    "Time our first-order MAML too, if there are several inner steps.",
)
flags.DEFINE_integer("seed", 0, "Seed of weights and data.", lower_bound=0)
flags.DEFINE_string("output", None, "JSON file to write the figures to.")


class RefusalError(Exception):
    """A flag cannot be used; the message is a sentence."""


def main(argv: list[str]) -> int:
    """Measures as the flags say; returns the exit status."""
    del argv
    names = _chosen("workloads", FLAGS.workloads, tuple(WORKLOADS))
    peers = _peers()
    _check_output()
    result = {
        "date": datetime.datetime.now()
        .astimezone()
        .isoformat(timespec="minutes"),
        "seed": FLAGS.seed,
        "repetitions": FLAGS.repetitions,
        "seconds": FLAGS.seconds,
        "machine": machine.describe(),
        "versions": _versions(peers),
        "workloads": [],
    }
    print(report.header(result), flush=True)
    for name in names:
        measured = _measure(WORKLOADS[name], peers)
        result["workloads"].append(measured)
        _write(result)
        print(f"\n{report.workload(measured)}", flush=True)
    print(f"\n{report.summary(result['workloads'])}")
    if FLAGS.output:
        print(f"\nWritten to {FLAGS.output}.")
    wrong = [
        sentence
        for measured in result["workloads"]
        for sentence in measurement.disagreements(measured)
    ]
    for sentence in wrong:
        print(f"error: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


def _measure(workload, peers):
    candidates = measurement.candidates(workload, peers, FLAGS.first_order)
    with tqdm(
        # For each: a meta-gradient, the first step, the repetitions.
        total=len(candidates) * (2 + FLAGS.repetitions),
        leave=False,
        disable=None,
        bar_format="{desc} {bar} {elapsed}",
    ) as bar:

        def advance(text):
            bar.set_description_str(f"{workload.name}, {text}")
            bar.update()

        return measurement.Benchmark(
            repetitions=FLAGS.repetitions,
            seconds=FLAGS.seconds,
            seed=FLAGS.seed,
            warn=lambda text: tqdm.write(f"warning: {text}", file=sys.stderr),
            advance=advance,
        ).measure(workload, candidates)


def _peers():
    if FLAGS.peers is None:
        return [name for name in measurement.PEERS if _is_installed(name)]
    peers = _chosen("peers", FLAGS.peers, tuple(measurement.PEERS))
    for name in peers:
        if not _is_installed(name):
            raise RefusalError(
                f"peers: {name} was given and is not installed; run `make"
                " benchmark`, which installs it apart, or `pip install"
                " .[benchmark]`."
            )
    return peers


def _is_installed(peer):
    return all(map(importlib.util.find_spec, measurement.PEERS[peer].packages))


def _versions(peers):
    packages = ["maml_tf", "tensorflow", "keras", "numpy"]
    for peer in peers:
        packages += measurement.PEERS[peer].packages
    return {name: importlib.metadata.version(name) for name in packages}


def _chosen(flag, given, available):
    """Returns the names that a list flag gives, in their order; or all."""
    if given is None:
        return available
    for name in given:
        if name not in available:
            raise RefusalError(
                f"{flag}: {name!r} was given; available:"
                f" {', '.join(available)}."
            )
    return [name for name in available if name in given]


def _check_output():
    """Refuses a file that cannot be written now, not after an hour."""
    if FLAGS.output:
        path = pathlib.Path(FLAGS.output)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise RefusalError(f"output: {path} is a folder; name a file.")


def _write(result):
    """Writes what is measured so far: a run takes hours."""
    if not FLAGS.output:
        return
    result["summary"] = {
        measured["name"]: report.comparison(measured)
        for measured in result["workloads"]
    }
    with replacing(FLAGS.output) as partial:
        partial.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    sentences.run(main, RefusalError, WorkerError)
