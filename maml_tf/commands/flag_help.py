"""The help of a command: its docstring, then its flags by groups."""

import re
import sys
import textwrap
import types
from collections.abc import Sequence
from typing import Any

from absl import flags

# In the order of the help. A flag's `group` is set where it is defined, by
# `put_into_group`; flags without one come first.
TASK = "Task"
NETWORK = "Network"
ALGORITHM = "Algorithm"
TRAINING = "Training"
LIMITS = "Limits"
WHERE = "Where and how it runs"
_GROUPS = (None, TASK, NETWORK, ALGORITHM, TRAINING, LIMITS, WHERE)

_WIDTH = 80
_TEXT = 30
_PLACEHOLDERS = {
    "int": "N",
    "float": "X",
    "string": "TEXT",
    "string enum": "NAME",
    "comma separated list of strings": "A,B",
}
# Flags that ask for help, and whether they ask for its long form.
_QUESTIONS = {
    "-h": False,
    "-?": False,
    "-help": False,
    "--help": False,
    "--helpshort": False,
    "-helpfull": True,
    "--helpfull": True,
}


def put_into_group(
    group: str, name: str, flag_values: flags.FlagValues
) -> None:
    """Puts a flag under a heading of the help.

    Args:
        group: One of this module's constants, such as `NETWORK`.
        name: The flag's name.
        flag_values: The flags among which it is defined.
    """
    flag: Any = flag_values[name]
    flag.group = group


def requested(arguments: Sequence[str]) -> bool | None:
    """Returns the form of help that the command line asks for.

    Args:
        arguments: The command line's flags.

    Returns:
        True for the long form, False for the short form, and None if help is
        not asked for.
    """
    return next((_QUESTIONS[a] for a in arguments if a in _QUESTIONS), None)


def text(module: types.ModuleType, full: bool, arguments: str = "") -> str:
    """Returns the help of the command that a module has.

    Args:
        module: The imported module; its key flags are the command's.
        full: Whether flags are explained at length, and absl's shown too.
        arguments: What may follow the flags.
    """
    # absl keeps the flags of a script under the script's path.
    name = sys.argv[0] if module.__name__ == "__main__" else module.__name__
    key_flags = flags.FLAGS.get_key_flags_for_module(name)
    show = _at_length if full else _in_a_line
    parts = [
        _usage(module, key_flags, arguments),
        (module.__doc__ or "").strip(),
    ]
    for group in _GROUPS:
        members = [f for f in key_flags if getattr(f, "group", None) == group]
        if members:
            parts.append(
                "\n".join([f"{group or 'Flags'}:", *map(show, members)])
            )
    if full:
        shown = {flag.name for flag in key_flags}
        others = [
            flags.FLAGS[name]
            for name in sorted(flags.FLAGS)
            if flags.FLAGS[name].name not in shown and len(name) > 1
        ]
        parts.append(
            "\n".join(["Flags of absl and others:", *map(show, others)])
        )
    else:
        parts.append(
            "A flag is shown with its default, if it has one."
            f" {_called(module)} --helpfull\nexplains them at length."
        )
    return "\n\n".join(parts)


def shorten(text: str, width: int) -> str:
    """Returns text cut to a width, at a space."""
    return textwrap.shorten(
        text, width, placeholder=" …", break_on_hyphens=False
    )


def _called(module):
    """Returns the command as one types it."""
    package, _, name = module.__name__.rpartition(".")
    if package == __package__:
        return f"maml-tf {name.replace('_', '-')}"
    return f"python {sys.argv[0]}"


def _usage(module, key_flags, arguments):
    required = [_left(flag) for flag in key_flags if _is_required(flag)]
    return textwrap.fill(
        " ".join(["usage:", _called(module), *required, "[flags]", arguments]),
        _WIDTH,
        subsequent_indent=" " * 8,
        break_on_hyphens=False,
    )


def _in_a_line(flag):
    left = f"  {_left(flag):{_TEXT - 4}}  "
    sentence = _sentences(flag)[0]
    is_on = flag.flag_type() == "bool" and flag.default
    right = f"{sentence} Default: yes." if is_on else sentence
    return left + shorten(right, _WIDTH - len(left))


def _at_length(flag):
    text = " ".join(_sentences(flag))
    wrapped = textwrap.wrap(text, _WIDTH - 6, break_on_hyphens=False)
    return "\n".join([f"  {_left(flag)}", *(f"      {x}" for x in wrapped)])


def _left(flag):
    """Returns a flag as `--shot=1`, `--filters=A,B` or `--[no]download`."""
    kind = flag.flag_type()
    if kind == "bool":
        return f"--[no]{flag.name}"
    value = flag.default
    if isinstance(value, list):
        value = ",".join(value)
    if value is None:
        value = _told_default(flag) or _PLACEHOLDERS.get(kind, "VALUE")
    return f"--{flag.name}={value}"


def _told_default(flag):
    """Returns the default that a flag's text ends with, if one may give it."""
    match = re.search(r"Default: (\S+)\.$", flag.help or "")
    if not match or match.group(1) == "none":
        return None
    try:
        flag.parser.parse(match.group(1))
    except ValueError:
        return None
    return match.group(1)


def _sentences(flag):
    """Splits a flag's text, with its choices and default, into sentences."""
    text = " ".join((flag.help or "").split())
    if flag.flag_type() == "string enum":
        # absl has put <a|b|c> before the text.
        choices, _, text = text.partition(">: ")
        text = f"({choices[1:].replace('|', ', ')}) {text}"
    if _is_required(flag):
        text = f"Required: {text}"
    text = text.replace("; default: ", ". Default: ")
    return re.split(r"(?<=\.) (?=[A-Z])", text)


def _is_required(flag):
    return any("other than None" in v.message for v in flag.validators)
