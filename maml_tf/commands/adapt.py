r"""Adapts a trained model to your own examples, and has it predict.

    maml-tf adapt --workdir=omniglot_5way_1shot \
        --support=examples/drawings/support --query=examples/drawings/query \
        --report=report.png --output=adapted.keras

Images: --support is a folder with one folder of images a class. --query is a
folder of images, a folder of such class folders (then the accuracy is printed
too), or files with commas between them. Texts: --support is a .csv file with
the columns text and label. --query is such a file, its labels optional, or a
.txt file with a text a line. Points: --support is a .csv file with features in
the order of the training, and targets named y, y1, ..., target or target_....
--query is such a file, its targets optional.

A few examples a class suffice; there may be more or fewer classes than in the
training.
"""

import pathlib

import numpy as np
from absl import flags

import maml_tf
from maml_tf import InputError
from maml_tf.commands.experiments import supervised
from maml_tf.commands.path_lists import PathListParser
from maml_tf.errors import refusal
from maml_tf.evaluation import curve
from maml_tf.evaluation.intervals import wilson_interval
from maml_tf.functional.layers import has_batch_norm
from maml_tf.learner import user_examples
from maml_tf.reports import adaptation_report, figures, tables
from maml_tf.reports.adaptation_report import Answers, thumbnail
from maml_tf.reports.episode_picture import RIGHT, WRONG
from maml_tf.reports.tables import gradient_steps

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the training, or the name of a model that comes with maml_tf.",
    required=True,
)
flags.DEFINE_string(
    "support", None, "Folder or file to learn from.", required=True
)
flags.DEFINE(
    PathListParser(),
    "query",
    None,
    "Folder, file or files to classify, or to predict numbers for.",
    required=True,
)
flags.DEFINE_integer(
    "steps", None, "Gradient steps, 0 or more; default: as in the training."
)
flags.DEFINE_string(
    "output", None, "File to write the adapted model to, as FILE.keras."
)
flags.DEFINE_string(
    "report",
    None,
    "Picture to write of the predictions before and after adaptation, as"
    " FILE.png or FILE.svg.",
)

_ENDINGS = {"output": (".keras",), "report": (".png", ".svg", ".pdf")}


def main(argv: list[str]) -> int:
    """Adapts as the flags say; returns the exit status."""
    del argv
    _check_endings()
    learner = maml_tf.load(FLAGS.workdir)
    steps = learner.steps if FLAGS.steps is None else FLAGS.steps
    adapt = {
        user_examples.IMAGES: _images,
        user_examples.TEXTS: _texts,
        user_examples.POINTS: _points,
    }[user_examples.kind(learner)]
    adapted, figure = adapt(learner, steps)
    if FLAGS.output:
        adapted.save(FLAGS.output)
        print(f"Written to {FLAGS.output}: the adapted model.")
    if FLAGS.report:
        figures.save(figure(), FLAGS.report)
        print(f"Written to {FLAGS.report}: before and after adaptation.")
    return 0


def _check_endings():
    """Refuses other endings now, before anything is computed."""
    for name, endings in _ENDINGS.items():
        path = FLAGS[name].value
        if path is not None and pathlib.Path(path).suffix not in endings:
            raise refusal(
                name, path, f"its ending must be {' or '.join(endings)}"
            )


def _images(learner, steps):
    support = user_examples.images_by_class(FLAGS.support)
    models = _adapted(learner, support.x, support.y, steps)
    names: list[str] = []
    x: list[np.ndarray] = []
    y: list[str | None] = []
    outputs: tuple[list, list] = ([], [])
    for part in user_examples.images(FLAGS.query):
        names += part.names
        y += part.y
        # Whole photographs would fill the memory.
        x += map(thumbnail, part.x)
        for model, arrays in zip(models, outputs):
            arrays.append(model.outputs(part.x))
    before, after = map(np.concatenate, outputs)
    answers = Answers(names, x, y, models[1].labels, before, after)
    _print_classes(learner, support, answers, steps, "file")

    def figure():
        return adaptation_report.image_report(
            list(map(thumbnail, support.x)), support.y, answers, steps
        )

    return models[1], figure


def _texts(learner, steps):
    support = user_examples.texts(FLAGS.support)
    query = user_examples.texts(_one_query(), "query", labelled=False)
    models = _adapted(learner, support.x, support.y, steps)
    before, after = (model.outputs(query.x) for model in models)
    answers = Answers(
        query.names, query.x, query.y, models[1].labels, before, after
    )
    _print_classes(learner, support, answers, steps, "text")
    return models[1], lambda: adaptation_report.text_report(
        support.y, answers, steps
    )


