"""The words of a query, each with the column where it begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.logs import limits


class Kind(Enum):
    """What a token is."""

    TEXT = "text"  # unquoted; may be a keyword, a path or a value
    QUOTED = "quoted text"
    OPERATOR = "operator"
    OPEN = "("
    CLOSE = ")"
    COMMA = ","
    MINUS = "-"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word. `at` is its first character's column, from 0; `end` the one after its last."""

    kind: Kind
    value: str
    at: int
    end: int


_SPACE = re.compile(r"(?:\s+|--[^\n]*)+")
_OPERATOR = re.compile(r"!=|!~|=~|>=|<=|[=<>:]")
# Everything that has no meaning of its own; a path may have quoted parts: labels."a/b".c
_TEXT = re.compile(r"[^\s()\"'=<>:!~,\\]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_PUNCTUATION = {"(": Kind.OPEN, ")": Kind.CLOSE, ",": Kind.COMMA}


def refuse(problem: str, column: int) -> NoReturn:
    """Raises InvalidArgument that names the place."""
    text = f"{problem} (column {column + 1})"
    raise InvalidArgument(
        f"Unparseable filter: {text}.", violations=[FieldViolation(field="filter", description=text)]
    ) from None


def tokenize(text: str) -> list[Token]:
    """All tokens, END last. Raises InvalidArgument."""
    if len(text) > limits.QUERY_MAX_CHARS:
        refuse(f"a filter has at most {limits.QUERY_MAX_CHARS} characters, this one has {len(text)}", 0)
    found: list[Token] = []
    place = 0
    while True:
        space = _SPACE.match(text, place)
        place = space.end() if space else place
        if place == len(text):
            found.append(Token(Kind.END, "", place, place))
            return found
        token = _token_at(text, place)
        found.append(token)
        place = token.end


def _token_at(text: str, at: int) -> Token:
    character = text[at]
    if character in _PUNCTUATION:
        return Token(_PUNCTUATION[character], character, at, at + 1)
    if character in "\"'":
        return _quoted(text, at)
    operator = _OPERATOR.match(text, at)
    if operator:
        return Token(Kind.OPERATOR, operator[0], at, operator.end())
    if character == "-":
        return Token(Kind.MINUS, "-", at, at + 1)
    plain = _TEXT.match(text, at)
    if plain is None:
        refuse(f"unexpected {character!r}", at)
    return Token(Kind.TEXT, plain[0], at, plain.end())


def _quoted(text: str, at: int) -> Token:
    quote = text[at]
    place = at + 1
    while place < len(text) and text[place] != quote:
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        refuse("a quoted text does not end", at)
    return Token(Kind.QUOTED, _ESCAPE.sub(_unescape, text[at + 1 : place]), at, place + 1)


def _unescape(match: re.Match[str]) -> str:
    """Escapes of JSON. Others stay as they are, so that a regular expression may be written with one backslash."""
    wide, short, other = match.groups()
    if wide or short:
        return chr(int(wide or short, 16))
    return _ESCAPED.get(other, match[0])
