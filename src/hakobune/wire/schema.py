"""Messages as tables of fields, and the one reader that checks JSON against them as Google's front end does.

The reader gives back canonical JSON: names in camelCase, enums by name, integers as numbers, durations in their
shortest form, what equals a protobuf default left out, and what is output only left out too (clients send back what
they read). Rules: https://protobuf.dev/programming-guides/json/. Stricter than protobuf where the house says so:
unknown names and numbers of enums, booleans as texts, and NUL in any text are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, assert_never, cast

from hakobune.core.instants import duration_from_text, duration_to_text, timestamp_from_text
from hakobune.wire.violations import Violations

Json = dict[str, Any]

_DIGITS = re.compile(r"-?[0-9]{1,20}\Z")
_DURATION_MAX_S = 315_576_000_000.0  # google.protobuf.Duration: about 10,000 years
_FLOAT_MAX = 3.4e38  # of 32 bits
_SHOWN_MAX_CHARS = 120


@cache
def snake(name: str) -> str:
    """`maxRetries` as protobuf spells it: `max_retries`."""
    return re.sub(r"([A-Z])", lambda match: "_" + match.group(1).lower(), name)


class Scalar(Enum):
    """Fields that hold one value. The value is the name of the type in error texts."""

    TEXT = "TYPE_STRING"
    FLAG = "TYPE_BOOL"
    INT32 = "TYPE_INT32"
    INT64 = "TYPE_INT64"
    FLOAT = "TYPE_FLOAT"
    DURATION = "type.googleapis.com/google.protobuf.Duration"
    TIMESTAMP = "type.googleapis.com/google.protobuf.Timestamp"
    ANYTHING = "type.googleapis.com/google.protobuf.Any"  # output only: whatever stands there is ignored


@dataclass(frozen=True, slots=True)
class Choice:
    """An enum: its names in the order of their numbers (None where a number is not used); the first is the default."""

    type_name: str
    names: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A repeated field."""

    item: FieldType


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from text to text."""

    type_name: str = "Map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An object: its fields by JSON name. `present` fields are kept even when they equal the default."""

    type_name: str
    fields: Mapping[str, FieldType]
    output_only: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()
    oneofs: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    names: Mapping[str, str] = field(init=False, repr=False)  # JSON name by every spelling that is accepted

    def __post_init__(self) -> None:
        names = {spelling: name for name in self.fields for spelling in (name, snake(name))}
        object.__setattr__(self, "names", names)


FieldType = Scalar | Choice | ListOf | MapOf | Message


