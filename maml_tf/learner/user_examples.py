"""A user's own examples, read from files: images, texts or points.

They are raw, as `maml_tf.Learner.adapt` takes them.
"""

import pathlib
import warnings
from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from maml_tf.datasets import folder, text
from maml_tf.datasets.building.text_files import read_text
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.table import Table
from maml_tf.errors import InputError

if TYPE_CHECKING:
    from maml_tf.learner.learner import Learner

IMAGES, TEXTS, POINTS = "images", "texts", "points"

# The form of a support set of each kind, for messages.
_SUPPORT = {
    IMAGES: "a folder with a folder of images for each class",
    TEXTS: "a .csv, .tsv or .jsonl file with the columns text and label",
    POINTS: "a .csv or .tsv file with features and targets in its columns",
}

# Query images in memory at a time.
_AT_ONCE = 16


class Examples(NamedTuple):
    """Examples of classes.

    Attributes:
        names: Each example's name: its file, or the text itself.
        x: Raw inputs, uint8 images or strings.
        y: The name of each example's class, None if it is not known.
    """

    names: list
    x: list
    y: list


class Points(NamedTuple):
    """Examples of numbers to predict.

    Attributes:
        features: Names of the inputs.
        targets: Names of the outputs.
        x: Float array `[examples, features]`.
        y: Float array `[examples, targets]`, or None if it is not known.
    """

    features: list
    targets: list
    x: np.ndarray
    y: Any


def kind(learner: "Learner") -> str:
    """Returns the kind of a learner's examples.

    Args:
        learner: A `maml_tf.Learner`.

    Returns:
        `IMAGES`, `TEXTS` or `POINTS`.

    Raises:
        InputError: It takes none of them.
    """
    wanted = learner.raw_input
    if isinstance(wanted, keras.KerasTensor):
        classifies = learner.task == "classification"
        if classifies and wanted.dtype == "uint8" and len(wanted.shape) == 4:
            return IMAGES
        if classifies and wanted.dtype == "string":
            return TEXTS
        if not classifies and len(wanted.shape) == 2:
            return POINTS
        wanted = f"{wanted.dtype} of the shape {wanted.shape}"
    else:
        wanted = "several"
    raise InputError(
        f"workdir: the model is for {learner.task} and its inputs are {wanted};"
        " from files, models that classify uint8 images or texts, or predict"
        " numbers from numbers, can be adapted, others by Learner.adapt."
    )


def images_by_class(
    path: str | PathLike, argument: str = "support"
) -> Examples:
    """Reads a folder of images, one folder a class.

    Args:
        path: The folder.
        argument: Name of the folder in messages.

    Returns:
        `Examples`. Files that cannot be read are left out, with a warning.

    Raises:
        InputError: The folder is missing, is laid out otherwise, has only one
            class, or a class has no image that can be read.
    """
    root = pathlib.Path(path).expanduser()
    where = f"{argument}: {path}"
    if root.is_file():
        raise _other_kind(where, "file", IMAGES)
    files = list(_class_files(root, where))
    examples = Examples([], [], [])
    unreadable: list[str] = []
    for part in _decoded(root, files, unreadable):
        for values, further in zip(examples, part):
            values.extend(further)
    _warn(unreadable, where)
    for name in dict.fromkeys(name for _, name in files):
        if name not in examples.y:
            raise InputError(
                f"{where}: the class {name} has no image that can be read;"
                " JPEG, PNG, GIF, BMP and WebP can."
            )
    _check_classes(examples, where)
    return examples


def images(
    paths: list[str | PathLike], argument: str = "query"
) -> Iterator[Examples]:
    """Reads images that may have classes.

    Args:
        paths: Files and folders. The folders in a folder are classes; files
            beside them have no class.
        argument: Name of the paths in messages.

    Yields:
        `Examples`, at most 16 at a time. Files that cannot be read are left
        out, with a warning at the end.

    Raises:
        InputError: A file or folder is missing or empty, or no file is an image
            that can be read.
    """
    roots = [pathlib.Path(path).expanduser() for path in paths]
    if not roots:
        raise InputError(f"{argument}: it is empty; give a folder or files.")
    files = [
        file
        for path, root in zip(paths, roots)
        for file in _files(root, f"{argument}: {path}")
    ]
    # Names within a single folder are unique without the folder's own.
    base = roots[0] if len(roots) == 1 and roots[0].is_dir() else None
    unreadable: list[str] = []
    number = 0
    for part in _decoded(base, files, unreadable):
        number += len(part.x)
        yield part
    where = f"{argument}: {', '.join(map(str, paths[:3]))}"
    _warn(unreadable, where)
    if not number:
        raise InputError(
            f"{where} has no image that can be read; JPEG, PNG, GIF, BMP and"
            " WebP can."
        )


def texts(
    path: str | PathLike, argument: str = "support", labelled: bool = True
) -> Examples:
    """Reads texts, and their labels if they have any.

    Args:
        path: A .csv, .tsv or .jsonl file as in `maml_tf.datasets.text`; or, if
            no labels are needed, a .txt file with one text a line.
        argument: Name of the file in messages.
        labelled: Whether labels are needed. Defaults to true.

    Returns:
        `Examples`.

    Raises:
        InputError: The file cannot be read; or labels are needed, and are
            missing or all the same.
    """
    path = pathlib.Path(path).expanduser()
    where = f"{argument}: {path}"
    if path.is_dir():
        raise _other_kind(where, "folder", TEXTS)
    if path.suffix == ".txt" and not labelled:
        lines = read_text(path, argument).splitlines()
        contents = [line.strip() for line in lines if line.strip()]
        if not contents:
            raise InputError(f"{where} is empty; give a text a line.")
        return Examples(contents, contents, [None] * len(contents))
    must_have = text.COLUMNS if labelled else text.COLUMNS[:1]
    contents, labels = text.read(path, argument, must_have)
    examples = Examples(contents, contents, labels)
    if labelled:
        _check_classes(examples, where)
    return examples


