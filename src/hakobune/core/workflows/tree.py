"""The tree of a source: scalars, sequences and maps, each with its place; YAML and JSON alike."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from typing import TypeAlias

from hakobune.core.workflows.positions import Position

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
    """A map, in document order; no key twice."""

    entries: tuple[Entry, ...]
    start: int
    end: int

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
        case Map():
            return "a map"
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
        """Where the character at `offset` of a text scalar stands.

        Exact for text on one line without escapes; else as near as the lines of a block scalar or of a folded one tell.
        """
        value = node.value
        assert isinstance(value, str)
        raw = self.source.text[node.start : node.end]
        if not node.is_plain and raw[:1] in ("|", ">"):
            return self._position_in_block(node, value, offset)
        at = 0 if node.is_plain else 1
        for character in value[:offset]:
            at = _behind(raw, at, character)
        return self.source.position(min(node.start + at, max(node.end - 1, node.start)))

    def _position_in_block(self, node: Scalar, value: str, offset: int) -> Position:
        """Find the word at `offset` behind the same number of equal words in the raw text."""
        word = re.match(r"\w+|\S|\s*", value[offset:])
        needle = word.group() if word else ""
        raw_start = self.source.text.find("\n", node.start, node.end) + 1
        if not needle.strip():
            return self.source.position(node.start)
        found = raw_start - 1
        for _ in range(value.count(needle, 0, offset) + 1):
            found = self.source.text.find(needle, found + 1, node.end)
        return self.source.position(found if found >= 0 else node.start)


def _behind(raw: str, at: int, character: str) -> int:
    """The index in the raw text behind `character`, which stands there as itself, as an escape or as a line break."""
    if raw.startswith("\\", at) and character != "\\":
        escape = re.compile(r"\\(?:x..|u....|U.{8}|.)", re.DOTALL).match(raw, at)
        return escape.end() if escape else at + 2
    if raw.startswith(("\\\\", "''"), at):
        return at + 2
    if character in " \n" and (blanks := re.compile(r"[ \t]*(?:\r\n|[\n\r])\s*").match(raw, at)) is not None:
        return blanks.end()
    return at + 1
