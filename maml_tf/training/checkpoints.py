"""Checkpoints of a training, written atomically, read past damaged ones."""

import contextlib
import os
import pathlib
import re
from collections.abc import Iterable

import keras
import tensorflow as tf
from absl import logging

from maml_tf.errors import InputError
from maml_tf.files import check_folder
from maml_tf.training.averages import averages

# Errors of TensorFlow's reader for files that are cut off, altered, missing or
# of another model.
_UNREADABLE = (
    tf.errors.OpError,
    AssertionError,
    LookupError,
    RuntimeError,
    ValueError,
)


class Checkpoints:
    """The latest states of a training, and apart from them the best.

    Both hold the model, the optimizer's slots, the iteration and the best
    score. A file is complete before the list of checkpoints names it, so a
    process killed at any moment leaves the earlier ones intact.

    Args:
        model: The Keras model.
        optimizer: Its optimizer, built; None to read weights alone.
        directory: Folder of `latest/` and `best/`.
        keep: How many of the latest states stay.
        own_variables: What the algorithm learns beside the model's weights.

    Attributes:
        directory: As given, a `pathlib.Path`.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer | None,
        directory: str | os.PathLike,
        keep: int = 3,
        own_variables: Iterable = (),
    ) -> None:
        self.directory = directory = pathlib.Path(directory)
        for folder in (directory, directory / "latest", directory / "best"):
            check_folder(folder)
        self._iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._best_score = tf.Variable(float("-inf"), trainable=False)
        # Lists of variables, not the objects: what a Keras object tracks
        # changes between versions, the weights' order does not.
        parts = {"weights": _values(model.variables)}
        own_variables = list(own_variables)
        if own_variables:
            parts["own"] = _values(own_variables)
        if optimizer is not None:
            parts["optimizer"] = _values(optimizer.variables)
            if averages(optimizer):
                parts["averages"] = _values(averages(optimizer))
        self._learned = [*model.trainable_variables, *own_variables]
        self._is_whole = optimizer is not None
        checkpoint = tf.train.Checkpoint(
            **parts, iteration=self._iteration, best_score=self._best_score
        )
        self._latest = _manager(checkpoint, directory / "latest", keep)
        self._best = _manager(checkpoint, directory / "best", 1)

    @property
    def iteration(self) -> int:
        """Returns the meta-updates of the state last saved or restored."""
        return int(self._iteration.numpy())

    @property
    def best_score(self) -> float:
        """Returns the best validation score, higher is better; −∞ at first."""
        return float(self._best_score.numpy())

    @property
    def latest_path(self) -> str | None:
        """Returns the newest checkpoint's path, or None."""
        return self._latest.latest_checkpoint

    @property
    def latest_iterations(self) -> list[int]:
        """Returns the meta-updates of the latest states, ascending."""
        return [_number(p) for p in _paths(self.directory / "latest")]

    @property
    def best_iteration(self) -> int | None:
        """Returns the meta-updates of the best state, or None."""
        path = self._best.latest_checkpoint
        return None if path is None else _number(pathlib.Path(path))

    def save(self, iteration: int) -> str:
        """Writes the state after `iteration` meta-updates.

        Args:
            iteration: Meta-updates done.

        Returns:
            Its path.
        """
        self._iteration.assign(iteration)
        return _save(self._latest, iteration)

    def save_if_best(self, iteration: int, score: float) -> bool:
        """Writes the state as the best one if `score` is above all before.

        Args:
            iteration: Meta-updates done.
            score: The validation score, higher is better.

        Returns:
            Whether the score is the best.
        """
        if not score > self.best_score:  # NaN is not the best either.
            return False
        self._best_score.assign(score)
        self._iteration.assign(iteration)
        _save(self._best, iteration)
        return True

    def replace_best(self, iteration: int) -> None:
        """Writes the state as the best one; the best score stays.

        Args:
            iteration: Meta-updates after which its weights were validated.
        """
        self._iteration.assign(iteration)
        _save(self._best, iteration)

    def restore_latest(
        self, directory: str | os.PathLike | None = None
    ) -> bool:
        """Restores the newest state that can be read.

        A damaged one is passed over, with a warning.

        Args:
            directory: The folder of other `Checkpoints` of the same model, such
                as those of the chief. Defaults to its own.

        Returns:
            Whether there was a checkpoint.

        Raises:
            InputError: There are checkpoints, and none can be read.
        """
        if directory is None:
            return self._restore(self._latest)
        return self._restore(self._latest, pathlib.Path(directory, "latest"))

    def restore_best(self) -> bool:
        """Restores the state of the best validation score.

        Returns:
            Whether there was a checkpoint.

        Raises:
            InputError: There are checkpoints, and none can be read.
        """
        return self._restore(self._best)

    def _take_averages(self, path):
        """Overwrites the weights if a checkpoint has averages of them."""
        read = [tf.Variable(v.value) for v in self._learned]
        status = tf.train.Checkpoint(averages=read).restore(str(path))
        status.expect_partial()
        with contextlib.suppress(AssertionError):
            status.assert_existing_objects_matched()
            if self.iteration > 0:
                for variable, average in zip(self._learned, read):
                    variable.assign(average)

    def _restore(self, manager, folder=None):
        # The files themselves, not the manager's list, which may be older.
        paths = _paths(folder or pathlib.Path(manager.directory))
        for path in reversed(paths):
            try:
                status = manager.checkpoint.restore(str(path))
                if self._is_whole:
                    status.assert_consumed()
                else:
                    status.assert_existing_objects_matched()
                    status.expect_partial()
                    self._take_averages(path)
            except _UNREADABLE as error:
                logging.warning(
                    "The checkpoint %s cannot be read (%s); trying an earlier"
                    " one.",
                    path,
                    str(error).strip().splitlines()[0],
                )
            else:
                return True
        if paths:
            raise InputError(
                f"workdir: none of the {len(paths)} checkpoints in"
                f" {paths[0].parent} can be read; remove that folder to start"
                " again, or restore it from a copy."
            )
        return False


