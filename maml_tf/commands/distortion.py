r"""Compares trainings on tasks that differ more and more from theirs.

    maml-tf distortion --workdir=results/maml,results/protonet \
        --inner_steps=1,3,10,100 --output=distortion.png

Prints tables, draws one panel for each of two distortions, and writes the
figures to a JSON file beside the picture, after each training too.

Omniglot: the original drawings are sheared or scaled about their centre, on
white paper, and then shrunk as in training. All drawings of all tasks have the
same degree.

sinusoid: amplitudes or phases are drawn from other ranges.

Transductive batch norm takes its statistics from the query batch, and so undoes
some of a distortion; inductive batch norm takes those of the support set. Both
are measured for networks that have it.
"""

import math
import pathlib
from typing import Any

from absl import flags
from tqdm import tqdm

from maml_tf.commands.experiments import (
    distortions,
    option_flags,
    supervised,
    supervised_flags,
    training_curves,
    training_run,
)
from maml_tf.commands.path_lists import PathListParser
from maml_tf.errors import InputError, refusal
from maml_tf.evaluation.curve import MetaTest
from maml_tf.functional.layers import has_batch_norm
from maml_tf.learner.files import find_folder
from maml_tf.reports import distortions as report
from maml_tf.reports import figures, tables
from maml_tf.training.metrics_log import finite

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE(
    PathListParser(),
    "workdir",
    None,
    "Folders of trainings on one data set, omniglot or sinusoid, with commas"
    " between; or names of models that come with maml_tf.",
    required=True,
)
flags.DEFINE_string(
    "output", None, "Picture to write, such as FILE.png.", required=True
)
flags.DEFINE_list(
    "inner_steps",
    ["1", "3", "10", "100"],
    "Numbers of gradient steps; learners without them have one line.",
)
flags.DEFINE_list(
    "batch_norm",
    ["transductive", "inductive"],
    "Statistics that batch normalisation uses: transductive, inductive,"
    " moving.",
)
flags.DEFINE_list(
    "shears",
    [f"{n / 10:g}" for n in range(9)],
    "omniglot: angles by which upright lines lean, in radians.",
)
flags.DEFINE_list(
    "scales",
    [f"{n / 10:g}" for n in range(5, 16)],
    "omniglot: factors of the size.",
)
flags.DEFINE_list(
    "amplitudes",
    ["0.1", *map(str, range(1, 11))],
    "sinusoid: ends of ranges of amplitudes, in order; training has 0.1 to 5.",
)
flags.DEFINE_list(
    "phases",
    [f"{n / 4:g}" for n in range(9)],
    "sinusoid: ends of ranges of phases, in order and in units of π; training"
    " has 0 to 1.",
)
flags.DEFINE_integer("num_tasks", 600, "Tasks to adapt to, for each degree.")
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test"], "Split to draw classes from."
)
for _name, _text in (
    ("way", "Classes in a task"),
    ("shot", "Support examples per class"),
    ("query", "Query examples per class"),
    ("seed", "Seed of the episodes"),
):
    flags.DEFINE_integer(_name, None, f"{_text}; default: as in the training.")
flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.")
flags.DEFINE_bool("progress", True, "Show progress bars, on a terminal.")

# The flags of each data set that has distortions, with the least and the
# largest value of each. At a shear of π / 2 lines would lie flat.
_DEGREES = {
    "omniglot": {"shears": (-1.5, 1.5), "scales": (0.05, 20.0)},
    "sinusoid": {"amplitudes": (0.0, 1e6), "phases": (-1e3, 1e3)},
}
_MODES = ("transductive", "inductive", "moving")


def main(argv: list[str]) -> int:
    """Compares as the flags say; returns the exit status."""
    del argv
    path = pathlib.Path(FLAGS.output)
    figures.check_format(path)
    workdirs = [find_folder(name) for name in FLAGS.workdir]
    recorded = [supervised_flags.recorded(workdir) for workdir in workdirs]
    source = _source(workdirs, recorded)
    steps = _steps()
    modes = _modes()
    for flag_values in recorded:
        _replace(flag_values)
    title, labels = training_curves.names(
        workdirs, recorded, [_setting(f) for f in recorded]
    )
    result: dict = {
        "title": title,
        "dataset": recorded[0].dataset,
        "split": FLAGS.split,
        "num_tasks": FLAGS.num_tasks,
        "panels": [
            {
                "name": panel.name,
                "label": panel.label,
                "degrees": panel.degrees,
                "usual": panel.usual,
            }
            for panel in source.panels
        ],
        "lines": [],
    }
    for workdir, flag_values, label in zip(workdirs, recorded, labels):
        for mode in modes:
            flag_values.batch_norm = mode
            built = supervised.Experiment(flag_values, workdir)
            iteration, checkpoint = built.restore(workdir)
            algorithm = built.adapting(flag_values.way)
            has_modes = has_batch_norm(built.model)
            result["metric"] = built.dataset.metric_name
            about = {
                "label": label,
                "workdir": str(workdir),
                "algorithm": flag_values.algorithm,
                "network": flag_values.network,
                "iteration": iteration,
                "checkpoint": checkpoint,
                "shot": flag_values.shot,
                "query": flag_values.query,
                "seed": flag_values.seed,
                "batch_norm": mode if has_modes else None,
            }
            lines = _lines(built, algorithm, source, steps, label)
            result["lines"] += [about | line for line in lines]
            # A long comparison that is stopped keeps its trainings.
            training_run.write_evaluation(result, path.with_suffix(".json"))
            if not has_modes:
                break
    print(report.text(result), flush=True)
    figures.save(report.draw(result), path)
    print(f"Written to {path} and {path.with_suffix('.json')}.")
    return 0


