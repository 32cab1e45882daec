"""Checks of a request's arrays: their number, labels and steps."""

from collections.abc import Mapping

import numpy as np

from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.refusals import bad, too_large

# Inputs that are not examples, though they may be long.
_NOT_EXAMPLES = ("weights",)


def check(
    inputs: Mapping[str, np.ndarray], most_classes: int | None, limits: Limits
) -> None:
    """Refuses inputs that go beyond a limit or do not fit together.

    Args:
        inputs: Arrays by the names of a signature.
        most_classes: Most classes of the model; None if it does not tell.
        limits: The server's limits.

    Raises:
        Refusal: Too many examples, steps or classes; labels that leave one
            out; a support set of another length than its labels.
    """
    for name, array in inputs.items():
        many = array.ndim and len(array) > limits.max_examples
        if many and name not in _NOT_EXAMPLES:
            raise too_large(
                f"{name}: it has {len(array)} examples; at most"
                f" {limits.max_examples} are allowed."
            )
        # A limit of pixels is checked before picture files are decoded.
        if array.ndim == 4 and array.dtype == np.uint8:
            pixels = array.shape[1] * array.shape[2]
            if pixels > limits.max_pixels:
                raise too_large(
                    f"{name}: its pictures have {pixels:,} pixels; at most"
                    f" {limits.max_pixels:,} are allowed."
                )
        if array.ndim and not array.size and name not in _NOT_EXAMPLES:
            raise bad(f"{name}: it is empty; give one or more.")
    if "steps" in inputs:
        _check_steps(inputs["steps"], limits)
    y = inputs.get("support_y")
    if y is None:
        return
    x = inputs.get("support_x")
    if x is not None and len(x) != len(y):
        raise bad(
            f"support_y: it has {len(y)} labels, and support_x has"
            f" {len(x)} examples; give one for each."
        )
    if y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
        _check_labels(y, most_classes, limits)


def _check_steps(steps, limits):
    if steps.ndim:
        return  # It is another model's.
    if steps < 0:
        raise bad(f"steps: {steps} was given; it must be 0 or more.")
    if steps > limits.max_steps:
        raise bad(
            f"steps: {steps} was given; at most {limits.max_steps} are allowed."
        )


def _check_labels(y, most_classes, limits):
    given = set(y.tolist())
    if min(given) < 0:
        raise bad(
            f"support_y: {min(given)} was given; labels are whole numbers from"
            " 0."
        )
    classes = max(given) + 1
    most = min(most_classes or limits.max_classes, limits.max_classes)
    if classes > most:
        raise bad(
            f"support_y: the label {max(given)} was given; at most {most}"
            f" classes, 0 to {most - 1}, are allowed."
        )
    missing = [n for n in range(classes) if n not in given]
    if missing:
        raise bad(
            f"support_y: each class from 0 to {classes - 1} needs an example;"
            f" {missing[0]} has none."
        )
    if classes == 1:
        raise bad(
            "support_y: it has only one class; give examples of two or more."
        )
