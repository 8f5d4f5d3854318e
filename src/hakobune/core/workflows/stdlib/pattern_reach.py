"""How far RE2 may read on behind a match, told from the text: to the next character that no part of the pattern takes.

In a text of words that is soon, in one of a single endless word it is never. The way to that character is gone step by
step at first, then in pieces, each twice as long as the one before. None of the text is looked at twice: all of it
together is linear.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from hakobune.core.workflows.meter import Meter

_STEPS: Final = 64  # characters, one by one
_PIECE: Final = 128  # characters of the first one
_STEP_NS: Final = 150  # measured, as the others
_LOOK_NS: Final = 4_000  # for each piece, and for each character that was not seen before
_CHARACTER_NS: Final = 20  # of a piece, to take it out of the text and to look at it


class Alphabet(Protocol):
    """Takes the characters of a pattern, as many as there are in a row."""

    def match(self, text: str) -> re.Match[str] | None:
        """At the beginning of the text."""
        ...


class Reach:
    """The ways of one text, from the left to the right. Without an alphabet each leads to the end of the text."""

    def __init__(self, meter: Meter, content: str, alphabet: Alphabet | None) -> None:
        self._meter = meter
        self._content = content
        self._alphabet = alphabet
        self._takes: dict[str, bool] = {}  # characters that were seen
        self._known = 0  # all up to here is of the alphabet, from the last place that was asked for

    @property
    def is_told(self) -> bool:
        """Whether there is an alphabet."""
        return self._alphabet is not None

    def behind(self, end: int) -> int:
        """How many characters are read behind a match, at the most. Raises Failure (ResourceLimitError)."""
        if self._alphabet is None:
            return len(self._content) - end
        if end >= self._known:
            self._known = self._way(self._alphabet, end)
        return self._known - end

    def _way(self, alphabet: Alphabet, at: int) -> int:
        """Where the way from here ends."""
        for character in self._content[at : at + _STEPS]:
            self._meter.spend(_STEP_NS)
            if not self._is_taken(alphabet, character):
                return at
            at += 1
        size = _PIECE
        while at < len(self._content):
            piece = self._content[at : at + size]
            self._meter.spend(_LOOK_NS + len(piece) * _CHARACTER_NS)
            found = alphabet.match(piece)
            taken = 0 if found is None else found.end()
            at += taken
            if taken < len(piece):
                break
            size *= 2
        return at

    def _is_taken(self, alphabet: Alphabet, character: str) -> bool:
        found = self._takes.get(character)
        if found is None:
            self._meter.spend(_LOOK_NS)
            match = alphabet.match(character)
            found = self._takes[character] = match is not None and match.end() > 0
        return found
