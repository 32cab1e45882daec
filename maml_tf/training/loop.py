"""Meta-training: repeats the outer step, validates, saves and resumes."""

import contextlib
import dataclasses
import inspect
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm import tqdm

from maml_tf.errors import DivergenceError, check_at_least_one, refusal
from maml_tf.graph.kernels import kernels_forgotten
from maml_tf.training.averages import averages_in_place, take_averages
from maml_tf.training.callbacks import Callbacks
from maml_tf.training.checkpoints import Checkpoints
from maml_tf.training.interruption import Interruption
from maml_tf.training.members import Members, check_ensemble
from maml_tf.training.metrics_log import MetricsLog
from maml_tf.training.shared_signal import SharedSignal
from maml_tf.training.workers import lost_worker_named, workers_of


@dataclasses.dataclass(frozen=True)
class Training:
    """The end of a training.

    Attributes:
        iteration: Meta-updates done.
        best_score: The best validation score, higher is better; −∞ without
            validation.
        signal_number: The signal that stopped it before its end, or None.
        resumed_from: Meta-updates that were done before.
        seconds: Seconds that it took, compilation and validation included.
        best_iteration: Meta-updates of the best checkpoint, or None.
        stopped_early: Whether a callback stopped it.
    """

    iteration: int
    best_score: float
    signal_number: int | None
    resumed_from: int
    seconds: float
    best_iteration: int | None = None
    stopped_early: bool = False


