r"""Draws trainings of policies: their course, adaptation and paths.

    maml-tf plot-rl --workdir=results/rl_navigation_2d \
        --output=returns.png
    maml-tf plot-rl --workdir=results/rl_navigation_2d \
        --kind=trajectories --output=trajectories.png

--kind=curves: the return in training, and by inner step with its 95 % band and
published returns. The curve by inner step is read from
DIR/evaluation_<split>.json or, without that file, from the last validation.

--kind=trajectories: the paths in navigation_2d to some goals of the split,
before adaptation and after each gradient step.

Several folders are drawn beside one another. Flags left out are as in the
training.
"""

import functools
import pathlib

import numpy as np
from absl import flags

from maml_tf import InputError
from maml_tf.commands.experiments import (
    policies,
    policy_flags,
    supervised,
    training_curves,
    training_run,
)
from maml_tf.commands.path_lists import PathListParser
from maml_tf.errors import check_at_least_one
from maml_tf.reports import figures, navigation, tables

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE(
    PathListParser(),
    "workdir",
    None,
    "Folder of the training, or several with commas between.",
    required=True,
)
flags.DEFINE_string(
    "output",
    None,
    "Picture to write, such as FILE.png or FILE.svg.",
    required=True,
)
flags.DEFINE_enum(
    "kind", "curves", ["curves", "trajectories"], "Kind of picture; see above."
)
flags.DEFINE_enum(
    "split",
    "test",
    ["train", "valid", "test"],
    "Split to draw tasks from; curves: split of the evaluation.",
)
flags.DEFINE_integer("goals", 4, "trajectories: tasks, a panel each.")
flags.DEFINE_integer(
    "paths", 2, "trajectories: rollouts to draw for each step."
)
flags.DEFINE_integer(
    "inner_steps",
    None,
    "trajectories: gradient steps; default: --test_inner_steps of the"
    " training.",
    lower_bound=0,
)
flags.DEFINE_integer("seed", None, "trajectories: seed of goals and rollouts.")


def main(argv: list[str]) -> int:
    """Draws as the flags say; returns the exit status."""
    del argv
    workdirs = [pathlib.Path(workdir) for workdir in FLAGS.workdir]
    recorded = [policy_flags.recorded(workdir) for workdir in workdirs]
    policies.check_same_environment(workdirs, recorded)
    draw = {"curves": _curves, "trajectories": _trajectories}[FLAGS.kind]
    figures.save(draw(workdirs, recorded), FLAGS.output)
    print(f"Written to {FLAGS.output}: {FLAGS.kind}.")
    return 0


def _curves(workdirs, recorded):
    runs = []
    for workdir, f in zip(workdirs, recorded):
        setting = policies.RLExperiment(f).setting()
        runs.append(
            training_curves.Run(
                workdir,
                f,
                tables.return_setting,
                functools.partial(_validated, setting),
                tables.published_returns(setting),
            )
        )
    return training_curves.draw(runs, FLAGS.split)


def _validated(setting, record):
    return _setting(setting, "validation", record["num_tasks"])


def _setting(setting, split, num_tasks):
    return tables.return_setting(
        setting | {"split": split, "num_tasks": num_tasks}
    )


def _trajectories(workdirs, recorded):
    check_at_least_one(goals=FLAGS.goals, paths=FLAGS.paths)
    if recorded[0].environment != "navigation_2d":
        raise InputError(
            "kind: trajectories was given, but"
            f" {str(workdirs[0])!r} is a training in"
            f" {recorded[0].environment}; paths are of navigation_2d alone."
        )
    figure = figures.new_figure(3.2 * FLAGS.goals, 2.3 * len(workdirs) + 1.2)
    grid = figure.subplots(
        len(workdirs), FLAGS.goals, sharex=True, sharey=True, squeeze=False
    )
    settings = []
    for row, workdir, f in zip(grid, workdirs, recorded):
        if FLAGS.seed is not None:
            f.seed = FLAGS.seed
        built = policies.RLExperiment(f)
        training_run.restore(built.algorithm, workdir)
        settings.append(_setting(built.setting(), FLAGS.split, FLAGS.goals))
        goals = built.environment.tasks(FLAGS.split, 0, FLAGS.goals, f.seed)
        paths = _paths(built)
        for axes, goal, by_step in zip(row, goals, zip(*paths)):
            navigation.navigation_paths(axes, goal, by_step)
    title, labels = training_curves.names(workdirs, recorded, settings)
    for row, label in zip(grid, labels):
        row[0].set_ylabel(label)
    figure.suptitle(title)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=6,
    )
    return figure


def _paths(built):
    """Returns positions by step; NaN stands after the end of a rollout.

    Each step has an array `[goals, rollouts, horizon, 2]`.
    """
    meta_test = built.meta_test(FLAGS.split, FLAGS.goals, FLAGS.inner_steps)
    return [
        np.where(
            trajectories.mask[:, : FLAGS.paths, :, np.newaxis] > 0,
            # An oracle also observes the goal, after the position.
            trajectories.observations[:, : FLAGS.paths, :, :2],
            np.nan,
        )
        for trajectories in meta_test.trajectories(0, FLAGS.goals)
    ]


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
