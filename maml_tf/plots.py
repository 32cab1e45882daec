"""Pictures of a training and of what its model can do.

Functions over Matplotlib axes; `save` writes the figure.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maml_tf.confusion import counts
from maml_tf.datasets import sinusoid
from maml_tf.errors import InputError
from maml_tf.evaluation import interval
from maml_tf.files import replacing

# Okabe and Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#666666",
)
PURPLE = "#CC79A7"
COLORS = (BLUE, RED, GREEN, ORANGE, PURPLE, GREY)
# By inner step, from the unadapted one on.
_PATHS = (GREY, ORANGE, GREEN, BLUE, PURPLE)
# Told apart without colours too.
_MARKERS = "osD^vP"
# Even to the eye from dark to light, for colour-blind readers too.
_SHADES = "cividis"
# Smaller shares have their shade alone.
_WRITTEN = 0.05


def training_curve(axes, records, metric_name):
    """Draws loss or accuracy in training and in validation by iteration.

    Args:
        axes: Matplotlib axes.
        records: what `maml_tf.metrics_log.read` returns.
        metric_name: one of `maml_tf.tables.METRICS`.

    Raises:
        InputError: there are no records.
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
        color=GREY,
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
            BLUE,
            f"validation, after {_steps(steps)} (± 95 %)",
        )
        axes.plot(
            iterations,
            before,
            color=ORANGE,
            linestyle="--",
            label="validation, not adapted",
        )
    _training_axes(axes, metric_name, "Meta-training")


