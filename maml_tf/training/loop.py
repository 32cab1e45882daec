"""Meta-training: repeats the outer step, validates, saves, resumes."""

import contextlib
import dataclasses
import pathlib
import sys
import time

import numpy as np
from tqdm import tqdm

from maml_tf.errors import DivergenceError, InputError
from maml_tf.training.checkpoints import Checkpoints
from maml_tf.training.interruption import Interruption
from maml_tf.training.metrics_log import MetricsLog


@dataclasses.dataclass(frozen=True)
class Training:
    """How a training ended.

    Attributes:
        iteration: Meta-updates done.
        best_score: The best validation score, higher is better; −∞ where there
            was no validation.
        signal_number: The signal that stopped it before its end, or None.
        resumed_from: Meta-updates that were done before.
        seconds: That it took, compilation and validation included.
    """

    iteration: int
    best_score: float
    signal_number: int | None
    resumed_from: int
    seconds: float


def meta_train(
    outer_step,
    iterations,
    workdir,
    *,
    validation=None,
    higher_is_better=True,
    metric_name="metric",
    log_interval=100,
    validation_interval=500,
    checkpoint_interval=500,
    progress=True,
):
    """Meta-trains the outer step's model up to `iterations` meta-updates.

    Goes on where the newest checkpoint in `workdir` ends; on CPU the weights at
    the end are the same to the last bit, however often it was stopped. The
    signals SIGINT and SIGTERM end it early, the state saved.

    Args:
        outer_step: A `maml_tf.OuterStep`.
        iterations: Total meta-updates, those of earlier calls included.
        workdir: Folder for `checkpoints/`, `metrics.jsonl` and `tensorboard/`.
        validation: Function without arguments that returns a
            `maml_tf.evaluation.Curve`, such as a `MetaTest` on fixed validation
            episodes; None for no validation. Its metric after the last step is
            the score by which the best checkpoint is chosen.
        higher_is_better: Whether it is, as for accuracy; False for an error.
        metric_name: What the metric is called in logs.
        log_interval: Iterations between records of the training loss.
        validation_interval: Iterations between validations.
        checkpoint_interval: Iterations between checkpoints.
        progress: Whether to show a progress bar on a terminal; elsewhere a line
            on stderr every `validation_interval` iterations.

    Returns:
        A `Training`.

    Raises:
        InputError: An argument that cannot be used, or checkpoints in `workdir`
            of which none can be read.
        DivergenceError: The loss became NaN or infinite. Nothing is saved then;
            the message names the last good checkpoint.
    """
    for name, value in (
        ("log_interval", log_interval),
        ("validation_interval", validation_interval),
        ("checkpoint_interval", checkpoint_interval),
    ):
        if value < 1:
            raise InputError(f"{name}: {value} was given; it must be above 0.")
    if iterations < 0:
        raise InputError(
            f"iterations: {iterations} was given; it must be 0 or more."
        )
    started = time.monotonic()
    workdir = pathlib.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(
        outer_step.model, outer_step.optimizer, workdir / "checkpoints"
    )
    if not checkpoints.restore_latest():
        # So that there is a good state to name or to fall back to.
        checkpoints.save(0)
    # `checkpoints.iteration` may be ahead: it counts the best checkpoint too.
    iteration = saved = resumed_from = checkpoints.iteration
    intervals = (log_interval, validation_interval, checkpoint_interval)
    since_log = _Means()
    shown = {}
    bar = tqdm(
        total=iterations,
        initial=iteration,
        desc="meta-training",
        unit="it",
        disable=None if progress else True,
    )
    with (
        contextlib.closing(MetricsLog(workdir, iteration)) as log,
        bar,
        Interruption() as interruption,
    ):
        while iteration < iterations and interruption.signal_number is None:
            count = min(
                iterations - iteration,
                outer_step.iterations_per_call,
                *(interval - iteration % interval for interval in intervals),
            )
            updates = outer_step(iteration, count)
            _require_finite(updates, iteration, checkpoints.latest_path)
            since_log.add(updates)
            iteration += count
            bar.update(count)
            last = iteration == iterations

            if iteration % log_interval == 0 or last:
                values = since_log.pop(metric_name)
                log.write(iteration, "train", values)
                shown |= {n: values[n] for n in ("loss", metric_name)}
            validated = iteration % validation_interval == 0 or last
            if validation and validated:
                curve = validation()
                log.write(iteration, "validation", _by_step(curve, metric_name))
                log.write_adaptation(
                    iteration, metric_name, curve.metric, curve.ci95
                )
                score = float(curve.metric[-1])
                shown[f"validation {metric_name}"] = score
                checkpoints.save_if_best(
                    iteration, score if higher_is_better else -score
                )
            if iteration % checkpoint_interval == 0 or last:
                checkpoints.save(iteration)
                saved = iteration
            texts = {name: f"{value:.4f}" for name, value in shown.items()}
            bar.set_postfix(texts, refresh=False)
            if progress and bar.disable and validated:
                # No terminal: a line now and then, for the log file.
                pairs = ", ".join(f"{n} {text}" for n, text in texts.items())
                print(f"{iteration}/{iterations}: {pairs}", file=sys.stderr)
        if saved < iteration:
            checkpoints.save(iteration)
    return Training(
        iteration,
        checkpoints.best_score,
        interruption.signal_number,
        resumed_from,
        time.monotonic() - started,
    )


class _Means:
    """Means of `Updates` since they were last asked for, and their pace."""

    def __init__(self):
        self._updates = []
        self._started = time.monotonic()

    def add(self, updates):
        self._updates.append(updates)

    def pop(self, metric_name):
        loss, metric, support_losses = (
            np.concatenate(values) for values in zip(*self._updates)
        )
        seconds = time.monotonic() - self._started
        self.__init__()
        return {
            "loss": float(loss.mean()),
            metric_name: float(metric.mean()),
            "support_loss": support_losses.mean(0).tolist(),
            "iterations_per_second": round(len(loss) / seconds, 3),
        }


def _by_step(curve, metric_name):
    return {
        "loss": curve.loss.tolist(),
        metric_name: curve.metric.tolist(),
        "ci95": curve.ci95.tolist(),
        "num_tasks": curve.num_tasks,
    }


def _require_finite(updates, iteration, checkpoint):
    finite = np.isfinite(updates.loss)
    if not finite.all():
        diverged = iteration + int(np.argmin(finite)) + 1
        raise DivergenceError(
            f"The loss became {updates.loss[diverged - iteration - 1]:g} at"
            f" iteration {diverged}; the last good checkpoint is {checkpoint}."
            " A smaller inner or outer learning rate, or clipped gradients, may"
            " help."
        )
