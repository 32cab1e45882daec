r"""Packs a trained model to hand on: a small folder with a card.

    maml-tf share --workdir=results/birds --output=shared/birds \
        --description="Learns to tell birds apart." \
        --not_for="Anything that depends on naming a bird rightly." \
        --data_licence="CC BY 4.0"

The folder holds the weights, in files that run no code when they are loaded,
the preparation of raw inputs, the flags, and card.md: data, flags, seed,
accuracy with its interval, and what the model is not for. Evaluating the folder
gives the card's figures. `maml_tf.load(FOLDER)` takes it, and so does
--workdir=FOLDER of evaluate, adapt and export.
"""

import itertools
import pathlib
import subprocess

from absl import flags

from maml_tf import InputError
from maml_tf.commands.experiments import (
    data_record,
    evaluation,
    supervised,
    supervised_flags,
)
from maml_tf.files import replacing
from maml_tf.functional.layers import has_batch_norm
from maml_tf.reports import card, tables

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_string("workdir", None, "Folder of the training.", required=True)
flags.DEFINE_string("output", None, "Folder to make.", required=True)
flags.DEFINE_string(
    "description", None, "Use of the model, in a sentence.", required=True
)
flags.DEFINE_string(
    "not_for", None, "Uses that the model must not be put to.", required=True
)
flags.DEFINE_string(
    "data_licence", None, "Licence of the training data.", required=True
)
flags.DEFINE_string(
    "commit", None, "Commit of the code that trained it; default: this one."
)
flags.DEFINE_integer("num_tasks", 600, "Tasks of each figure on the card.")
flags.DEFINE_integer(
    "query", None, "Query examples per class; default: as in the training."
)
flags.DEFINE_integer(
    "inner_steps",
    None,
    "Gradient steps, which the model then also takes by default; default:"
    " --test_inner_steps of the training.",
    lower_bound=0,
)
flags.DEFINE_string(
    "dataset",
    None,
    "The same data at another place; default: as in the training.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared data sets; default: as in the training.",
)
flags.DEFINE_bool("progress", True, "Show a progress bar, on a terminal.")


def main(argv: list[str]) -> int:
    """Evaluates and writes the folder; returns the exit status."""
    del argv
    recorded = supervised_flags.recorded(FLAGS.workdir)
    for name in ("dataset", "data_dir", "query"):
        if FLAGS[name].value is not None:
            recorded[name].value = FLAGS[name].value
    if FLAGS.inner_steps is not None:
        recorded.test_inner_steps = FLAGS.inner_steps
    built = supervised.Experiment(recorded, FLAGS.workdir)
    iteration, checkpoint = built.restore(FLAGS.workdir, ensemble=None)
    modes = [recorded.batch_norm]
    if has_batch_norm(built.model) and "inductive" not in modes:
        # The adapted model predicts in this mode.
        modes.append("inductive")
    within = recorded.classes_within
    results = []
    for mode, recorded.classes_within in itertools.product(
        modes, ("split", "superclass") if within == "either" else (within,)
    ):
        recorded.batch_norm = mode
        results.append(
            evaluation.evaluate(
                FLAGS.workdir,
                recorded,
                num_tasks=FLAGS.num_tasks,
                progress=FLAGS.progress,
            )
        )
        print(f"{tables.adaptation(results[-1])}\n")
    recorded.batch_norm, recorded.classes_within = modes[0], within
    built.learner.about |= {"iteration": iteration, "checkpoint": checkpoint}
    output = pathlib.Path(FLAGS.output)
    built.learner.save(output)
    data_record.record(built.dataset, output)
    recorded.dataset = built.learner.about["dataset"]
    supervised_flags.record(recorded, output, supervised_flags.PLACES)
    with replacing(output / card.FILE_NAME) as partial:
        partial.write_text(
            card.card(
                output.name,
                built.learner,
                results,
                description=FLAGS.description,
                not_for=FLAGS.not_for,
                data_licence=FLAGS.data_licence,
                commit=FLAGS.commit or _commit(),
            ),
            encoding="utf-8",
        )
    print(f"Written to {output}: the learner and its {card.FILE_NAME}.")
    return 0


def _commit():
    try:
        return subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=pathlib.Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(
            "commit: this folder is not under git; say by which commit the"
            " model was trained."
        ) from error


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
