r"""Tests a trained model: accuracy or error after every inner step.

    maml-tf evaluate --workdir=results/omniglot_5way_1shot \
        --num_tasks=600 --inner_steps=10

Prints a table and writes DIR/evaluation_<split>.json. Flags left out are as in
the training.
"""

import pathlib
import typing

from absl import flags

from maml_tf.commands.experiments import (
    evaluation,
    supervised,
    supervised_flags,
    training_run,
)
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.learner.files import SHIPPED, find_folder
from maml_tf.reports import tables

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the training, or the name of a model that comes with maml_tf.",
    required=True,
)
flags.DEFINE_string(
    "dataset",
    None,
    "The same data at another place, as in --dataset=folder:pictures; default:"
    " as in the training.",
)
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test"], "Split to draw classes from."
)
flags.DEFINE_integer("num_tasks", 600, "Tasks to adapt to.")
flags.DEFINE_integer(
    "inner_steps",
    None,
    "Gradient steps; default: --test_inner_steps of the training.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "way", None, "Classes in a task; default: as in the training."
)
flags.DEFINE_integer(
    "shot", None, "Support examples per class; default: as in the training."
)
flags.DEFINE_integer(
    "query", None, "Query examples per class; default: as in the training."
)
flags.DEFINE_integer(
    "seed", None, "Seed of the test episodes; default: as in the training."
)
flags.DEFINE_enum(
    "batch_norm",
    None,
    ["transductive", "inductive", "moving"],
    "Statistics that batch normalisation uses; default: as in the training.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared data sets; default: as in the training.",
)
flags.DEFINE_enum(
    "classes_within",
    None,
    typing.get_args(ClassesWithin),
    "Classes that those of a task are drawn from, see maml-tf train --help;"
    " default: as in the training.",
)
flags.DEFINE_integer(
    "rotations",
    None,
    "1: classes are upright; 4: their rotations are classes too; default: as in"
    " the training.",
)
flags.DEFINE_integer(
    "numberings",
    1,
    "Ways to number each task's classes. With 2 or more, also prints how much"
    " the accuracy of a task differs between them.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "ensemble",
    None,
    "Members of the training's ensemble to average, the best first. 1: the best"
    " alone. Default: all.",
    lower_bound=1,
)
flags.DEFINE_bool("progress", True, "Show a progress bar, on a terminal.")
flags.DEFINE_string(
    "output",
    None,
    "File to write; default: DIR/evaluation_<split>.json, or"
    " results/evaluation_<split>.json for a model that comes with maml_tf.",
)


def main(argv: list[str]) -> int:
    """Evaluates as the flags say; returns the exit status."""
    del argv
    workdir = find_folder(FLAGS.workdir)
    recorded = supervised_flags.recorded(workdir)
    for name in (
        *("dataset", "shot", "query", "seed", "batch_norm", "data_dir"),
        *("classes_within", "rotations"),
    ):
        if FLAGS[name].value is not None:
            recorded[name].value = FLAGS[name].value
    result = evaluation.evaluate(
        workdir,
        recorded,
        split=FLAGS.split,
        num_tasks=FLAGS.num_tasks,
        inner_steps=FLAGS.inner_steps,
        way=FLAGS.way,
        numberings=FLAGS.numberings,
        ensemble=FLAGS.ensemble,
        progress=FLAGS.progress,
    )
    # Folders of the package are not written to.
    folder = workdir if workdir.parent != SHIPPED else pathlib.Path("results")
    output = pathlib.Path(
        FLAGS.output or folder / f"evaluation_{FLAGS.split}.json"
    )
    # The table first: the file may not be written, on a full disk.
    print(tables.adaptation(result), flush=True)
    training_run.write_evaluation(result, output)
    print(f"Written to {output}.")
    return 0


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
