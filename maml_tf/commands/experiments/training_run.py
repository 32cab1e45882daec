"""A training, its closing message, and its weights and figures afterwards.

The commands of every kind of experiment share this file.
"""

import json
import pathlib
import signal
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from absl import flags

import maml_tf
from maml_tf import InputError
from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.commands import sentences
from maml_tf.files import replacing
from maml_tf.training.checkpoints import restore_weights
from maml_tf.training.metrics_log import finite
from maml_tf.training.workers import Workers


def train(
    flag_values: flags.FlagValues,
    algorithm: Algorithm,
    outer_step: Callable,
    validation: Callable,
    workers: Workers,
    *,
    metric_name: str,
    higher_is_better: bool,
    evaluated_by: str,
    ensemble: int = 1,
) -> int:
    """Meta-trains as the flags say.

    Args:
        flag_values: The flags: workdir, iterations, intervals, progress.
        algorithm: One of `maml_tf.algorithms`.
        outer_step: The meta-update that `maml_tf.meta_train` repeats.
        validation: Function that returns a `Curve`; see `maml_tf.meta_train`.
        workers: The `Workers` that train. One alone prints.
        metric_name: Name of the metric in logs.
        higher_is_better: Whether higher values of the metric are better.
        evaluated_by: The command to name as the next one.
        ensemble: As in `maml_tf.meta_train`.

    Returns:
        The exit status.
    """
    f = flag_values
    iterations = f.iterations
    say = print if workers.is_chief else lambda text: None
    if f.experiment is not None:
        say(f"Experiment {f.experiment}, in {f.workdir}.")
    if not algorithm.meta_trains:
        say(f"{f.algorithm}: nothing to meta-train; weights are saved.")
        iterations = 0
    training = maml_tf.meta_train(
        outer_step,
        iterations,
        f.workdir,
        validation=validation,
        higher_is_better=higher_is_better,
        metric_name=metric_name,
        log_interval=f.log_interval,
        validation_interval=f.validation_interval,
        checkpoint_interval=f.checkpoint_interval,
        progress=f.progress,
        callbacks=_early_stopping(f, metric_name, higher_is_better),
        ensemble=ensemble,
    )
    if training.signal_number is not None:
        name = signal.Signals(training.signal_number).name
        say(
            f"{name}: saved after {training.iteration} of {iterations}"
            f" iterations in {f.workdir}; the same command goes on."
        )
        # A queue that preempts workers takes another status for a failure.
        return 128 + training.signal_number if workers.number == 1 else 0
    if training.stopped_early:
        say(
            f"Stopped early after {training.iteration} of {iterations}"
            f" iterations: --early_stopping={f.early_stopping} validations in a"
            " row were no better. The best checkpoint is that of iteration"
            f" {training.best_iteration}."
        )
    now = training.iteration - training.resumed_from
    say(
        f"Trained {training.iteration} iterations, {now} of them now in"
        f" {training.seconds / 60:.1f} minutes, saved in {f.workdir};"
        f" next: {sentences.command(evaluated_by, workdir=f.workdir)}"
    )
    return 0


def _early_stopping(flag_values, metric_name, higher_is_better):
    """Returns the callback of --early_stopping, or None."""
    if flag_values.early_stopping is None:
        return None
    return keras.callbacks.EarlyStopping(
        f"val_{metric_name}",
        patience=flag_values.early_stopping,
        mode="max" if higher_is_better else "min",
    )


def restore(
    algorithm: Algorithm, workdir: str | pathlib.Path
) -> tuple[int, str]:
    """Restores what a training learned.

    They are those of the best checkpoint by validation. If none was validated,
    or the best cannot be read, they are those of the latest.

    Args:
        algorithm: The training's algorithm.
        workdir: Folder of the training.

    Returns:
        `(iteration, which)`, `which` being `"best"` or `"latest"`.

    Raises:
        InputError: No checkpoint exists or can be read.
    """
    checkpoints = pathlib.Path(workdir) / "checkpoints"
    restored = checkpoints.is_dir() and restore_weights(
        algorithm.model, checkpoints, algorithm.own_variables
    )
    if not restored:
        raise InputError(
            f"workdir: {str(workdir)!r} has no checkpoint; train there first."
        )
    return restored


def evaluated_steps(**by_step: np.ndarray) -> list[dict[str, Any]]:
    """Returns the figures of an evaluation, one dict for each inner step.

    Args:
        **by_step: Arrays `[steps + 1]` by name.
    """
    columns = [[float(v) for v in values] for values in by_step.values()]
    return [
        {"step": step, **dict(zip(by_step, map(finite, values)))}
        for step, values in enumerate(zip(*columns))
    ]


def write_evaluation(result: dict[str, Any], path: pathlib.Path) -> None:
    """Writes an evaluation, a dict, as JSON."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(result, indent=2) + "\n")
