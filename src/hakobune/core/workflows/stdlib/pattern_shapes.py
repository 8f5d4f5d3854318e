"""How far RE2 may look behind a match, told from the form of its pattern.

RE2 takes the leftmost match and of those the longest: it reads on behind the end of a match as long as a longer one, or
one that began further left, may still come of it. For most patterns all matches of a text together take linear time;
for some, such as `a*b|a`, each match may look at the whole rest. Two forms are known to be linear:

*Tails*: behind the first endless repetition everything may be missing. So whatever is read there belongs to a match
already, and no more than the finite part is read for nothing.

*Lines*: characters one after the other, each with or without a repetition, no choices between parts of different
lengths. Of two attempts the later one cannot overtake the earlier one: where it would, both are at the same character
of the pattern, so the earlier one can go the same way. So a match that ends within what was read in vain for the match
before cannot be, and each byte is read twice at the most.

Of all others it is known what they are made of. A character that no part of a pattern takes ends every attempt: RE2
reads on behind a match to the next such character at the most.

What is not understood is neither. The patterns have been compiled by RE2: their syntax is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_ATOM: Final = re.compile(
    r"\\[pP]\{[^}]*\}|\\[pP].|\\x\{[0-9a-fA-F]+\}|\\x[0-9a-fA-F]{2}|\\[0-7]{1,3}|\\[^QCxpP]"
    r"|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|[^\\()|*+?\[]",
    re.DOTALL,
)
_ASSERTIONS: Final = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\z"})
_ALPHABET_MAX: Final = 200  # parts: most patterns have less than twenty
_GROUP: Final = re.compile(r"\((?:\?P?<[^>]*>|\?[imsU-]*:)?(?!\?)")
_FLAGS: Final = re.compile(r"\(\?[imsU-]+\)")
_REPEAT: Final = re.compile(r"(?:([*+?])|\{([0-9]+)(,?)([0-9]*)\})\??")
_SIMPLE_REPEATS: Final[dict[str, tuple[int, int | None]]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternShape:
    """`is_linear`: all matches of a text together are found in linear time; then each byte is read twice at the most,
    and behind each match `overrun` characters more. `characters`: how many the pattern has when its counted
    repetitions are written out. `alphabet`: a pattern of one character, that takes all that any part of it takes; "" if
    it would have too many parts.
    """

    is_linear: bool
    overrun: int
    characters: int
    alphabet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """`width`: characters that it takes, None where that varies. `is_nullable`: it may be missing, wherever it is."""

    characters: int
    width: int | None
    is_finite: bool = True
    is_nullable: bool = False
    is_tail: bool = True
    is_line: bool = True
    is_atom: bool = False


_NOTHING: Final = _Part(characters=0, width=0, is_nullable=True)
_ASSERTION: Final = _Part(characters=0, width=0)
_CHARACTER: Final = _Part(characters=1, width=1, is_atom=True)


class _NotUnderstoodError(Exception):
    """The pattern has something that is not known here."""


def shape_of(pattern: str) -> PatternShape | None:
    """The shape of a pattern that RE2 has compiled; None where it is not understood."""
    reader = _Reader(pattern)
    try:
        part = reader.read()
    except _NotUnderstoodError:
        return None
    return PatternShape(
        is_linear=part.is_tail or part.is_line,
        overrun=0 if part.is_line else part.characters,
        characters=part.characters,
        alphabet=reader.alphabet,
    )


class _Reader:
    """Reads one pattern. The groups that are open stand on a stack of their own: a pattern may have thousands."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._choices: list[list[_Part]] = [[]]  # of each open group, the choices that are complete
        self._parts: list[list[_Part]] = [[]]  # of each open group, the parts of the choice being read
        self._atoms: dict[str, None] = {}  # all that take a character
        self._flags = "i"  # of the alphabet: what more may be meant by the atoms somewhere

    def read(self) -> _Part:
        """The whole pattern."""
        while self._at < len(self._pattern):
            self._next()
        if len(self._parts) != 1:
            raise _NotUnderstoodError
        return self._close()

    @property
    def alphabet(self) -> str:
        """One of the characters that the pattern may take: from above."""
        return f"(?{self._flags}:{'|'.join(self._atoms)})" if 0 < len(self._atoms) <= _ALPHABET_MAX else ""

    def _next(self) -> None:
        pattern, at = self._pattern, self._at
        if (flags := _FLAGS.match(pattern, at)) is not None:
            self._at = flags.end()
            self._note_flags(flags[0])
        elif (group := _GROUP.match(pattern, at)) is not None:
            self._at = group.end()
            self._note_flags(group[0])
            self._choices.append([])
            self._parts.append([])
        elif pattern[at] == "|":
            self._at += 1
            self._choices[-1].append(_in_a_row(self._parts[-1]))
            self._parts[-1] = []
        elif pattern[at] == ")" and len(self._parts) > 1:
            self._at += 1
            group_part = self._close()
            self._parts[-1].append(self._repeated(group_part))
        elif (atom := _ATOM.match(pattern, at)) is not None:
            self._at = atom.end()
            part = _ASSERTION if atom.group() in _ASSERTIONS else _CHARACTER
            if part is _CHARACTER:
                self._atoms[atom.group()] = None
            self._parts[-1].append(self._repeated(part))
        else:
            raise _NotUnderstoodError

    def _note_flags(self, written: str) -> None:
        """`s` lets `.` take line ends."""
        if written.startswith("(?") and "<" not in written and "s" in written:
            self._flags = "is"

    def _close(self) -> _Part:
        """The innermost open group, as one part."""
        return _one_of([*self._choices.pop(), _in_a_row(self._parts.pop())])

    def _repeated(self, part: _Part) -> _Part:
        while (repeat := _REPEAT.match(self._pattern, self._at)) is not None:
            self._at = repeat.end()
            sign, least, comma, most = repeat.groups()
            if sign is not None:
                part = _repeat(part, *_SIMPLE_REPEATS[sign])
            else:
                part = _repeat(part, int(least), int(most) if most else None if comma else int(least))
        return part


