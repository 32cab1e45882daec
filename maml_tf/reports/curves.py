"""Curves of a training and of an adaptation.

They are functions of Matplotlib axes; `maml_tf.reports.save` writes the figure.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from maml_tf.errors import InputError
from maml_tf.reports import figures


def training_curve(axes: Axes, records: list[dict], metric_name: str) -> None:
    """Draws loss or accuracy in training and in validation by iteration.

    Args:
        axes: Matplotlib axes.
        records: Records of `maml_tf.training.metrics_log.read`.
        metric_name: One of `maml_tf.reports.tables.METRICS`.

    Raises:
        InputError: There are no records.
    """
    if not records:
        raise InputError(
            "workdir: its metrics.jsonl has no records; train for at least"
            " --log_interval iterations."
        )
    train = [r for r in records if r["phase"] == "train"]
    axes.plot(
        [r["iteration"] for r in train],
        [r[metric_name] for r in train],
        color=figures.GREY,
        linewidth=1,
        label="training tasks",
    )
    valid = [r for r in records if r["phase"] == "validation"]
    if valid:
        iterations = [r["iteration"] for r in valid]
        before = np.array([r[metric_name][0] for r in valid], float)
        steps = len(valid[0][metric_name]) - 1
        _validation(
            axes,
            valid,
            metric_name,
            figures.BLUE,
            f"validation, after {figures.inner_steps_label(steps)} (± 95 %)",
        )
        axes.plot(
            iterations,
            before,
            color=figures.ORANGE,
            linestyle="--",
            label="validation, not adapted",
        )
    _training_axes(axes, metric_name, "Meta-training")


def validation_curves(
    axes: Axes, runs: dict[str, list[dict]], metric_name: str
) -> None:
    """Draws the metric of several trainings' validations by iteration.

    Args:
        axes: Matplotlib axes.
        runs: Dict of label to records of `maml_tf.training.metrics_log.read`.
        metric_name: One of `maml_tf.reports.tables.METRICS`.
    """
    for number, (label, records) in enumerate(runs.items()):
        valid = [r for r in records if r["phase"] == "validation"]
        if valid:
            steps = len(valid[0][metric_name]) - 1
            tasks = valid[-1]["num_tasks"]
            _validation(
                axes,
                valid,
                metric_name,
                figures.color(number),
                f"{label}, after {figures.inner_steps_label(steps)},"
                f" {tasks} tasks",
                marker=figures.marker(number),
            )
    _training_axes(axes, metric_name, "Meta-training: validation (± 95 %)")


def _validation(axes, valid, metric_name, color, label, marker="o"):
    iterations = [r["iteration"] for r in valid]
    values = np.array([r[metric_name][-1] for r in valid], float)
    ci95 = np.array([r["ci95"][-1] for r in valid], float)
    axes.plot(
        iterations,
        values,
        color=color,
        marker=marker,
        markersize=4,
        label=label,
    )
    axes.fill_between(
        iterations, values - ci95, values + ci95, color=color, alpha=0.2
    )


def _training_axes(axes, metric_name, title):
    axes.set_xlabel("iteration")
    axes.set_ylabel(figures.metric_label(metric_name))
    axes.set_title(title)
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def adaptation_curve(
    axes: Axes,
    curves: dict[str, tuple],
    metric_name: str,
    title: str = "Adaptation",
    published: dict[str, dict] | None = None,
) -> None:
    """Draws the metric by inner step, with its 95 % band.

    Args:
        axes: Matplotlib axes.
        curves: Dict of label to `(values, ci95)`, each `[steps + 1]`.
        metric_name: One of `maml_tf.reports.tables.METRICS`.
        title: Title of the axes; it should tell the number of tasks.
        published: Dict of label to published values, dicts by step; they are
            drawn as points.
    """
    for number, (label, (values, ci95)) in enumerate(curves.items()):
        color = figures.color(number)
        steps = np.arange(len(values))
        values, ci95 = np.asarray(values, float), np.asarray(ci95, float)
        axes.plot(
            steps,
            values,
            color=color,
            marker=figures.marker(number),
            label=label,
        )
        axes.fill_between(
            steps, values - ci95, values + ci95, color=color, alpha=0.2
        )
        points = (published or {}).get(label)
        if points:
            axes.plot(
                *zip(*points.items()),
                figures.marker(number),
                color=color,
                markerfacecolor="none",
                markersize=11,
                label=f"{label}, published",
            )
    locator: Any = axes.xaxis.get_major_locator()
    locator.set_params(integer=True)
    axes.set_xlabel("inner gradient steps")
    axes.set_ylabel(f"{figures.metric_label(metric_name)} (± 95 %)")
    axes.set_title(title)
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
