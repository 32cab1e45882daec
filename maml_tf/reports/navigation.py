"""Pictures of the paths of policies in the plane."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from maml_tf.reports import figures

# Colours by inner step, from the unadapted policy on.
_PATHS = (
    figures.GREY,
    figures.ORANGE,
    figures.GREEN,
    figures.BLUE,
    figures.PURPLE,
)


def navigation_paths(
    axes: Axes, goal: Any, paths: Iterable[np.ndarray]
) -> None:
    """Draws how a point moves before adaptation and after each gradient step.

    Args:
        axes: Matplotlib axes.
        goal: Position of the goal, `[2]`.
        paths: For each step from 0 on an array of positions
            `[rollouts, horizon, 2]`, NaN after a rollout's end.
    """
    for step, rollouts in enumerate(paths):
        color = _PATHS[step % len(_PATHS)]
        label = (
            f"after {figures.inner_steps_label(step)}"
            if step
            else "before adaptation"
        )
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
        color=figures.RED,
        markeredgecolor="black",
        markersize=14,
        label="goal",
        zorder=5,
    )
    axes.plot(0, 0, "ks", markersize=5, label="start", zorder=5)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
