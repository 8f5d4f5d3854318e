"""Looking up a key in a resource. What is not there is None, never an error: resources are sparse."""

from __future__ import annotations

from hakobune.cli.document import as_dict, is_dict, is_list
from hakobune.cli.format.lexer import Key, Lexer


def get(resource: object, key: Key) -> object:
    """The value at `key`; a slice collects a list. Names match in camelCase and in snake_case."""
    value = resource
    for position, part in enumerate(key):
        if value is None:
            return None
        if part is None:
            return _slice(value, key[position + 1 :])
        if is_dict(value):
            value = _member(as_dict(value), part)
        elif is_list(value):
            if isinstance(part, int):
                value = value[part] if -len(value) <= part < len(value) else None
            else:
                return [get(item, key[position:]) for item in value]
        else:
            return None
    return value


def parse(text: str) -> Key:
    """The key that `text` writes."""
    return Lexer(text).key()


def key_text(key: Key) -> str:
    """A key as it is written."""
    text = ""
    for part in key:
        if part is None:
            text += "[]"
        elif isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def camel_case(name: str) -> str:
    """`some_name` → `someName`."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def snake_case(name: str) -> str:
    """`someName` → `some_name`; a run of capitals counts as one word."""
    found = ""
    for position, character in enumerate(name):
        if character.isupper() and position:
            before = name[position - 1]
            after = name[position + 1 : position + 2]
            if (before.islower() or before.isdigit()) or (after.islower() and before != "_"):
                found += "_"
        found += character
    return found.lower()


def _member(value: dict[str, object], part: str | int) -> object:
    if isinstance(part, int):
        return None
    for name in (part, camel_case(part), snake_case(part)):
        if name in value:
            return value[name]
    return None


def _slice(value: object, rest: Key) -> object:
    if is_dict(value):
        members = as_dict(value)
        return [get(members, (name, *rest)) for name in members] if rest else members
    if is_list(value):
        if not rest:
            return value
        found = [get(item, rest) for item in value]
        return [inner for item in found if is_list(item) for inner in item] if None in rest else found
    return get(value, rest) if rest else value
