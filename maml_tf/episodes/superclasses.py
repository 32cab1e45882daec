"""Superclasses: the sets of like classes that an episode may be drawn within.

Characters of one alphabet, kinds of one family or intents of one domain are
harder to tell apart than classes from anywhere, and they are what users have.
"""

from typing import Any, Literal, get_args

import numpy as np

from maml_tf.errors import InputError, refusal

# The classes that an episode's are drawn from.
ClassesWithin = Literal["split", "superclass", "either"]


def checked(
    superclasses: Any, classes_within: str, number_of_classes: int
) -> np.ndarray | None:
    """Checks the superclasses of a pool's classes.

    Args:
        superclasses: Name of each class's superclass, `[classes]`, or None.
        classes_within: One of `ClassesWithin`.
        number_of_classes: Number of classes.

    Returns:
        The names as an array, or None.

    Raises:
        InputError: An argument cannot be used, or they do not fit together.
    """
    known = get_args(ClassesWithin)
    if classes_within not in known:
        raise refusal(
            "classes_within",
            classes_within,
            f"it must be one of {', '.join(known)}",
        )
    if superclasses is None:
        if classes_within != "split":
            raise refusal(
                "classes_within",
                classes_within,
                "the classes have no superclasses, so it must be split; a class"
                " that is named superclass/class has one",
            )
        return None
    superclasses = np.asarray(superclasses)
    if superclasses.shape != (number_of_classes,):
        raise InputError(
            f"superclasses: the shape {superclasses.shape} was given for"
            f" {number_of_classes} classes; each needs one."
        )
    return superclasses


def classes_by_superclass(
    superclasses: np.ndarray, least: int = 1
) -> dict[str, np.ndarray]:
    """Returns each superclass's classes.

    Args:
        superclasses: Name of each class's superclass, `[classes]`.
        least: Superclasses of fewer classes are left out.

    Returns:
        Dict of superclass to the sorted indices of its classes.
    """
    found = {
        str(name): np.flatnonzero(superclasses == name)
        for name in np.unique(superclasses)
    }
    return {name: c for name, c in found.items() if len(c) >= least}


def check_way(superclasses: np.ndarray, way: int) -> None:
    """Raises `InputError` if no superclass has enough classes.

    Args:
        superclasses: As in `classes_by_superclass`.
        way: Classes an episode.

    Raises:
        InputError: All superclasses have fewer than `way` classes.
    """
    found = classes_by_superclass(superclasses)
    largest = max(found, key=lambda name: len(found[name]))
    most = len(found[largest])
    if way > most:
        raise InputError(
            f"way: {way} was given for classes within a superclass; the largest"
            f" one, {largest}, has {most}, so way can be at most {most}."
        )


def members(superclasses: np.ndarray, way: int, rotations: int) -> np.ndarray:
    """Tells which classes an episode within each superclass may have.

    Args:
        superclasses: As in `classes_by_superclass`.
        way: Classes an episode; smaller superclasses are left out.
        rotations: Rotations of each class. The classes of one rotation are a
            superclass of their own.

    Returns:
        A bool array `[rotations * superclasses, rotations * classes]`, the
        classes of the first rotation first.
    """
    large = classes_by_superclass(superclasses, way).values()
    upright = np.zeros([len(large), len(superclasses)], bool)
    for row, classes in zip(upright, large, strict=True):
        row[classes] = True
    return np.kron(np.eye(rotations, dtype=bool), upright)


def of_names(names: np.ndarray) -> np.ndarray | None:
    """Returns the superclasses in names such as `"animals/cat"`.

    Args:
        names: Names of classes, `[classes]`.

    Returns:
        The part of each name before its first slash, `[classes]`; None if a
        name has no slash.
    """
    parts = [str(name).partition("/") for name in names]
    if not all(slash for _, slash, _ in parts):
        return None
    return np.array([before for before, _, _ in parts])