def _manager(checkpoint, folder, keep):
    """Makes a manager of a folder; its list of files is mended if damaged."""
    try:
        tf.train.get_checkpoint_state(str(folder))
    except ValueError:  # It is not text.
        names = [path.name for path in _paths(folder)]
        logging.warning(
            "The list of checkpoints in %s cannot be read; it is written again"
            " from the files.",
            folder,
        )
        lines = [f'model_checkpoint_path: "{name}"' for name in names[-1:]]
        lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
        (folder / "checkpoint").unlink()
        if lines:
            (folder / "checkpoint").write_text("\n".join(lines) + "\n")
    return tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=keep)


def _save(manager, iteration):
    """Writes a state; returns its path."""
    try:
        return manager.save(checkpoint_number=iteration)
    except tf.errors.OpError as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"workdir: a checkpoint cannot be written to {manager.directory}"
            f" ({reason})."
        ) from error


def _paths(folder):
    """Returns the checkpoints in a folder by iteration; leaves out copies."""
    names = (
        re.fullmatch(r"(ckpt-(\d+))\.index", path.name)
        for path in folder.glob("*.index")
        if path.is_file()
    )
    by_number = {int(name[2]): folder / name[1] for name in names if name}
    return [by_number[number] for number in sorted(by_number)]


def _number(path):
    return int(path.name.partition("-")[2])


def restore_weights(
    model: keras.Model,
    directory: str | os.PathLike,
    own_variables: Iterable = (),
) -> tuple[int, str] | None:
    """Restores a training's weights: the best, if it was validated.

    Otherwise, or if the best checkpoint cannot be read, the latest.

    Args:
        model: The Keras model.
        directory: As in `Checkpoints`.
        own_variables: As in `Checkpoints`.

    Returns:
        `(iteration, which)`, `which` being `"best"` or `"latest"`; None if
        there is no checkpoint.

    Raises:
        InputError: There are checkpoints, and none can be read.
    """
    checkpoints = Checkpoints(
        model, None, directory, own_variables=own_variables
    )
    try:
        if checkpoints.restore_best():
            return checkpoints.iteration, "best"
    except InputError as error:
        logging.warning("%s Taking the latest.", error)
    if checkpoints.restore_latest():
        return checkpoints.iteration, "latest"
    return None


def _values(variables):
    return [variable.value for variable in variables]
