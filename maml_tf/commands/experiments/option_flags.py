"""Flags made from signatures: the function that takes an option declares it.

A flag has its type, its default and its text from the keyword parameters of
that name, and from their lines in the docstrings. Flags of data sets, networks,
algorithms, environments and outer updates come from their registry.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

from absl import flags

from maml_tf.errors import InputError
from maml_tf.registry import Option, Registry, check_options, parameters

# Values of a parameter that is True, False or None, by the flag's value.
_AUTOMATIC = {"auto": None, "true": True, "false": False}
# A text with more owners than these begins without their names.
_MOST_OWNERS = 3


def define(
    add: Callable,
    source: Registry | Callable,
    only: tuple[str, ...] | None = None,
    leave_out: tuple[str, ...] = (),
    names: tuple[str, ...] | None = None,
    **defaults: Any,
) -> None:
    """Defines a flag for each option, except for those already defined.

    Args:
        add: Function that defines a flag, made by `recorded_flags.adder`.
        source: A registry, or one class or function.
        only: The options to define, in this order; all if None.
        leave_out: Options that are not flags.
        names: The registry's names whose options are flags; all if None.
        **defaults: Defaults of flags that differ from the signature's.
    """
    owners = _owners(source, names)
    for name in only or _options(owners, leave_out):
        add(*_flag(owners, name, **defaults))


def given(
    source: Registry,
    name: str,
    flag_values: flags.FlagValues,
    leave_out: tuple[str, ...] = (),
    ignored: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Returns the options of one entry that flags give.

    Args:
        source: A registry.
        name: The entry that takes them.
        flag_values: The parsed flags.
        leave_out: Options that are not flags.
        ignored: Options that may be given without effect to an entry that does
            not take them.

    Returns:
        Dict of option to value, of the type that the signature says.

    Raises:
        InputError: The entry does not take an option, or not this value.
    """
    taken = {
        option: taken
        for option, taken in source.options(name).items()
        if option in flag_values and option not in leave_out
    }
    values = {}
    for option in _options(_owners(source), leave_out).values():
        value = _value(flag_values, option.name, option)
        is_taken = option.name in taken
        if value is None or (option.name in ignored and not is_taken):
            continue
        check_options(source.kind, name, [option.name], taken)
        values[option.name] = _converted(taken[option.name], value)
    return values


def given_to(
    function: Callable, flag_values: flags.FlagValues, *names: str
) -> dict[str, Any]:
    """Returns keyword arguments of a class or function that flags give.

    Args:
        function: The class or function.
        flag_values: The parsed flags.
        *names: The parameters to return; if none, all that are flags.

    Raises:
        InputError: A value cannot be used.
    """
    options = parameters(function)
    names = names or tuple(name for name in options if name in flag_values)
    values = {n: _value(flag_values, n, options[n]) for n in names}
    return {
        name: _converted(options[name], value)
        for name, value in values.items()
        if value is not None
    }


def automatic(value: str) -> bool | None:
    """Returns the value that a flag of auto, true or false stands for."""
    return _AUTOMATIC[value]


def _value(flag_values, name, option):
    if name not in flag_values:
        return None
    value = flag_values[name].value
    return automatic(value) if _kind(option) == "automatic" else value


def _converted(option, value):
    """Converts a list flag's texts for the parameter; leaves other values."""
    if not isinstance(value, list):
        return value
    kinds = [typing.get_origin(part) for part in _parts(option)]
    items = [typing.get_args(part) for part in _parts(option)]
    if int in _parts(option) or (int, ...) in items:
        value = integers(option.name, value)
    if tuple in kinds:
        return tuple(value)
    if len(value) != 1:
        raise InputError(
            f"{option.name}: {','.join(map(str, value))} was given; give one"
            " number."
        )
    return value[0]


def integers(name: str, texts: Iterable[str] | None) -> tuple[int, ...] | None:
    """Returns a list flag's numbers; None if it was not given.

    Args:
        name: The flag's name.
        texts: The flag's value.

    Raises:
        InputError: A text is not a whole number.
    """
    if texts is None:
        return None
    try:
        return tuple(int(text) for text in texts)
    except ValueError:
        raise InputError(
            f"{name}: {','.join(texts)!r} was given; give whole numbers"
            " separated by commas."
        ) from None


