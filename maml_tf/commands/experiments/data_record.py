"""The record of a training's data: classes by split, and their fingerprints.

`WORKDIR/data.json` holds the names of the classes of each split and, for each
class, its number of examples and a digest of them. A list of classes in it may
be given as `--class_split`.
"""

import json
import os
import pathlib
from typing import Any

from maml_tf import InputError
from maml_tf.datasets import Dataset
from maml_tf.datasets.building.class_splits import first_names
from maml_tf.files import replacing

FILE_NAME = "data.json"

_EXAMPLES = "examples"


def record(dataset: Dataset, workdir: str | pathlib.Path) -> None:
    """Writes what identifies a data set into `workdir`, atomically.

    Args:
        dataset: The data set; one without a fingerprint is not recorded.
        workdir: Folder of the training.
    """
    if dataset.fingerprint is None:
        return
    found = dataset.fingerprint()
    content: dict[str, Any] = {
        split: list(classes) for split, classes in found.items()
    }
    content[_EXAMPLES] = {
        name: value
        for classes in found.values()
        for name, value in classes.items()
    }
    with replacing(pathlib.Path(workdir) / FILE_NAME) as partial:
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")


def check(dataset: Dataset, workdir: str | pathlib.Path) -> None:
    """Refuses a data set that is not the one of a training.

    Args:
        dataset: The data set as it is now.
        workdir: Folder of the training. One without a record, as of an earlier
            version, refuses nothing.

    Raises:
        InputError: A class is missing, new, in another split, or has other
            examples.
    """
    before = _read(workdir)
    if before is None or dataset.fingerprint is None:
        return
    difference = _difference(before, dataset.fingerprint())
    if difference:
        raise InputError(
            f"dataset: {dataset.name} has changed since the training in"
            f" {str(workdir)!r} began: {difference}; give the same data, or"
            f" another --workdir. (Without its {FILE_NAME} any data would do.)"
        )


def division(
    workdir: str | pathlib.Path, class_split: str | None
) -> dict[str, str]:
    """Returns the option that divides the classes as a training recorded.

    Args:
        workdir: Folder of the training.
        class_split: The training's flag. A file that it names may have changed
            since, or be gone.

    Returns:
        A dict with `class_split`; empty if the flag does not name a file, or
        nothing is recorded.
    """
    if class_split is None or not str(class_split).endswith(".json"):
        return {}
    if _read(workdir) is None:
        return {}
    return {"class_split": os.fspath(pathlib.Path(workdir) / FILE_NAME)}


def _read(workdir):
    """Returns the fingerprint that a training recorded, or None."""
    path = pathlib.Path(workdir) / FILE_NAME
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        examples = content.pop(_EXAMPLES)
        return {
            split: {name: list(examples[name]) for name in names}
            for split, names in content.items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise InputError(
            f"workdir: {path} is damaged; remove it, and the data will not be"
            " checked."
        ) from None


def _difference(before, now):
    """Describes the first difference of two fingerprints; None if equal."""
    split_before, split_now = _split_of(before), _split_of(now)
    gone = sorted(set(split_before) - set(split_now))
    if gone:
        return _plural("class", gone, "is gone", "are gone")
    new = sorted(set(split_now) - set(split_before))
    if new:
        return _plural("class", new, "is new", "are new")
    for name, split in split_before.items():
        if split_now[name] != split:
            return (
                f"the class {name} is for {split_now[name]}, and was for"
                f" {split}"
            )
    changed = []
    for name, split in split_before.items():
        (number, digest), (other, other_digest) = (
            before[split][name],
            now[split][name],
        )
        if number != other:
            return f"the class {name} has {other} examples, and had {number}"
        if digest != other_digest:
            changed.append(name)
    if changed:
        return "other examples are in " + _plural("class", changed)
    return None


def _split_of(fingerprint):
    return {
        name: split
        for split, classes in fingerprint.items()
        for name in classes
    }


def _plural(noun, names, one="", several=""):
    if len(names) == 1:
        return f"the {noun} {names[0]} {one}".strip()
    listed = first_names(names)
    return f"the {noun}es {listed} {several}".strip()