def _lines(built, algorithm, source, steps, label):
    """Meta-tests a training at all degrees; yields a dict a line."""
    if not _adapts(algorithm):
        steps = [None]
    f = built.flags
    name = built.dataset.metric_name
    episodes, distort = source.episodes(built, FLAGS.split)
    # One compilation for all degrees: they change variables alone.
    test = MetaTest(
        algorithm,
        episodes,
        num_tasks=FLAGS.num_tasks,
        steps=max(step or 0 for step in steps),
        evaluated=[step or 0 for step in steps],
        seed=f.seed,
    )
    settings = dict.fromkeys(s for p in source.panels for s in p.settings)
    curves = {}
    for setting in tqdm(
        settings, label, unit="degree", disable=None if FLAGS.progress else True
    ):
        distort(setting)
        curves[setting] = test()
    for column, step in enumerate(steps):
        line = {"steps": step}
        for panel in source.panels:
            line[panel.name] = {
                key: [
                    finite(float(getattr(curves[s], attribute)[column]))
                    for s in panel.settings
                ]
                for key, attribute in (
                    (name, "metric"),
                    ("ci95", "ci95"),
                    ("loss", "loss"),
                )
            }
        yield line


def _adapts(algorithm: Any) -> bool:
    """Returns whether gradient steps change a task's weights."""
    return algorithm.has_inner_loop and any(algorithm.inner_loop.adapted)


def _source(workdirs, recorded):
    """Returns the `Drawings` or `SineWaves` of all the trainings."""
    names = [f.dataset for f in recorded]
    for workdir, name in zip(workdirs, names):
        if name not in _DEGREES:
            raise InputError(
                f"workdir: {str(workdir)!r} is a training on {name}; give"
                f" trainings on {' or '.join(_DEGREES)}."
            )
        if name != names[0]:
            raise InputError(
                f"workdir: {str(workdirs[0])!r} is a training on {names[0]},"
                f" {str(workdir)!r} on {name}; give trainings on one data set."
            )
    own = _DEGREES[names[0]]
    for other in {n for flags_of in _DEGREES.values() for n in flags_of}:
        if other not in own and FLAGS[other].present:
            raise InputError(
                f"{other}: it was given for trainings on {names[0]}, which have"
                f" {' and '.join(own)}; leave it out."
            )
    degrees = [_degrees(name, *ends) for name, ends in own.items()]
    if names[0] == "omniglot":
        return distortions.Drawings(*degrees)
    for name, ends in zip(own, degrees):
        if len(ends) < 2 or ends != sorted(set(ends)):
            raise refusal(
                name,
                ",".join(FLAGS[name].value or ()),
                "give two ends of ranges or more, from the lowest up",
            )
    return distortions.SineWaves(*degrees)


def _degrees(name, low, high):
    """Returns a flag's numbers, all of them within a range."""
    numbers = []
    for text in FLAGS[name].value or ():
        try:
            numbers.append(float(text))
        except ValueError:
            numbers.append(math.nan)
        if not low <= numbers[-1] <= high:
            raise refusal(
                name,
                text,
                f"give numbers from {low:g} to {high:g}, with commas",
            )
    if not numbers:
        raise refusal(name, "nothing", "give one number or more")
    return numbers


def _steps():
    given = FLAGS.inner_steps or []
    steps = option_flags.integers("inner_steps", given) or ()
    if not steps or min(steps) < 0:
        raise refusal(
            "inner_steps",
            ",".join(given) or "nothing",
            "give numbers of 0 or more, with commas",
        )
    return tuple(dict.fromkeys(steps))


def _modes():
    modes = FLAGS.batch_norm or ["nothing"]
    for mode in modes:
        if mode not in _MODES:
            raise refusal(
                "batch_norm", mode, f"give some of {', '.join(_MODES)}"
            )
    return tuple(dict.fromkeys(modes))


def _replace(flag_values):
    """Puts our flags in the place of a training's."""
    for name in ("way", "shot", "query", "seed", "data_dir"):
        if FLAGS[name].value is not None:
            flag_values[name].value = FLAGS[name].value
    if flag_values.dataset == "omniglot":
        # Images in files cannot be replaced.
        flag_values.in_memory = "true"


def _setting(f):
    """Describes the setting of a training's figures in words."""
    classifies = f.dataset == "omniglot"
    return {
        "dataset": f"{f.dataset}, {FLAGS.split}",
        "task": f"{f.way}-way {f.shot}-shot"
        if classifies
        else f"{f.shot} examples",
        "tasks": f"{FLAGS.num_tasks} tasks a point",
        "query": tables.queries(f.query) + " a class" * classifies,
        "seed": f"seed {f.seed}",
    }


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