def meta_train(
    outer_step: Any,
    iterations: int,
    workdir: str | os.PathLike | None,
    *,
    validation: Callable | None = None,
    higher_is_better: bool = True,
    metric_name: str = "metric",
    log_interval: int = 100,
    validation_interval: int = 500,
    checkpoint_interval: int = 500,
    progress: bool = True,
    check: bool = False,
    callbacks: Any = None,
    ensemble: int = 1,
) -> Training:
    """Meta-trains the outer step's model up to `iterations` meta-updates.

    Continues from the newest checkpoint in `workdir`; on CPU the weights at the
    end are the same to the last bit, however often it was stopped. The signals
    SIGINT and SIGTERM end it early, and the state is saved.

    The workers of a `tf.distribute.MultiWorkerMirroredStrategy` all call it. A
    signal at any of them ends all after the same iteration. Only the chief
    writes to `workdir`, from which all resume; they must all see it.

    Args:
        outer_step: A `maml_tf.OuterStep`.
        iterations: Total meta-updates, those of earlier calls included.
        workdir: Folder for `checkpoints/`, `metrics.jsonl` and `tensorboard/`;
            None keeps nothing.
        validation: Function without arguments that returns a
            `maml_tf.evaluation.Curve`, such as a `MetaTest` on fixed validation
            episodes; None for no validation. Its metric after the last step is
            the score that chooses the best checkpoint.
        higher_is_better: True for a score such as accuracy; False for an error.
        metric_name: The metric's name in logs.
        log_interval: Iterations between records of the training loss.
        validation_interval: Iterations between validations.
        checkpoint_interval: Iterations between checkpoints.
        progress: Whether to show a progress bar on a terminal; elsewhere a line
            on stderr every `validation_interval` iterations.
        check: Whether to check first, on the support set of the first task,
            that the model's second derivative is exact, as
            `maml_tf.testing.check_meta_gradient` does. It concerns algorithms
            of second order alone.
        callbacks: Keras callbacks. An epoch ends at each validation, with the
            logs `loss`, the metric, `val_loss` and `val_` with the metric's
            name; `on_train_batch_end` follows each record of the training
            loss. `model.optimizer` is the outer optimizer meanwhile. See
            `docs/training.md` for what they can do here.
        ensemble: How many of the best weights by validation are kept, for
            `maml_tf.load` to average their predictions.

    Returns:
        A `Training`.

    Raises:
        InputError: An argument cannot be used, or `workdir` has checkpoints and
            none can be read; or `check` finds a wrong second derivative.
        DivergenceError: The loss or a weight became NaN or infinite. Nothing is
            saved then; the model has the weights of the last good checkpoint
            again, which the message names.
    """
    check_at_least_one(
        log_interval=log_interval,
        validation_interval=validation_interval,
        checkpoint_interval=checkpoint_interval,
    )
    if iterations < 0:
        raise refusal("iterations", iterations, "it must be 0 or more")
    check_ensemble(ensemble, outer_step, validation, workdir)
    if check:
        if not hasattr(outer_step, "check_meta_gradient"):
            raise refusal(
                "check", check, "only a maml_tf.OuterStep can be checked"
            )
        outer_step.check_meta_gradient()
    workers = workers_of(outer_step.model)
    hooks = Callbacks(
        callbacks,
        outer_step,
        iterations,
        log_interval=log_interval,
        validation_interval=validation_interval,
        metric_name=metric_name,
        higher_is_better=higher_is_better,
        is_validated=validation is not None,
        workers=workers,
    )
    started = time.monotonic()
    origin = None if workdir is None else pathlib.Path(workdir, "checkpoints")
    temporary = None
    if workdir is None or not workers.is_chief:
        # All workers save, because reading some variables needs all.
        temporary = tempfile.TemporaryDirectory()
        workdir = temporary.name
    workdir = pathlib.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(
        outer_step.model,
        outer_step.optimizer,
        workdir / "checkpoints",
        own_variables=outer_step.algorithm.own_variables,
    )
    learned = outer_step.algorithm.meta_variables
    members = Members(
        [*outer_step.model.variables, *outer_step.algorithm.own_variables],
        workdir / "checkpoints",
        ensemble,
    )
    is_begun = checkpoints.restore_latest(origin)
    with lost_worker_named(workers):
        workers.barrier()
    if not is_begun or not workers.is_chief:
        # A divergence then has a good state to name and to fall back to.
        checkpoints.save(checkpoints.iteration)
    # `checkpoints.iteration` may be ahead: it counts the best checkpoint too.
    iteration = saved = resumed_from = checkpoints.iteration
    intervals = (log_interval, validation_interval, checkpoint_interval)
    since_log = _Means()
    newest_values: dict[str, float] = {}
    bar = tqdm(
        total=iterations,
        initial=iteration,
        desc="meta-training",
        unit="it",
        disable=None if progress and workers.is_chief else True,
    )
    with (
        kernels_forgotten(),
        temporary or contextlib.nullcontext(),
        contextlib.closing(
            MetricsLog(workdir, iteration, workers.replicas)
        ) as log,
        bar,
        hooks.training(checkpoints, iteration, origin),
        Interruption() as interruption,
        lost_worker_named(workers),
    ):
        shared = SharedSignal(interruption, workers)
        while iteration < iterations and not shared.arrived():
            if hooks.stop:
                break
            hooks.begin(iteration)
            count = min(
                iterations - iteration,
                outer_step.iterations_per_call,
                *(interval - iteration % interval for interval in intervals),
            )
            updates = outer_step(iteration, count)
            _require_finite(updates, iteration, checkpoints, not temporary)
            since_log.add(updates)
            hooks.add(updates)
            iteration += count
            bar.update(count)
            last = iteration == iterations

            if iteration % log_interval == 0 or last:
                values = since_log.pop(metric_name)
                log.write(iteration, "train", values)
                shown = "loss", metric_name, *updates.reports
                newest_values |= {n: values[n] for n in shown}
                hooks.end_batch(iteration, values)
                last |= hooks.stop
            validated = iteration % validation_interval == 0 or last
            if validated or iteration % checkpoint_interval == 0:
                _require_finite_weights(
                    learned, iteration, checkpoints, not temporary
                )
            curve = None
            if validation and validated:
                with averages_in_place(learned, outer_step.optimizer):
                    hooks.begin_test()
                    curve = _validated(validation, workers)
                    hooks.end_test(curve)
                    score = float(curve.metric[-1])
                    ranked = score if higher_is_better else -score
                    members.offer(iteration, ranked)
                log.write(iteration, "validation", _by_step(curve, metric_name))
                log.write_adaptation(
                    iteration, metric_name, curve.metric, curve.ci95
                )
                newest_values[f"validation {metric_name}"] = score
                checkpoints.save_if_best(iteration, ranked)
            if validated:
                hooks.end_epoch(iteration, curve)
            if iteration % checkpoint_interval == 0 or last or hooks.stop:
                hooks.save(iteration)
                checkpoints.save(iteration)
                saved = iteration
            texts = {n: f"{value:.4f}" for n, value in newest_values.items()}
            bar.set_postfix(texts, refresh=False)
            if progress and workers.is_chief and bar.disable and validated:
                # Without a terminal, a line now and then for the log file.
                pairs = ", ".join(f"{n} {text}" for n, text in texts.items())
                print(f"{iteration}/{iterations}: {pairs}", file=sys.stderr)
        if saved < iteration:
            _require_finite_weights(
                learned, iteration, checkpoints, not temporary
            )
            hooks.save(iteration)
            checkpoints.save(iteration)
        take_averages(learned, outer_step.optimizer)
        finished = shared.number is None
        hooks.end(checkpoints, iteration, finished)
        stopped_early = hooks.stop
        # One that ended earlier than the others would be lost to them.
        workers.barrier()
    return Training(
        iteration,
        checkpoints.best_score,
        shared.number,
        resumed_from,
        time.monotonic() - started,
        checkpoints.best_iteration,
        stopped_early,
    )


