"""What the library raises when a user, not the library, must act."""


class InputError(ValueError):
    """An argument, a file or a combination of them that cannot be used.

    The message is one sentence that names the argument (scripts' flags have the
    same names), what was given and what would do; scripts print it and exit
    with status 1, without a stack trace.
    """


class DivergenceError(ArithmeticError):
    """A loss became NaN or infinite, so that training cannot go on."""


def check_at_least_one(**numbers):
    """Raises `InputError` naming the first argument that is below one."""
    for name, number in numbers.items():
        if number < 1:
            raise InputError(
                f"{name}: {number} was given; it must be 1 or more."
            )
