r"""Times a training by one process, two replicas and two workers.

    python benchmarks/many_machines.py --data_dir=DIR

Runs `maml-tf train` on two cores: one process with two threads; two replicas on
two logical devices; two workers on loopback with one core each. They take
turns, because a machine's speed drifts by tens of per cent within minutes. A
turn gives each form's share of the first one's pace, and the mean of the shares
has a 95 % interval. Prints a table of meta-updates a second, and the efficiency
that sending leaves on a network of --gigabits and --latency.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from absl import flags

from maml_tf.commands import sentences
from maml_tf.commands.experiments import quiet_tensorflow
from maml_tf.errors import InputError
from maml_tf.evaluation.intervals import interval
from maml_tf.reports.tables import columns

FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", None, "Folder of the downloaded data sets.")
flags.DEFINE_float("gigabits", 10.0, "Speed of the network, Gbit a second.")
flags.DEFINE_float("latency", 50.0, "Microseconds a message takes.")
flags.DEFINE_integer("turns", 6, "Turns of each form.", lower_bound=2)
flags.DEFINE_string("output", None, "File for the figures, as JSON.")

# Weights that train.
_WEIGHTS = {"omniglot_5way_1shot": 112_005, "sinusoid_10shot": 1_761}
# Iterations, and those between two records; the first record is left out.
_WORK = {"omniglot_5way_1shot": (90, 15), "sinusoid_10shot": (9000, 1500)}
_FORMS = {
    "one process, two threads": ([], ["--strategy=one"]),
    "two replicas, two logical devices": ([], ["--strategy=mirrored"]),
    "two workers, a core each": (
        ["launch", "--workers=2", "--"],
        ["--inter_op_threads=1"],
    ),
}


def main(argv: list[str]) -> int:
    """Times all forms and prints the tables; returns the exit status."""
    del argv
    quiet_tensorflow.set_threads()
    figures: dict = {}
    for turn in range(FLAGS.turns):
        for experiment in _WORK:
            for form in _FORMS:
                pace = _pace(experiment, form)
                print(f"turn {turn}: {experiment}, {form}: {pace:.2f}/s")
                paces = figures.setdefault(experiment, {}).setdefault(form, [])
                paces.append(pace)
    rows, growth = [], []
    for experiment, forms in figures.items():
        first = np.array(next(iter(forms.values())))
        for form, paces in forms.items():
            shares = 100 * np.array(paces) / first
            share = f"{shares.mean():.0f} ± {interval(shares):.0f} %"
            pace = f"{statistics.median(paces):.2f}"
            rows.append([experiment, form, pace, share])
        growth.append([experiment, *_growth(experiment, np.median(first))])
    print(columns([["experiment", "form", "updates/s", "of one"], *rows]))
    header = ["experiment", "weights", "kB sent", "ms computed", "2", "8", "64"]
    print(columns([header, *growth]))
    if FLAGS.output:
        path = pathlib.Path(FLAGS.output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _pace(experiment, form):
    """Returns the median of meta-updates a second."""
    before, after = _FORMS[form]
    iterations, interval = _WORK[experiment]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "maml_tf.commands.main", *before, "train"),
            f"--experiment={experiment}",
            f"--workdir={folder}",
            f"--iterations={iterations}",
            f"--log_interval={interval}",
            f"--validation_interval={iterations}",
            "--validation_tasks=1",
            "--noprogress",
            *after,
        ]
        if FLAGS.data_dir:
            command.append(f"--data_dir={FLAGS.data_dir}")
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TF_CONFIG": ""},
        )
        lines = pathlib.Path(folder, "metrics.jsonl").read_text().splitlines()
    records = [r for r in map(json.loads, lines) if r["phase"] == "train"]
    return statistics.median(r["iterations_per_second"] for r in records[1:])


def _growth(experiment, pace):
    """Computes efficiencies: work / (work + sending), work of one machine.

    A ring of n machines sends each number 2 (n - 1) / n times, in 2 (n - 1)
    messages one after the other. The tasks of a machine stay as many, so the
    meta-batch grows with the machines.
    """
    number = _WEIGHTS[experiment]
    seconds = 1 / pace
    cells = [f"{number:,}", f"{8 * number / 1000:.0f}", f"{1000 * seconds:.1f}"]
    for machines in (2, 8, 64):
        sent = 2 * (machines - 1) / machines * 4 * number
        sending = sent * 8 / (FLAGS.gigabits * 1e9)
        sending += 2 * (machines - 1) * FLAGS.latency * 1e-6
        cells.append(f"{100 * seconds / (seconds + sending):.1f} %")
    return cells


if __name__ == "__main__":
    sentences.run(main, InputError)
