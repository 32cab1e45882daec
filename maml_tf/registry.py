"""Looking things up by name, with a sentence for what is not there."""

from maml_tf.errors import InputError


def find(kind, name, table):
    """`table[name]`, or an `InputError` that lists what there is.

    Args:
        kind: what the names are of, which is also the argument's and the flag's
            name, such as `"algorithm"`.
        name: the name looked up.
        table: dict of what there is.
    """
    if name not in table:
        raise InputError(
            f"{kind}: {name!r} is unknown; there is {', '.join(sorted(table))}."
        )
    return table[name]


def check_options(kind, name, options, known):
    """Raises an `InputError` for the first of `options` not in `known`."""
    for option in options:
        if option not in known:
            raise InputError(
                f"{option}: {kind} {name!r} does not take this; it takes"
                f" {', '.join(known) or 'no options'}."
            )
