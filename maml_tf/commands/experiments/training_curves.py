"""Curves of trainings beside one another, with their labels."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags
from matplotlib.figure import Figure

from maml_tf import InputError
from maml_tf.reports import curves, figures, tables
from maml_tf.training import metrics_log


@dataclasses.dataclass(frozen=True)
class Run:
    """A training to be drawn.

    Attributes:
        workdir: Its folder.
        flags: The flags that it recorded.
        evaluated: Function from the dict in `evaluation_<split>.json` to the
            setting of its figures, a dict of texts.
        validated: Function from a validation's record in the log to the setting
            of its figures.
        published: Published values by inner step.
    """

    workdir: pathlib.Path
    flags: Any
    evaluated: Callable
    validated: Callable
    published: dict = dataclasses.field(default_factory=dict)


def draw(runs: Sequence[Run], split: str) -> Figure:
    """Draws runs in training and by inner step.

    Values by inner step are read from `evaluation_<split>.json` or, without
    that file, from the last validation.

    Args:
        runs: The runs, all of one metric.
        split: Split of the evaluation.

    Returns:
        A Matplotlib figure.

    Raises:
        InputError: There is nothing to draw, or the metrics differ.
    """
    workdirs = [run.workdir for run in runs]
    recorded = [run.flags for run in runs]
    logs = [metrics_log.read(workdir) for workdir in workdirs]
    # A training with nothing to meta-train has no log.
    names_of_metrics = [tables.metric_name(log[0]) for log in logs if log]
    metric_name = names_of_metrics[0] if names_of_metrics else ""
    figure = figures.new_figure(12, 4.8)
    left, right = figure.subplots(1, 2)
    if len(runs) == 1 or not metric_name:
        # This raises if there is nothing to draw.
        curves.training_curve(left, logs[0], metric_name)
    drawn, settings = [], []
    for run, log in zip(runs, logs):
        if log and tables.metric_name(log[0]) != metric_name:
            raise InputError(
                f"workdir: {str(run.workdir)!r} has"
                f" {tables.metric_name(log[0])}, another {metric_name}; give"
                " trainings of one metric."
            )
        curve, setting = _adaptation(run, log, split, metric_name)
        drawn.append(curve)
        settings.append(setting)
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
    """Returns `((values, ci95), setting)` by inner step."""
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


def names(
    workdirs: Sequence[pathlib.Path],
    recorded: Sequence[flags.FlagValues],
    settings: Sequence[dict[str, str]],
) -> tuple[str, list[str]]:
    """Writes a title of the settings that runs share, and labels of the others.

    Args:
        workdirs: Folders of the runs.
        recorded: Flags of the runs.
        settings: Settings of their figures, dicts of texts.

    Returns:
        `(title, labels)`, a label for each run.
    """
    title, differences = tables.title_and_own(settings)
    labels = [
        ", ".join([f.algorithm, *texts])
        for f, texts in zip(recorded, differences)
    ]
    return title, [
        label if labels.count(label) == 1 else f"{label} ({workdir})"
        for label, workdir in zip(labels, workdirs)
    ]
