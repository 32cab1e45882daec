"""The command `maml-tf`; the scripts run the same commands.

Nothing here imports TensorFlow, so that help and typing errors are answered at
once. A command's module is imported when it is run.
"""

import ast
import difflib
import importlib
import os
import pathlib
import sys

import maml_tf

# Each is a module beside this one. Its docstring begins with a summary.
COMMANDS = (
    "train",
    "evaluate",
    "adapt",
    "plot",
    "distortion",
    "launch",
    "share",
    "export",
    "serve",
    "train-rl",
    "evaluate-rl",
    "plot-rl",
    "make-series",
    "demo",
    "list",
)


def main() -> None:
    """Runs the command in `sys.argv`, and exits with its status."""
    try:
        _main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has ended, as `head` does. Python would
        # complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _main(arguments):
    name = arguments[0] if arguments else "--help"
    if name == "help" and len(arguments) > 1:
        name, arguments = arguments[1], [arguments[1], "--help"]
    if name in ("help", "-h", "-help", "--help", "--helpfull"):
        print(usage())
    elif name == "--version":
        print(f"maml-tf {maml_tf.__version__}")
    elif name.replace("_", "-") in COMMANDS:
        sys.argv = [sys.argv[0], *arguments[1:]]
        run(name)
    else:
        print(f"error: {_unknown(name)}", file=sys.stderr)
        sys.exit(2)


def run(command: str) -> None:
    """Runs a command with the flags in `sys.argv`, and exits with its status.

    Args:
        command: One of `COMMANDS`, with hyphens or underscores.
    """
    try:
        importlib.import_module(f"{__package__}.{_module(command)}").run()
    except KeyboardInterrupt:
        # While TensorFlow is imported; later, the command says more.
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


def usage() -> str:
    """Returns the text of `maml-tf --help`: every command, a line each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {summary(name)}" for name in COMMANDS]
    return "\n".join(
        [
            "usage: maml-tf COMMAND [flags]",
            "",
            maml_tf.__doc__.partition("\n")[0],
            "",
            *lines,
            "",
            "maml-tf COMMAND --help explains a command and shows an example.",
            "To begin: maml-tf demo, or"
            " maml-tf train --experiment=glyphs_5way_1shot",
        ]
    )


def summary(command: str) -> str:
    """Returns the first line of a command's docstring, without importing it."""
    path = pathlib.Path(__file__).with_name(f"{_module(command)}.py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _module(command):
    return command.replace("-", "_")


def _unknown(name):
    close = difflib.get_close_matches(name.replace("_", "-"), COMMANDS, n=2)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return (
        f"command: {name!r} is unknown; {hint or 'it must be a command. '}"
        "maml-tf --help lists them."
    )


if __name__ == "__main__":
    main()
