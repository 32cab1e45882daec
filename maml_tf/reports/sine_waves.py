"""Pictures of sine waves that a model adapts to."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maml_tf.algorithms import Algorithm
from maml_tf.datasets import sinusoid
from maml_tf.reports import figures


@dataclasses.dataclass(frozen=True)
class SinusoidTask:
    """One sine wave and the points to learn it from.

    Attributes:
        amplitude: The wave's amplitude.
        phase: The wave's phase, in radians.
        support_x: Inputs `[K, 1]`.
        support_y: Targets `[K, 1]`.
        title: The task's title, such as `"K = 5"`.
    """

    amplitude: float
    phase: float
    support_x: tf.Tensor
    support_y: tf.Tensor
    title: str


def sinusoid_tasks(seed: int = 0) -> list[SinusoidTask]:
    """Draws the picture's tasks: K = 5, K = 10, and 10 points in one half.

    Args:
        seed: Seed of the tasks.

    Returns:
        A list of `SinusoidTask`.
    """
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
        # An amplitude that is large enough to be seen.
        amplitude = 2.0 + 0.5 * amplitude
        x, y = sinusoid.draw_points(amplitude, phase, shot, point_seed, low=low)
        tasks.append(SinusoidTask(float(amplitude), float(phase), x, y, title))
    return tasks


def sinusoid_fit(
    axes: Axes,
    algorithm: Algorithm,
    task: SinusoidTask,
    steps: Sequence[int] = (0, 1, 10),
) -> None:
    """Draws truth, support points and the network before and after adaptation.

    Args:
        axes: Matplotlib axes.
        algorithm: One of `maml_tf.algorithms`, with a trained model.
        task: A `SinusoidTask`.
        steps: Inner steps after which the fit is drawn.
    """
    x = tf.linspace(-5.0, 5.0, 201)[:, tf.newaxis]
    truth = sinusoid.sine(task.amplitude, task.phase, x)
    axes.plot(
        x[:, 0], truth[:, 0], color=figures.RED, linewidth=2.5, label="truth"
    )
    adaptation = algorithm.inner_loop.adapt(
        algorithm.theta(), task.support_x, task.support_y, max(steps)
    )
    styles = zip(
        steps, (":", "--", "-"), (figures.GREY, figures.GREEN, figures.BLUE)
    )
    for step, style, color in styles:
        fit = algorithm.inner_loop.predict(
            adaptation.phi[step], adaptation.state, x, task.support_x
        )
        label = f"after {figures.inner_steps_label(step)}" if step else "before"
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


def sinusoid_fits(algorithms: dict[str, Algorithm], seed: int = 0) -> Figure:
    """Draws a row of fits for each of three tasks, a column an algorithm.

    Args:
        algorithms: Dict of column title to trained algorithm.
        seed: Seed of the tasks.

    Returns:
        A Matplotlib figure.
    """
    tasks = sinusoid_tasks(seed)
    figure = figures.new_figure(5 * len(algorithms), 3 * len(tasks))
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