def snake_path(path: str) -> str:
    """A path of camelCase names in protobuf's spelling; keys in brackets stay as they are."""
    return "".join(part if part.startswith("[") else snake(part) for part in re.split(r"(\[[^\]]*\])", path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads JSON values by their tables. With `protobuf_paths` errors spell paths in snake_case, else in camelCase."""

    found: Violations
    protobuf_paths: bool = True

    def message(self, kind: Message, value: object, path: str) -> Json:
        """The canonical form of an object; wrong fields are noted and left out."""
        if not isinstance(value, dict):
            if path:
                self._wrong(path, kind.type_name, value)
            else:
                text = 'Invalid JSON payload received. Unknown name "": Root element must be a message.'
                self.found.add_line("", text, text)
            return {}
        read: Json = {}
        seen: set[str] = set()
        for key, content in cast("dict[str, object]", value).items():
            name = kind.names.get(key)
            if name is None:
                self._unknown(path, key)
                continue
            if name in seen:
                self._described(self._join(path, name), "(oneof), the field is given twice, under both of its names")
            seen.add(name)
            if content is None:
                continue
            whole = self._value(kind.fields[name], content, self._join(path, name))
            if name not in kind.output_only and whole is not None and (whole or _is_kept(kind, name)):
                read[name] = whole
        self._check_oneofs(kind, read, path)
        return read

    def _join(self, path: str, name: str) -> str:
        spelled = snake(name) if self.protobuf_paths else name
        return f"{path}.{spelled}" if path else spelled

    def _check_oneofs(self, kind: Message, read: Json, path: str) -> None:
        for oneof, names in kind.oneofs.items():
            for surplus in [name for name in names if name in read][1:]:
                where = path or kind.type_name.rpartition(".")[2]
                text = (
                    f"Invalid value at '{where}' (oneof), oneof field '{oneof}' is already set. Cannot set '{surplus}'"
                )
                self.found.add_line(self._join(path, surplus), text, text)

    def _value(self, kind: FieldType, value: object, path: str) -> object:
        match kind:
            case Message():
                return self.message(kind, value, path)
            case ListOf():
                return self._list(kind, value, path)
            case MapOf():
                return self._map(value, path)
            case Choice():
                return self._choice(kind, value, path)
            case Scalar():
                return self._scalar(kind, value, path)
            case _:
                assert_never(kind)

    def _list(self, kind: ListOf, value: object, path: str) -> list[object] | None:
        if not isinstance(value, list):
            self._described(path, f"({_type_name(kind.item)}), a list is expected")
            return None
        items: list[object] = []
        for number, item in enumerate(cast("list[object]", value)):
            whole = self._value(kind.item, item, f"{path}[{number}]") if item is not None else None
            if item is None:
                self._wrong(f"{path}[{number}]", _type_name(kind.item), item)
            elif whole is not None:
                items.append(whole)
        return items

    def _map(self, value: object, path: str) -> Json | None:
        if not isinstance(value, dict):
            self._wrong(path, "Map", value)
            return None
        read: Json = {}
        for key, content in cast("dict[str, object]", value).items():
            where = f"{path}[{key[:_SHOWN_MAX_CHARS]!r}]"
            whole = self._scalar(Scalar.TEXT, content, where)
            if self._scalar(Scalar.TEXT, key, where) is not None and whole is not None:
                read[key] = whole
        return read

    def _choice(self, kind: Choice, value: object, path: str) -> str | None:
        if isinstance(value, str) and value in kind.names:
            return "" if value == kind.names[0] else value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(kind.names):
            name = kind.names[value]
            if name is not None:
                return "" if value == 0 else name
        self._wrong(path, kind.type_name, value)
        return None

    def _scalar(self, kind: Scalar, value: object, path: str) -> object:
        match kind:
            case Scalar.TEXT:
                if isinstance(value, str) and "\0" not in value:
                    return value
            case Scalar.FLAG:
                if isinstance(value, bool):
                    return value
            case Scalar.INT32 | Scalar.INT64:
                return self._integer(kind, value, path)
            case Scalar.FLOAT:
                if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _FLOAT_MAX:
                    return value
            case Scalar.DURATION:
                return self._duration(value, path)
            case Scalar.TIMESTAMP:
                return self._timestamp(value, path)
            case Scalar.ANYTHING:
                return None
            case _:
                assert_never(kind)
        self._wrong(path, kind.value, value)
        return None

    def _integer(self, kind: Scalar, value: object, path: str) -> int | None:
        bits = 32 if kind is Scalar.INT32 else 64
        number: int | None = None
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, float) and value.is_integer():
            number = int(value)  # 1e2 is a whole number, too
        elif isinstance(value, str) and _DIGITS.match(value):
            number = int(value)
        if number is None or not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            self._wrong(path, kind.value, value)
            return None
        return number

    def _duration(self, value: object, path: str) -> str | None:
        try:
            if not isinstance(value, str):
                raise ValueError("not a text")
            duration_s = duration_from_text(value)
            if abs(duration_s) > _DURATION_MAX_S:
                raise ValueError("longer than 10,000 years")
        except ValueError:
            self._wrong(path, Scalar.DURATION.value, value)
            return None
        return duration_to_text(duration_s)

    def _timestamp(self, value: object, path: str) -> str | None:
        try:
            if not isinstance(value, str):
                raise ValueError("not a text")
            timestamp_from_text(value)
        except (ValueError, OverflowError):
            self._wrong(path, Scalar.TIMESTAMP.value, value)
            return None
        return value

    # -- what is wrong ------------------------------------------------------------------------------------------

    def _wrong(self, path: str, type_name: str, value: object) -> None:
        if isinstance(value, dict):
            shown = "Starting an object on a scalar field"
        elif isinstance(value, list):
            shown = "Proto field is not repeating, cannot start list."
        else:
            shown = _shown(value)
        text = f"Invalid value at '{path}' ({type_name}), {shown}"
        self.found.add_line(path, text, text)

    def _described(self, path: str, problem: str) -> None:
        text = f"Invalid value at '{path}' {problem}"
        self.found.add_line(path, text, text)

    def _unknown(self, path: str, key: str) -> None:
        where = f" at '{path}'" if path else ""
        text = f"Invalid JSON payload received. Unknown name {_shown(key)}{where}: Cannot find field."
        self.found.add_line(path, text, text)


def _shown(value: object) -> str:
    """A value as JSON, cut to a length that a message can bear."""
    if isinstance(value, str):
        value = value[:_SHOWN_MAX_CHARS]
    return json.dumps(value, ensure_ascii=False)[: _SHOWN_MAX_CHARS + 2]


def _type_name(kind: FieldType) -> str:
    match kind:
        case Message() | Choice() | MapOf():
            return kind.type_name
        case Scalar():
            return kind.value
        case ListOf():
            return _type_name(kind.item)
        case _:
            assert_never(kind)


def _is_kept(kind: Message, name: str) -> bool:
    """Whether the field has presence: objects always, scalars where protobuf says `optional` or `oneof`."""
    if isinstance(kind.fields[name], Message) or name in kind.present:
        return True
    return any(name in names for names in kind.oneofs.values())
