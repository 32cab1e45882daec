"""The state of Keras callbacks, kept beside a training's checkpoints."""

import json
import pathlib
import zipfile
from typing import Any

import keras
import numpy as np
from absl import logging

from maml_tf.errors import InputError
from maml_tf.files.arrays import read_arrays, write_arrays
from maml_tf.training.checkpoints import Checkpoints

# Attributes that change from epoch to epoch: numbers, or lists of them.
_CHANGING = {
    keras.callbacks.EarlyStopping: (
        "wait",
        "best",
        "best_epoch",
        "stopped_epoch",
    ),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
    keras.callbacks.History: ("epoch", "history"),
}


def states(callbacks: list) -> dict[str, tuple[Any, dict]]:
    """Returns the callbacks that have a state, with their numbers.

    Args:
        callbacks: Keras callbacks.

    Returns:
        A dict of pairs, a callback and its numbers by name. The keys are the
        callbacks' classes, numbered.
    """
    found: dict[str, tuple[Any, dict]] = {}
    counts: dict[str, int] = {}
    for callback in callbacks:
        for kind, names in _CHANGING.items():
            if isinstance(callback, kind):
                name = type(callback).__name__
                number = counts[name] = counts.get(name, -1) + 1
                values = {n: getattr(callback, n, None) for n in names}
                found[f"{name}_{number}"] = (callback, values)
    return found


def add_to(sums: list, *arrays: np.ndarray) -> None:
    """Adds arrays to their sums, one element after the other.

    The sums are the same to the last bit however the elements come in calls.

    Args:
        sums: Sums of the arrays, and the number of elements behind them.
        *arrays: Arrays of the same length.
    """
    for index, array in enumerate(arrays):
        for value in array:
            sums[index] += float(value)
    sums[-1] += len(arrays[0])


class CallbackState:
    """Files beside the checkpoints, one for each, replaced as a whole.

    A file holds the numbers as JSON, and the best weights of `EarlyStopping` as
    arrays.

    Args:
        checkpoints: The training's checkpoints.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._folder = checkpoints.directory / "callbacks"

    def write(self, iteration: int, own: dict, callbacks: dict) -> None:
        """Writes the state after an iteration; removes those of no checkpoint.

        Args:
            iteration: Meta-updates done.
            own: Numbers beside those of the callbacks.
            callbacks: What `states` returns.
        """
        numbers = {key: values for key, (_, values) in callbacks.items()}
        arrays = {
            f"{key}/{index}": weight
            for key, (callback, _) in callbacks.items()
            for index, weight in enumerate(_best_weights(callback))
        }
        text = json.dumps({"own": own, "callbacks": numbers}, default=float)
        write_arrays(self._path(iteration), {"json": text, **arrays})
        kept = {iteration, *self._checkpoints.latest_iterations}
        for path in self._folder.glob("*.npz"):
            if path.stem.isdecimal() and int(path.stem) not in kept:
                path.unlink()

    def read(
        self,
        iteration: int,
        callbacks: list,
        origin: pathlib.Path | None = None,
    ) -> dict | None:
        """Gives callbacks the state that was saved after an iteration.

        Args:
            iteration: Meta-updates done.
            callbacks: Keras callbacks. Those that are new here begin now, with
                a warning.
            origin: A folder of checkpoints in place of the training's.

        Returns:
            The numbers beside those of the callbacks; None without a file.

        Raises:
            InputError: The file cannot be read.
        """
        path = self._path(iteration)
        if origin is not None:
            path = origin / path.relative_to(self._checkpoints.directory)
        present = states(callbacks)
        saved: dict = {"callbacks": {}, "own": None}
        arrays: dict = {}
        if path.exists():
            try:
                arrays = read_arrays(path)
                saved = json.loads(str(arrays["json"]))
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise InputError(
                    f"workdir: {path}, the state of the callbacks, cannot be"
                    f" read ({error}); remove it, and they begin at iteration"
                    f" {iteration}."
                ) from error
        for key, (callback, _) in present.items():
            if key not in saved["callbacks"]:
                logging.warning(
                    "%s was not in the training until now; it begins at"
                    " iteration %d.",
                    type(callback).__name__,
                    iteration,
                )
                continue
            for name, value in saved["callbacks"][key].items():
                setattr(callback, name, value)
            best = [n for n in arrays if n.startswith(f"{key}/")]
            if best:
                weights = callback.model.weights
                callback.best_weights = [
                    _as_saved(arrays[f"{key}/{index}"], weights[index])
                    for index in range(len(best))
                ]
        return saved["own"]

    def _path(self, iteration):
        return self._folder / f"{iteration}.npz"


def _best_weights(callback):
    return getattr(callback, "best_weights", None) or []


def _as_saved(array, weight):
    """Returns an array in a dtype that NumPy's files do not name (bfloat16)."""
    if array.dtype.kind == "V":
        return array.view(weight.numpy().dtype)
    return array
