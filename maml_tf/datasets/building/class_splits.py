"""Divisions of classes into those to train, validate and test on."""

import importlib.resources
import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from maml_tf.episodes.class_pool import SPLITS
from maml_tf.errors import InputError, refusal

# Shares of validation and test among all classes, as in mini-ImageNet.
VALID, TEST = 0.16, 0.20

# Other names of the validation split in files.
ALIASES = {"val": "valid", "validation": "valid"}


def divide(
    names: Sequence | np.ndarray,
    class_split: str | os.PathLike = "random",
    split_seed: int = 0,
) -> dict[str, np.ndarray]:
    """Divides classes by seed or by a file.

    Args:
        names: Name of each class, `[classes]`.
        class_split: Which classes are for training / validation / testing.
            `random`: 64 / 16 / 20 % by `split_seed`. FILE.json: as it lists
            them, {"train": [names], "valid": [...], "test": [...]}; classes
            that it does not list are left out.
        split_seed: Seed of the division of the classes, independent of the
            run's seed.

    Returns:
        Dict of `"train"`, `"valid"` and `"test"` to disjoint, sorted indices of
        classes, none empty.

    Raises:
        InputError: There are too few classes, or the file cannot be used.
    """
    if class_split == "random":
        return by_seed(len(names), split_seed)
    if not str(class_split).endswith(".json"):
        raise refusal(
            "class_split",
            class_split,
            "give random, or the path of a .json file",
        )
    return by_names(names, read(class_split), f"class_split: {class_split}")


def by_seed(
    number_of_classes: int, split_seed: int = 0
) -> dict[str, np.ndarray]:
    """Divides classes at random: 64 / 16 / 20 %, at least one a split.

    Args:
        number_of_classes: Number of classes.
        split_seed: Seed of the division.

    Returns:
        As in `divide`.

    Raises:
        InputError: There are fewer than three classes.
    """
    if number_of_classes < len(SPLITS):
        raise InputError(
            f"dataset: it has {counted_classes(number_of_classes)}; three"
            " splits need at least 3, and each needs at least --way."
        )
    valid = max(1, round(VALID * number_of_classes))
    test = max(1, round(TEST * number_of_classes))
    # RandomState's stream is frozen: a seed will always name the same classes.
    shuffled = np.random.RandomState(split_seed).permutation(number_of_classes)
    parts = np.split(
        shuffled, [number_of_classes - valid - test, number_of_classes - test]
    )
    return dict(zip(SPLITS, map(np.sort, parts), strict=True))


def by_names(
    names: Sequence | np.ndarray, listed: dict[str, list[str]], source: str
) -> dict[str, np.ndarray]:
    """Divides classes by lists of names.

    Args:
        names: Name of each class, `[classes]`.
        listed: Dict of split to names.
        source: The argument and file of the lists, for messages.

    Returns:
        As in `divide`.

    Raises:
        InputError: A split is missing or empty, or a name is unknown or in two
            splits.
    """
    index = {str(name): number for number, name in enumerate(names)}
    split_of: dict[str, str] = {}
    classes = {}
    for split in SPLITS:
        if not listed.get(split):
            raise InputError(
                f"{source} lists no classes for {split}; it must list some for"
                f" each of {', '.join(SPLITS)}."
            )
        for name in listed[split]:
            if name not in index:
                raise InputError(
                    f"{source} lists {name!r} for {split}, which is not a class"
                    f" of the data set; its {len(index)} classes are"
                    f" {first_names(sorted(index))}."
                )
            if split_of.setdefault(name, split) != split:
                raise InputError(
                    f"{source} lists {name!r} for {split_of[name]} and for"
                    f" {split}; the splits' classes must be disjoint."
                )
        classes[split] = np.unique([index[name] for name in listed[split]])
    return classes


def read(path: str | os.PathLike) -> dict[str, list[str]]:
    """Reads a file of names by split.

    Args:
        path: A JSON file.

    Returns:
        Dict of split to names.

    Raises:
        InputError: The file cannot be read or has another form.
    """
    try:
        listed = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"class_split: {path} cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise InputError(
            f"class_split: {path} is not JSON: {error}."
        ) from error
    if not isinstance(listed, dict) or not all(
        isinstance(names, list) and all(isinstance(n, str) for n in names)
        for names in listed.values()
    ):
        raise InputError(
            f"class_split: {path} must hold an object with lists of class names"
            " for train, valid and test."
        )
    return _with_our_names(listed)


def shipped(name: str) -> dict[str, list[str]]:
    """Returns the split that the package ships, a dict of split to names.

    Args:
        name: `"cifar_fs"` (Bertinetto et al. 2019), `"fc100"` (Oreshkin et al.
            2018) or `"mini_imagenet_ravi"` (Ravi and Larochelle 2017).
    """
    file = importlib.resources.files("maml_tf.datasets") / "splits"
    return _with_our_names(
        json.loads((file / f"{name}.json").read_text("utf-8"))
    )


def _with_our_names(listed):
    return {ALIASES.get(split, split): names for split, names in listed.items()}


def first_names(names: Sequence) -> str:
    """Joins the first five names, and dots for further ones, for messages."""
    return ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")


def counted_classes(number: int) -> str:
    """Returns a number of classes in words, such as "1 class", for messages."""
    return f"{number} class" if number == 1 else f"{number} classes"
