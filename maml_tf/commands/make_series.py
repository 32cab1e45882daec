"""Writes the synthetic electricity demand as a table.

    maml-tf make-series --output=demand.csv

The table has the columns task, time and value (kW). --dataset=table:demand.csv
reads it and gives the same episodes as --dataset=demand_series.
"""

import csv
import pathlib

from absl import flags

from maml_tf import InputError
from maml_tf.commands import sentences
from maml_tf.commands.experiments import quiet_tensorflow  # noqa: F401
from maml_tf.datasets import demand_series, table
from maml_tf.files import replacing

FLAGS = flags.FLAGS
flags.DEFINE_string("output", None, "CSV file to write.", required=True)
flags.DEFINE_integer(
    "seed", 0, "Seed of weather and households.", lower_bound=0
)
flags.DEFINE_integer(
    "households",
    demand_series.HOUSEHOLDS,
    "Number of series.",
    lower_bound=1,
)


def main(argv: list[str]) -> int:
    """Writes the file; returns the exit status."""
    del argv
    output = pathlib.Path(FLAGS.output)
    if output.exists():
        raise InputError(
            f"output: {output} exists already; give another name, or remove it."
        )
    names, times, demand = demand_series.generate(FLAGS.seed, FLAGS.households)
    times = times.astype(str)
    with replacing(output) as partial:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.SERIES)
            for name, values in zip(names, demand.tolist()):
                writer.writerows((name, *row) for row in zip(times, values))
    print(
        f"Written to {output}: {len(names)} synthetic series of {len(times)}"
        f" hours; use it as --dataset=table:{output}"
    )
    return 0


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    sentences.run(main, InputError)
