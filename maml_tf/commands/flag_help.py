"""The help of a command: its docstring, then its flags by groups."""

import re
import sys
import textwrap

from absl import flags

# In the order of the help. A flag's `group` is set where it is defined, by
# `put_into_group`; flags without one come first.
TASK = "Task"
NETWORK = "Network"
ALGORITHM = "Algorithm"
TRAINING = "Training"
WHERE = "Where and how it runs"
_GROUPS = (None, TASK, NETWORK, ALGORITHM, TRAINING, WHERE)

_WIDTH = 80
_TEXT = 30
_PLACEHOLDERS = {
    "int": "N",
    "float": "X",
    "string": "TEXT",
    "string enum": "NAME",
    "comma separated list of strings": "A,B",
}
# Whatever asks for help, and whether it asks for all of it.
_QUESTIONS = {
    "-h": False,
    "-?": False,
    "-help": False,
    "--help": False,
    "--helpshort": False,
    "-helpfull": True,
    "--helpfull": True,
}


def put_into_group(group, name, flag_values):
    """Says under which heading the help shows a flag.

    Args:
        group: One of this module's constants, such as `NETWORK`.
        name: The flag's name.
        flag_values: Where it is defined.
    """
    flag_values[name].group = group


def asked(arguments):
    """Returns whether help is asked for.

    Args:
        arguments: The command line's flags, a list of strings.

    Returns:
        None if it is not; otherwise True for all of it, False for the short
        form.
    """
    return next((_QUESTIONS[a] for a in arguments if a in _QUESTIONS), None)


def text(module, full):
    """Returns the help of the command that a module has.

    Args:
        module: The module, imported; the flags are its key flags.
        full: Whether flags are explained at length, and absl's shown too.
    """
    # The flags of a script are known by the script's path.
    name = sys.argv[0] if module.__name__ == "__main__" else module.__name__
    own = flags.FLAGS.get_key_flags_for_module(name)
    show = _at_length if full else _in_a_line
    parts = [_usage(module, own), module.__doc__.strip()]
    for group in _GROUPS:
        members = [f for f in own if getattr(f, "group", None) == group]
        if members:
            parts.append(
                "\n".join([f"{group or 'Flags'}:", *map(show, members)])
            )
    if full:
        known = {flag.name for flag in own}
        others = [
            flags.FLAGS[name]
            for name in sorted(flags.FLAGS)
            if flags.FLAGS[name].name not in known and len(name) > 1
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


def shorten(said, width):
    """Returns text cut to a width, at a space."""
    return textwrap.shorten(
        said, width, placeholder=" …", break_on_hyphens=False
    )


def _called(module):
    """The command as one types it."""
    package, _, name = module.__name__.rpartition(".")
    if package == __package__:
        return f"maml-tf {name.replace('_', '-')}"
    return f"python {sys.argv[0]}"


def _usage(module, own):
    required = [_left(flag) for flag in own if _is_required(flag)]
    return textwrap.fill(
        " ".join(["usage:", _called(module), *required, "[flags]"]),
        _WIDTH,
        subsequent_indent=" " * 8,
        break_on_hyphens=False,
    )


def _in_a_line(flag):
    left = f"  {_left(flag):{_TEXT - 4}}  "
    said = _sentences(flag)[0]
    is_on = flag.flag_type() == "bool" and flag.default
    right = f"{said} Default: yes." if is_on else said
    return left + shorten(right, _WIDTH - len(left))


def _at_length(flag):
    said = " ".join(_sentences(flag))
    wrapped = textwrap.wrap(said, _WIDTH - 6, break_on_hyphens=False)
    return "\n".join([f"  {_left(flag)}", *(f"      {x}" for x in wrapped)])


def _left(flag):
    """Such as `--shot=1`, `--filters=A,B` or `--[no]download`."""
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
    """The default that a flag's text ends with, if one could give it."""
    told = re.search(r"Default: (\S+)\.$", flag.help or "")
    if not told or told.group(1) == "none":
        return None
    try:
        flag.parser.parse(told.group(1))
    except ValueError:
        return None
    return told.group(1)


def _sentences(flag):
    """What a flag is, what it may be, and what it is by default."""
    said = " ".join((flag.help or "").split())
    if flag.flag_type() == "string enum":
        # absl has put <a|b|c> before the text.
        choices, _, said = said.partition(">: ")
        said = f"({choices[1:].replace('|', ', ')}) {said}"
    if _is_required(flag):
        said = f"Required: {said}"
    said = said.replace("; default: ", ". Default: ")
    return re.split(r"(?<=\.) (?=[A-Z])", said)


def _is_required(flag):
    return any("other than None" in v.message for v in flag.validators)
