"""The tree of a source: scalars, sequences and maps, each with its place; YAML and JSON alike."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from typing import TypeAlias

from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.scalar_places import raw_indexes

_LINE_BREAK = re.compile(r"\r\n|[\n\r]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number, a boolean or null. `start` and `end` are indexes in the source, in characters; an aliased node
    has the place of its anchor. `is_plain`: written without quotes."""

    value: bool | int | float | str | None
    start: int
    end: int
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a map. `key` is text whatever it was in the source; `key_node` is how it was written."""

    key: str
    key_node: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Map:
    """A map, in document order; no key twice. `repeated` are entries that were left out: their keys stand before."""

    entries: tuple[Entry, ...]
    start: int
    end: int
    repeated: tuple[Entry, ...] = ()

    def get(self, key: str) -> Node | None:
        """The value of this key."""
        return next((entry.value for entry in self.entries if entry.key == key), None)

    def entry(self, key: str) -> Entry | None:
        """The entry of this key."""
        return next((entry for entry in self.entries if entry.key == key), None)


Node: TypeAlias = Scalar | Sequence | Map


def kind_of(node: Node) -> str:
    """What a node is, for people: "a map", "a number", "text"."""
    match node:
        case Map(entries=()):
            return "an empty map"
        case Map():
            return "a map"
        case Sequence(items=()):
            return "an empty list"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "empty"
        case Scalar(value=bool()):
            return "a boolean"
        case Scalar(value=str()):
            return "text"
        case Scalar():
            return "a number"


class SourceText:
    """A text, and which line and column an index in it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._line_starts = [0, *(line_break.end() for line_break in _LINE_BREAK.finditer(text))]
        self._is_ascii = text.isascii()

    def position(self, start: int, end: int | None = None) -> Position:
        """The place of the text from `start` to `end` (default: of no length), without blanks at its end."""
        line = bisect.bisect_right(self._line_starts, start)
        length = 0
        if end is not None:
            piece = self.text[start:end].rstrip()
            length = len(piece) if self._is_ascii else len(piece.encode())
        return Position(line, start - self._line_starts[line - 1] + 1, length)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its break. Empty behind the last one."""
        if number > len(self._line_starts):
            return ""
        end = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[self._line_starts[number - 1] : end].rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A source that was read."""

    root: Node
    source: SourceText = field(repr=False)

    def position_of(self, node: Node) -> Position:
        """Where the node begins, and its length."""
        return self.source.position(node.start, node.end)

    def position_in(self, node: Scalar, offset: int) -> Position:
        """Where the character at `offset` of a text scalar stands; behind the last one, the place behind it."""
        value = node.value
        assert isinstance(value, str)
        indexes = raw_indexes(self.source.text[node.start : node.end], value)
        if not indexes:
            return self.source.position(node.start)
        last = max(len(value.rstrip()) - 1, 0)
        at = indexes[offset] if offset < len(indexes) else indexes[last] + 1
        return self.source.position(min(node.start + at, max(node.end - 1, node.start)))

    def places_in(self, node: Scalar, start: int, end: int) -> tuple[tuple[int, Position], ...]:
        """Where the text from `start` to `end` of a scalar stands: for each stretch that the source has as it is, on
        one line, the distance of its first character from `start`, and the place.

        Empty where all of the scalar is one stretch, perhaps in quotes, and only `${` and `}` are around the text.
        """
        value = node.value
        assert isinstance(value, str)
        raw = self.source.text[node.start : node.end]
        is_whole = start == len("${") and end == len(value) - 1
        if is_whole and value in (raw, raw[1:-1]) and _LINE_BREAK.search(raw) is None:
            return ()
        indexes = raw_indexes(raw, value) or []
        begins = [at for at in range(start, min(end, len(indexes))) if at == start or _is_apart(raw, indexes, at)]
        return tuple((at - start, self.source.position(node.start + indexes[at])) for at in begins)


def _is_apart(raw: str, indexes: list[int], at: int) -> bool:
    """Whether the character does not simply follow the one before it."""
    return indexes[at] != indexes[at - 1] + 1 or raw[indexes[at - 1]] in "\r\n"
