"""JSON's values as arrays, and back: types and shapes are not guessed."""

import base64
import binascii
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.serving.http.refusals import bad

# Names of an object that holds bytes.
_B64 = "b64"


def is_bytes(value: Any) -> bool:
    """Returns whether a JSON value is TensorFlow Serving's form of bytes."""
    return isinstance(value, dict) and set(value) == {_B64}


def decoded_bytes(value: dict[str, Any], name: str) -> bytes:
    """Returns the bytes of `{"b64": TEXT}`.

    Args:
        value: The JSON value, for which `is_bytes` is true.
        name: The input's name, for messages.

    Raises:
        Refusal: The text is not base64.
    """
    text = value[_B64]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise bad(
            f'{name}: the value of "b64" is not base64 ({error}).'
        ) from error


def to_array(value: Any, name: str, spec: tf.TensorSpec) -> np.ndarray:
    """Makes an array of nested lists, as TensorFlow Serving does.

    Args:
        value: The JSON value.
        name: The input's name, for messages.
        spec: The input's type and shape.

    Returns:
        An array of the spec's type. Strings are bytes, in an array of objects.

    Raises:
        Refusal: The value has another type or shape, a number that is NaN,
            infinite or outside of the type, or lists of several lengths.
    """
    array = leaves(value, name)
    check_shape(array.shape, name, spec)
    kinds = set(map(type, array.flat))
    if spec.dtype == tf.string:
        return _strings(array, kinds, name)
    numpy_type = spec.dtype.as_numpy_dtype
    if spec.dtype == tf.bool:
        _check_kinds(kinds, {bool}, name, "true or false")
        return array.astype(bool)
    if spec.dtype.is_integer:
        _check_kinds(kinds, {int}, name, "whole numbers")
        return _integers(array, name, numpy_type)
    if spec.dtype.is_floating:
        _check_kinds(kinds, {int, float}, name, "numbers")
        return _floats(array, name, numpy_type)
    raise bad(f"{name}: inputs of the type {spec.dtype.name} are not served.")


def leaves(value: Any, name: str) -> np.ndarray:
    """Returns nested lists as an array of objects.

    Args:
        value: The JSON value.
        name: The input's name, for messages.

    Raises:
        Refusal: Lists beside one another differ in length.
    """
    try:
        array = np.array(value, dtype=object)
    except ValueError as error:
        raise bad(f"{name}: it is not an array ({error}).") from error
    if any(type(item) is list for item in array.flat):
        raise bad(
            f"{name}: its lists differ in length or depth; all examples of an"
            " array have one shape."
        )
    return array


def check_shape(shape: tuple[int, ...], name: str, spec: tf.TensorSpec) -> None:
    """Refuses the shape of an array that an input does not take.

    Args:
        shape: The array's.
        name: The input's name.
        spec: The input's type and shape.

    Raises:
        Refusal: The shape is another.
    """
    if not spec.shape.is_compatible_with(shape):
        sizes = ", ".join(
            "any" if size is None else str(size) for size in spec.shape
        )
        raise bad(
            f"{name}: it has the shape {list(shape)}, and the model takes"
            f" [{sizes}]."
        )


def to_json(array: np.ndarray, name: str) -> Any:
    """Returns an output as nested lists.

    Args:
        array: An output of a model. Strings are bytes.
        name: Its name. Strings of a name that ends in `_bytes` are written in
            base64, as TensorFlow Serving does.
    """
    if array.dtype != object:
        return array.tolist()
    as_bytes = name.endswith("_bytes")

    def text(item):
        if as_bytes:
            return {_B64: base64.b64encode(item).decode("ascii")}
        return item.decode("utf-8", "replace")

    if array.ndim == 0:
        return text(array.item())
    flat = np.empty(array.size, object)
    flat[:] = [text(item) for item in array.flat]
    return flat.reshape(array.shape).tolist()


def _check_kinds(kinds, wanted, name, words):
    others = kinds - wanted
    if others:
        kind = min(_WORDS.get(kind, "something else") for kind in others)
        raise bad(f"{name}: {kind} was given; give {words}.")


_WORDS = {
    bool: "true or false",
    dict: "an object",
    float: "a number with a fraction",
    int: "a whole number",
    str: "a text",
    type(None): "null",
}


def _strings(array, kinds, name):
    _check_kinds(kinds, {str, dict}, name, 'texts or {"b64": ...}')
    flat = np.empty(array.size, object)
    flat[:] = [_string(item, name) for item in array.flat]
    return flat.reshape(array.shape)


def _string(item, name):
    if isinstance(item, str):
        try:
            return item.encode("utf-8")
        except UnicodeEncodeError as error:
            raise bad(
                f"{name}: a text has half of a surrogate pair, which is no"
                " character."
            ) from error
    if not is_bytes(item):
        raise bad(f'{name}: an object was given; give a text or {{"b64": ...}}')
    return decoded_bytes(item, name)


def _integers(array, name, numpy_type):
    range_ = np.iinfo(numpy_type)
    for item in array.flat:
        if not range_.min <= item <= range_.max:
            raise bad(
                f"{name}: {_short(item)} was given; numbers of this input are"
                f" from {range_.min} to {range_.max}."
            )
    return array.astype(numpy_type)


def _floats(array, name, numpy_type):
    try:
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float64).astype(numpy_type)
    except OverflowError as error:
        raise bad(f"{name}: a number is too large.") from error
    if not np.isfinite(numbers).all():
        raise bad(
            f"{name}: some numbers are NaN, infinite or too large; leave those"
            " examples out."
        )
    return numbers


def _short(number):
    # Python does not write integers of thousands of digits.
    text = str(number) if abs(number) < 10**20 else "a huge number"
    return text
