r"""Measures how time and memory of a meta-update grow with the task's numbers.

    python benchmarks/growth.py --output=results/growth.json

Second-order MAML on synthetic images, as `benchmark.py` has it. From one set of
numbers (Omniglot's 20-way 1-shot of five steps is the largest like it), one
number at a time is doubled. Each setting has a process of its own; its time is
the median of the steps after the first. The exponent is the slope of a line
through the logarithms: 1 says that twice as many take twice as long.
"""

import dataclasses
import json
import pathlib
import statistics

import numpy as np
from absl import flags
from benchmarking.processes import Worker, WorkerError
from benchmarking.report import columns
from benchmarking.workloads import Workload

from maml_tf.commands import sentences

FLAGS = flags.FLAGS
flags.DEFINE_integer("repetitions", 5, "Timed steps.", lower_bound=1)
flags.DEFINE_string("output", None, "JSON file to write the figures to.")

START = {"tasks": 8, "ways": 5, "shots": 1, "steps": 2, "filters": 32}
# What is doubled, and how often.
DOUBLINGS = {"tasks": 4, "ways": 3, "shots": 4, "steps": 3, "filters": 2}


def workload(numbers: dict[str, int]) -> Workload:
    """Makes the workload of some numbers, with as many queries as shots."""
    examples = numbers["ways"] * numbers["shots"]
    return Workload(
        "growth",
        tasks=numbers["tasks"],
        support=examples,
        query=examples,
        inner_steps=numbers["steps"],
        outputs=numbers["ways"],
        filters=numbers["filters"],
    )


def exponent(numbers: list[int], values: list[float]) -> float:
    """Fits `value = c · number ** exponent` by least squares of logarithms."""
    return float(np.polyfit(np.log(numbers), np.log(values), 1)[0])


def main(argv: list[str]) -> int:
    """Measures all settings and prints the table; returns the exit status."""
    del argv
    figures: dict[str, list[dict]] = {}
    rows = [["", "numbers", "ms", "of time", "MB", "of memory"]]
    for name, doublings in DOUBLINGS.items():
        figures[name] = []
        for doubling in range(doublings + 1):
            numbers = {**START, name: START[name] * 2**doubling}
            measured = _measure(numbers)
            figures[name].append({**numbers, **measured})
            print(f"{name} {numbers[name]}: {measured}", flush=True)
        found = figures[name]
        counts = [each[name] for each in found]
        milliseconds = [each["ms"] for each in found]
        megabytes = [each["mb"] for each in found]
        rows.append(
            [
                name,
                " ".join(map(str, counts)),
                " ".join(f"{ms:.3g}" for ms in milliseconds),
                f"{exponent(counts, milliseconds):.2f}",
                " ".join(f"{mb:.0f}" for mb in megabytes),
                f"{exponent(counts, megabytes):.2f}",
            ]
        )
    print(columns(rows))
    if FLAGS.output:
        path = pathlib.Path(FLAGS.output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _measure(numbers):
    """Returns milliseconds a meta-update and the peak of memory in MB."""
    text = json.dumps(dataclasses.asdict(workload(numbers)))
    # A process of its own: the peak of memory is then the setting's.
    with Worker("ours", "maml_tf", text, seed=0) as worker:
        worker.ask("first_step")
        seconds = [
            worker.ask("step")["seconds"] for _ in range(FLAGS.repetitions)
        ]
        peak = worker.ask("memory")["bytes"]
    return {"ms": 1e3 * statistics.median(seconds), "mb": peak / 2**20}


if __name__ == "__main__":
    sentences.run(main, WorkerError)
