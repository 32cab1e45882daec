"""Arrays that take long to make, kept in files.

A file appears whole or not at all, is read without unpickling, and is made anew
where it is damaged.
"""

import os
import pathlib
import warnings

import numpy as np

from maml_tf.files import replacing


def folder(cache_dir=None):
    """Returns the folder of cache files, a `pathlib.Path`.

    Args:
        cache_dir: The folder. Defaults to `maml_tf` in `$XDG_CACHE_HOME` or in
            `~/.cache`.
    """
    if cache_dir is None:
        root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        cache_dir = os.path.join(root, "maml_tf")
    return pathlib.Path(os.path.expanduser(cache_dir))


def cached_arrays(name, make, cache_dir=None):
    """Returns arrays from a cache file, which is written if there is none.

    A damaged file is made anew, with a warning; a folder that cannot be written
    costs a warning only.

    Args:
        name: Name of the file without its extension; it must tell all that
            the arrays depend on.
        make: Function of no arguments that returns a dict of arrays.
        cache_dir: As in `folder`.

    Returns:
        A dict of arrays.
    """
    path = folder(cache_dir) / f"{name}.npz"
    if path.exists():
        try:
            return read_arrays(path)
        except Exception as error:  # zipfile and NumPy raise many kinds.
            warnings.warn(
                f"The cache file {path} is damaged ({error}); it is made anew.",
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


def read_arrays(path):
    """Reads an .npz file; returns a dict of arrays."""
    # Opened here, because np.load leaves damaged files open.
    with (
        open(path, "rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return dict(arrays)


def write_arrays(path, arrays):
    """Writes a dict of arrays as an .npz file, whole or not at all."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)
