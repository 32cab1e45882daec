"""The best weights of a training by validation, kept apart to be averaged.

Each is a file `ensemble/ITERATION.npz` beside the checkpoints: a validation
score, and the weights that had it.
"""

import contextlib
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from maml_tf.errors import InputError, check_at_least_one, refusal
from maml_tf.files import check_folder
from maml_tf.files.arrays import opened, write_arrays

FOLDER = "ensemble"


def check_ensemble(
    ensemble: int, outer_step: Any, validation: Any, workdir: Any
) -> None:
    """Refuses an ensemble of a training that cannot have one.

    Args:
        ensemble: How many weights to keep; 1 is no ensemble.
        outer_step: What `maml_tf.meta_train` repeats.
        validation: Its validation, or None.
        workdir: Its folder, or None.

    Raises:
        InputError: It cannot.
    """
    check_at_least_one(ensemble=ensemble)
    if ensemble == 1:
        return
    if not hasattr(outer_step, "episodes"):
        why = "policies are not averaged, so it must be 1"
    elif not outer_step.algorithm.meta_trains:
        why = "this algorithm meta-trains nothing, so it must be 1"
    elif workdir is None:
        why = "members are kept in a workdir; give one"
    elif validation is None:
        why = "members are chosen by validation; give one"
    else:
        return
    raise refusal("ensemble", ensemble, why)


class Members:
    """Keeps the best of the weights that are offered, by score.

    Of equal scores the earlier is the better. So the same weights stay however
    often a training is stopped and repeats its last iterations.

    Args:
        variables: The model's variables and the algorithm's own.
        directory: Folder of `ensemble/`, which is made if there is something
            to keep.
        count: How many stay; 1 keeps nothing, as `Checkpoints` has the best.

    Raises:
        InputError: The training there keeps another number.
    """

    def __init__(
        self, variables: Sequence, directory: str | os.PathLike, count: int
    ) -> None:
        self._variables = list(variables)
        self._folder = pathlib.Path(directory) / FOLDER
        self._count = count
        check_folder(self._folder)
        for path in _paths(self._folder):
            with _reading(path) as file:
                before = int(file["count"])
            if before != count:
                raise refusal(
                    "ensemble",
                    count,
                    f"the training in {str(directory)!r} began with {before}",
                )

    def offer(self, iteration: int, score: float) -> None:
        """Writes the present weights if they are among the best.

        Args:
            iteration: Meta-updates done.
            score: The validation score, higher is better.

        Raises:
            InputError: A file of another member cannot be read.
        """
        if self._count == 1 or np.isnan(score):
            return
        ranks = {path: _rank(path) for path in _paths(self._folder)}
        path = self._folder / f"{iteration}.npz"
        ranks[path] = (-score, iteration)
        best = sorted(ranks, key=ranks.__getitem__)
        if path in best[: self._count]:
            kept = _named(weights(self._variables))
            about = {"score": np.float64(score), "count": self._count}
            write_arrays(path, kept | about)
        for worse in best[self._count :]:
            worse.unlink(missing_ok=True)


def weights(variables: Sequence) -> list[np.ndarray]:
    """Returns the present values of variables, in a type that files hold.

    Args:
        variables: The variables; bfloat16 becomes float32.
    """
    values = [variable.numpy() for variable in variables]
    return [v.astype(np.float32) if v.dtype.kind == "V" else v for v in values]


def read_members(
    directory: str | os.PathLike, variables: Sequence
) -> list[list[np.ndarray]]:
    """Reads the weights that `Members` kept, the best first.

    Args:
        directory: As in `Members`.
        variables: As in `Members`; they stay as they are.

    Returns:
        A list of lists of arrays, in the order of `variables`; empty if there
        is no ensemble.

    Raises:
        InputError: A file cannot be read, or is of another model.
    """
    paths = sorted(_paths(pathlib.Path(directory) / FOLDER), key=_rank)
    shapes = [tuple(variable.shape) for variable in variables]
    return [_values(path, shapes) for path in paths]


def write_together(path: pathlib.Path, members: Sequence) -> None:
    """Writes the weights of all members to one file.

    Args:
        path: The .npz file; it goes if there are no members.
        members: As `read_members` returns them.
    """
    write_arrays(path, _named(map(np.stack, zip(*members))))


def read_together(
    path: pathlib.Path, variables: Sequence, count: int
) -> list[list[np.ndarray]]:
    """Reads the file that `write_together` wrote.

    Args:
        path: The .npz file.
        variables: As in `Members`.
        count: How many members it has.

    Returns:
        As `read_members`.

    Raises:
        InputError: It cannot be read, or is of another model.
    """
    shapes = [(count, *variable.shape) for variable in variables]
    return [list(values) for values in zip(*_values(path, shapes))]


def _named(values):
    return {str(number): value for number, value in enumerate(values)}


def _values(path, shapes):
    """Reads arrays of some shapes."""
    with _reading(path) as file:
        values = [file[str(number)] for number in range(len(shapes))]
        if [value.shape for value in values] != shapes:
            raise ValueError("it is of another model")
    return values


def _rank(path):
    """Returns what sorts members: the best first, of equal ones the earlier."""
    with _reading(path) as file:
        return -float(file["score"]), int(path.stem)


def _paths(folder):
    return [path for path in folder.glob("*.npz") if path.stem.isdecimal()]


@contextlib.contextmanager
def _reading(path) -> Iterator[Any]:
    """Opens a file of arrays; whatever is wrong with it is one sentence."""
    try:
        with opened(path) as file:
            yield file
    except (
        EOFError,
        KeyError,
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"workdir: {path} cannot be read as a member of the ensemble"
            f" ({reason}); restore it from a copy, or remove it."
        ) from error
