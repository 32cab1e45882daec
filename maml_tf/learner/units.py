"""The units of a network's outputs and those of a user's targets.

Outputs of classifiers are logits, and a user's units are probabilities.
Regression predicts standardised targets: by one mean and deviation for all of
them (`"all"`), or by those of each example's input, a window (`"window"`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError, refusal
from maml_tf.functional import losses, windows
from maml_tf.learner import raw_inputs
from maml_tf.learner.binary import probabilities
from maml_tf.registry import find

if TYPE_CHECKING:
    from maml_tf.learner.learner import Learner

# By kind of task: loss and metric.
_TASKS = {
    "classification": (losses.cross_entropy, losses.accuracy),
    "regression": (losses.mean_squared_error, losses.mean_squared_error),
}


def measures(
    task: str, scaling: str, loss: Callable | str | None
) -> tuple[Callable, Callable]:
    """Returns the usual loss and metric of a task.

    Args:
        task: `"classification"` or `"regression"`.
        scaling: `"all"` or `"window"`.
        loss: The loss that was given, or None. It must fit the scaling.

    Raises:
        InputError: The arguments are unknown or do not fit one another.
    """
    usual = find("task", task, _TASKS)
    window = find("scaling", scaling, {"all": False, "window": True})
    if window and task != "regression":
        raise refusal("scaling", scaling, "it is for task='regression' alone")
    if window and loss not in (None, windows.squared_error):
        raise InputError(
            "loss: one of your own was given with scaling='window', which has"
            " its own; leave the loss out."
        )
    if loss is windows.squared_error and not window:
        raise refusal("scaling", scaling, "this loss needs 'window'")
    return (windows.squared_error,) * 2 if window else usual


def layer(learner: "Learner") -> keras.layers.Layer:
    """Makes the layer from a network's outputs to a user's units.

    Args:
        learner: The `maml_tf.Learner`.

    Returns:
        A layer that takes outputs; with `scaling="window"`, `[outputs, raw
        inputs]`.
    """
    if learner.task == "classification":
        return probabilities(learner.outputs)
    mean = learner._description["target_mean"]
    deviation = learner._description["target_deviation"]
    if learner.scaling == "all":
        return keras.layers.Rescaling(
            deviation, mean, name="units", dtype="float32"
        )
    outputs = keras.Input((learner.outputs,), dtype="float32")
    raw = keras.Input(learner.raw_input.shape[1:], dtype="float32")
    mean, deviation = windows.statistics(raw, deviation)
    return keras.Model([outputs, raw], outputs * deviation + mean, name="units")


def restored(
    learner: "Learner", to_units: keras.layers.Layer, outputs: Any, raw: Any
) -> Any:
    """Turns a network's outputs into a user's units.

    Args:
        learner: The `maml_tf.Learner`.
        to_units: The layer that `learner.to_units()` made.
        outputs: The outputs, `[examples, outputs]`.
        raw: The raw inputs that they are for. Only windows are read.
    """
    return to_units([outputs, raw] if learner.scaling == "window" else outputs)


def standardised(learner: "Learner", y: Any, raw: Any) -> Any:
    """Turns values into the targets that a learner's loss takes.

    Args:
        learner: The `maml_tf.Learner`, of a regression.
        y: Values in their own units, `[examples, targets]`.
        raw: The raw inputs that they are for. Only windows are read.
    """
    mean, deviation = (
        np.asarray(learner._description[name], np.float32)
        for name in ("target_mean", "target_deviation")
    )
    if learner.scaling == "window":
        return windows.targets(y, *windows.statistics(raw, float(deviation)))
    return (y - mean) / deviation


def raw_windows(learner: "Learner", x: Any, argument: str) -> Any:
    """Returns the raw inputs that units depend on, None for other scalings.

    Args:
        learner: The `maml_tf.Learner`.
        x: Raw inputs, as `maml_tf.raw_inputs.batches` takes them.
        argument: Name of `x` in messages.

    Raises:
        InputError: `x` cannot be used.
    """
    if learner.scaling != "window":
        return None
    model = learner.preparation or learner.model
    return tf.concat(raw_inputs.batches(model, x, argument), 0)
