"""Learners in files, none of which runs code when it is loaded.

A folder holds `learner.json`, `network.keras` and, where raw inputs are
prepared, `preparation.keras`; the folder of a training has `checkpoints/` too,
which hold newer weights than `network.keras`.
"""

import json
import pathlib

import keras
import numpy as np

from maml_tf.errors import InputError
from maml_tf.files import replacing
from maml_tf.registry import ALGORITHMS

DESCRIPTION, NETWORK, PREPARATION = (
    "learner.json",
    "network.keras",
    "preparation.keras",
)
# Learners that come with the package, a folder each.
SHIPPED = pathlib.Path(__file__).with_name("shipped")

# To be raised when an older version could not read what is written.
_FORMAT = 2


def shipped():
    """The names of the learners that come with the package, sorted."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}"))


def find_folder(name):
    """The folder of a learner: that of the name, or one that is shipped."""
    folder = pathlib.Path(name)
    if not folder.exists() and str(name) in shipped():
        return SHIPPED / name
    return folder


def write(folder, model, preparation, description):
    """Writes a learner's files, each whole or not at all.

    Args:
        folder: a `pathlib.Path`, made if missing.
        model: the network.
        preparation: the Keras model of raw inputs, or None.
        description: dict of what else there is to a learner.

    Raises:
        InputError: something in `description` is a function or object, which
            no file can hold. Nothing is written then.
    """
    for name, value in (*description["options"].items(), *description.items()):
        if not _fits_json(value):
            raise cannot_be_saved(name)
    folder = pathlib.Path(folder)
    with replacing(folder / NETWORK) as partial:
        model.save(partial)
    if preparation is not None:
        with replacing(folder / PREPARATION) as partial:
            preparation.save(partial)
    with replacing(folder / DESCRIPTION) as partial:
        description = {"format": _FORMAT, **description}
        text = json.dumps(description, indent=2, default=_plain)
        partial.write_text(text + "\n")


def read(folder):
    """Reads what `write` wrote.

    Args:
        folder: a `pathlib.Path`.

    Returns:
        `(model, preparation, description)`.

    Raises:
        InputError: the files are of a newer version.
        Exception: whatever Keras, zip archives and JSON raise.
    """
    path = folder / DESCRIPTION
    description = json.loads(path.read_text(encoding="utf-8"))
    version = description.pop("format")
    if version > _FORMAT:
        raise InputError(
            f"workdir: {path} is of format {version}, and this version reads"
            f" {_FORMAT}; install a newer maml_tf."
        )
    # Format 1 has options by names that have changed since.
    names = ALGORITHMS.former_names
    description["options"] = {
        names.get(name, name): value
        for name, value in description["options"].items()
    }
    model = keras.saving.load_model(folder / NETWORK, compile=False)
    preparation = None
    if (folder / PREPARATION).is_file():
        preparation = keras.saving.load_model(
            folder / PREPARATION, compile=False
        )
    return model, preparation, description


def cannot_be_saved(name):
    """The `InputError` for what a file cannot hold, to raise."""
    return InputError(
        f"{name}: a learner with a function or object of your own cannot be"
        " saved; save its model."
    )


def _plain(value):
    """What JSON holds of NumPy's numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{value!r} is no number, string, list or dict.")


def _fits_json(value):
    try:
        json.dumps(value, default=_plain)
    except (TypeError, ValueError):
        return False
    return True