def _owners(source, names=None) -> tuple[tuple[str, dict[str, Option]], ...]:
    """Returns pairs of a name, up to its colon, and its options."""
    if not isinstance(source, Registry):
        return (("", parameters(source)),)
    return _owners_in(source, names or source.names())


@functools.cache
def _owners_in(registry, names):
    return tuple(
        (name.partition(":")[0], registry.options(name)) for name in names
    )


def _options(owners, leave_out):
    """Returns the options that are flags, each by name from its first owner."""
    by_name: dict[str, Option] = {}
    for _, options in owners:
        for name, option in options.items():
            if name not in leave_out and _kind(option):
                by_name.setdefault(name, option)
    return by_name


def _flag(owners, name, **defaults):
    """Returns the arguments of `add` for one option."""
    takers = {owner: o[name] for owner, o in owners if name in o}
    everywhere = len(takers) == len(owners)
    options = list(takers.values())
    text = _text(takers, everywhere)
    default = None
    if name in defaults:
        default = defaults[name]
    elif everywhere and len({option.default for option in options}) == 1:
        default = options[0].default
    elif described := _describe_defaults(takers):
        text = f"{text} Default: {described}."
    kinds = {_kind(option) for option in options}
    if "list" in kinds:
        items = [c for part in _parts(options[0]) for c in _literals(part)]
        text = f"({', '.join(items)}) {text}" if items else text
        return "list", name, _listed(default), text
    if kinds == {"automatic"}:
        return "enum", name, "auto", list(_AUTOMATIC), text
    if kinds == {"enum"}:
        return "enum", name, default, list(options[0].choices), text
    kind = "string" if "enum" in kinds else next(iter(kinds))
    return kind, name, default, text


def _kind(option):
    """Returns absl's kind of flag for an annotation; None if it has no kind."""
    parts = _parts(option)
    is_list = tuple in [typing.get_origin(part) for part in parts]
    if option.choices and not is_list:
        return "enum" if str not in parts else "string"
    if is_list:
        return "list"
    if bool in parts:
        return "automatic" if type(None) in parts else "bool"
    kinds = {int: "integer", float: "float", str: "string"}
    return next((kinds[part] for part in parts if part in kinds), None)


def _parts(option):
    """Returns the alternatives of a union, or the one type."""
    union = typing.get_origin(option.annotation)
    if union in (typing.Union, types.UnionType):
        return typing.get_args(option.annotation)
    return (option.annotation,)


def _literals(part):
    """Returns the texts of the `Literal` within `tuple[Literal, ...]`."""
    return [
        text
        for item in typing.get_args(part)
        if typing.get_origin(item) is typing.Literal
        for text in typing.get_args(item)
    ]


def _text(takers, everywhere):
    """Joins the docstrings of those who take an option, each text once.

    The text that most begin with comes first, then the additions of others.
    """
    texts = {
        owner: option.help
        for owner, option in takers.items()
        if not option.help.startswith("Has no effect")
    }
    base = max(
        texts.values(),
        key=lambda base: sum(t.startswith(base) for t in texts.values()),
    )
    parts = [base]
    owners = [owner for owner, text in texts.items() if text.startswith(base)]
    if len(owners) < len(texts) or not everywhere:
        if len(owners) > _MOST_OWNERS:
            parts = [f"{base} For {', '.join(owners)}."]
        else:
            parts = [f"{', '.join(owners)}: {base}"]
    for text in dict.fromkeys(texts.values()):
        if text != base:
            others = [owner for owner in texts if texts[owner] == text]
            added = text.removeprefix(base).strip()
            parts.append(f"{', '.join(others)}: {added}")
    return " ".join(parts)


def _describe_defaults(takers):
    """Writes the defaults in words, with their owners if they differ."""
    by_default: dict[str, list[str]] = {}
    for owner, option in takers.items():
        shown = _shown(option.default)
        by_default.setdefault(shown, []).append(owner)
    if len(by_default) == 1:
        return next(iter(by_default))
    return "; ".join(
        f"{default} ({', '.join(owners)})"
        for default, owners in by_default.items()
        if default
    )


def _shown(default):
    if default in (None, (), inspect.Parameter.empty):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, float):
        return f"{default:g}"
    listed = _listed(default)
    return ",".join(listed) if isinstance(listed, list) else str(default)


def _listed(default):
    if isinstance(default, tuple):
        return [str(item) for item in default]
    return default
