r"""Draws a training: its course, its adaptation curve and, of sine waves, fits.

    python scripts/plot.py --workdir=results/omniglot_5way_1shot \
        --output=omniglot.png

The adaptation curve is of DIR/evaluation_<split>.json where there is one, else
of the last validation.
"""

import json
import pathlib

import experiment
import experiment_flags
from absl import flags

from maml_tf import InputError, metrics_log, plots, tables

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(experiment)
flags.DEFINE_string("workdir", None, "Folder of the training.", required=True)
flags.DEFINE_string(
    "output", None, "Picture to write, such as FILE.png or FILE.svg."
)
flags.mark_flag_as_required("output")
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test"], "Whose evaluation is drawn."
)
flags.DEFINE_string(
    "baseline",
    None,
    "Folder of another training, drawn beside: of sinusoids, the pretrained"
    " network.",
)


def main(argv):
    """Draws as the flags say; returns the exit status."""
    del argv
    workdirs = [w for w in (FLAGS.workdir, FLAGS.baseline) if w]
    recorded = [experiment_flags.recorded(workdir) for workdir in workdirs]
    if recorded[0].dataset == "sinusoid":
        path = pathlib.Path(FLAGS.output)
        plots.save(plots.sinusoid_fits(_trained(workdirs, recorded)), path)
        print(f"Written to {path}: fits.")
        path = path.with_name(f"{path.stem}_curves{path.suffix}")
    else:
        path = FLAGS.output
    plots.save(_curves(workdirs, recorded), path)
    print(f"Written to {path}: training and adaptation curves.")
    return 0


def _trained(workdirs, recorded):
    algorithms = {}
    for workdir, flag_values in zip(workdirs, recorded):
        if flag_values.algorithm == "oracle":
            raise InputError(
                f"workdir: {workdir!r} is of the oracle, which has no fit to"
                " draw without being told the task; give another training."
            )
        label = _distinct(flag_values.algorithm, workdir, algorithms)
        algorithms[label] = experiment.trained(workdir).algorithm
    return algorithms


def _distinct(label, workdir, others):
    """The label, its folder added where another run has the same."""
    return f"{label} ({workdir})" if label in others else label


def _curves(workdirs, recorded):
    records = metrics_log.read(workdirs[0])
    # Where there are none, that is said by `training_curve`.
    metric_name = tables.metric_name(records[0]) if records else None
    figure = plots.new_figure(11, 4)
    left, right = figure.subplots(1, 2)
    plots.training_curve(left, records, metric_name)
    curves = {}
    for workdir, flag_values in zip(workdirs, recorded):
        label, values, ci95 = _adaptation(workdir, flag_values, metric_name)
        curves[_distinct(label, workdir, curves)] = (values, ci95)
    plots.adaptation_curve(right, curves, metric_name)
    return figure


def _adaptation(workdir, flag_values, metric_name):
    path = pathlib.Path(workdir) / f"evaluation_{FLAGS.split}.json"
    if path.exists():
        result = json.loads(path.read_text())
        steps = result["steps"]
        return (
            f"{result['algorithm']}, {result['num_tasks']} {FLAGS.split} tasks",
            [step[metric_name] for step in steps],
            [step["ci95"] for step in steps],
        )
    validations = [
        record
        for record in metrics_log.read(workdir)
        if record["phase"] == "validation"
    ]
    if not validations:
        raise InputError(
            f"workdir: {workdir!r} has neither {path.name} nor a validation;"
            " run scripts/evaluate.py first."
        )
    last = validations[-1]
    return (
        f"{flag_values.algorithm}, {last['num_tasks']} validation tasks",
        last[metric_name],
        last["ci95"],
    )


if __name__ == "__main__":
    experiment.run(main)
