"""Labels as users give them, and measures of their prediction."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from maml_tf.errors import InputError


def targets(
    y: ArrayLike,
    examples: int,
    labels: list | None = None,
    argument: str = "y",
) -> np.ndarray:
    """Returns the class numbers of labels, or values as an array.

    Args:
        y: Labels `[examples]`, or values `[examples]` or `[examples, targets]`.
        examples: The number of examples.
        labels: Names of the classes; None for values.
        argument: Name of `y` in messages.

    Returns:
        An int array `[examples]`, or float32 `[examples, targets]`.

    Raises:
        InputError: Their number is another, a class is unknown, or a value is
            not a finite number.
    """
    if labels is not None:
        plain = class_names(y, argument)
        _check_number(len(plain), examples, argument)
        index = {label: number for number, label in enumerate(labels)}
        for label in plain:
            if label not in index:
                raise InputError(
                    f"{argument}: {label!r} is none of the model's classes,"
                    f" {', '.join(map(repr, labels))}."
                )
        return np.array([index[label] for label in plain])
    try:
        values = np.asarray(y, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{argument}: it cannot be read as numbers ({error})."
        ) from error
    _check_number(len(np.atleast_1d(values)), examples, argument)
    values = values.reshape(examples, -1)
    if not np.isfinite(values).all():
        raise InputError(
            f"{argument}: it has numbers that are NaN or infinite; leave those"
            " examples out."
        )
    return values


def class_names(y: Any, argument: str = "y") -> list:
    """Returns the class names of examples as Python values.

    Args:
        y: Labels `[examples]`, an array or a list: all strings, all whole
            numbers, all other numbers or all truth values.
        argument: Name of `y` in messages.

    Returns:
        A list of str, int, float or bool.

    Raises:
        InputError: They are something else.
    """
    # NumPy would turn a list of strings and numbers into strings.
    array = np.asarray(y, object) if isinstance(y, list | tuple) else y
    array = np.asarray(array)
    if array.ndim != 1:
        raise InputError(
            f"{argument}: it has the shape {array.shape}; give a list with the"
            " name of each example's class."
        )
    plain = [
        label.item() if isinstance(label, np.generic) else label
        for label in array.tolist()
    ]
    # TensorFlow's strings are bytes.
    plain = [
        label.decode() if isinstance(label, bytes) else label for label in plain
    ]
    kinds = {type(label) for label in plain}
    of_one_kind = len(kinds) == 1 and kinds <= {str, int, float, bool}
    # NaN alone differs from itself.
    if plain and not of_one_kind or any(label != label for label in plain):
        raise InputError(
            f"{argument}: labels must be all strings or all whole numbers;"
            f" {', '.join(sorted(kind.__name__ for kind in kinds))} were given,"
            " or NaN."
        )
    return plain


def _check_number(given, examples, argument):
    if given != examples:
        raise InputError(
            f"{argument}: {given} were given for {examples} examples; give one"
            " for each."
        )


def judge(outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Measures loss and accuracy of probabilities, or errors of values.

    Args:
        outputs: Probabilities `[examples, classes]`, or values
            `[examples, targets]`.
        y: The targets as `targets` returns them.

    Returns:
        A dict of floats; see `AdaptedModel.evaluate`.

    Raises:
        InputError: Values have another shape than `outputs`.
    """
    if y.ndim == 1:
        likelihoods = outputs[np.arange(len(y)), y]
        return {
            # A likelihood that float32 rounded to 0 counts as 1e-38.
            "loss": float(-np.log(np.maximum(likelihoods, 1e-38)).mean()),
            "accuracy": float((outputs.argmax(-1) == y).mean()),
        }
    if y.shape != outputs.shape:
        raise InputError(
            f"y: it has the shape {y.shape}, but predictions have"
            f" {outputs.shape}; the shapes must be equal."
        )
    errors = outputs - y
    return {
        "mse": float(np.square(errors).mean()),
        "mae": float(np.abs(errors).mean()),
    }
