"""Regular expressions that take time in proportion to the text, whatever the pattern: RE2's promise and its syntax.

A pattern becomes a list of instructions; a text is matched by following all of its paths at once, one character at a
time, and the sets of paths that come up are remembered (a deterministic automaton, built as far as it is needed).
What that cannot do is refused, as RE2 refuses it: backreferences and looking around. Syntax:
https://github.com/google/re2/wiki/Syntax. Single characters and classes are tested by Python's own `re`.
"""

from __future__ import annotations

import re

from hakobune.core.logs import limits
from hakobune.core.logs.pattern_parser import Parser
from hakobune.core.logs.pattern_program import Assertion, Op, PatternError, Program

__all__ = ["Pattern", "PatternError"]

_STATES_MAX = 2_000  # remembered sets of paths; beyond, what was learnt is forgotten and learnt again
_FOUND = -1
_WORD = re.compile(r"\w", re.ASCII)
# What a character is to an assertion.
_EDGE, _LINE_BREAK, _WORD_CHARACTER, _OTHER = range(4)


def _nature(character: str) -> int:
    if character == "\n":
        return _LINE_BREAK
    return _WORD_CHARACTER if _WORD.match(character) else _OTHER


def _holds(assertion: int, before: int, behind: int) -> bool:
    match assertion:
        case Assertion.TEXT_START:
            return before == _EDGE
        case Assertion.TEXT_END:
            return behind == _EDGE
        case Assertion.LINE_START:
            return before in {_EDGE, _LINE_BREAK}
        case Assertion.LINE_END:
            return behind in {_EDGE, _LINE_BREAK}
        case _:
            is_edge = (before == _WORD_CHARACTER) != (behind == _WORD_CHARACTER)
            return is_edge == (assertion == Assertion.WORD_EDGE)


class Pattern:
    """A compiled pattern. It learns while it matches: for one thread at a time."""

    def __init__(self, text: str) -> None:
        """Raises PatternError."""
        if len(text) > limits.PATTERN_MAX_CHARS:
            raise PatternError(f"longer than {limits.PATTERN_MAX_CHARS} characters")
        parser = Parser(text)
        program = Program()
        end = program.add(Op.MATCH, 0, 0)
        self._begin = parser.parse()(program, end)
        self._instructions = program.instructions
        try:
            self._atoms = [re.compile(atom, flags) for atom, flags in parser.atoms]
        except re.error as error:
            raise PatternError(str(error)) from error
        self._forget()

    def _forget(self) -> None:
        """Start anew with nothing remembered."""
        self._states: dict[tuple[frozenset[int], int], int] = {}
        self._sets: list[tuple[frozenset[int], int]] = []
        self._moves: list[dict[str, int]] = []
        self._state(frozenset({self._begin}), _EDGE)

    def _state(self, places: frozenset[int], before: int) -> int:
        key = (places, before)
        number = self._states.get(key)
        if number is None:
            number = len(self._sets)
            self._sets.append(key)
            self._moves.append({})
            self._states[key] = number
        return number

    def is_in(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text` (its first 64 Ki characters)."""
        text = text[: limits.PATTERN_TEXT_MAX_CHARS]
        moves, state = self._moves, 0
        for character in text:
            following = moves[state].get(character)
            if following is None:
                following = self._move(state, character)
                moves = self._moves
            if following == _FOUND:
                return True
            state = following
        places, before = self._sets[state]
        return self._reach(places, before, _EDGE) is None

    def _move(self, state: int, character: str) -> int:
        places, before = self._sets[state]
        nature = _nature(character)
        reached = self._reach(places, before, nature)
        if reached is None:
            self._moves[state][character] = _FOUND
            return _FOUND
        atoms, instructions = self._atoms, self._instructions
        following = {self._begin}
        for place in reached:
            _, atom, after = instructions[place]
            if atoms[atom].match(character):
                following.add(after)
        if len(self._sets) >= _STATES_MAX:
            self._forget()
            return self._state(frozenset(following), nature)
        number = self._state(frozenset(following), nature)
        self._moves[state][character] = number
        return number

    def _reach(self, places: frozenset[int], before: int, behind: int) -> list[int] | None:
        """The characters that may come next after following all paths that need none; None if one has matched."""
        seen = set(places)
        stack = list(places)
        reached: list[int] = []
        while stack:
            place = stack.pop()
            op, first, second = self._instructions[place]
            if op is Op.CHARACTER:
                reached.append(place)
                continue
            if op is Op.MATCH:
                return None
            ways = (first, second) if op is Op.SPLIT else ((second,) if _holds(first, before, behind) else ())
            for way in ways:
                if way not in seen:
                    seen.add(way)
                    stack.append(way)
        return reached
