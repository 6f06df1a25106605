"""Why a value is not of a type of msgspec's: where in it what is wrong, and what is allowed there, in words."""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec

from lw3dsim.base.records import in_words
from lw3dsim.describe.allowed import allowed, metas, plain_kind
from lw3dsim.describe.document import dotted, value_at
from lw3dsim.errors import InputError, short, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.describe.document import Document, KeyPath

# So many keys are named.
FEW_KEYS = 6

SEVERAL = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts", "one of ": "words, each one of "}


def refusal(document: Document, kind: Any, data: Any, at: KeyPath, message: str) -> InputError:
    """Return the sentence on ``data`` at key path ``at`` that is no ``kind``, of which msgspec says ``message``."""
    problem, _, tail = message.partition(" - at ")
    inner = refused_at(kind, data, tail)
    if match := re.match(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        fields = _fields(type_at(kind, inner, data))
        return document.error((*at, *inner, match[1]), f"unknown key; {suggest(match[1], fields)}")
    if match := re.match(r"Object missing required field `(.+)`", problem):
        return document.error((*at, *inner), f"the key {short(match[1])} is missing; add it")
    value, key = value_at(data, inner), (*at, *inner)
    said = rule(kind, inner, data, problem)
    return document.wrong(key, value, said) if key else InputError(f"{document.where()}: {said}")


def reason_of(kind: Any, data: Any, message: str) -> str:
    """Return why ``data``, which is in no file, is no ``kind``, of which msgspec says ``message``."""
    problem, _, tail = message.partition(" - at ")
    path = refused_at(kind, data, tail)
    return f"{dotted(path)} = {short(value_at(data, path))}: {rule(kind, path, data, problem)}"


def rule(kind: Any, path: KeyPath, data: Any, problem: str) -> str:
    """Return what is allowed at ``path`` of ``data``, of which msgspec says a ``problem``."""
    value, choices = value_at(data, path), _choices(kind, path, data)
    if choices and (isinstance(value, str) or not _takes_others(type_at(kind, path, data))):
        numbers = ", or a number" if _takes_numbers(type_at(kind, path, data)) else ""
        return f"not allowed; {suggest(str(value), choices)}{numbers}"
    said = expected(whole_type_at(kind, path, data))
    if not said:
        return in_words(problem).replace("`", "").replace("Expected", "expected", 1)
    is_number = said.startswith(("a number", "a whole number"))
    alone = "; write the number alone, without quotes or a unit" if is_number and _begins_as_number(value) else ""
    return f"expected {said}{alone}"


def _begins_as_number(value: Any) -> bool:
    return isinstance(value, str) and re.match(r" *[-+]?[0-9]", value) is not None


def _takes_others(kind: Any) -> bool:
    """Return whether a type without annotations is of anything but words of its own."""
    members = get_args(kind) if is_union(kind) else (kind,)
    return any(one is not None and get_origin(plain_kind(one)) is not Literal for one in members)


def _takes_numbers(kind: Any) -> bool:
    """Return whether a type, or one of the types that it may be, is that of numbers."""
    return any(unwrapped(member) in {int, float} for member in get_args(kind))


def _fields(kind: Any) -> list[str]:
    if is_struct(kind):
        names = [field.encode_name for field in msgspec.structs.fields(kind)]
        tag_field = kind.__struct_config__.tag_field
        return [*names, tag_field] if tag_field else names
    return []


def _choices(root: Any, path: KeyPath, data: Any) -> list[str]:
    """Return the words allowed at ``path`` of ``root``: the tags of a union, or the literals of a field."""
    if path:
        members = [unwrapped(member) for member in get_args(type_at(root, path[:-1], None))]
        configs = [member.__struct_config__ for member in members if is_struct(member)]
        if configs and path[-1] == configs[0].tag_field:
            return [str(config.tag) for config in configs]
    return [*words_of(type_at(root, path, data))]


def expected(kind: Any) -> str:
    """Return what is taken, such as ``a list of 3 whole numbers from 1 to 9``; nothing where there are no words."""
    plain, many = plain_kind(kind), _many(kind)
    if is_union(plain):
        words = [*words_of(plain)]
        others = [one for one in get_args(plain) if one is not NoneType and get_origin(plain_kind(one)) is not Literal]
        members = [expected(member) for member in others]
        members += [f"one of {', '.join(words)}" if len(words) > 1 else f"the word {words[0]}"] if words else []
        members = [said for said in members if said != "a whole number" or "a number" not in members]
        members += ["null"] if NoneType in get_args(plain) else []
        return ", or ".join(dict.fromkeys(members)) if all(members) else ""
    if many is not None:
        inner, count = many
        return f"a list of {count}{_several(expected(inner))}"
    if get_origin(plain) is dict:
        said = expected(get_args(plain)[1])
        return f"a mapping of keys to {_several(said)}" if said else "a mapping of keys to values"
    if is_struct(plain):
        names = _fields(plain)
        return "a mapping of keys to values" + (f": {', '.join(names)}" if len(names) <= FEW_KEYS else "")
    for meta in metas(kind):
        if meta.pattern is not None:
            return in_words(f"`str` matching regex {meta.pattern!r}")
    try:
        return allowed(kind)
    except TypeError:
        return ""


def _several(said: str) -> str:
    """Return the words for several of what ``said`` is one of."""
    for one, many in SEVERAL.items():
        if said.startswith(one):
            return many + said.removeprefix(one)
    return f"values, each {said}" if said else "values"


def _many(kind: Any) -> tuple[Any, str] | None:
    """Return of what lists are, and how many there are in words; None for what is no list."""
    arguments = get_args(plain_kind(kind))
    if get_origin(plain_kind(kind)) is list:
        arguments = (*arguments, ...)
    elif get_origin(plain_kind(kind)) is not tuple:
        return None
    if arguments[1:] != (...,):
        return arguments[0], f"{len(arguments)} "
    least, most = (
        next((bound for meta in metas(kind) if (bound := getattr(meta, name)) is not None), None)
        for name in ("min_length", "max_length")
    )
    if least is not None and most is not None:
        return arguments[0], f"{least} " if least == most else f"{least} to {most} "
    return arguments[0], f"at least {least} " if least is not None else f"up to {most} " if most is not None else ""


def is_union(plain: Any) -> bool:
    """Return whether a type without annotations is that of either of several."""
    return get_origin(plain) in (Union, UnionType)


def is_struct(plain: Any) -> bool:
    """Return whether a type without annotations is that of a mapping with keys of its own."""
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def refused_at(kind: Any, data: Any, tail: str) -> KeyPath:
    """Return the key path in ``data`` that msgspec calls ``tail``, in which ``[...]`` is a key whose value is wrong."""
    parts: list[str | int] = []
    for name, index in re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", tail):
        here = type_at(kind, tuple(parts), data)
        if index == "...":
            refused = _refused_key(here, value_at(data, tuple(parts)))
            if refused is None:
                break
            parts.append(refused)
        else:
            parts.append(int(index) if index else name)
    return tuple(parts)


def _refused_key(kind: Any, data: Any) -> str | None:
    """Return the first key of a mapping whose value is not of its type."""
    inner = get_args(kind)[1] if get_origin(kind) is dict else Any
    for key, value in data.items() if isinstance(data, dict) else ():
        try:
            msgspec.convert(value, inner)
        except msgspec.ValidationError:
            return str(key)
    return None


def whole_type_at(kind: Any, path: KeyPath, data: Any) -> Any:
    """Return the type of what ``data``, which is to be of a ``kind``, has at a key path, with its annotations."""
    for part in path:
        kind = _inner(unwrapped(kind, data), part)
        data = value_at(data, (part,))
    return kind


def type_at(kind: Any, path: KeyPath, data: Any) -> Any:
    """Return the same without annotations and null, and of several mappings that which the data names."""
    return unwrapped(whole_type_at(kind, path, data), value_at(data, path))


def _inner(kind: Any, part: str | int) -> Any:
    """Return the type of a part of a ``kind``; None where it has no such."""
    if is_union(kind):
        return next((inner for one in get_args(kind) if (inner := _inner(plain_kind(one), part)) is not None), None)
    if is_struct(kind):
        return next((field.type for field in msgspec.structs.fields(kind) if field.encode_name == part), None)
    arguments, origin = get_args(kind), get_origin(kind)
    if origin is dict and isinstance(part, str):
        return arguments[-1]
    if origin in (tuple, list) and isinstance(part, int):
        return arguments[part if part < len(arguments) and ... not in arguments else 0]
    return None


def unwrapped(kind: Any, data: Any = None) -> Any:
    """Strip annotations and null; of a union return the member whose tag ``data`` names."""
    kind = plain_kind(kind)
    if is_union(kind):
        members = [unwrapped(member) for member in get_args(kind) if member is not NoneType]
        for member in members:
            config = getattr(member, "__struct_config__", None)
            if config and isinstance(data, dict) and data.get(config.tag_field) == config.tag:
                return member
        return members[0] if len(members) == 1 else kind
    return kind


def words_of(kind: Any) -> Iterator[str]:
    """Yield the words that a type without annotations allows, where it allows any."""
    for one in get_args(kind) if is_union(kind) else (kind,):
        if get_origin(plain_kind(one)) is Literal:
            yield from map(str, get_args(plain_kind(one)))
