"""Prepares later data like those of the training, and checks that they are."""

import json
import pathlib

from maml_tf.datasets import Dataset
from maml_tf.errors import InputError
from maml_tf.files import read_json
from maml_tf.learner.files import (
    DESCRIPTION,
    PREPARATION,
    read_preparation,
)


def scaling(workdir: str | pathlib.Path) -> dict[str, str]:
    """Returns the option by which a training standardised its series.

    Args:
        workdir: Folder of the training; it may be empty.

    Returns:
        A dict with `scaling`; empty if the folder holds no training.

    Raises:
        InputError: Its file cannot be read.
    """
    path = pathlib.Path(workdir) / DESCRIPTION
    if not path.is_file():
        return {}
    # An earlier version standardised all alike and did not say so.
    content = read_json(path, "workdir")
    recorded = content if isinstance(content, dict) else {}
    return {"scaling": recorded.get("scaling", "all")}


def check(dataset: Dataset, workdir: str | pathlib.Path) -> None:
    """Refuses a data set whose preparation differs from the training's.

    Args:
        dataset: The data set as it is now.
        workdir: Folder of the training; it may be empty.

    Raises:
        InputError: The preparation, such as the vocabulary, has changed, is
            missing, or cannot be read.
    """
    if dataset.preparation is None:
        return
    folder = pathlib.Path(workdir)
    before = read_preparation(folder)
    if before is None:
        if (folder / DESCRIPTION).is_file():
            raise InputError(
                f"workdir: {str(workdir)!r} has no {PREPARATION}, which its"
                f" {DESCRIPTION} needs; restore it from a copy, or train again."
            )
        return
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
