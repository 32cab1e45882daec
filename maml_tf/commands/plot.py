r"""Draws trainings: their course, adaptation and what it changes.

    maml-tf plot --workdir=results/omniglot_5way_1shot \
        --output=omniglot.png
    maml-tf plot --workdir=results/maml,results/anil,results/boil \
        --kind=moved --output=moved.svg

--kind=curves: loss or accuracy in training, and by inner step with its 95 %
band, of one training or several. The curve by inner step is read from
DIR/evaluation_<split>.json or, without that file, from the last validation. For
sine waves, fits are drawn too, and the curves go to FILE_curves.png.

--kind=confusion: how often each held-out class is taken for another after
adaptation, over many episodes with --classes of them.

--kind=moved: how far the inner loop moves each layer's weights, and how alike
the features of the queries stay (linear CKA, 1 for the same).

--kind=rates: the inner learning rates that were learned, weight by weight.

--kind=fits: the network before and after adaptation to sine waves.

Flags left out are as in the training.
"""

import functools
import pathlib

from absl import flags

from maml_tf import InputError
from maml_tf.commands.experiments import (
    supervised,
    supervised_flags,
    training_curves,
)
from maml_tf.commands.path_lists import PathListParser
from maml_tf.evaluation.confusion import by_similarity, confusion, some_classes
from maml_tf.evaluation.curve import interval
from maml_tf.evaluation.what_moved import what_moved
from maml_tf.learner.files import find_folder
from maml_tf.reports import figures, layers_moved, matrices, sine_waves, tables
from maml_tf.reports.rates import learned_rates

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE(
    PathListParser(),
    "workdir",
    None,
    "Folder of the training, or several with commas between, drawn beside one"
    " another.",
    required=True,
)
flags.DEFINE_string(
    "output", None, "Picture to write, such as FILE.png or FILE.svg."
)
flags.mark_flag_as_required("output")
flags.DEFINE_enum(
    "kind",
    "curves",
    ["curves", "confusion", "moved", "rates", "fits"],
    "Kind of picture; see above.",
)
flags.DEFINE_enum(
    "split",
    "test",
    ["train", "valid", "test"],
    "Split to draw classes from; curves: split of the evaluation.",
)
flags.DEFINE_integer("num_tasks", 200, "confusion, moved: tasks to adapt to.")
flags.DEFINE_integer(
    "classes", 20, "confusion: classes of the split, drawn by --seed."
)
flags.DEFINE_integer(
    "inner_steps",
    None,
    "confusion, moved: gradient steps; default: --test_inner_steps of the"
    " training.",
    lower_bound=0,
)
flags.DEFINE_integer("way", None, "confusion, moved: classes in a task.")
flags.DEFINE_integer(
    "shot", None, "confusion, moved: support examples per class."
)
flags.DEFINE_integer(
    "query",
    None,
    "confusion, moved: query examples per class; default: 15, or all if there"
    " are fewer.",
)
flags.DEFINE_integer("seed", None, "confusion, moved: seed of the episodes.")
flags.DEFINE_enum(
    "batch_norm",
    None,
    ["transductive", "inductive", "moving"],
    "confusion, moved: statistics that batch normalisation uses.",
)
flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.")

_QUERY = 15


def main(argv: list[str]) -> int:
    """Draws as the flags say; returns the exit status."""
    del argv
    workdirs = [find_folder(name) for name in FLAGS.workdir]
    recorded = [supervised_flags.recorded(workdir) for workdir in workdirs]
    path = pathlib.Path(FLAGS.output)
    kind = FLAGS.kind
    if kind == "curves" and recorded[0].dataset == "sinusoid":
        _save(_fits(workdirs, recorded), path, "fits")
        path = path.with_name(f"{path.stem}_curves{path.suffix}")
    draw, content = {
        "curves": (_curves, "training and adaptation curves"),
        "confusion": (_confusion, "confusion matrix"),
        "moved": (_moved, "what the inner loop moved"),
        "rates": (_rates, "learned inner rates"),
        "fits": (_fits, "fits"),
    }[kind]
    _save(draw(workdirs, recorded), path, content)
    return 0


def _save(figure, path, content):
    figures.save(figure, path)
    print(f"Written to {path}: {content}.")


def _fits(workdirs, recorded):
    algorithms = {}
    _, labels = training_curves.names(workdirs, recorded, [{}] * len(workdirs))
    for workdir, flag_values, label in zip(workdirs, recorded, labels):
        if flag_values.dataset != "sinusoid":
            raise InputError(
                f"kind: fits was given, but {str(workdir)!r} is a training on"
                f" {flag_values.dataset}; fits are of sinusoid alone."
            )
        if flag_values.algorithm == "oracle":
            raise InputError(
                f"workdir: {str(workdir)!r} is of the oracle, which has no fit"
                " to draw without being told the task; give another training."
            )
        algorithms[label] = supervised.trained(workdir).algorithm
    return sine_waves.sinusoid_fits(algorithms)


def _curves(workdirs, recorded):
    return training_curves.draw(
        [
            training_curves.Run(
                workdir,
                flag_values,
                functools.partial(_evaluated_setting, flag_values),
                functools.partial(_validated_setting, flag_values),
            )
            for workdir, flag_values in zip(workdirs, recorded)
        ],
        FLAGS.split,
    )


