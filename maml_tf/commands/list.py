"""Lists learners, experiments, data sets, networks and algorithms.

    maml-tf list
    maml-tf list learners

The word may be learners, experiments, datasets, networks, algorithms or
environments; without one, all of them are listed. Replace a word in capitals by
your own, as in --dataset=folder:pictures.
"""

import difflib
import importlib
import re
import shutil
import sys
from collections.abc import Callable

from maml_tf.commands import flag_help, flagfiles, packaged
from maml_tf.errors import InputError, refusal
from maml_tf.registry import ALGORITHMS, DATASETS, ENVIRONMENTS, NETWORKS


def rows(kind: str) -> list[tuple[str, str]]:
    """Returns the entries of a kind.

    Args:
        kind: A key of `KINDS`.

    Returns:
        Pairs of a name and a sentence about it.
    """
    _, entries = KINDS[kind]
    return entries()


def first_sentence(text: str) -> str:
    """Returns the first sentence of a docstring or a comment, on one line."""
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z-])", paragraph)[0]


def _learners():
    return [
        (folder.name, _card((folder / "card.md").read_text(encoding="utf-8")))
        for folder in sorted(packaged.learners().iterdir())
    ]


def _card(text):
    """Returns the sentence under the title of a learner's card."""
    return first_sentence(text.partition("\n")[2])


def _experiments():
    return [
        (name, first_sentence(flagfiles.comment(name)))
        for name in flagfiles.names()
    ]


def _registered(table):
    """Returns a function that describes all of a registry's entries."""

    def describe():
        # The entries import TensorFlow, which is noisy without this.
        importlib.import_module("maml_tf.commands.experiments")
        return [
            (name, _as_a_thing(table.summary(name))) for name in table.names()
        ]

    return describe


def _as_a_thing(sentence):
    """Makes a description of a thing from that of its function."""
    sentence = re.sub(r"^(Returns|Makes) ", "", sentence)
    return sentence[0].upper() + sentence[1:]


# By kind: the flag that takes its names, and the function that lists them. The
# first two kinds need no TensorFlow and are shown at once.
KINDS: dict[str, tuple[str, Callable]] = {
    "learners": ("maml-tf adapt --workdir=NAME", _learners),
    "experiments": (
        "maml-tf train --experiment=NAME (rl_: train-rl)",
        _experiments,
    ),
    "datasets": ("maml-tf train --dataset=NAME", _registered(DATASETS)),
    "networks": ("maml-tf train --network=NAME", _registered(NETWORKS)),
    "algorithms": ("maml-tf train --algorithm=NAME", _registered(ALGORITHMS)),
    "environments": (
        "maml-tf train-rl --environment=NAME",
        _registered(ENVIRONMENTS),
    ),
}


def main(words: list[str]) -> None:
    """Prints the lists that the words ask for; all of them without words."""
    _check(words)
    width = max(80, shutil.get_terminal_size().columns)
    for number, kind in enumerate(words or KINDS):
        used_by, _ = KINDS[kind]
        entries = rows(kind)
        left = max(len(name) for name, _ in entries)
        print(f"{chr(10) * bool(number)}{kind}, for {used_by}:")
        for name, sentence in entries:
            text = flag_help.shorten(sentence, width - left - 4)
            print(f"  {name:{left}}  {text}", flush=True)


def _check(words):
    for word in words:
        if word not in KINDS:
            close = difflib.get_close_matches(word, KINDS, n=1)
            hint = f"the closest is {close[0]}; " if close else ""
            raise refusal("list", word, f"{hint}available: {', '.join(KINDS)}")


def run() -> None:
    """Runs the command with the words in `sys.argv`."""
    words = sys.argv[1:]
    if any(word.startswith("-") for word in words):
        print(f"usage: maml-tf list [KIND]\n\n{__doc__.strip()}")
        sys.exit(0)
    try:
        main(words)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
