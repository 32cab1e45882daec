"""Arrays in .npz files, without pickles."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from maml_tf.files import replacing


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[Any]:
    """Opens an .npz file, whose arrays are read as they are asked for.

    Args:
        path: The file.
    """
    # np.load leaves damaged files open, so the file is opened here.
    with (
        open(path, "rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        yield arrays


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads an .npz file; returns a dict of arrays.

    Args:
        path: The file.
    """
    with opened(path) as arrays:
        return dict(arrays)


def write_arrays(path: str | os.PathLike, arrays: dict[str, Any]) -> None:
    """Writes an .npz file, whole or not at all.

    Args:
        path: The file; it goes if there are no arrays.
        arrays: The arrays by name.
    """
    if not arrays:
        pathlib.Path(path).unlink(missing_ok=True)
        return
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)
