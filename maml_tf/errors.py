"""Errors that the user can correct."""

import sys
import types
import warnings
from typing import Any


class InputError(ValueError):
    """An argument, a file or a combination of them that cannot be used.

    The message is one sentence: the argument's name (flags have the same
    names), the value that was given and the values that can be used. Commands
    print it and exit with status 1, without a stack trace.
    """


class DivergenceError(ArithmeticError):
    """A loss became NaN or infinite, so training cannot go on."""


def refusal(name: str, given: Any, wanted: str) -> InputError:
    """Returns the error to raise for a value that cannot be used.

    Example:
    ```python
    raise refusal("steps", steps, "it must be 0 or more")
    ```

    Args:
        name: The argument, which is also the flag.
        given: Its value.
        wanted: Clause that tells which values can be used, without the full
            stop.

    Returns:
        An `InputError` such as "steps: -1 was given; it must be 0 or more."
    """
    shown = repr(given) if isinstance(given, str) else given
    return InputError(f"{name}: {shown} was given; {wanted}.")


def check_at_least_one(**numbers: int) -> None:
    """Refuses numbers below one.

    Args:
        **numbers: Values by the names of their arguments.

    Raises:
        InputError: One is below 1; it names the first.
    """
    for name, number in numbers.items():
        if number < 1:
            raise refusal(name, number, "it must be 1 or more")


def check_above_zero(**numbers: float | None) -> None:
    """Refuses numbers that are not above zero; None passes.

    Args:
        **numbers: Values by the names of their arguments.

    Raises:
        InputError: One is 0 or below; it names the first.
    """
    for name, number in numbers.items():
        if number is not None and number <= 0:
            raise refusal(name, number, "it must be above 0")


def check_not_negative(**numbers: Any) -> None:
    """Refuses numbers below zero; None and tensors pass.

    Args:
        **numbers: Values, or lists of values, by the names of their arguments.

    Raises:
        InputError: One is below 0; it names the first.
    """
    for name, value in numbers.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int | float) and number < 0:
                raise refusal(name, number, "it must be 0 or more")


def deprecated(message: str) -> None:
    """Warns of a name that version 0.3 drops, at the caller's line.

    The caller is the nearest line outside of this package.

    Args:
        message: The warning, a sentence without the full stop.
    """
    level = 1
    frame: types.FrameType | None = sys._getframe()
    while frame and frame.f_globals.get("__name__", "").startswith("maml_tf"):
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"{message}; the old name goes in version 0.3.",
        DeprecationWarning,
        stacklevel=level,
    )
