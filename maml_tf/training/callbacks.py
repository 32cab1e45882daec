"""Keras callbacks in meta-training."""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from maml_tf.training.averages import averages, averages_in_place
from maml_tf.training.callback_checks import check
from maml_tf.training.callback_state import CallbackState, add_to, states
from maml_tf.training.checkpoints import Checkpoints
from maml_tf.training.workers import Workers

# The model's attributes that are others during the training. What the user
# compiled is left out, because files saved meanwhile hold another optimizer.
_ON_THE_MODEL = ("optimizer", "stop_training", "_compile_config")


class Callbacks:
    """The callbacks of a training. An epoch ends at each validation.

    Args:
        callbacks: A Keras callback, a list of them, or None.
        outer_step: A `maml_tf.OuterStep`, or that of policies.
        iterations: Meta-updates in all.
        log_interval: Iterations between the calls of `on_train_batch_end`.
        validation_interval: Iterations of an epoch.
        metric_name: The metric's name in logs.
        higher_is_better: Whether higher values of the metric are better.
        is_validated: Whether logs have `val_loss` and the metric's.
        workers: The `Workers` that train. Each has callbacks of its own; if one
            stops, all do.

    Attributes:
        stop: Whether a callback of any worker has set `model.stop_training`.

    Raises:
        InputError: A callback cannot do its work here.
    """

    def __init__(
        self,
        callbacks: Any,
        outer_step: Any,
        iterations: int,
        *,
        log_interval: int,
        validation_interval: int,
        metric_name: str,
        higher_is_better: bool,
        is_validated: bool,
        workers: Workers,
    ) -> None:
        self._workers = workers
        self._callbacks = keras.tree.flatten(callbacks) if callbacks else []
        self._model = outer_step.model
        # An outer update of policies may hold an optimizer.
        update = outer_step.optimizer
        optimizer = getattr(update, "optimizer", update)
        is_keras = isinstance(optimizer, keras.optimizers.Optimizer)
        self._optimizer = optimizer if is_keras else None
        self._algorithm = outer_step.algorithm
        self._log_interval = log_interval
        self._validation_interval = validation_interval
        self._metric_name = metric_name
        check(
            self._callbacks,
            self._optimizer,
            self._algorithm.own_variables,
            metric_name,
            higher_is_better,
            is_validated,
        )
        self._params = {
            "epochs": self._epoch(iterations) + 1,
            "steps": validation_interval,
            "verbose": 0,
        }
        self.stop = False
        self._begun = False
        self._epoch_logs: dict[str, float] = {}
        # Loss, metric and number of the epoch's meta-updates.
        self._sums = [0.0, 0.0, 0]

    def _agree(self):
        """Asks all workers whether a callback has set `model.stop_training`."""
        own = bool(self._callbacks) and bool(self._model.stop_training)
        self.stop = bool(self._workers.gather(int(own)).any())

    @contextlib.contextmanager
    def training(
        self,
        checkpoints: Checkpoints,
        iteration: int,
        origin: pathlib.Path | None = None,
    ) -> Iterator[None]:
        """Begins the training; the model has the outer optimizer meanwhile.

        Args:
            checkpoints: The training's checkpoints; the callbacks' state is
                kept beside them.
            iteration: Meta-updates done. Above 0, callbacks go on with the
                state that was saved there.
            origin: The folder of checkpoints from which the training goes on,
                that of the chief. Defaults to that of `checkpoints`.

        Raises:
            InputError: The saved state cannot be read.
        """
        if not self._callbacks:
            self._agree()
            yield
            return
        self._file = CallbackState(checkpoints)
        # Past Keras's `__setattr__`, which would track the optimizer.
        attributes = vars(self._model)
        before = {n: attributes[n] for n in _ON_THE_MODEL if n in attributes}
        attributes.pop("_compile_config", None)
        attributes.update(optimizer=self._optimizer, stop_training=False)
        try:
            for callback in self._callbacks:
                if iteration and isinstance(
                    callback, keras.callbacks.CSVLogger
                ):
                    callback.append = True
                callback.set_params(self._params)
                callback.set_model(self._model)
            self._call("on_train_begin")
            if iteration:
                self._restore(iteration, origin)
            self._agree()
            yield
        finally:
            for name in _ON_THE_MODEL:
                attributes.pop(name, None)
            attributes.update(before)

    def begin(self, iteration: int) -> None:
        """Begins an epoch or a batch, if the next update is its first.

        A resumed training begins the rest of them.

        Args:
            iteration: Meta-updates done.
        """
        at_epoch = iteration % self._validation_interval == 0
        if at_epoch or not self._begun:
            for callback in self._callbacks:
                # It would change the rate a second time.
                is_scheduler = isinstance(
                    callback, keras.callbacks.LearningRateScheduler
                )
                if at_epoch or not is_scheduler:
                    callback.on_epoch_begin(self._epoch(iteration + 1), {})
        if iteration % self._log_interval == 0 or not self._begun:
            self._call("on_train_batch_begin", iteration)
        if at_epoch or not self._begun:
            self._agree()
        self._begun = True

    def add(self, updates: Any) -> None:
        """Adds meta-updates to the means of the epoch.

        Args:
            updates: The `Updates` that report them.
        """
        if self._callbacks:
            add_to(self._sums, updates.loss, updates.metric)

    def end_batch(self, iteration: int, values: dict[str, Any]) -> None:
        """Ends a batch, at a record of the training loss.

        Args:
            iteration: Meta-updates done.
            values: The record.
        """
        logs = {name: values[name] for name in ("loss", self._metric_name)}
        self._call("on_train_batch_end", iteration, logs=logs)
        self._agree()

    def begin_test(self) -> None:
        """Begins a validation."""
        self._call("on_test_begin")

    def end_test(self, curve: Any) -> None:
        """Ends a validation.

        Args:
            curve: Its `Curve`.
        """
        self._call("on_test_end", logs=self._of(curve))

    def end_epoch(self, iteration: int, curve: Any) -> None:
        """Ends an epoch; callbacks see the weights that were validated.

        Args:
            iteration: Meta-updates done.
            curve: The validation's `Curve`, or None.
        """
        if not self._callbacks:
            self._agree()
            return
        *sums, count = self._sums
        self._sums = [0.0, 0.0, 0]
        names = ("loss", self._metric_name)
        logs = {n: total / max(count, 1) for n, total in zip(names, sums)}
        if curve is not None:
            logs |= {f"val_{n}": v for n, v in self._of(curve).items()}
        self._epoch_logs = logs
        with averages_in_place(self._algorithm.meta_variables, self._optimizer):
            self._call("on_epoch_end", self._epoch(iteration), logs=logs)
        self._agree()

    def save(self, iteration: int) -> None:
        """Writes the callbacks' state, before the checkpoint it belongs to.

        Args:
            iteration: Meta-updates done.
        """
        if self._callbacks:
            stop = bool(self._model.stop_training)
            own = {"stop": stop, "sums": self._sums}
            self._file.write(iteration, own, states(self._callbacks))

    def end(
        self, checkpoints: Checkpoints, iteration: int, finished: bool
    ) -> None:
        """Ends the training; what a callback made of the model is kept.

        `EarlyStopping` may give the model its best weights. The best
        checkpoint, which is what loading takes, then holds them too.

        Args:
            checkpoints: The training's checkpoints.
            iteration: Meta-updates done.
            finished: Whether the training will not go on. Otherwise the
                checkpoints stay as they are.
        """
        if not self._callbacks:
            return
        before = self._model.get_weights()
        self._call("on_train_end", logs=self._epoch_logs)
        after = self._model.get_weights()
        if not finished or all(map(np.array_equal, before, after)):
            return
        for callback in self._callbacks:
            if getattr(callback, "restore_best_weights", False):
                best_end = (callback.best_epoch + 1) * self._validation_interval
                iteration = min(iteration, best_end)
                if iteration == checkpoints.best_iteration:
                    return
        learned = self._algorithm.meta_variables
        for average, weight in zip(averages(self._optimizer), learned):
            average.assign(weight)
        checkpoints.replace_best(iteration)

    def _epoch(self, iteration):
        """Returns the number of the validation that an iteration leads to."""
        return max(iteration - 1, 0) // self._validation_interval

    def _call(self, hook, *number, logs=None):
        logs = {} if logs is None else logs
        for callback in self._callbacks:
            getattr(callback, hook)(*number, logs)

    def _of(self, curve):
        return {
            "loss": float(curve.loss[-1]),
            self._metric_name: float(curve.metric[-1]),
        }

    def _restore(self, iteration, origin):
        own = self._file.read(iteration, self._callbacks, origin)
        if own is not None:
            self._sums = own["sums"]
            self._model.stop_training = own["stop"]
