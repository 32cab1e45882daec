"""The preparation of a training's data, which later data must share."""

import json
import pathlib

import keras

from maml_tf.errors import InputError
from maml_tf.learner.files import PREPARATION


def check(dataset, workdir):
    """Refuses data that are not those which the training in `workdir` had.

    Raises:
        InputError: the vocabulary or the like is another one now.
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
    """All that a preparation computes, as text; names may be any."""
    # A sequential model has layers alone.
    operations = getattr(preparation, "operations", preparation.layers)
    # As text, because a tuple is read back as a list.
    return json.dumps(
        [
            [type(operation).__name__, operation.get_config() | {"name": None}]
            for operation in operations
        ],
        default=str,
    )
