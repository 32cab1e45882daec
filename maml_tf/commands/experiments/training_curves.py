"""Curves of trainings beside one another, and what to call them."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

from maml_tf import InputError
from maml_tf.reports import curves, figures, tables
from maml_tf.training import metrics_log


@dataclasses.dataclass(frozen=True)
class Run:
    """A training to be drawn.

    Attributes:
        workdir: its folder.
        flags: those that it recorded.
        evaluated: function from what `evaluation_<split>.json` holds to what
            its figures are of, a dict of text.
        validated: likewise, from a validation's record in the log.
        published: published values by inner step, a dict.
    """

    workdir: pathlib.Path
    flags: Any
    evaluated: Callable
    validated: Callable
    published: dict = dataclasses.field(default_factory=dict)


def draw(runs, split):
    """Draws runs in training and by inner step.

    The latter is of `evaluation_<split>.json` where there is one, else of the
    last validation.

    Args:
        runs: list of `Run`, all of one metric.
        split: whose evaluation is drawn.

    Returns:
        A Matplotlib figure.

    Raises:
        InputError: there is nothing to draw, or metrics differ.
    """
    workdirs = [run.workdir for run in runs]
    recorded = [run.flags for run in runs]
    logs = [metrics_log.read(workdir) for workdir in workdirs]
    # Of a training with nothing to meta-train there is no log.
    names_of_metrics = [tables.metric_name(log[0]) for log in logs if log]
    metric_name = names_of_metrics[0] if names_of_metrics else None
    figure = figures.new_figure(12, 4.8)
    left, right = figure.subplots(1, 2)
    if len(runs) == 1 or metric_name is None:
        # That there is nothing to draw is said here.
        curves.training_curve(left, logs[0], metric_name)
    drawn, settings = [], []
    for run, log in zip(runs, logs):
        if log and tables.metric_name(log[0]) != metric_name:
            raise InputError(
                f"workdir: {str(run.workdir)!r} has"
                f" {tables.metric_name(log[0])}, another {metric_name}; give"
                " trainings of one metric."
            )
        curve, said = _adaptation(run, log, split, metric_name)
        drawn.append(curve)
        settings.append(said)
    title, labels = names(workdirs, recorded, settings)
    if len(runs) > 1:
        _, short = names(workdirs, recorded, [{}] * len(runs))
        curves.validation_curves(left, dict(zip(short, logs)), metric_name)
    curves.adaptation_curve(
        right,
        dict(zip(labels, drawn)),
        metric_name,
        f"Adaptation: {title}",
        dict(zip(labels, (run.published for run in runs))),
    )
    return figure


def _adaptation(run, log, split, metric_name):
    """`((values, ci95), what the values are of)`."""
    path = run.workdir / f"evaluation_{split}.json"
    if path.exists():
        result = json.loads(path.read_text(encoding="utf-8"))
        steps = result["steps"]
        return (
            [step[metric_name] for step in steps],
            [step["ci95"] for step in steps],
        ), run.evaluated(result)
    validations = [r for r in log if r["phase"] == "validation"]
    if not validations:
        raise InputError(
            f"workdir: {str(run.workdir)!r} has neither {path.name} nor a"
            " validation; run maml-tf evaluate, or evaluate-rl, first."
        )
    last = validations[-1]
    return (last[metric_name], last["ci95"]), run.validated(last)


def names(workdirs, recorded, settings):
    """What all runs share, as a title, and what tells them apart.

    Args:
        workdirs: their folders.
        recorded: their flags.
        settings: what their figures are of, dicts of text.

    Returns:
        `(title, labels)`, a label for each run.
    """
    title, own = tables.title_and_own(settings)
    labels = [", ".join([f.algorithm, *said]) for f, said in zip(recorded, own)]
    return title, [
        label if labels.count(label) == 1 else f"{label} ({workdir})"
        for label, workdir in zip(labels, workdirs)
    ]