def _validated(validation, workers):
    """Returns the curve of a validation, whose tasks the workers divide."""
    if workers.number == 1:
        return validation()
    divides = "workers" in inspect.signature(validation).parameters
    return validation(workers=workers) if divides else validation()


class _Means:
    """Means of the `Updates` since the last `pop`, and their pace."""

    def __init__(self):
        self._restart()

    def _restart(self):
        self._updates = []
        self._started = time.monotonic()

    def add(self, updates):
        self._updates.append(updates)

    def pop(self, metric_name):
        loss, metric, support_losses = (
            np.concatenate([getattr(u, field) for u in self._updates])
            for field in ("loss", "metric", "support_losses")
        )
        reports = {
            name: float(
                np.concatenate([u.reports[name] for u in self._updates]).mean()
            )
            for name in self._updates[0].reports
        }
        seconds = time.monotonic() - self._started
        self._restart()
        return {
            "loss": float(loss.mean()),
            metric_name: float(metric.mean()),
            "support_loss": support_losses.mean(0).tolist(),
            **reports,
            "iterations_per_second": round(len(loss) / seconds, 3),
        }


def _by_step(curve, metric_name):
    return {
        "loss": curve.loss.tolist(),
        metric_name: curve.metric.tolist(),
        "ci95": curve.ci95.tolist(),
        "num_tasks": curve.num_tasks,
    }


def _require_finite(updates, iteration, checkpoints, is_kept):
    finite = np.isfinite(updates.loss)
    if not finite.all():
        diverged = iteration + int(np.argmin(finite)) + 1
        loss = f"The loss became {updates.loss[diverged - iteration - 1]:g}"
        raise _divergence(loss, diverged, checkpoints, is_kept)


def _require_finite_weights(learned, iteration, checkpoints, is_kept):
    """Refuses to save weights from which the next update could only diverge."""
    for variable in learned:
        if not np.isfinite(np.asarray(variable, np.float32)).all():
            weight = f"The weight {variable.path} became NaN or infinite"
            raise _divergence(weight, iteration, checkpoints, is_kept)


def _divergence(event, iteration, checkpoints, is_kept):
    """Restores the last good checkpoint and returns the error to raise."""
    path = checkpoints.latest_path
    checkpoints.restore_latest()
    kept = f", the last good checkpoint, {path}" if is_kept else ""
    return DivergenceError(
        f"{event} at iteration {iteration}; the model has the weights of"
        f" iteration {checkpoints.iteration} again{kept}. A smaller inner or"
        " outer learning rate, or clipped gradients, may help."
    )
