"""The variables of an algorithm beside the model, in files and copies."""

import pathlib
from os import PathLike

import numpy as np

from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.files.arrays import read_arrays, write_arrays

FILE = "learned.npz"


def copy_learned(source: Algorithm, target: Algorithm) -> Algorithm:
    """Copies what one algorithm learned to another of the same kind.

    Where a weight has another number of outputs, in its last axis, each of its
    outputs gets the mean of the trained ones.

    Args:
        source: The trained algorithm.
        target: The other one. Its `own_variables` are changed.

    Returns:
        The target.
    """
    for old, new in zip(
        source.own_variables, target.own_variables, strict=True
    ):
        value = old.numpy()
        if value.shape != tuple(new.shape):
            mean = value.mean(-1, keepdims=True)
            value = np.broadcast_to(mean, new.shape)
        new.assign(value)
    return target


def write_learned(folder: str | PathLike, algorithm: Algorithm) -> None:
    """Writes an algorithm's `own_variables`.

    Args:
        folder: The learner's folder; the file goes if there are none.
        algorithm: The algorithm.
    """
    values = {
        str(number): variable.numpy()
        for number, variable in enumerate(algorithm.own_variables)
    }
    write_arrays(pathlib.Path(folder) / FILE, values)


def read_learned(folder: pathlib.Path, algorithm: Algorithm) -> None:
    """Gives an algorithm what `write_learned` wrote.

    Args:
        folder: The learner's folder.
        algorithm: The algorithm. Its `own_variables` are changed.

    Raises:
        ValueError: The file is of another algorithm.
        OSError: The file is missing or cannot be read.
    """
    if not algorithm.own_variables:
        return
    arrays = read_arrays(folder / FILE)
    values = [arrays[name] for name in sorted(arrays, key=int)]
    if len(values) != len(algorithm.own_variables):
        raise ValueError(f"{FILE} is of another algorithm")
    for variable, value in zip(algorithm.own_variables, values):
        variable.assign(value)