def points(
    path: str | PathLike,
    learner: "Learner",
    argument: str = "support",
    like: Points | None = None,
) -> Points:
    """Reads features and targets of one task from a table.

    Args:
        path: A file as in `maml_tf.datasets.table`. The column `task` may be
            missing; if it is there, it names one task.
        learner: The `maml_tf.Learner` that takes them. It gives the number of
            features and targets, and not their names: they are in the order
            that they had in training.
        argument: Name of the file in messages.
        like: The support set's `Points`, to read query examples: their features
            have the same names in any order, and their targets may be missing.
            None for a support set.

    Returns:
        `Points`.

    Raises:
        InputError: The file cannot be read, or has other columns.
    """
    path = pathlib.Path(path).expanduser()
    where = f"{argument}: {path}"
    if path.is_dir():
        raise _other_kind(where, "folder", POINTS)
    table = Table(path, argument)
    if "task" in table.columns:
        names, _ = table.tasks()
        if len(names) > 1:
            raise InputError(
                f"{where} has {len(names)} tasks, {names[0]} and {names[1]}"
                " among them; a model is adapted to one, so give the rows of"
                " one."
            )
    features, targets = table.features, table.targets
    if like is None:
        _check_columns(where, features, targets, learner)
    else:
        missing = [name for name in like.features if name not in features]
        if missing or len(features) > len(like.features):
            raise InputError(
                f"{where} has the features {', '.join(features) or 'none'};"
                " they must be those of the support set,"
                f" {', '.join(like.features)}."
            )
        features = like.features
        if targets and set(targets) != set(like.targets):
            raise InputError(
                f"{where} has the targets {', '.join(targets)}; they must be"
                f" those of the support set, {', '.join(like.targets)}, or be"
                " left out."
            )
        targets = like.targets if targets else []
    return Points(
        features,
        targets,
        table.numbers(features),
        table.numbers(targets) if targets else None,
    )


def _check_classes(examples, where):
    """Refuses examples of only one class."""
    if len(set(examples.y)) < 2:
        raise InputError(
            f"{where} has one class alone, {examples.y[0]}; give examples of"
            " two or more."
        )


def _check_columns(where, features, targets, learner):
    """Refuses columns that are more or fewer than a learner takes."""
    if not features or not targets:
        raise InputError(
            f"{where} has the columns {', '.join(features + targets)}; there"
            " must be features by any name, and targets named y, y1, ...,"
            " target or target_..."
        )
    for label, names, number in (
        ("feature", features, learner.raw_input.shape[1]),
        ("target", targets, learner.outputs),
    ):
        if len(names) != number:
            raise InputError(
                f"{where} has {len(names)} {label}{'s' * (len(names) != 1)}"
                f" ({', '.join(names)}); the model has {number}."
            )


def _other_kind(where, given, kind):
    """Returns the error for a file or folder of another kind of examples."""
    return InputError(
        f"{where} is a {given}, but the model takes {kind}; give"
        f" {_SUPPORT[kind]}."
    )


def _files(root, where):
    """Yields `(file, class or None)` of a file, or of all in a folder."""
    if root.is_file():
        yield root, None
        return
    if not root.exists():
        raise InputError(f"{where} does not exist; give a folder or files.")
    visible = [p for p in sorted(root.iterdir()) if p.name[0] != "."]
    if not visible:
        raise InputError(f"{where} is empty; give a folder with images.")
    if any(path.is_dir() for path in visible):
        yield from _class_files(root, where)
    for path in visible:
        if path.is_file():
            yield path, None


def _class_files(root, where):
    """Yields `(file, class)` of all files in a folder of class folders."""
    class_files = folder.find(root, where)
    if class_files.splits:
        raise InputError(
            f"{where} has train, valid and test folders; give a folder whose"
            " folders are the classes."
        )
    for name, files in class_files.files.items():
        for file in files:
            yield file, name


def _decoded(base, files, unreadable):
    """Yields `Examples`, some at a time; adds to `unreadable`."""
    for first in range(0, len(files), _AT_ONCE):
        part = files[first : first + _AT_ONCE]
        decoded = image_files.in_parallel(
            image_files.decode, [file for file, _ in part]
        )
        examples = Examples([], [], [])
        for (file, class_name), image in zip(part, decoded):
            name = str(file.relative_to(base) if base else file)
            if image is None:
                unreadable.append(name)
                continue
            for values, value in zip(
                examples, (name, image.numpy(), class_name)
            ):
                values.append(value)
        if examples.x:
            yield examples


def _warn(unreadable, where):
    """Warns of files that cannot be read as images, naming five."""
    if unreadable:
        named = ", ".join(ascii(name)[1:-1] for name in unreadable[:5])
        warnings.warn(
            f"{where}: {len(unreadable)} of the files cannot be read as images"
            f" and are left out: {named}{', ...' * (len(unreadable) > 5)}.",
            stacklevel=3,
        )
