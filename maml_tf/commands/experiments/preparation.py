"""Checks that later data are prepared like those of the training."""

import json
import pathlib

import keras

from maml_tf.datasets import Dataset
from maml_tf.errors import InputError
from maml_tf.learner.files import PREPARATION


def check(dataset: Dataset, workdir: str | pathlib.Path) -> None:
    """Refuses a data set whose preparation differs from the training's.

    Args:
        dataset: The data set as it is now.
        workdir: Folder of the training; it may be empty.

    Raises:
        InputError: The preparation, such as the vocabulary, has changed.
    """
    path = pathlib.Path(workdir) / PREPARATION
    if dataset.preparation is None or not path.exists():
        return
    before = keras.saving.load_model(path, compile=False)
    if _configuration(before) != _configuration(dataset.preparation):
        raise InputError(
            f"dataset: {dataset.name} has changed since the training in"
            f" {str(workdir)!r} began: it gives another {PREPARATION}; give the"
            " same data, or another --workdir."
        )


def _configuration(preparation):
    """Returns a preparation's computation as text, without names of layers."""
    # A sequential model has layers only.
    operations = getattr(preparation, "operations", preparation.layers)
    # As text, because a tuple is read back as a list.
    return json.dumps(
        [
            [type(operation).__name__, operation.get_config() | {"name": None}]
            for operation in operations
        ],
        default=str,
    )
