"""Pictures of a training and of what its model can do.

Functions over Matplotlib axes; `save` writes the figure.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maml_tf.datasets import sinusoid
from maml_tf.errors import InputError
from maml_tf.files import replacing

# Okabe and Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#666666",
)
COLORS = (BLUE, RED, GREEN, ORANGE, GREY)


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
        before, after = (
            np.array([r[metric_name][step] for r in valid], float)
            for step in (0, -1)
        )
        ci95 = np.array([r["ci95"][-1] for r in valid], float)
        steps = len(valid[0][metric_name]) - 1
        axes.plot(
            iterations,
            after,
            color=BLUE,
            marker="o",
            markersize=3,
            label=f"validation, after {_steps(steps)} (± 95 %)",
        )
        axes.fill_between(
            iterations, after - ci95, after + ci95, color=BLUE, alpha=0.2
        )
        axes.plot(
            iterations,
            before,
            color=ORANGE,
            linestyle="--",
            label="validation, not adapted",
        )
    axes.set_xlabel("iteration")
    axes.set_ylabel(_label(metric_name))
    axes.set_title("Meta-training")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def adaptation_curve(axes, curves, metric_name, title="Adaptation"):
    """Draws the metric by inner step, with its 95 % band.

    Args:
        axes: Matplotlib axes.
        curves: dict of label to `(values, ci95)`, each `[steps + 1]`.
        metric_name: one of `maml_tf.tables.METRICS`.
        title: of the axes; say here over how many tasks.
    """
    for color, (label, (values, ci95)) in zip(COLORS, curves.items()):
        steps = np.arange(len(values))
        values, ci95 = np.asarray(values, float), np.asarray(ci95, float)
        axes.plot(steps, values, color=color, marker="o", label=label)
        axes.fill_between(
            steps, values - ci95, values + ci95, color=color, alpha=0.2
        )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("inner gradient steps")
    axes.set_ylabel(f"{_label(metric_name)} (± 95 %)")
    axes.set_title(title)
    axes.legend(fontsize="small")
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


def _label(metric_name):
    names = {"mse": "mean squared error", "mae": "mean absolute error"}
    return names.get(metric_name, metric_name)


def _steps(number):
    return f"{number} step" + ("s" if number != 1 else "")
