"""Partial responses: `fields=items(name,metadata/kind),nextPageToken`.

Source: Cloud Storage documentation, "Partial responses".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from hakobune.core.objects.failures import InvalidRequest
from hakobune.wire.storage_v1_reading import Json

_CHARS_MAX = 8_192  # ours
_DEPTH_MAX = 10  # ours
_TOKEN = re.compile(r"\s*([A-Za-z0-9_.-]+|[*(),/])")


@dataclass(slots=True)
class _Choice:
    """What is wanted of a value: all of it, or some fields."""

    is_whole: bool = False
    names: dict[str, _Choice] = field(default_factory=dict[str, "_Choice"])


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._place = 0

    def _split(self, text: str) -> list[str]:
        found: list[str] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._wrong()
            found.append(match.group(1))
            place = match.end()
        return found

    def parse(self) -> _Choice:
        found = _Choice()
        self._list(found, 0)
        if self._place < len(self._tokens):
            raise self._wrong()
        return found

    def _list(self, into: _Choice, depth: int) -> None:
        if depth > _DEPTH_MAX:
            raise self._wrong()
        while True:
            self._path(into, depth)
            if self._peek() != ",":
                return
            self._place += 1

    def _path(self, into: _Choice, depth: int) -> None:
        while True:
            name = self._peek()
            if not name or name in "(),/":
                raise self._wrong()
            self._place += 1
            into = into.names.setdefault(name, _Choice())
            if self._peek() != "/":
                break
            self._place += 1
            depth += 1
        if self._peek() == "(":
            self._place += 1
            self._list(into, depth + 1)
            if self._peek() != ")":
                raise self._wrong()
            self._place += 1
        else:
            into.is_whole = True

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _wrong(self) -> InvalidRequest:
        error = InvalidRequest(f"Invalid field selection {self._text[:100]}")
        error.reason, error.location, error.location_type = "invalidParameter", "fields", "parameter"
        return error


def selected(content: Json, text: str) -> Json:
    """The fields of an answer that a caller wants; all, if nothing is said. Raises InvalidRequest."""
    if not text.strip():
        return content
    if len(text) > _CHARS_MAX:
        raise InvalidRequest(f"The parameter fields has at most {_CHARS_MAX} characters.")
    return cast("Json", _cut(content, _Parser(text).parse()))


def _cut(value: object, choice: _Choice) -> object:
    if choice.is_whole:
        return value
    if isinstance(value, list):
        return [_cut(item, choice) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    found: Json = {}
    for name, item in cast("Json", value).items():
        wanted = choice.names.get(name) or choice.names.get("*")
        if wanted is not None:
            found[name] = _cut(item, wanted)
    return found
