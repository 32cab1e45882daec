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


def find_with_argument(kind, name, table):
    """Looks up a name that may end in a colon and an argument.

    Args:
        kind: as of `find`.
        name: such as `"omniglot"` or `"folder:pictures"`.
        table: dict of what there is, with keys such as `"omniglot"` and
            `"folder:PATH"`.

    Returns:
        `(value, argument)`: what the table has, and what follows the colon,
        None without one.

    Raises:
        InputError: an unknown name, or one without its argument.
    """
    word, colon, argument = name.partition(":")
    entries = {entry.partition(":")[0]: entry for entry in table}
    if word not in entries:
        find(kind, name, table)  # Says what there is.
    entry = entries[word]
    if bool(argument) != (":" in entry) or bool(colon) != bool(argument):
        raise InputError(f"{kind}: {name!r} was given; write it as {entry}.")
    return table[entry], argument or None


def check_options(kind, name, options, known):
    """Raises an `InputError` for the first of `options` not in `known`."""
    for option in options:
        if option not in known:
            raise InputError(
                f"{option}: {kind} {name!r} does not take this; it takes"
                f" {', '.join(known) or 'no options'}."
            )
