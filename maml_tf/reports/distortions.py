"""Learners on tasks that differ more and more from those of training."""

import math

import numpy as np
from matplotlib.figure import Figure

from maml_tf.reports import figures, tables

_MODE_STYLES = {"inductive": "--", "moving": ":"}


def text(result: dict) -> str:
    """Writes a table for each distortion, a row for each line of its panel.

    Args:
        result: The dict in the JSON file of `maml-tf distortion`.

    Returns:
        A string.
    """
    name = result["metric"]
    unit = ", percent" if name == "accuracy" else ""
    parts = [f"{result['title']}\n{name}{unit}, ± 95 %"]
    for panel in result["panels"]:
        rows = [["learner", "steps", "batch norm"]]
        rows[0] += [_degree(*ends) for ends in panel["degrees"]]
        for line in result["lines"]:
            values, ci95 = (
                line[panel["name"]][name],
                line[panel["name"]]["ci95"],
            )
            rows.append(
                [
                    line["label"],
                    "-" if line["steps"] is None else str(line["steps"]),
                    line["batch_norm"] or "-",
                    *(_value(name, *pair) for pair in zip(values, ci95)),
                ]
            )
        parts.append(f"{panel['label']}:\n{tables.columns(rows)}")
    return "\n\n".join(parts)


def draw(result: dict) -> Figure:
    """Draws a panel for each distortion, with bands of 95 %.

    A training has its own colour, a number of steps its marker, and a batch
    norm mode its dashes. What is as in training is grey.

    Args:
        result: The dict in the JSON file of `maml-tf distortion`.
    """
    name = result["metric"]
    figure = figures.new_figure(13, 6.5)
    columns = figure.subplots(1, len(result["panels"]), squeeze=False)[0]
    colors = list(dict.fromkeys(line["label"] for line in result["lines"]))
    steps = list(dict.fromkeys(line["steps"] for line in result["lines"]))
    for axes, panel in zip(columns, result["panels"]):
        places = np.array(panel["degrees"], float).mean(1)
        low, high = panel["usual"]
        axes.axvspan(low, high, color=figures.GREY, alpha=0.15)
        for line in result["lines"]:
            color = figures.color(colors.index(line["label"]))
            values, ci95 = (
                np.array(line[panel["name"]][key], float)
                for key in (name, "ci95")
            )
            axes.plot(
                places,
                values,
                _MODE_STYLES.get(line["batch_norm"], "-"),
                color=color,
                marker=figures.marker(steps.index(line["steps"])),
                markersize=4,
                label=_legend(line),
            )
            axes.fill_between(
                places, values - ci95, values + ci95, color=color, alpha=0.15
            )
        if name != "accuracy":
            axes.set_yscale("log")
        axes.set_xlabel(panel["label"])
        axes.set_ylabel(f"{figures.metric_label(name)} (± 95 %)")
        axes.grid(alpha=0.3)
    figure.suptitle(result["title"])
    figure.legend(
        *columns[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize="small",
    )
    return figure


def _legend(line):
    parts = [line["label"]]
    if line["steps"] is not None:
        parts.append(figures.inner_steps_label(line["steps"]))
    if line["batch_norm"]:
        parts.append(line["batch_norm"])
    return ", ".join(parts)


def _degree(low, high):
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _value(name, value, ci95):
    """Writes a value; "-" if the inner loop diverged on a task."""
    if value is None:
        return "-"
    ci95 = math.nan if ci95 is None else ci95
    if name == "accuracy":
        return f"{100 * value:.1f} ± {100 * ci95:.1f}"
    return f"{value:.3g} ± {ci95:.2g}"
