"""Files of arrays that take long to make.

A file appears whole or not at all, is read without unpickling, and is made
again if it is damaged.
"""

import os
import pathlib
import warnings
from collections.abc import Callable

import numpy as np

from maml_tf.files.arrays import read_arrays, write_arrays


def folder(cache_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Returns the folder of cache files, a `pathlib.Path`.

    Args:
        cache_dir: Folder for images decoded or drawn once. Defaults to
            `maml_tf` in `$XDG_CACHE_HOME` or in `~/.cache`.
    """
    if cache_dir is None:
        root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        cache_dir = os.path.join(root, "maml_tf")
    return pathlib.Path(os.path.expanduser(cache_dir))


def exists(path: pathlib.Path) -> bool:
    """Returns whether a file or folder exists and may be looked at."""
    try:
        return path.exists()
    except OSError:
        return False


def cached_arrays(
    name: str,
    make: Callable[[], dict[str, np.ndarray]],
    cache_dir: str | os.PathLike | None = None,
) -> dict[str, np.ndarray]:
    """Returns arrays from a cache file, which is written if there is none.

    A damaged file is made again, with a warning; a folder that cannot be
    written costs a warning only.

    Args:
        name: Name of the file without its extension; it must identify all that
            the arrays depend on.
        make: Function of no arguments that returns a dict of arrays.
        cache_dir: As in `folder`.

    Returns:
        A dict of arrays.
    """
    path = folder(cache_dir) / f"{name}.npz"
    if exists(path):
        try:
            return read_arrays(path)
        except Exception as error:  # zipfile and NumPy raise many kinds.
            warnings.warn(
                f"The cache file {path} is damaged ({error}); it is made"
                " again.",
                stacklevel=2,
            )
    arrays = make()
    try:
        write_arrays(path, arrays)
    except OSError as error:
        warnings.warn(
            f"The cache file {path} cannot be written ({error}); the next run "
            "makes it again.",
            stacklevel=2,
        )
    return arrays