def _evaluated_setting(f, result):
    return _setting(
        f,
        FLAGS.split,
        result["way"],
        result["shot"],
        result["num_tasks"],
        result["seed"],
        result["batch_norm"],
    )


def _validated_setting(f, record):
    return _setting(
        f,
        "validation",
        f.way if "accuracy" in record else None,
        f.shot,
        record["num_tasks"],
        f.seed,
        f.batch_norm,
    )


def _confusion(workdirs, recorded):
    if len(workdirs) > 1:
        raise InputError(
            f"workdir: {len(workdirs)} were given; a confusion matrix is of one"
            " training."
        )
    built, steps = _adapting(workdirs[0], recorded[0])
    f, dataset = built.flags, built.dataset
    if dataset.pool is None:
        raise InputError(
            f"kind: confusion was given, but {str(workdirs[0])!r} is a training"
            f" on {f.dataset}, which has no classes; give kind=moved or curves."
        )
    pool = some_classes(dataset.pool(FLAGS.split), FLAGS.classes, f.seed)
    confused = confusion(
        built.adapting(f.way),
        pool,
        f.way,
        f.shot,
        f.query,
        num_tasks=FLAGS.num_tasks,
        steps=steps,
        seed=f.seed,
    )
    confused = confused.reordered(by_similarity(confused.shares))
    title, _ = training_curves.names(
        workdirs, recorded, [_adapted_setting(built, steps)]
    )
    right = 100 * confused.accuracies.mean()
    ci95 = 100 * interval(confused.accuracies)
    height = max(5.5, 2.6 + 0.34 * len(confused.names))
    figure = figures.new_figure(height + 1.6, height)
    matrices.confusion_shares(
        figure.subplots(),
        confused,
        f"Taken for which, after adaptation: {title}\n"
        f"{f.algorithm}: {right:.1f} ± {ci95:.1f} % right",
    )
    return figure


def _moved(workdirs, recorded):
    runs, settings = [], []
    for workdir, flag_values in zip(workdirs, recorded):
        built, steps = _adapting(workdir, flag_values)
        f = built.flags
        runs.append(
            what_moved(
                built.adapting(f.way),
                built.dataset.episodes(
                    FLAGS.split, f.way, f.shot, f.query, f.seed
                ),
                num_tasks=FLAGS.num_tasks,
                steps=steps,
                seed=f.seed,
            )
        )
        settings.append(_adapted_setting(built, steps))
    title, labels = training_curves.names(workdirs, recorded, settings)
    figure = figures.new_figure(12, 5)
    change, similarity = figure.subplots(1, 2)
    layers_moved.moved(change, similarity, dict(zip(labels, runs)))
    figure.suptitle(f"What the inner loop moves: {title}")
    return figure


def _rates(workdirs, recorded):
    built = [supervised.trained(workdir) for workdir in workdirs]
    settings = [{"dataset": f.dataset} for f in recorded]
    title, labels = training_curves.names(workdirs, recorded, settings)
    figure = figures.new_figure(8, 4.5 * len(built))
    columns = figure.subplots(len(built), 1, squeeze=False)[:, 0]
    for axes, label, one in zip(columns, labels, built):
        learned_rates(axes, one.algorithm)
        axes.set_title(label)
    figure.suptitle(f"Learned inner rates: {title}")
    return figure


def _adapting(workdir, flag_values):
    """Returns the trained `Experiment`, with our flags, and the inner steps."""
    for name in ("way", "shot", "query", "seed", "batch_norm", "data_dir"):
        if FLAGS[name].value is not None:
            flag_values[name].value = FLAGS[name].value
    built = supervised.Experiment(flag_values, workdir)
    built.restore(workdir)
    if FLAGS.query is None:
        flag_values.query = _QUERY
        if built.dataset.pool is not None:
            smallest = min(built.dataset.pool(FLAGS.split).sizes)
            flag_values.query = max(1, min(_QUERY, smallest - flag_values.shot))
    steps = FLAGS.inner_steps
    return built, built.test_inner_steps if steps is None else steps


def _adapted_setting(built, steps):
    f = built.flags
    classifies = built.dataset.metric_name == "accuracy"
    return {
        **_setting(
            f,
            FLAGS.split,
            f.way if classifies else None,
            f.shot,
            FLAGS.num_tasks,
            f.seed,
            f.batch_norm,
        ),
        "query": tables.queries(f.query) + " a class" * classifies,
        "steps": tables.gradient_steps(steps),
    }


def _setting(f, split, way, shot, num_tasks, seed, batch_norm):
    """Describes the setting of a figure in words."""
    synthetic = " (synthetic)" if f.dataset in tables.SYNTHETIC else ""
    return {
        "dataset": f"{f.dataset}{synthetic}, {split}",
        "task": f"{way}-way {shot}-shot" if way else f"{shot} examples",
        "tasks": f"{num_tasks} tasks",
        "seed": f"seed {seed}",
        "batch_norm": f"batch norm {batch_norm}",
    }


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
