r"""Meta-tests a trained policy: its return after every gradient step.

    maml-tf evaluate-rl --workdir=results/rl_navigation_2d \
        --num_tasks=40 --inner_steps=3

Prints a table of mean returns over held-out tasks, with published ones if there
are any, and writes DIR/evaluation_<split>.json. Several folders with commas
between them, such as those of MAML and of --algorithm=pretrain, share a table.
Flags left out are as in the training.
"""

import pathlib

from absl import flags

from maml_tf import InputError
from maml_tf.commands.experiments import (
    policies,
    policy_flags,
    supervised,
    training_run,
)
from maml_tf.commands.path_lists import PathListParser
from maml_tf.reports import tables

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE(
    PathListParser(),
    "workdir",
    None,
    "Folder of the training, or several with commas between.",
    required=True,
)
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test"], "Split to draw tasks from."
)
flags.DEFINE_integer("num_tasks", 40, "Tasks to adapt to.")
flags.DEFINE_integer(
    "inner_steps",
    None,
    "Gradient steps; default: --test_inner_steps of the training.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "rollouts",
    None,
    "Rollouts of a task before each step; default: as in the training.",
)
flags.DEFINE_bool(
    "greedy",
    False,
    "Give the returns of the most probable actions. Gradient steps are on drawn"
    " actions all the same.",
)
flags.DEFINE_integer(
    "seed", None, "Seed of tasks and rollouts; default: as in the training."
)
flags.DEFINE_float(
    "inner_learning_rate",
    None,
    "Learning rate of the first gradient step; default: as in the training.",
)
flags.DEFINE_float(
    "later_inner_learning_rate",
    None,
    "Learning rate from the second gradient step on; default: as in the"
    " training.",
)
flags.DEFINE_integer(
    "workers",
    None,
    "Processes that step environments of Gymnasium; default: as in the"
    " training.",
    lower_bound=0,
)
flags.DEFINE_bool("progress", True, "Show a progress bar, on a terminal.")

_CHANGEABLE = (
    "rollouts",
    "seed",
    "inner_learning_rate",
    "later_inner_learning_rate",
    "workers",
)


def main(argv: list[str]) -> int:
    """Evaluates as the flags say; returns the exit status."""
    del argv
    workdirs = [pathlib.Path(workdir) for workdir in FLAGS.workdir]
    recorded = [policy_flags.recorded(workdir) for workdir in workdirs]
    policies.check_same_environment(workdirs, recorded)
    results, outputs = [], []
    for workdir, flag_values in zip(workdirs, recorded):
        for name in _CHANGEABLE:
            if FLAGS[name].value is not None:
                _check_changeable(name, workdir, flag_values)
                flag_values[name].value = FLAGS[name].value
        result = policies.evaluate(
            workdir,
            flag_values,
            split=FLAGS.split,
            num_tasks=FLAGS.num_tasks,
            inner_steps=FLAGS.inner_steps,
            greedy=FLAGS.greedy,
            progress=FLAGS.progress,
        )
        output = workdir / f"evaluation_{FLAGS.split}.json"
        training_run.write_evaluation(result, output)
        results.append(result)
        outputs.append(output)
    print(f"{tables.returns(results)}\n")
    for output in outputs:
        print(f"Written to {output}.")
    return 0


def _check_changeable(name, workdir, flag_values):
    """Refuses another rate for a training that learned its rates."""
    if "learning_rate" in name and policies.learns_rates(flag_values):
        raise InputError(
            f"{name}: {FLAGS[name].value} was given, but {workdir} learned its"
            " inner rates; leave it out."
        )


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
