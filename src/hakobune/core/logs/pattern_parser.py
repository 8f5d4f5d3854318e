"""Reads a pattern of a log filter, in RE2's syntax."""

from __future__ import annotations

import re

from hakobune.core.logs.pattern_program import (
    Assertion,
    Node,
    Op,
    PatternError,
    all_of,
    any_of,
    assertion,
    nothing,
    repeated,
)

_GROUP_DEPTH_MAX = 50
_REPEAT_MAX = 1_000  # RE2's own bound

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


class Parser:
    """Recursive descent: alternatives of sequences of repeated atoms. Depth is bounded."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._flags: frozenset[str] = frozenset()
        self.atoms: dict[tuple[str, int], int] = {}

    def parse(self) -> Node:
        """The whole pattern; its characters are in `atoms`, by their text and flags. Raises PatternError."""
        node = self._alternatives()
        if self._at < len(self._text):
            raise PatternError("missing opening parenthesis")
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _alternatives(self) -> Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else any_of(branches)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            atom = self._atom()
            parts.append(self._repeated(atom) if atom is not None else nothing)
        return all_of(parts)

    def _atom(self) -> Node | None:
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
                return assertion(Assertion.LINE_START if "m" in self._flags else Assertion.TEXT_START)
            case "$":
                self._at += 1
                return assertion(Assertion.LINE_END if "m" in self._flags else Assertion.TEXT_END)
            case "*" | "+" | "?":
                raise PatternError(f"no argument for repetition operator: {self._peek()}")
            case ".":
                self._at += 1
                return self._character(".")
            case character:
                self._at += 1
                return self._character(re.escape(character))

    def _repeated(self, node: Node) -> Node:
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
        return repeated(node, low, high)

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

    def _group(self) -> Node | None:
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

    def _escape(self) -> Node:
        escape = _ESCAPE.match(self._text, self._at)
        if escape is None:
            raise PatternError("trailing \\ at the end of the expression")
        self._at = escape.end()
        assertions = {
            "A": Assertion.TEXT_START,
            "z": Assertion.TEXT_END,
            "b": Assertion.WORD_EDGE,
            "B": Assertion.NO_WORD_EDGE,
        }
        name = escape[0][1]
        if name in assertions:
            return assertion(assertions[name])
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

    def _character(self, text: str) -> Node:
        flags = 0
        if "i" in self._flags:
            flags |= re.IGNORECASE
        if "s" in self._flags:
            flags |= re.DOTALL
        if any(text[place : place + 1] == "\\" and text[place + 1] in _CLASS_ESCAPES for place in range(len(text) - 1)):
            flags |= re.ASCII  # RE2's \w and \d know no others
        atom = self.atoms.setdefault((text, flags), len(self.atoms))
        return lambda program, after: program.add(Op.CHARACTER, atom, after)


def _numbered(escape: re.Match[str]) -> str:
    """The character of `\\x{…}`, as Python's `re` takes it."""
    code = int(escape[1], 16)
    if code > 0x10FFFF:
        raise PatternError(f"invalid escape sequence: {escape[0]}")
    return re.escape(chr(code))
