"""Learners in files; loading them never runs code from the files.

A folder holds `learner.json`, `network.keras` and, if raw inputs are prepared,
`preparation.keras`; if layers have low-rank adapters, `adapters.npz`; if it is
an ensemble, `members.npz`. The
folder of a training has `checkpoints/` too, with newer weights than
`network.keras`, unless the learner was saved there afterwards: `learner.json`
then lists the checkpoints that are older.
"""

import json
import pathlib
from collections.abc import Sequence
from os import PathLike

import keras
import numpy as np

from maml_tf.errors import InputError
from maml_tf.files import read_json, replacing
from maml_tf.learner.adapters import read_adapters, write_adapters
from maml_tf.registry import ALGORITHMS
from maml_tf.training.members import write_together

DESCRIPTION, NETWORK, PREPARATION, ADAPTERS, MEMBERS = (
    "learner.json",
    "network.keras",
    "preparation.keras",
    "adapters.npz",
    "members.npz",
)
# The learners that come with the package, one folder each.
SHIPPED = pathlib.Path(__file__).with_name("shipped")

# Raise it when an older version could not read the files of this one.
_FORMAT = 4
# The format from which on versions know a property.
_FORMATS = {"loss": 3, "checkpoints": 3, "scaling": 3, "ensemble": 4}


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
    members: Sequence = (),
) -> None:
    """Writes a learner's files, each whole or not at all.

    Args:
        folder: The folder, made if missing.
        model: The network.
        preparation: The Keras model of raw inputs, or None.
        description: Dict of the learner's other properties.
        members: `Learner.members`.

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
    write_together(folder / MEMBERS, members)
    with replacing(folder / DESCRIPTION) as partial:
        if members:
            description = {**description, "ensemble": len(members)}
        version = max(_FORMATS.get(name, 2) for name in description)
        description = {"format": version, **description}
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
    description = read_json(path, "workdir")
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
    for name, value in description["options"].items():
        if "learning_rate" in name and not _holds_numbers(value):
            raise InputError(
                f"workdir: {path} has {value!r} for {name}; it must be a"
                " number, or a list of them."
            )
    model = keras.saving.load_model(folder / NETWORK, compile=False)
    read_adapters(folder / ADAPTERS, model)
    return model, read_preparation(folder), description


def read_preparation(folder: pathlib.Path) -> keras.Model | None:
    """Reads the Keras model of raw inputs; None if the folder has none.

    Args:
        folder: The folder of a learner.

    Raises:
        InputError: The file cannot be read.
    """
    path = folder / PREPARATION
    if not path.is_file():
        return None
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # From Keras or zipfile.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"workdir: {path} cannot be read ({reason}); restore it from a"
            " copy, or train again."
        ) from error


def checkpoints(folder: str | PathLike) -> list[str]:
    """Returns the names of the checkpoints in a training's folder, sorted.

    Args:
        folder: The folder.
    """
    root = pathlib.Path(folder) / "checkpoints"
    paths = root.glob("*/*.index")
    return sorted(path.relative_to(root).as_posix() for path in paths)


def cannot_be_saved(name: str) -> InputError:
    """Returns the error to raise for a value that a file cannot hold.

    Args:
        name: The argument that has the value.
    """
    return InputError(
        f"{name}: a learner with a function or object of your own cannot be"
        " saved; save its model."
    )


def _holds_numbers(value):
    """Returns whether a value from JSON is a number or has numbers alone."""
    if isinstance(value, list):
        return bool(value) and all(map(_holds_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


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
