"""Regular expressions that take time in proportion to the text, whatever the pattern: RE2's promise and its syntax.

A pattern becomes a list of instructions; a text is matched by following all of its paths at once, one character at a
time, and the sets of paths that come up are remembered (a deterministic automaton, built as far as it is needed).
What that cannot do is refused, as RE2 refuses it: backreferences and looking around. Syntax:
https://github.com/google/re2/wiki/Syntax. Single characters and classes are tested by Python's own `re`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from hakobune.core.logs import limits

_INSTRUCTIONS_MAX = 4_000
_ROUNDS_MAX = 8_000  # of counted repetitions
_GROUP_DEPTH_MAX = 50
_REPEAT_MAX = 1_000  # RE2's own bound
_STATES_MAX = 2_000  # remembered sets of paths; beyond, what was learnt is forgotten and learnt again

_POSIX = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:blank:]": r"\t ",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:space:]": r"\t\n\v\f\r ",
    "[:upper:]": "A-Z",
    "[:word:]": "0-9A-Za-z_",
    "[:xdigit:]": "0-9A-Fa-f",
}
_REPEAT = re.compile(r"\{(\d{1,4})(,)?(\d{1,4})?\}")
_GROUP = re.compile(r"\?(?:P?<[A-Za-z_]\w*>|([imsU]*)(?:-([imsU]+))?(:|\)))")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|x\{([0-9A-Fa-f]{1,6})\}|.)", re.DOTALL)
_CLASS_ESCAPES = frozenset("dDsSwW")


class PatternError(ValueError):
    """The pattern is not one that RE2 would take, or is beyond our bounds. The text says why."""


class _Op(IntEnum):
    CHARACTER = 0  # (atom, next)
    SPLIT = 1  # (one, other)
    ASSERT = 2  # (assertion, next)
    MATCH = 3


class _Assertion(IntEnum):
    TEXT_START = 0
    TEXT_END = 1
    LINE_START = 2
    LINE_END = 3
    WORD_EDGE = 4
    NO_WORD_EDGE = 5


_Instruction = tuple[_Op, int, int]
_Node = Callable[["_Program", int], int]  # emits a part that goes on at an address; returns where it begins


@dataclass(slots=True)
class _Program:
    instructions: list[_Instruction] = field(default_factory=list[_Instruction])
    rounds: int = 0  # of repetitions that were written out: one of nothing adds no instruction

    def next_round(self) -> None:
        """A repeated part is about to be written out once more. Raises PatternError."""
        self.rounds += 1
        if self.rounds > _ROUNDS_MAX:
            raise PatternError("the expression is too large")

    def add(self, op: _Op, first: int, second: int) -> int:
        if len(self.instructions) >= _INSTRUCTIONS_MAX:
            raise PatternError("the expression is too large")
        self.instructions.append((op, first, second))
        return len(self.instructions) - 1


class _Parser:
    """Recursive descent: alternatives of sequences of repeated atoms. Depth is bounded."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._flags: frozenset[str] = frozenset()
        self.atoms: dict[tuple[str, int], int] = {}

    def parse(self) -> _Node:
        node = self._alternatives()
        if self._at < len(self._text):
            raise PatternError("missing opening parenthesis")
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _alternatives(self) -> _Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else _any_of(branches)

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._peek() not in {"", "|", ")"}:
            atom = self._atom()
            parts.append(self._repeated(atom) if atom is not None else _nothing)
        return _all_of(parts)

    def _atom(self) -> _Node | None:
        """One atom; None for a group that only sets flags."""
        match self._peek():
            case "(":
                return self._group()
            case "[":
                return self._character(self._class_text())
            case "\\":
                return self._escape()
            case "^":
                self._at += 1
                return _assertion(_Assertion.LINE_START if "m" in self._flags else _Assertion.TEXT_START)
            case "$":
                self._at += 1
                return _assertion(_Assertion.LINE_END if "m" in self._flags else _Assertion.TEXT_END)
            case "*" | "+" | "?":
                raise PatternError(f"no argument for repetition operator: {self._peek()}")
            case ".":
                self._at += 1
                return self._character(".")
            case character:
                self._at += 1
                return self._character(re.escape(character))

    def _repeated(self, node: _Node) -> _Node:
        low, high = self._repetition()
        if low < 0:
            return node
        if self._peek() == "?":  # prefers less: whether there is a match does not depend on it
            self._at += 1
        elif self._peek() == "+":
            raise PatternError("possessive repetition is not supported")
        at = self._at
        if self._repetition()[0] >= 0:
            raise PatternError(f"bad repetition operator: {self._text[at : self._at]} follows another one")
        return _repeat(node, low, high)

    def _repetition(self) -> tuple[int, int | None]:
        """(least, most) of the operator that stands here; least is -1 if none does."""
        character = self._peek()
        if character in {"*", "+", "?"} and character:
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
        counted = _REPEAT.match(self._text, self._at) if character == "{" else None
        if counted is None:
            return -1, None
        self._at = counted.end()
        low = int(counted[1])
        high = low if counted[2] is None else (None if counted[3] is None else int(counted[3]))
        if low > _REPEAT_MAX or (high is not None and not low <= high <= _REPEAT_MAX):
            raise PatternError(f"bad repetition operator: {counted[0]}")
        return low, high

    def _group(self) -> _Node | None:
        self._at += 1
        outer = self._flags
        if self._peek() == "?":
            opening = _GROUP.match(self._text, self._at)
            if opening is None:
                raise PatternError("looking around, conditions and references to groups are not supported")
            self._at = opening.end()
            inner = (outer | set(opening[1] or "")) - set(opening[2] or "")
            if opening[3] == ")":
                self._flags = inner
                return None
            self._flags = inner
        self._depth += 1
        if self._depth > _GROUP_DEPTH_MAX:
            raise PatternError("groups are nested too deep")
        node = self._alternatives()
        if self._peek() != ")":
            raise PatternError("missing closing parenthesis")
        self._at += 1
        self._depth -= 1
        self._flags = outer
        return node

    def _escape(self) -> _Node:
        escape = _ESCAPE.match(self._text, self._at)
        if escape is None:
            raise PatternError("trailing \\ at the end of the expression")
        self._at = escape.end()
        assertions = {
            "A": _Assertion.TEXT_START,
            "z": _Assertion.TEXT_END,
            "b": _Assertion.WORD_EDGE,
            "B": _Assertion.NO_WORD_EDGE,
        }
        name = escape[0][1]
        if name in assertions:
            return _assertion(assertions[name])
        if name.isdigit():
            raise PatternError(f"references to groups are not supported: {escape[0]}")
        if escape[1]:
            return self._character(_numbered(escape))
        if name.isascii() and name.isalpha() and name not in _CLASS_ESCAPES | set("afnrtvx"):
            raise PatternError(f"invalid escape sequence: {escape[0]}")
        return self._character(escape[0])

    def _class_text(self) -> str:
        """A class in brackets, in the form that Python's `re` wants."""
        start = self._at
        parts = ["["]
        self._at += 1
        if self._peek() == "^":
            parts.append("^")
            self._at += 1
        while self._peek() != "]" or len(parts) == 1 or parts == ["[", "^"]:
            if not self._peek():
                raise PatternError(f"missing closing ]: {self._text[start : start + 40]}")
            parts.append(self._class_part())
        self._at += 1
        return "".join((*parts, "]"))

    def _class_part(self) -> str:
        for name, range_text in _POSIX.items():
            if self._text.startswith(name, self._at):
                self._at += len(name)
                return range_text
        character = self._peek()
        if character == "\\":
            escape = _ESCAPE.match(self._text, self._at)
            if escape is None:
                raise PatternError("trailing \\ at the end of the expression")
            self._at = escape.end()
            return escape[0] if escape[1] is None else _numbered(escape)
        self._at += 1
        return "\\" + character if character in "[]&~|" else character

    def _character(self, text: str) -> _Node:
        flags = 0
        if "i" in self._flags:
            flags |= re.IGNORECASE
        if "s" in self._flags:
            flags |= re.DOTALL
        if any(text[place : place + 1] == "\\" and text[place + 1] in _CLASS_ESCAPES for place in range(len(text) - 1)):
            flags |= re.ASCII  # RE2's \w and \d know no others
        atom = self.atoms.setdefault((text, flags), len(self.atoms))
        return lambda program, after: program.add(_Op.CHARACTER, atom, after)


