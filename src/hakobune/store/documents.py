"""Core values as JSON documents and back, by their type hints. The store's own format, never seen outside.

Only what differs from a field's default is written, so that a document stays small and a new field with a default
needs no migration. A document that does not fit its type raises CorruptStore: never guess about durable data. The text
is ASCII, so that any string can be kept, also one that no encoding has.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from hakobune.core.errors import CorruptStore

T = TypeVar("T")


def to_document(value: object) -> str:
    """Compact JSON text of a dataclass. Raises CorruptStore for what JSON cannot hold."""
    try:
        return json.dumps(_encode(value), separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise CorruptStore(f"a {type(value).__name__} cannot be stored: {error}") from error


def from_document(kind: type[T], text: str) -> T:
    """The dataclass that `to_document` wrote. Raises CorruptStore."""
    try:
        return cast("T", _decoder(cast("Hashable", kind))(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptStore(f"a stored {kind.__name__} cannot be read: {error}") from error


def _encode(value: object) -> object:
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields: dict[str, object] = {}
        for name, default in _defaults(type(value)):
            content = getattr(value, name)
            if default is dataclasses.MISSING or content != default:
                fields[name] = _encode(content)
        return fields
    if isinstance(value, Mapping):
        return {str(key): _encode(content) for key, content in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (tuple, list)):
        return [_encode(content) for content in cast("tuple[object, ...]", value)]
    raise CorruptStore(f"a {type(value).__name__} has no place in a document")


_PLAIN = frozenset({str, int, float, bool})


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    """The fields of a dataclass, each with its default (MISSING: it has none)."""
    return tuple(
        (field.name, field.default if field.default_factory is dataclasses.MISSING else field.default_factory())
        for field in dataclasses.fields(kind)
    )


@cache
def _decoder(kind: Any) -> Callable[[Any], object]:
    """A function from JSON to `kind`, built once per type."""
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional_decoder(arguments)
    if origin is tuple:
        return _tuple_decoder(arguments)
    if origin is not None and issubclass(origin, Mapping):
        content = _decoder(arguments[1])
        return lambda value: {key: content(item) for key, item in value.items()}
    if kind is object:
        return _same
    if kind in (str, int, bool, float):
        return _plain_decoder(kind)
    if kind is bytes:
        return lambda value: base64.b64decode(value, validate=True)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if dataclasses.is_dataclass(cast("object", kind)):
        return _dataclass_decoder(cast("type", kind))
    raise CorruptStore(f"no decoder for {kind!r}")


def _same(value: object) -> object:
    return value


def _plain_decoder(kind: type) -> Callable[[Any], object]:
    # A float that has no fraction may have been an int when it was given to us.
    accepted = {float, int} if kind is float else {kind}

    def decode(value: object) -> object:
        if type(value) not in accepted:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value

    return decode


def _optional_decoder(arguments: tuple[Any, ...]) -> Callable[[Any], object]:
    inner = [argument for argument in arguments if argument is not types.NoneType]
    if len(inner) != 1:
        raise CorruptStore(f"no decoder for a union of {arguments!r}")
    decode = _decoder(inner[0])
    return lambda value: None if value is None else decode(value)


def _tuple_decoder(arguments: tuple[Any, ...]) -> Callable[[Any], object]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        decode = _decoder(arguments[0])

        def decode_all(value: object) -> object:
            if not isinstance(value, list):
                raise TypeError(f"{value!r} is no list")
            return tuple(decode(item) for item in cast("list[object]", value))

        return decode_all
    decoders = [_decoder(argument) for argument in arguments]
    return lambda value: tuple(decode(item) for decode, item in zip(decoders, value, strict=True))


def _dataclass_decoder(kind: type) -> Callable[[Any], object]:
    hints = typing.get_type_hints(kind)
    decoders = {field.name: _decoder(hints[field.name]) for field in dataclasses.fields(kind)}

    def decode(value: Any) -> object:
        return kind(**{name: decoders[name](content) for name, content in value.items()})

    return decode
