"""Errors that a user, not the library, must act on."""

from typing import Any


class InputError(ValueError):
    """An argument, a file or a combination of them that cannot be used.

    The message is one sentence that names the argument (scripts' flags have the
    same names), what was given and what would do; scripts print it and exit
    with status 1, without a stack trace.
    """


class DivergenceError(ArithmeticError):
    """A loss became NaN or infinite, so that training cannot go on."""


def refusal(name: str, given: Any, wanted: str) -> InputError:
    """Returns the error to raise for a value that cannot be used.

    Example:
    ```python
    raise refusal("steps", steps, "it must be 0 or more")
    ```

    Args:
        name: The argument, which is also the flag.
        given: Its value.
        wanted: What would do, without the full stop.

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
