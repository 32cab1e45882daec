"""Runs a command; bad input ends it with a sentence, not with a stack trace.

This module does not import TensorFlow: `benchmark.py` uses it, and must not
load TensorFlow beside the code that it times.
"""

import difflib
import io
import re
import shlex
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from absl import app, flags

from maml_tf.commands import flag_help, flag_ranges, flagfiles
from maml_tf.errors import InputError

FLAGS = flags.FLAGS

# absl's message about a value that cannot be used, and ours in its place.
_MESSAGES = {
    r"must have a value other than None": "it must be given; see --help",
    r"invalid literal for int": "it must be a whole number",
    r"could not convert string to float": "it must be a number",
    r"value should be one of <(.*)>": r"it must be one of \1",
}


def run(
    main: Callable[[list[str]], int],
    *errors: type[BaseException],
    arguments: str = "",
) -> None:
    """Runs `main(argv)` with absl's flags parsed, and exits with its status.

    The help is the docstring of the module of `main`, with its flags.

    Args:
        main: Function `argv -> exit status`.
        *errors: Exceptions whose message is a sentence for the user.
        arguments: What may follow the flags after `--`, as the help shows it.
            Empty if nothing may.
    """

    def parse(argv):
        own = argv[1:]
        if arguments and "--" in own:
            own = own[: own.index("--")]
        full = flag_help.requested(own)
        if full is not None:
            module = sys.modules[main.__module__]
            print(flag_help.text(module, full, arguments))
            sys.exit(0)
        try:
            return _parse(argv, bool(arguments))
        except (flags.Error, InputError) as error:
            print(f"error: {_sentence(error)}", file=sys.stderr)
            sys.exit(1)

    def with_sentences(argv):
        try:
            return main(argv)
        except errors as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("error: interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:
            raise  # `main` ends quietly.
        except OSError as error:
            named = f": {error.filename}" if error.filename else ""
            reason = error.strerror or (error if not named else "I/O error")
            print(f"error: {reason}{named}", file=sys.stderr)
            return 1
        except Exception as error:
            if FLAGS.pdb_post_mortem:
                raise
            print(f"error: {_unexpected(error)}", file=sys.stderr)
            return 1

    warnings.formatwarning = _note
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold bytes that are not text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app.run(with_sentences, flags_parser=parse)


def command(name: str, **flag_values: Any) -> str:
    """Returns a command as one types it, for messages that name it.

    Args:
        name: One of `maml_tf.commands.main.COMMANDS`.
        **flag_values: Its flags.
    """
    given = (f"--{flag}={value}" for flag, value in flag_values.items())
    return " ".join(["maml-tf", name, *map(shlex.quote, given)])


def _parse(argv, takes_more):
    program, *arguments = argv
    for name, value in zip(arguments, [*arguments[1:], ""]):
        flag, equals, path = name.lstrip("-").partition("=")
        if flag == "flagfile":
            flagfiles.check_text(path if equals else value)
    if "experiment" in FLAGS:
        arguments = flagfiles.expand(
            FLAGS.read_flags_from_files(arguments),
            policies="environment" in FLAGS,
        )
    _, *others = FLAGS([program, *arguments])
    flag_ranges.check(FLAGS)
    if others and not takes_more:
        raise InputError(
            f"{others[0]!r} is not a flag; write --NAME=VALUE, with the names"
            " of --help."
        )
    return [program, *others]


def _unexpected(error):
    """Describes an error that no sentence was written for, in one line."""
    kind = type(error).__name__
    if isinstance(error, MemoryError) or kind == "ResourceExhaustedError":
        return (
            "memory: the command needs more than there is; fewer tasks or"
            " examples at a time, or a smaller network, would do."
        )
    with tempfile.NamedTemporaryFile(
        "w",
        encoding="utf-8",
        errors="backslashreplace",
        prefix="maml-tf-",
        suffix=".txt",
        delete=False,
    ) as file:
        traceback.print_exception(error, file=file)
    reason = next(iter(str(error).splitlines()), "")
    return (
        f"{kind}: {reason or 'without a message'} (maml-tf did not foresee"
        f" this; the stack trace, for a report, is in {file.name})"
    )


def _sentence(error):
    """Writes the message of an error in flags like that of an `InputError`."""
    if isinstance(error, flags.UnrecognizedFlagError):
        names = difflib.get_close_matches(error.flagname, list(FLAGS), n=2)
        close = " or ".join(f"--{name}" for name in names)
        hint = f"did you mean {close}?" if close else "see --help."
        return f"{error.flagname}: there is no such flag; {hint}"
    if isinstance(error, flags.CantOpenFlagFileError):
        return f"flagfile: {str(error).partition('flagfile: ')[2]}."
    parts = re.fullmatch(
        r"flag --(\w+)=(.*?): (.*)", str(error).strip(), re.DOTALL
    )
    if not parts:
        return str(error)
    name, value, message = parts.groups()
    message = message.rstrip(".")
    for theirs, ours in _MESSAGES.items():
        match = re.search(theirs, message)
        if match:
            message = match.expand(ours).replace("|", ", ")
    given = "" if value == "None" else f"{value} was given; "
    return f"{name}: {given}{message}."


def _note(message, *details, **more):
    """Formats a warning without the line of code that it came from."""
    del details, more
    return f"note: {message}\n"