def validation_curves(axes, runs, metric_name):
    """Draws the metric of several trainings' validations by iteration.

    Args:
        axes: Matplotlib axes.
        runs: dict of label to records, as `maml_tf.metrics_log.read` returns
            them.
        metric_name: one of `maml_tf.tables.METRICS`.
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
                _color(number),
                f"{label}, after {_steps(steps)}, {tasks} tasks",
                marker=_marker(number),
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
    axes.set_ylabel(_label(metric_name))
    axes.set_title(title)
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def adaptation_curve(
    axes, curves, metric_name, title="Adaptation", published=None
):
    """Draws the metric by inner step, with its 95 % band.

    Args:
        axes: Matplotlib axes.
        curves: dict of label to `(values, ci95)`, each `[steps + 1]`.
        metric_name: one of `maml_tf.tables.METRICS`.
        title: of the axes; say here over how many tasks.
        published: dict of label to published values, a dict by step, which are
            drawn as points.
    """
    for number, (label, (values, ci95)) in enumerate(curves.items()):
        color = _color(number)
        steps = np.arange(len(values))
        values, ci95 = np.asarray(values, float), np.asarray(ci95, float)
        axes.plot(
            steps, values, color=color, marker=_marker(number), label=label
        )
        axes.fill_between(
            steps, values - ci95, values + ci95, color=color, alpha=0.2
        )
        points = (published or {}).get(label)
        if points:
            axes.plot(
                *zip(*points.items()),
                _marker(number),
                color=color,
                markerfacecolor="none",
                markersize=11,
                label=f"{label}, published",
            )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("inner gradient steps")
    axes.set_ylabel(f"{_label(metric_name)} (± 95 %)")
    axes.set_title(title)
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def confusion_matrix(axes, true, predicted, labels, title="Confusion matrix"):
    """Draws which classes are taken for which.

    A row is a true class and a column a predicted one; a cell has the number of
    examples, and its shade is their share of the row.

    Args:
        axes: Matplotlib axes.
        true: the true classes' names, `[examples]`.
        predicted: the predicted ones', `[examples]`.
        labels: names of all classes, in the order of rows and columns.
        title: of the axes.

    Raises:
        InputError: there are not as many of both, or a name is not in `labels`.
    """
    matrix = counts(true, predicted, labels)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    texts = [[str(number or "") for number in row] for row in matrix]
    _matrix(axes, shares, texts, labels, title, "share of the row")


def confusion_shares(axes, confusion, title="Confusion matrix"):
    """Draws which classes are taken for which over many episodes, in percent.

    Args:
        axes: Matplotlib axes.
        confusion: a `maml_tf.confusion.Confusion`.
        title: of the axes; say here over how many tasks.
    """
    shares = confusion.shares
    texts = [
        [f"{100 * share:.0f}" if share >= _WRITTEN else "" for share in row]
        for row in shares
    ]
    _matrix(
        axes,
        np.nan_to_num(shares),
        texts,
        confusion.names,
        title,
        "share of the row's queries taken for the column's class,\n"
        f"in tasks with both (in %, written from {100 * _WRITTEN:.0f} % on)",
    )


def _matrix(axes, shares, texts, labels, title, meaning):
    """Draws shares of 0 to 1 as shades, with texts on them."""
    image = axes.imshow(shares, cmap=_SHADES, vmin=0.0, vmax=1.0)
    size = 10 if len(labels) <= 12 else 8
    for row, (values, words) in enumerate(zip(shares, texts)):
        for column, (value, word) in enumerate(zip(values, words)):
            axes.text(
                column,
                row,
                word,
                ha="center",
                va="center",
                fontsize=size,
                color="black" if value > 0.55 else "white",
            )
    places = np.arange(len(labels))
    axes.set_xticks(
        places, labels, rotation=45, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(places, labels)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    axes.set_title(title)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8, label=meaning)
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")


def moved(change_axes, similarity_axes, runs):
    """Draws what the inner loop moved, layer by layer, of several runs.

    Means over tasks with their 95 % intervals.

    Args:
        change_axes: Matplotlib axes for the change of weights.
        similarity_axes: Matplotlib axes for the similarity of features.
        runs: dict of label to `maml_tf.what_moved.WhatMoved`.

    Raises:
        InputError: the runs' layers have different names.
    """
    layers = next(iter(runs.values())).layers
    for label, run in runs.items():
        if run.layers != layers:
            raise InputError(
                f"workdir: the network of {label} has the layers"
                f" {', '.join(run.layers)}, another {', '.join(layers)}; give"
                " trainings of the same network."
            )
    places, width = np.arange(len(layers)), 0.8 / len(runs)
    for number, (label, run) in enumerate(runs.items()):
        offset = (number - (len(runs) - 1) / 2) * width
        for axes, values in (
            (change_axes, run.changes),
            (similarity_axes, run.similarities),
        ):
            means, ci95 = values.mean(0), interval(values)
            known = np.isfinite(means)
            color = _color(number)
            axes.bar(
                places + offset,
                np.where(known, means, 0.0),
                width,
                yerr=np.where(known, ci95, 0.0),
                color=color,
                edgecolor="white",
                label=label,
                capsize=3,
            )
            # A bar of no height would look forgotten.
            for place, mean in zip(places + offset, means):
                if mean == 0 or not np.isfinite(mean):
                    text = "0" if mean == 0 else "∞" if mean > 0 else "?"
                    axes.annotate(
                        text,
                        (place, 0),
                        (0, 2),
                        textcoords="offset points",
                        color=color,
                        fontweight="bold",
                        ha="center",
                    )
    for axes in (change_axes, similarity_axes):
        axes.set_xticks(places, layers)
        axes.set_xlabel("layer, from input to output")
        axes.grid(alpha=0.3, axis="y")
        axes.set_axisbelow(True)
    change_axes.yaxis.set_major_formatter(
        lambda share, _: f"{100 * share:.0f} %"
    )
    change_axes.set_ylabel("‖φ − θ‖ / ‖θ‖ (mean ± 95 %)")
    change_axes.set_title("How far each layer's weights move")
    similarity_axes.set_ylabel("linear CKA (mean ± 95 %)")
    similarity_axes.set_title(
        "How alike each layer's features stay (1: the same)"
    )
    change_axes.legend()


def navigation_paths(axes, goal, paths):
    """Draws how a point moves before adaptation and after each gradient step.

    Args:
        axes: Matplotlib axes.
        goal: where it is to go, `[2]`.
        paths: an array for each step from 0 on, `[rollouts, horizon, 2]`, of
            positions, NaN after a rollout's end.
    """
    for step, rollouts in enumerate(paths):
        color = _PATHS[step % len(_PATHS)]
        label = f"after {_steps(step)}" if step else "before adaptation"
        for number, positions in enumerate(np.asarray(rollouts)):
            axes.plot(
                *positions.T,
                color=color,
                linewidth=0.8,
                alpha=0.8,
                label=None if number else label,
            )
    axes.plot(
        *np.asarray(goal),
        "*",
        color=RED,
        markeredgecolor="black",
        markersize=14,
        label="goal",
        zorder=5,
    )
    axes.plot(0, 0, "ks", markersize=5, label="start", zorder=5)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)


@dataclasses.dataclass(frozen=True)
class SinusoidTask:
    """One sine wave and the points to learn it from.

    Attributes:
        amplitude: float.
        phase: float, in radians.
        support_x: `[K, 1]`.
        support_y: `[K, 1]`.
        title: what is special about it.
    """

    amplitude: float
    phase: float
    support_x: tf.Tensor
    support_y: tf.Tensor
    title: str


def sinusoid_tasks(seed=0):
    """The tasks of the picture: K = 5, K = 10, and 10 points in one half."""
    tasks = []
    for number, (shot, low, title) in enumerate(
        (
            (5, -5.0, "K = 5"),
            (10, -5.0, "K = 10"),
            (10, 0.0, "K = 10, all in one half"),
        )
    ):
        task_seed, point_seed = tf.unstack(tf.random.split([seed, number], 2))
        amplitude, phase = sinusoid.draw_task(task_seed)
        # A wave that can be seen.
        amplitude = 2.0 + 0.5 * amplitude
        x, y = sinusoid.draw_points(amplitude, phase, shot, point_seed, low=low)
        tasks.append(SinusoidTask(float(amplitude), float(phase), x, y, title))
    return tasks


def sinusoid_fit(axes, algorithm, task, steps=(0, 1, 10)):
    """Draws truth, support points and the network before and after adaptation.

    Args:
        axes: Matplotlib axes.
        algorithm: one of `maml_tf.algorithms`, its model trained.
        task: a `SinusoidTask`.
        steps: the inner steps whose fit is drawn.
    """
    x = tf.linspace(-5.0, 5.0, 201)[:, tf.newaxis]
    truth = sinusoid.sine(task.amplitude, task.phase, x)
    axes.plot(x[:, 0], truth[:, 0], color=RED, linewidth=2.5, label="truth")
    adaptation = algorithm.inner_loop.adapt(
        algorithm.theta(), task.support_x, task.support_y, max(steps)
    )
    styles = zip(steps, (":", "--", "-"), (GREY, GREEN, BLUE))
    for step, style, color in styles:
        fit = algorithm.inner_loop.predict(
            adaptation.phi[step], adaptation.state, x, task.support_x
        )
        label = f"after {_steps(step)}" if step else "before"
        axes.plot(x[:, 0], fit[:, 0], style, color=color, label=label)
    axes.plot(
        task.support_x[:, 0],
        task.support_y[:, 0],
        "^",
        color="#AA3399",
        markersize=7,
        label="support points",
        zorder=5,
    )
    axes.set_xlim(-5, 5)
    axes.set_ylim(-6, 6)
    axes.grid(alpha=0.3)


def sinusoid_fits(algorithms, seed=0):
    """Draws a row of fits for each of three tasks, a column an algorithm.

    Args:
        algorithms: dict of column title to trained algorithm.
        seed: of the tasks.

    Returns:
        A Matplotlib figure.
    """
    tasks = sinusoid_tasks(seed)
    figure = new_figure(5 * len(algorithms), 3 * len(tasks))
    grid = figure.subplots(
        len(tasks), len(algorithms), sharex=True, sharey=True, squeeze=False
    )
    for row, task in zip(grid, tasks):
        for axes, (title, algorithm) in zip(row, algorithms.items()):
            sinusoid_fit(axes, algorithm, task)
            axes.set_title(f"{title}, {task.title}")
    for axes in grid[-1]:
        axes.set_xlabel("x")
    for axes in grid[:, 0]:
        axes.set_ylabel("y")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels)
    )
    return figure


def new_figure(width, height):
    """A figure of `width` × `height` inches, without a window or a state."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def save(figure, path):
    """Writes a figure, atomically.

    Args:
        figure: a Matplotlib figure.
        path: its ending says the format, such as `.png` or `.svg`.

    Raises:
        InputError: Matplotlib cannot write the format.
    """
    path = pathlib.Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:] not in known:
        raise InputError(
            f"output: {str(path)!r} was given; its ending must be one of"
            f" {', '.join(sorted(known))}."
        )
    with replacing(path) as partial:
        figure.savefig(partial)


def _color(number):
    return COLORS[number % len(COLORS)]


def _marker(number):
    return _MARKERS[number % len(_MARKERS)]


def _label(metric_name):
    names = {
        "mse": "mean squared error",
        "mae": "mean absolute error",
        "return": "mean return",
    }
    return names.get(metric_name, metric_name)


def _steps(number):
    return f"{number} step" + ("s" if number != 1 else "")
