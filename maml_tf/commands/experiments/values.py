"""Values of flags as arguments of functions."""

from maml_tf.errors import InputError


def given(**options):
    """The options that are not None, a dict."""
    return {name: v for name, v in options.items() if v is not None}


def integers(name, values):
    """A list flag's numbers, a tuple; None where it was not given.

    Raises:
        InputError: naming the flag, where they are not whole numbers.
    """
    if values is None:
        return None
    try:
        return tuple(int(value) for value in values)
    except ValueError:
        raise InputError(
            f"{name}: {','.join(values)!r} was given; give whole numbers"
            " separated by commas."
        ) from None
