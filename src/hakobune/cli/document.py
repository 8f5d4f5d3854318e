"""Reading and changing parsed JSON without ever meeting `Any`.

A missing key, an index out of range or a value of the wrong type reads as "not there": answers of another version of
the server must not end a command with a traceback.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import TypeIs

Document = dict[str, object]


def is_dict(value: object) -> TypeIs[Document]:
    """Whether `value` is a JSON object; parsed JSON has no other keys than texts."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeIs[list[object]]:
    """Whether `value` is a JSON array."""
    return isinstance(value, list)


def at(value: object, *path: str | int) -> object:
    """The value at `path`, or None."""
    for step in path:
        if isinstance(step, int):
            items = as_list(value)
            value = items[step] if -len(items) <= step < len(items) else None
        else:
            value = as_dict(value).get(step)
        if value is None:
            return None
    return value


def as_dict(value: object) -> Document:
    """`value` when it is a JSON object, else an empty one (not stored anywhere)."""
    return value if is_dict(value) else {}


def as_list(value: object) -> list[object]:
    """`value` when it is a JSON array, else an empty one (not stored anywhere)."""
    return value if is_list(value) else []


def dict_at(value: object, *path: str | int) -> Document:
    """The JSON object at `path`, or an empty one."""
    return as_dict(at(value, *path))


def list_at(value: object, *path: str | int) -> list[object]:
    """The JSON array at `path`, or an empty one."""
    return as_list(at(value, *path))


def text_at(value: object, *path: str | int) -> str:
    """The text at `path`; numbers are turned into text; anything else is empty."""
    found = at(value, *path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def number_at(value: object, *path: str | int) -> int:
    """The whole number at `path` (int64 may come as text), or 0."""
    found = at(value, *path)
    if isinstance(found, bool):
        return 0
    if isinstance(found, int | float):
        return int(found)
    if isinstance(found, str) and found.lstrip("-").isdigit():
        return int(found)
    return 0


def child(parent: Document, *path: str) -> Document:
    """The JSON object at `path` under `parent`, made where it is missing."""
    for step in path:
        found = parent.get(step)
        if not is_dict(found):
            found = {}
            parent[step] = found
        parent = found
    return parent


def children(parent: Document, key: str) -> list[object]:
    """The JSON array `key` of `parent`, made where it is missing."""
    found = parent.get(key)
    if not is_list(found):
        found = []
        parent[key] = found
    return found