def _in_a_row(parts: Sequence[_Part]) -> _Part:
    if not parts:
        return _NOTHING
    if len(parts) == 1:
        return parts[0]
    is_finite, is_tail = True, True
    for part in parts:
        is_tail = is_tail and part.is_tail and (is_finite or part.is_nullable)
        is_finite = is_finite and part.is_finite
    widths = [part.width for part in parts if part.width is not None]
    return _Part(
        characters=sum(part.characters for part in parts),
        width=sum(widths) if len(widths) == len(parts) else None,
        is_finite=is_finite,
        is_nullable=all(part.is_nullable for part in parts),
        is_tail=is_tail,
        is_line=all(part.is_line for part in parts),
    )


def _one_of(choices: Sequence[_Part]) -> _Part:
    if len(choices) == 1:
        return replace(choices[0], is_atom=False) if choices[0].is_atom else choices[0]
    width = choices[0].width if len({choice.width for choice in choices}) == 1 else None
    is_finite = all(choice.is_finite for choice in choices)
    return _Part(
        characters=sum(choice.characters for choice in choices),
        width=width,
        is_finite=is_finite,
        is_nullable=any(choice.is_nullable for choice in choices),
        is_tail=all(choice.is_tail for choice in choices),
        is_line=is_finite and width is not None,
    )


def _repeat(part: _Part, least: int, most: int | None) -> _Part:
    if (least, most) == (1, 1):
        return part
    is_fixed = least == most and part.width is not None
    times = max(least, 1) if most is None else most
    return _Part(
        characters=part.characters * times,
        width=part.width * least if is_fixed and part.width is not None else None,
        is_finite=part.is_finite and most is not None,
        is_nullable=least == 0 or part.is_nullable,
        is_tail=(part.is_finite or (part.is_tail and least <= 1 and most in (None, 1))),
        is_line=part.is_atom or (part.is_finite and is_fixed),
    )
