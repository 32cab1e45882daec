"""The form of episodes that Python draws: arrays of fixed shapes and dtypes."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.functional.inputs import model_input

# Arrays of 64 bits become these, unless the model's input says otherwise.
_NARROWER = {"float64": np.float32, "int64": np.int32}

# In place of a model's inputs: one array.
_UNKNOWN = 0


class ArrayForm:
    """Turns episodes of Python into arrays that all have one form.

    Inputs get the dtypes of the model's inputs. Targets of a regression are
    floats, in double precision if the model's output is. Other dtypes are
    those of the first episode, 64 bits reduced to 32. A value that a dtype
    cannot hold is refused, never rounded to a whole number or wrapped.

    Args:
        model: The Keras model that takes the episodes; None if it is unknown.
        regression: Whether targets are floats, whatever the first ones are.
        check: Function of an `Episode` of arrays that raises `InputError` for
            one that cannot be used.

    Attributes:
        specs: The `tf.TensorSpec` of each array; empty before the first
            episode.
    """

    def __init__(
        self,
        model: keras.Model | None = None,
        regression: bool = False,
        check: Callable = lambda episode: None,
    ) -> None:
        self._inputs = _declared_inputs(model)
        self._check = check
        self._target = None
        if regression:
            double = model is not None and model.outputs[0].dtype == "float64"
            self._target = np.dtype(np.float64 if double else np.float32)
        self.specs: list[tf.TensorSpec] = []
        self._given = 0

    def __call__(self, item: Any) -> list[np.ndarray]:
        """Returns an episode's arrays, those of several inputs one by one.

        Args:
            item: An `Episode`, a sequence of its four parts or a dict of them.

        Raises:
            InputError: It is something else, or does not fit the form.
        """
        self._given += 1
        episode = self._episode(item)
        self._check(episode)
        names, arrays = self._flat(episode)
        if not self.specs:
            arrays = [
                _cast(array, self._dtype(name, number, array), name)
                for number, (name, array) in enumerate(zip(names, arrays))
            ]
            self.specs = [tf.TensorSpec(a.shape, a.dtype) for a in arrays]
            return arrays
        for name, array, spec in zip(names, arrays, self.specs):
            if array.shape != tuple(spec.shape):
                raise InputError(
                    f"episodes: {name} has the shape {array.shape} in episode"
                    f" {self._given}, and had {tuple(spec.shape)} in the first;"
                    " shapes must stay the same."
                )
        return [
            _cast(array, np.dtype(spec.dtype.as_numpy_dtype), name, self._given)
            for name, array, spec in zip(names, arrays, self.specs)
        ]

    def packed(self, arrays: list) -> Episode:
        """Returns the arrays or tensors of an episode as an `Episode`."""
        return Episode(*tf.nest.pack_sequence_as(self._structure(), arrays))

    def _structure(self):
        return (self._inputs, 0, self._inputs, 0)

    def _episode(self, item):
        """Returns an `Episode` of NumPy arrays."""
        if isinstance(item, dict) and set(item) == set(Episode._fields):
            item = [item[name] for name in Episode._fields]
        try:
            parts = list(item)
            if len(parts) == len(Episode._fields):
                parts = [
                    keras.tree.map_structure_up_to(wanted, _array, part)
                    for wanted, part in zip(self._structure(), parts)
                ]
        except (TypeError, ValueError) as error:
            raise InputError(
                f"episodes: an episode cannot be read as arrays ({error})."
            ) from error
        if len(parts) != len(Episode._fields):
            raise InputError(
                f"episodes: {len(parts)} arrays were given as an episode; give"
                " support_x, support_y, query_x and query_y."
            )
        return Episode(*parts)

    def _flat(self, episode):
        """Returns the names of an episode's arrays, and the arrays."""
        names, arrays = [], []
        for name, part in zip(Episode._fields, episode):
            leaves = tf.nest.flatten(part)
            names += [name] * len(leaves)
            arrays += leaves
        return names, arrays

    def _dtype(self, name, number, array):
        """Returns the dtype of an array in all episodes, by the first."""
        wanted = self._target if name.endswith("_y") else None
        if name.endswith("_x") and self._inputs is not _UNKNOWN:
            inputs = [*tf.nest.flatten(self._inputs), None]
            dtype = (inputs + inputs)[number].dtype
            wanted = np.dtype(tf.as_dtype(dtype).as_numpy_dtype)
        if wanted is not None:
            return wanted
        narrower = _NARROWER.get(array.dtype.name, array.dtype)
        if array.dtype.kind == "i" and not _holds(array, narrower):
            return array.dtype
        return np.dtype(narrower)


def _declared_inputs(model):
    """Returns a model's input, or structure of several, or `_UNKNOWN`."""
    try:
        return _UNKNOWN if model is None else model_input(model)
    except (AttributeError, ValueError):
        return _UNKNOWN


def _array(part):
    array = np.asarray(part)
    if array.dtype.kind in "SU":
        array = array.astype(object)
    if array.dtype == object and not all(
        isinstance(text, str | bytes) for text in array.flat
    ):
        raise TypeError(f"{type(part).__name__} is not an array of numbers")
    return array


def _holds(array, dtype):
    """Returns whether whole numbers of a dtype hold the values."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array_equal(array.astype(dtype), array)


def _cast(array, dtype, name, number=1):
    """Returns the array in a dtype; refuses values that it cannot hold."""
    where = f"episodes: {name} in episode {number}"
    # A dtype of NumPy's own kinds, or bfloat16 and the like.
    is_text, whole = dtype.kind == "O", dtype.kind in "biu"
    if (array.dtype.kind == "O") != is_text or array.dtype.kind == "c":
        raise InputError(
            f"{where} is of {array.dtype}; it must hold"
            f" {'strings' if is_text else 'real numbers'}."
        )
    if is_text or array.dtype == dtype:
        return array
    if whole and not _holds(array, dtype):
        raise InputError(
            f"{where} has values that {dtype} cannot hold, {_other(array)}"
            " among them; give the first episode's arrays the dtype of all, or"
            " the model an Input of another dtype."
        )
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if not whole and np.isinf(cast).sum() > np.isinf(array).sum():
        raise InputError(
            f"{where} has values that are too large for {dtype}; scale them."
        )
    return cast


def _other(array):
    """Returns the value that is the least like a small whole number."""
    flat = array.ravel()
    broken = flat[flat != np.round(flat)]
    return broken[0] if broken.size else flat[np.abs(flat).argmax()]
