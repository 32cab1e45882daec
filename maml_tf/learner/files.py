"""Learners in files; loading them never runs code from the files.

A folder holds `learner.json`, `network.keras` and, if raw inputs are prepared,
`preparation.keras`; if layers have low-rank adapters, `adapters.npz`. The
folder of a training has `checkpoints/` too, with newer weights than
`network.keras`.
"""

import json
import pathlib
from os import PathLike

import keras
import numpy as np

from maml_tf.errors import InputError
from maml_tf.files import replacing
from maml_tf.learner.adapters import read_adapters, write_adapters
from maml_tf.registry import ALGORITHMS

DESCRIPTION, NETWORK, PREPARATION, ADAPTERS = (
    "learner.json",
    "network.keras",
    "preparation.keras",
    "adapters.npz",
)
# The learners that come with the package, one folder each.
SHIPPED = pathlib.Path(__file__).with_name("shipped")

# Raise it when an older version could not read the files of this one.
_FORMAT = 2


def shipped() -> list[str]:
    """Returns the names of the learners in the package, sorted."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}"))


def find_folder(name: str | PathLike) -> pathlib.Path:
    """Returns the folder of a learner.

    Args:
        name: A folder, or one of `shipped()`.

    Returns:
        The folder, which may be missing; one that exists is preferred to a
        learner of the package.
    """
    folder = pathlib.Path(name)
    if not folder.exists() and str(name) in shipped():
        return SHIPPED / name
    return folder


def write(
    folder: str | PathLike,
    model: keras.Model,
    preparation: keras.Model | None,
    description: dict,
) -> None:
    """Writes a learner's files, each whole or not at all.

    Args:
        folder: The folder, made if missing.
        model: The network.
        preparation: The Keras model of raw inputs, or None.
        description: Dict of the learner's other properties.

    Raises:
        InputError: Something in `description` is a function or object; no
            file can hold it. Nothing is written then.
    """
    for name, value in (*description["options"].items(), *description.items()):
        if not _fits_json(value):
            raise cannot_be_saved(name)
    folder = pathlib.Path(folder)
    with replacing(folder / NETWORK) as partial:
        model.save(partial)
    write_adapters(folder / ADAPTERS, model)
    if preparation is not None:
        with replacing(folder / PREPARATION) as partial:
            preparation.save(partial)
    with replacing(folder / DESCRIPTION) as partial:
        description = {"format": _FORMAT, **description}
        text = json.dumps(description, indent=2, default=_plain)
        partial.write_text(text + "\n")


def read(
    folder: pathlib.Path,
) -> tuple[keras.Model, keras.Model | None, dict]:
    """Reads the files that `write` wrote.

    Args:
        folder: A `pathlib.Path`.

    Returns:
        `(model, preparation, description)`.

    Raises:
        InputError: The files are of a newer version.
        Exception: A file is missing or damaged; raised by Keras, zipfile or
            json.
    """
    path = folder / DESCRIPTION
    description = json.loads(path.read_text(encoding="utf-8"))
    version = description.pop("format")
    if version > _FORMAT:
        raise InputError(
            f"workdir: {path} is of format {version}, and this version reads"
            f" {_FORMAT}; install a newer maml_tf."
        )
    # Files of format 1 have the former names of some options.
    names = ALGORITHMS.former_names
    description["options"] = {
        names.get(name, name): value
        for name, value in description["options"].items()
    }
    model = keras.saving.load_model(folder / NETWORK, compile=False)
    read_adapters(folder / ADAPTERS, model)
    preparation = None
    if (folder / PREPARATION).is_file():
        preparation = keras.saving.load_model(
            folder / PREPARATION, compile=False
        )
    return model, preparation, description


def cannot_be_saved(name: str) -> InputError:
    """Returns the error to raise for a value that a file cannot hold.

    Args:
        name: The argument that has the value.
    """
    return InputError(
        f"{name}: a learner with a function or object of your own cannot be"
        " saved; save its model."
    )


def _plain(value):
    """Returns NumPy's numbers as Python's."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{value!r} is not a number, string, list or dict.")


def _fits_json(value):
    """Returns whether JSON can hold a value."""
    try:
        json.dumps(value, default=_plain)
    except (TypeError, ValueError):
        return False
    return True
