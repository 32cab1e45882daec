"""Requests and answers in the form of TensorFlow Serving's REST interface.

Rows: `{"instances": [{NAME: VALUE, ...}, ...]}`, answered by `"predictions"`.
Columns: `{"inputs": {NAME: VALUES, ...}}`, answered by `"outputs"`. A single
input or output may come without its name, and does.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from maml_tf.serving.http import tensors
from maml_tf.serving.http.refusals import bad

DEFAULT_SIGNATURE = "serving_default"
_ROWS, _COLUMNS = "instances", "inputs"


class Request(NamedTuple):
    """A request for a prediction.

    Attributes:
        signature: The signature's name.
        values: The JSON value of `"instances"` or of `"inputs"`.
        rows: Whether it is `"instances"`.
    """

    signature: str
    values: Any
    rows: bool


def parse(body: bytes) -> dict[str, Any]:
    """Returns the JSON object of a body.

    Args:
        body: The request's bytes.

    Raises:
        Refusal: It is not JSON, not an object, or nested too deeply; NaN and
            Infinity are not JSON.
    """
    try:
        value = json.loads(body, parse_constant=_not_json)
    except RecursionError as error:
        raise bad("body: its JSON is nested too deeply.") from error
    except ValueError as error:  # Huge integers and broken UTF-8 too.
        raise bad(f"body: it is not JSON ({error}).") from error
    if not isinstance(value, dict):
        raise bad("body: it must be a JSON object.")
    return value


def request(value: dict[str, Any]) -> Request:
    """Reads a request for a prediction.

    Args:
        value: The body's JSON object.

    Raises:
        Refusal: It has not the form of one.
    """
    signature = value.get("signature_name", "") or DEFAULT_SIGNATURE
    if not isinstance(signature, str):
        raise bad("signature_name: it must be a text.")
    if (_ROWS in value) == (_COLUMNS in value):
        raise bad(
            f"body: it must have either {_ROWS!r} or {_COLUMNS!r}, the examples"
            " in rows or in columns."
        )
    if _COLUMNS in value:
        return Request(signature, value[_COLUMNS], rows=False)
    rows = value[_ROWS]
    if not isinstance(rows, list) or not rows:
        raise bad(f"{_ROWS}: it must be a list of one example or more.")
    return Request(signature, rows, rows=True)


def columns(request: Request, names: list[str]) -> dict[str, Any]:
    """Returns the JSON value of each input.

    Args:
        request: A `Request`.
        names: The signature's inputs.

    Raises:
        Refusal: An input is missing or unknown.
    """
    if request.rows:
        return _columns_of_rows(request.values, names)
    values = request.values
    if not isinstance(values, dict) or tensors.is_bytes(values):
        if len(names) != 1:
            raise bad(
                f"{_COLUMNS}: the signature has several inputs, so give an"
                f" object with {_listed(names)}."
            )
        return {names[0]: values}
    _check_names(values, names, _COLUMNS)
    return values


def answer(request: Request, outputs: Mapping[str, np.ndarray]) -> dict:
    """Returns the JSON value of an answer.

    Args:
        request: The `Request`.
        outputs: The signature's outputs by name.

    Raises:
        Refusal: It is asked for in rows, and outputs have not one row for each
            instance.
    """
    values = {
        name: tensors.to_json(array, name) for name, array in outputs.items()
    }
    alone = next(iter(values)) if len(values) == 1 else None
    if not request.rows:
        return {"outputs": values[alone] if alone else values}
    number = len(request.values)
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != number:
            raise bad(
                f"{_ROWS}: the output {name} has the shape"
                f" {list(array.shape)}, which is not one row for each of"
                f" {number} instances; ask with {_COLUMNS!r}."
            )
    if alone:
        return {"predictions": values[alone]}
    return {
        "predictions": [
            {name: value[row] for name, value in values.items()}
            for row in range(number)
        ]
    }


def _columns_of_rows(rows, names):
    if all(isinstance(r, dict) and not tensors.is_bytes(r) for r in rows):
        for number, row in enumerate(rows):
            _check_names(row, names, f"{_ROWS}: element {number}")
        return {name: [row[name] for row in rows] for name in names}
    if any(isinstance(r, dict) and not tensors.is_bytes(r) for r in rows):
        raise bad(f"{_ROWS}: some elements are objects and others are not.")
    if len(names) != 1:
        raise bad(
            f"{_ROWS}: the signature has several inputs, so each element must"
            f" be an object with {_listed(names)}."
        )
    return {names[0]: rows}


def _check_names(values, names, where):
    missing = [name for name in names if name not in values]
    unknown = [name for name in values if name not in names]
    if missing or unknown:
        wrong = f"{_listed(missing)} is missing"
        if not missing:
            wrong = f"{unknown[0][:60]!r} is unknown"
        raise bad(f"{where}: {wrong}; the inputs are {_listed(names)}.")


def _listed(names):
    return ", ".join(names)


def _not_json(name):
    raise ValueError(f"{name} is not a number in JSON")
