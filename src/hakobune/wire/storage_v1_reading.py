"""JSON that callers of Cloud Storage send, read field by field. Unknown fields are ignored, as the real service does;
wrong types are refused. `null` is the same as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from hakobune.core.errors import Code, InvalidArgument
from hakobune.core.instants import timestamp_from_text
from hakobune.core.objects.failures import InvalidRequest, ObjectsError
from hakobune.wire.codec import parse_json

Json = dict[str, object]

_INT64_MAX = (1 << 63) - 1
_NUMBER_CHARS = 20


class ParseError(ObjectsError):
    """400: the body is not JSON."""

    code = Code.INVALID_ARGUMENT
    reason = "parseError"


def document(body: bytes) -> Json:
    """The object in a body; an empty body is an empty object. Raises ParseError, InvalidRequest."""
    try:
        value = parse_json(body)
    except InvalidArgument as error:
        raise ParseError(error.message) from error
    return as_object(value, "The body")


def as_object(value: object, what: str) -> Json:
    """Raises InvalidRequest."""
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be a JSON object.")
    return cast("Json", value)


def merged(old: Mapping[str, object], patch: Mapping[str, object]) -> Json:
    """`old` after a JSON merge patch (RFC 7396): null removes, objects merge, the rest replaces."""
    found = dict(old)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            before = found.get(name)
            base = cast("Json", before) if isinstance(before, dict) else {}
            found[name] = merged(base, cast("Json", value))
        else:
            found[name] = value
    return found


class Fields:
    """The fields of one JSON object. Each method gives what is absent as its type's nothing. All raise
    InvalidRequest."""

    def __init__(self, content: Mapping[str, object], path: str = "") -> None:
        self.content = content
        self._path = path

    def text(self, name: str) -> str:
        """A text."""
        value = self.content.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def is_set(self, name: str) -> bool:
        """A boolean."""
        value = self.content.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self._wrong(name, "a boolean")
        return value

    def number(self, name: str) -> int | None:
        """A whole number, as a JSON number or a string."""
        value = self.content.get(name)
        if value is None:
            return None
        found = whole_number(value) if isinstance(value, str) else value
        if isinstance(found, bool) or not isinstance(found, int) or not -_INT64_MAX <= found <= _INT64_MAX:
            raise self._wrong(name, "a whole number")
        return found

    def days(self, name: str) -> int | None:
        """A count of days, not negative."""
        value = self.number(name)
        if value is not None and value < 0:
            raise self._wrong(name, "not negative")
        return value

    def instant(self, name: str) -> float | None:
        """An RFC 3339 timestamp, or a date, which is its midnight in UTC."""
        value = self.text(name)
        if not value:
            return None
        try:
            return timestamp_from_text(f"{value}T00:00:00Z" if "T" not in value.upper() else value)
        except (ValueError, OverflowError) as error:
            raise self._wrong(name, "an RFC 3339 timestamp") from error

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts."""
        child = self.child(name)
        return (
            {} if child is None else {key: child.text(key) for key, value in child.content.items() if value is not None}
        )

    def child(self, name: str) -> Fields | None:
        """An object."""
        value = self.content.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return Fields(cast("Json", value), f"{self._path}{name}.")

    def children(self, name: str) -> list[Fields]:
        """A list of objects."""
        return [
            Fields(as_object(value, f"{self._path}{name}[{place}]"), f"{self._path}{name}[{place}].")
            for place, value in enumerate(self._list(name))
        ]

    def names(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self._list(name)
        if not all(isinstance(value, str) for value in found):
            raise self._wrong(name, "a list of strings")
        return tuple(cast("list[str]", found))

    def chosen(self, names: frozenset[str]) -> Json:
        """Those of the fields that are named and not null, as they are."""
        return {name: value for name, value in self.content.items() if name in names and value is not None}

    def _list(self, name: str) -> list[object]:
        value = self.content.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return cast("list[object]", value)

    def _wrong(self, name: str, wanted: str) -> InvalidRequest:
        return InvalidRequest(f"Invalid value for field '{self._path}{name}': it must be {wanted}.")


def whole_number(text: str) -> int | None:
    """The number in a text of decimal digits; None if it is none."""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _NUMBER_CHARS:
        return None
    return int(text)
