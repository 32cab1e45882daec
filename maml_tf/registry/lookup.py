"""Algorithms, networks and the like by name, and the options they take.

An option is declared once: it is a keyword parameter of a class or function,
with its annotation, its default and its line in the docstring. Python, flags,
help and messages read it from there.
"""

import dataclasses
import functools
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from maml_tf.errors import InputError, deprecated


@dataclasses.dataclass(frozen=True)
class Option:
    """A keyword parameter of a class or function.

    Attributes:
        name: The parameter's name.
        annotation: The parameter's type, such as `int` or `tuple[int, ...]`.
        default: The parameter's default, `inspect.Parameter.empty` without one.
        documented: The class or function whose docstring explains it.
    """

    name: str
    annotation: Any
    default: Any
    documented: Any

    @property
    def help(self) -> str:
        """The parameter's text in the docstring, on one line."""
        return help_texts(self.documented).get(self.name, "")

    @property
    def choices(self) -> tuple:
        """The values of a `Literal` in the annotation; without one, none."""
        parts = (self.annotation, *typing.get_args(self.annotation))
        return tuple(
            value
            for part in parts
            if typing.get_origin(part) is typing.Literal
            for value in typing.get_args(part)
        )


class Registry:
    """A table of names, each of a class or function that takes options.

    Args:
        kind: The argument's and the flag's name, such as `"network"`.
        entries: Dict of name to `"module:attribute"`. A name that ends in a
            colon and a word, such as `folder:PATH`, stands for all names that
            begin so; the user's text after the colon is the first argument.
        fixed: Names of parameters that are not options.
        former_names: Dict of an option's former name to its present one. A
            former name works for one release, with a warning.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, str],
        fixed: tuple[str, ...] = (),
        former_names: Mapping[str, str] | None = None,
    ):
        self.kind = kind
        self.fixed = fixed
        self.former_names = dict(former_names or {})
        self._entries = dict(entries)

    def names(self) -> tuple[str, ...]:
        """Returns all names, sorted; nothing is imported."""
        return tuple(sorted(self._entries))

    def name_of(self, made: type) -> str:
        """Returns the name of a class, or its own if it is not listed."""
        path = f"{made.__module__}:{made.__qualname__}"
        names = (n for n, entry in self._entries.items() if entry == path)
        return next(names, made.__qualname__)

    def options(self, name: str) -> dict[str, Option]:
        """Returns the options that a name takes.

        Args:
            name: One of `names()`, or one with an argument after its colon.

        Returns:
            Dict of `Option` by name, in the order of the signature.

        Raises:
            InputError: The name is unknown.
        """
        entry, argument = self._entry(name)
        options = parameters(_imported(entry))
        if argument is not None:
            del options[next(iter(options))]
        return {n: o for n, o in options.items() if n not in self.fixed}

    def summary(self, name: str) -> str:
        """Describes the class or function of a name in one line.

        It is the first line of the module's docstring if the module has the
        same name, otherwise that of the class or function.

        Args:
            name: As in `options`.

        Raises:
            InputError: The name is unknown.
        """
        entry, _ = self._entry(name)
        module = importlib.import_module(entry.partition(":")[0])
        own_module = module.__name__.endswith("." + name.partition(":")[0])
        documented = module if own_module else _imported(entry)
        return inspect.cleandoc(documented.__doc__ or "").partition("\n")[0]

    def create(self, name: str, *fixed: Any, **options: Any) -> Any:
        """Calls the class or function of a name.

        Args:
            name: As in `options`.
            *fixed: Arguments that are not options.
            **options: Options by name, or arguments that are not options.

        Returns:
            The object that it makes.

        Raises:
            InputError: The name or an option is unknown, or a value cannot be
                used.
        """
        entry, argument = self._entry(name)
        options = self.with_present_names(options)
        own = [option for option in options if option not in self.fixed]
        check_options(self.kind, name, own, self.options(name))
        if argument is not None:
            fixed = (argument, *fixed)
        return _imported(entry)(*fixed, **options)

    def with_present_names(self, options: dict) -> dict:
        """Returns options by their present names; warns of former ones."""
        for former in self.former_names.keys() & options.keys():
            deprecated(f"{former}: it is now {self.former_names[former]}")
        return {self.former_names.get(n, n): v for n, v in options.items()}

    def takes_former_names(self, function: Callable) -> Callable:
        """Lets a function take options by their former names, a decorator."""

        @functools.wraps(function)
        def renamed(*args, **options):
            return function(*args, **self.with_present_names(options))

        return renamed

    def _entry(self, name: str) -> tuple[str, str | None]:
        """Returns `"module:attribute"`, and the text after the name's colon."""
        return find_with_argument(self.kind, name, self._entries)


