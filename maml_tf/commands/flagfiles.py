"""Experiments by name: the flagfiles that come with the package."""

import difflib
import pathlib
import re
from collections.abc import Iterable

from maml_tf.commands import packaged
from maml_tf.errors import refusal

ENDING = ".flags"
# Begins the names of experiments with policies, which `maml-tf train-rl` runs.
POLICIES = "rl_"


def names() -> list[str]:
    """Returns the names of all experiments, sorted."""
    return sorted(path.stem for path in packaged.flags().glob(f"*{ENDING}"))


def find(name: str) -> pathlib.Path:
    """Returns the path of an experiment's flagfile.

    Args:
        name: One of `names()`.

    Raises:
        InputError: The experiment does not exist; the message lists close ones.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=3, cutoff=0.5)
        wanted = f"the closest are {', '.join(close)}; " if close else ""
        raise refusal(
            "experiment", name, f"{wanted}maml-tf list experiments shows all"
        )
    return packaged.flags() / f"{name}{ENDING}"


def comment(name: str) -> str:
    """Returns the comment at the top of an experiment's flagfile, as one line.

    Args:
        name: One of `names()`.
    """
    text = find(name).read_text(encoding="utf-8")
    comments = re.findall(r"\A(?:#.*\n)*", text)[0]
    return " ".join(comments.replace("#", " ").split())


def expand(arguments: Iterable[str], policies: bool = False) -> list[str]:
    """Adds the flags that --experiment=NAME stands for.

    It stands for the experiment's flagfile, whose flags yield to those after
    it, and for --workdir=results/NAME if no --workdir is given.

    Args:
        arguments: The command line's flags; its flagfiles have been read.
        policies: Whether the command trains policies.

    Returns:
        The flags, among which --experiment stays.

    Raises:
        InputError: The experiment is unknown, or belongs to another command.
    """
    expanded: list[str] = []
    given: set[str] = set()
    name = None
    rest = iter(arguments)
    for argument in rest:
        expanded.append(argument)
        if argument == "--":
            break
        flag, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-"):
            given.add(flag)
        if argument.startswith("-") and flag == "experiment":
            if not equals:
                value = next(rest, "")
                expanded.append(value)
            name = value
            expanded.append(f"--flagfile={find(name)}")
            _check_command(name, policies)
    expanded += rest
    if name is not None and "workdir" not in given:
        expanded.insert(0, f"--workdir={pathlib.PurePath('results', name)}")
    return expanded


def _check_command(name, policies):
    if name.startswith(POLICIES) != policies:
        other = "train" if policies else "train-rl"
        raise refusal("experiment", name, f"maml-tf {other} takes this one")