def _points(learner, steps):
    support = user_examples.points(FLAGS.support, learner)
    query = user_examples.points(_one_query(), learner, "query", support)
    models = _adapted(learner, support.x, support.y, steps)
    before, after = (model.outputs(query.x) for model in models)
    print(
        f"{FLAGS.workdir} ({learner.name}): {len(support.x)} examples to learn"
        f" from, {gradient_steps(steps)}.\n"
    )
    print(tables.columns(_point_rows(query, support.targets, after)))
    if query.y is not None:
        print(f"\n{_errors(query, before, after)}")

    def figure():
        return adaptation_report.points_report(
            support, query, before, after, steps
        )

    return models[1], figure


def _one_query():
    if len(FLAGS.query) != 1:
        raise InputError(
            f"query: {len(FLAGS.query)} files were given; give one."
        )
    return FLAGS.query[0]


def _adapted(learner, x, y, steps):
    """Returns the models before and after adaptation."""
    return [learner.adapt(x, y, steps=number) for number in (0, steps)]


def _print_classes(learner, support, answers, steps, noun):
    number = len(answers.labels)
    print(
        f"{FLAGS.workdir} ({learner.name}): {number} classes, {len(support.y)}"
        f" examples to learn from, {gradient_steps(steps)}.\n"
    )
    print(tables.columns(_class_rows(answers, noun)))
    print()
    right, counted = answers.accuracy(answers.after)
    if counted:
        before, _ = answers.accuracy(answers.before)
        low, high = wilson_interval(right, counted)
        print(
            f"accuracy {before / counted:.1%} before adaptation ->"
            f" {right / counted:.1%} after it ({right} of {counted} examples;"
            f" 95 % interval by Wilson: {low:.1%} to {high:.1%})"
        )
    others = [y for y in answers.y if y not in (None, *answers.labels)]
    if others:
        print(
            f"Not counted: {len(others)} of a class that the support set does"
            f" not have ({', '.join(map(_printable, sorted(set(others))))})."
        )
    statistics = _statistics(learner)
    if statistics:
        print(f"Batch norm uses {statistics}.")


def _class_rows(answers, noun):
    has_labels = any(answers.y)
    rows = [[noun, "predicted", "probability"] + ["true", ""] * has_labels]
    for index, (name, true) in enumerate(zip(answers.names, answers.y)):
        label, probability, right = answers.answer(answers.after, index)
        name = _printable(name)
        if noun == "text" and len(name) > 60:
            name = name[:59] + "…"
        row = [name, _printable(label), f"{probability:.1%}"]
        if has_labels:
            mark = {True: RIGHT, False: WRONG, None: ""}[right]
            row += [_printable(true or "-"), mark]
        rows.append(row)
    return rows


def _point_rows(query, targets, predictions):
    # As many as fit on a line.
    features = query.features[:4]
    left_out = ["..."] * (len(query.features) > len(features))
    rows = [[*features, *left_out]]
    for target in targets:
        rows[0].append(f"predicted {target}")
        if query.y is not None:
            rows[0].append(f"true {target}")
    for index, (x, predicted) in enumerate(zip(query.x, predictions)):
        row = [*(f"{value:.5g}" for value in x[: len(features)]), *left_out]
        for number, value in enumerate(predicted):
            row.append(f"{value:.5g}")
            if query.y is not None:
                row.append(f"{query.y[index, number]:.5g}")
        rows.append(row)
    return rows


def _errors(query, before, after):
    """Describes the mean absolute error of each target, a line each."""
    lines = []
    for number, target in enumerate(query.targets):
        errors = [
            np.abs(y[:, number] - query.y[:, number]) for y in (before, after)
        ]
        line = (
            f"mean absolute error of {target}: {errors[0].mean():.4g} before"
            f" adaptation -> {errors[1].mean():.4g} after it"
        )
        if len(errors[1]) > 1:
            line += f" ± {curve.interval(errors[1]):.2g} (95 % interval)"
        lines.append(f"{line}, {len(errors[1])} examples")
    return "\n".join(lines)


def _statistics(learner):
    """Names the statistics that batch norm uses; None without batch norm."""
    if not has_batch_norm(learner.model):
        return None
    if learner.algorithm.inner_loop.batch_norm == "moving":
        return "the moving averages of the training"
    return "the support set's statistics"


def _printable(text):
    """Returns text on one line that any terminal can show."""
    return figures.readable(" ".join(text.split()))


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