def find(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """Returns `table[name]`.

    Args:
        kind: The argument's and the flag's name, such as `"algorithm"`.
        name: The name to look up.
        table: Dict of all values by name.

    Raises:
        InputError: The name is unknown; the message lists all names.
    """
    if name not in table:
        listed = ", ".join(sorted(table))
        raise InputError(f"{kind}: {name!r} is unknown; available: {listed}.")
    return table[name]


def find_with_argument(
    kind: str, name: str, table: Mapping[str, Any]
) -> tuple[Any, str | None]:
    """Looks up a name that may end in a colon and an argument.

    Args:
        kind: The argument's and the flag's name, such as `"dataset"`.
        name: A name such as `"omniglot"` or `"folder:pictures"`.
        table: Dict by names such as `"omniglot"` and `"folder:PATH"`.

    Returns:
        `(value, argument)`; the argument is None without a colon.

    Raises:
        InputError: The name is unknown, or lacks its argument.
    """
    word, colon, argument = name.partition(":")
    entries = {entry.partition(":")[0]: entry for entry in table}
    if word not in entries:
        find(kind, name, table)  # Lists all names.
    entry = entries[word]
    if bool(argument) != (":" in entry) or bool(colon) != bool(argument):
        raise InputError(f"{kind}: {name!r} was given; write it as {entry}.")
    return table[entry], argument or None


def check_options(
    kind: str, name: str, options: Iterable[str], known: Collection[str]
) -> None:
    """Refuses options that a name does not take.

    Args:
        kind: The argument's and the flag's name, such as `"network"`.
        name: The name that should take the options.
        options: Names of options.
        known: Names of the options that it takes.

    Raises:
        InputError: An option is not in `known`; the message names the first.
    """
    for option in options:
        if option not in known:
            raise InputError(
                f"{option}: {kind} {name!r} does not take this; it takes"
                f" {', '.join(known) or 'no options'}."
            )


def parameters(make: Callable) -> dict[str, Option]:
    """Returns the parameters of a class or function that have a name.

    A class whose constructor hands `**options` on to its base takes the base's
    parameters too, except those that its attribute `settles` names.

    Args:
        make: A class, a function or a `functools.partial` of one.

    Returns:
        Dict of `Option` by name.
    """
    if not inspect.isclass(make):
        return _own_parameters(make, getattr(make, "func", make))
    options: dict[str, Option] = {}
    settled: set[str] = set()
    for owner in make.__mro__:
        if constructor := vars(owner).get("__init__"):
            for name, option in _own_parameters(constructor, owner).items():
                if name != "self" and name not in settled:
                    options.setdefault(name, option)
            kinds = inspect.signature(constructor).parameters.values()
            if all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in kinds):
                break
        settled.update(vars(owner).get("settles", ()))
    return options


def _own_parameters(function: Callable, documented: Any) -> dict[str, Option]:
    return {
        p.name: Option(p.name, p.annotation, p.default, documented)
        for p in inspect.signature(function).parameters.values()
        if p.kind
        in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
    }


def help_texts(documented: Any) -> dict[str, str]:
    """Reads the Args of a docstring in Google's style, or its Attributes.

    A text "As in `f`." is replaced by that of `f`, a name in the same module,
    for the same parameter; the rest of the text is added.

    Args:
        documented: A class or function.

    Returns:
        Dict of a parameter's name to its text, on one line.
    """
    lines = inspect.cleandoc(documented.__doc__ or "").splitlines()
    texts: dict[str, str] = {}
    name = ""
    heading = "Args:" if "Args:" in lines else "Attributes:"
    if heading in lines:
        for line in lines[lines.index(heading) + 1 :]:
            if line and not line.startswith(" "):
                break  # The next section.
            if entry := re.match(r" {4}(\*{0,2}\w+): (.*)", line):
                name = entry[1]
                texts[name] = entry[2]
            elif line:
                texts[name] += " " + line.strip()
    return {
        name: _resolved(name, text, documented)
        for name, text in texts.items()
        if not name.startswith("*")
    }


def _resolved(name: str, text: str, documented: Any) -> str:
    """Replaces "As in `f`." by the text of `f` for the same parameter."""
    reference = re.match(r"As in `([\w.]+)`\. ?(.*)", text)
    if not reference:
        return text
    referred = functools.reduce(
        getattr, reference[1].split("."), sys.modules[documented.__module__]
    )
    return f"{help_texts(referred)[name]} {reference[2]}".strip()


def _imported(entry: str) -> Any:
    """Imports the attribute that an entry `"module:attribute"` names."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)