def _numbered(escape: re.Match[str]) -> str:
    """The character of `\\x{…}`, as Python's `re` takes it."""
    code = int(escape[1], 16)
    if code > 0x10FFFF:
        raise PatternError(f"invalid escape sequence: {escape[0]}")
    return re.escape(chr(code))


def _nothing(program: _Program, after: int) -> int:
    del program
    return after


def _assertion(assertion: _Assertion) -> _Node:
    return lambda program, after: program.add(_Op.ASSERT, assertion, after)


def _all_of(parts: list[_Node]) -> _Node:
    def emit(program: _Program, after: int) -> int:
        for part in reversed(parts):
            after = part(program, after)
        return after

    return emit


def _any_of(branches: list[_Node]) -> _Node:
    def emit(program: _Program, after: int) -> int:
        begin = branches[-1](program, after)
        for branch in reversed(branches[:-1]):
            begin = program.add(_Op.SPLIT, branch(program, after), begin)
        return begin

    return emit


def _repeat(node: _Node, low: int, high: int | None) -> _Node:
    def emit(program: _Program, after: int) -> int:
        if high is None:
            loop = program.add(_Op.SPLIT, after, after)
            program.instructions[loop] = (_Op.SPLIT, node(program, loop), after)
            after = loop
        else:
            end = after
            for _ in range(high - low):
                program.next_round()
                after = program.add(_Op.SPLIT, node(program, after), end)
        for _ in range(low):
            program.next_round()
            after = node(program, after)
        return after

    return emit


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
        case _Assertion.TEXT_START:
            return before == _EDGE
        case _Assertion.TEXT_END:
            return behind == _EDGE
        case _Assertion.LINE_START:
            return before in {_EDGE, _LINE_BREAK}
        case _Assertion.LINE_END:
            return behind in {_EDGE, _LINE_BREAK}
        case _:
            is_edge = (before == _WORD_CHARACTER) != (behind == _WORD_CHARACTER)
            return is_edge == (assertion == _Assertion.WORD_EDGE)


class Pattern:
    """A compiled pattern. It learns while it matches: for one thread at a time."""

    def __init__(self, text: str) -> None:
        """Raises PatternError."""
        if len(text) > limits.PATTERN_MAX_CHARS:
            raise PatternError(f"longer than {limits.PATTERN_MAX_CHARS} characters")
        parser = _Parser(text)
        program = _Program()
        end = program.add(_Op.MATCH, 0, 0)
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
            if op is _Op.CHARACTER:
                reached.append(place)
                continue
            if op is _Op.MATCH:
                return None
            ways = (first, second) if op is _Op.SPLIT else ((second,) if _holds(first, before, behind) else ())
            for way in ways:
                if way not in seen:
                    seen.add(way)
                    stack.append(way)
        return reached
