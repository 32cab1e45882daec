"""A user's own examples, read from files: images, texts or points.

What is read is raw, as `maml_tf.Learner.adapt` takes it.
"""

import pathlib
import warnings
from typing import Any, NamedTuple

import keras
import numpy as np

from maml_tf.datasets import folder, text
from maml_tf.datasets.building.text_files import read_text
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.table import Table
from maml_tf.errors import InputError

IMAGES, TEXTS, POINTS = "images", "texts", "points"

# What a support set is of, as messages say it.
_SUPPORT = {
    IMAGES: "a folder with a folder of images for each class",
    TEXTS: "a .csv, .tsv or .jsonl file with the columns text and label",
    POINTS: "a .csv or .tsv file with features and targets in its columns",
}

# Images in memory at a time, of those that are asked about.
_AT_ONCE = 16


class Examples(NamedTuple):
    """Examples of classes.

    Attributes:
        names: what each is called: its file, or the text itself.
        x: raw inputs, uint8 images or strings.
        y: the name of each one's class, None where it is not known.
    """

    names: list
    x: list
    y: list


class Points(NamedTuple):
    """Examples of numbers to predict.

    Attributes:
        features: names of the inputs.
        targets: names of what is predicted.
        x: float array `[examples, features]`.
        y: float array `[examples, targets]`, or None where it is not known.
    """

    features: list
    targets: list
    x: np.ndarray
    y: Any


def kind(learner):
    """What a learner is adapted to: `IMAGES`, `TEXTS` or `POINTS`.

    Args:
        learner: a `maml_tf.Learner`.

    Raises:
        InputError: it takes none of them.
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


def images_by_class(path, argument="support"):
    """Reads a folder of images, one folder a class.

    Args:
        path: the folder.
        argument: what messages call it.

    Returns:
        `Examples`. Files that cannot be read are left out, with a warning.

    Raises:
        InputError: there is no such folder, it is laid out otherwise, has one
            class alone, or a class has no image that can be read.
    """
    root = pathlib.Path(path).expanduser()
    where = f"{argument}: {path}"
    if root.is_file():
        raise _other_kind(where, "file", IMAGES)
    files = list(_class_files(root, where))
    found = Examples([], [], [])
    unreadable = []
    for part in _decoded(root, files, unreadable):
        for everything, more in zip(found, part):
            everything.extend(more)
    _warn(unreadable, where)
    for name in dict.fromkeys(name for _, name in files):
        if name not in found.y:
            raise InputError(
                f"{where}: the class {name} has no image that can be read;"
                " JPEG, PNG, GIF, BMP and WebP can."
            )
    _check_classes(found, where)
    return found


def images(paths, argument="query"):
    """Reads images that may have classes.

    Args:
        paths: files and folders. Where a folder has folders, these are classes;
            what lies beside them is of no class.
        argument: what messages call them.

    Yields:
        `Examples`, some at a time. Files that cannot be read are left out, with
        a warning at the end.

    Raises:
        InputError: a file or folder is missing or empty, or no file is an image
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
    # Names are short where they cannot be mistaken.
    base = roots[0] if len(roots) == 1 and roots[0].is_dir() else None
    unreadable, number = [], 0
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


def texts(path, argument="support", labelled=True):
    """Reads texts, and their labels where they have any.

    Args:
        path: a .csv, .tsv or .jsonl file as `maml_tf.datasets.text` has it; or,
            where no labels are needed, .txt with a text a line.
        argument: what messages call it.
        labelled: whether labels must be there.

    Returns:
        `Examples`.

    Raises:
        InputError: the file cannot be read; or labels must be there, and all
            are the same.
    """
    path = pathlib.Path(path).expanduser()
    where = f"{argument}: {path}"
    if path.is_dir():
        raise _other_kind(where, "folder", TEXTS)
    if path.suffix == ".txt" and not labelled:
        lines = read_text(path, argument).splitlines()
        found = [line.strip() for line in lines if line.strip()]
        if not found:
            raise InputError(f"{where} is empty; give a text a line.")
        return Examples(found, found, [None] * len(found))
    must_have = text.COLUMNS if labelled else text.COLUMNS[:1]
    found, labels = text.read(path, argument, must_have)
    examples = Examples(found, found, labels)
    if labelled:
        _check_classes(examples, where)
    return examples


def points(path, learner, argument="support", like=None):
    """Reads features and targets of one task from a table.

    Args:
        path: a file as in `maml_tf.datasets.table`, but that there need not be
            a column `task`; where there is one, it names one task.
        learner: the `maml_tf.Learner` that takes them, which knows how many
            features and targets there must be, and not their names: they are in
            the order that they had in training.
        argument: what messages call it.
        like: the support set's `Points`, for examples that are asked about:
            features must be named as there, in any order, and targets need not
            be known.

    Returns:
        `Points`.

    Raises:
        InputError: the file cannot be read, or has other columns.
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
    if len(set(examples.y)) < 2:
        raise InputError(
            f"{where} has one class alone, {examples.y[0]}; give examples of"
            " two or more."
        )


def _check_columns(where, features, targets, learner):
    if not features or not targets:
        raise InputError(
            f"{where} has the columns {', '.join(features + targets)}; there"
            " must be features by any name, and targets named y, y1, ...,"
            " target or target_..."
        )
    for what, names, wanted in (
        ("feature", features, learner.raw_input.shape[1]),
        ("target", targets, learner.outputs),
    ):
        if len(names) != wanted:
            raise InputError(
                f"{where} has {len(names)} {what}{'s' * (len(names) != 1)}"
                f" ({', '.join(names)}); the model has {wanted}."
            )


def _other_kind(where, what, wanted):
    return InputError(
        f"{where} is a {what}, but the model takes {wanted}; give"
        f" {_SUPPORT[wanted]}."
    )


def _files(root, where):
    """Yields `(file, class or None)`."""
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
    found = folder.find(root, where)
    if found.splits:
        raise InputError(
            f"{where} has train, valid and test folders; give a folder whose"
            " folders are the classes."
        )
    for name, files in found.files.items():
        for file in files:
            yield file, name


def _decoded(base, files, unreadable):
    """Yields `Examples`, some at a time; adds to `unreadable`."""
    for first in range(0, len(files), _AT_ONCE):
        part = files[first : first + _AT_ONCE]
        decoded = image_files.in_parallel(
            image_files.decode, [file for file, _ in part]
        )
        found = Examples([], [], [])
        for (file, name), image in zip(part, decoded):
            called = str(file.relative_to(base) if base else file)
            if image is None:
                unreadable.append(called)
                continue
            for everything, one in zip(found, (called, image.numpy(), name)):
                everything.append(one)
        if found.x:
            yield found


def _warn(unreadable, where):
    if unreadable:
        named = ", ".join(ascii(name)[1:-1] for name in unreadable[:5])
        warnings.warn(
            f"{where}: {len(unreadable)} of the files cannot be read as images"
            f" and are left out: {named}{', ...' * (len(unreadable) > 5)}.",
            stacklevel=3,
        )
