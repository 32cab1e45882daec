"""The accuracy within each superclass, and its mean over superclasses.

Tasks of one superclass are alike, so an interval over tasks says how well the
drawn superclasses are measured, and one over superclasses what to expect of
another one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maml_tf.evaluation.intervals import interval


def by_superclass(superclass_of: Callable, metrics: Sequence) -> dict[str, Any]:
    """Groups the metrics of tasks by the superclass of their classes.

    Args:
        superclass_of: Function from a task's number to its superclass's name.
        metrics: The metric of tasks number 0, 1 and so on, `[tasks]`.

    Returns:
        A dict of `"mean"` and `"ci95"` over superclasses, each counted once,
        and of `"superclasses"`: dict of name to `"tasks"`, `"mean"` and
        `"ci95"` over its tasks. An interval of a single value is NaN.
    """
    found: dict[str, list] = {}
    for number, metric in enumerate(metrics):
        found.setdefault(superclass_of(number), []).append(metric)
    means = [np.mean(found[name]) for name in sorted(found)]
    return {
        "mean": float(np.mean(means)),
        "ci95": float(interval(means)),
        "superclasses": {
            name: {
                "tasks": len(found[name]),
                "mean": float(np.mean(found[name])),
                "ci95": float(interval(found[name])),
            }
            for name in sorted(found)
        },
    }
