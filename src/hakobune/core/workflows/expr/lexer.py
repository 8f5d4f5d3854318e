"""The text of an expression → its tokens, each with its place. Source: spec of the language, "Expressions"."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

INT64_LIMIT: Final = 2**63  # the first integer that does not fit; with a minus before it, it does
_INT64_DIGITS: Final = 19  # of the largest integer


class ExpressionError(Exception):
    """An expression cannot be read. `at` counts characters from the first one after `${`.

    `remedy` says what to write instead, where that is known.
    """

    def __init__(self, message: str, at: int, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.remedy = remedy


class TokenKind(StrEnum):
    """What a token is."""

    NAME = "name"
    KEYWORD = "keyword"
    NUMBER = "number"
    TEXT = "text"
    SIGN = "sign"
    END = "end"


class Token(NamedTuple):
    """`text` as it stands in the source. `word` is that of a sign or a keyword (in lower case), "" for all others.
    `value` is that of a number or a string literal. (A tuple: a source of 128 KB has tens of thousands of them.)
    """

    kind: TokenKind
    text: str
    at: int
    word: str = ""
    value: int | float | str = 0

    def described(self) -> str:
        """How an error message names it."""
        if self.kind is TokenKind.END:
            return "the end of the expression"
        if self.kind is TokenKind.TEXT:
            return f"the string {self.shown}"
        return f"'{self.text}'"

    @property
    def shown(self) -> str:
        """Its text for people, cut if it is long."""
        return self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "…"


_SHOWN: Final = 24  # characters of a string literal in a message

# Spelling → word. `Null` is written so in published samples; `NULL` is not (inferred).
KEYWORDS: Final = {
    **{word: word.lower() for word in ("and", "AND", "or", "OR", "not", "NOT", "in", "IN")},
    **{word: word.lower() for word in ("true", "True", "TRUE", "false", "False", "FALSE", "null", "Null")},
}

_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<double>[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))
  | (?P<int>[0-9]+)
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<sign>//|<=|>=|==|!=|[-+*/%<>.,:()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)

# A surrogate pair is taken as one escape.
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL
)
_ESCAPES: Final = {
    '"': '"', "'": "'", "\\": "\\", "/": "/", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f",
}  # fmt: skip

_FOREIGN: Final = {
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not', or '!=' to compare",
    "=": "write '==' to compare; variables are set in 'assign', and arguments are given in their order",
    "?": "write if(condition, value, other value)",
    "$": "leave out '${' and '}' inside an expression",
    "`": "write strings in double quotes",
    "#": "leave out the comment",
    ";": "write one value; another one is a step of its own",
    "^": "there is no such operator; for powers, multiply",
    "~": "there is no such operator; text.match_regex tells whether a text matches",
    "@": "write a text in double quotes",
    "\\": "write a text in double quotes, and leave out backslashes outside of it",
    **dict.fromkeys("\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb", 'write strings in straight quotes: "text"'),
}
_RUNS: Final = {
    "===": "write '=='",
    "=>": "write '>='",
    "=~": "write text.match_regex(text, pattern)",
    "??": "write default(value, other value)",
}
_CHANGES: Final = frozenset("+-*/%")


def tokens(text: str) -> list[Token]:
    """All tokens, and one of kind END. Raises ExpressionError."""
    found: list[Token] = []
    at = 0
    match_at = _TOKEN.match
    while at < len(text):
        match = match_at(text, at)
        if match is None:
            raise _no_token(text, at)
        group = match.lastgroup
        if group != "space":
            found.append(_token(group or "", match.group(), at))
        at = match.end()
        if group in _NUMBERS and _NAME_START.match(text, at):
            raise ExpressionError(
                f"a name begins with a letter, found '{match.group()}{text[at]}'",
                match.start(),
                "write the digits of a number together, and a text in double quotes",
            )
    found.append(Token(TokenKind.END, "", len(text)))
    return found


_NUMBERS: Final = frozenset({"int", "double"})
_NAME_START: Final = re.compile("[A-Za-z_]")


def _token(group: str, text: str, at: int) -> Token:
    if group == "name":
        word = KEYWORDS.get(text, "")
        return Token(TokenKind.KEYWORD if word else TokenKind.NAME, text, at, word)
    if group == "sign":
        return Token(TokenKind.SIGN, text, at, text)
    if group == "int":
        return Token(TokenKind.NUMBER, text, at, "", _integer(text, at))
    if group == "double":
        return Token(TokenKind.NUMBER, text, at, "", _double(text, at))
    return Token(TokenKind.TEXT, text, at, "", _unescaped(text, at))


def _integer(text: str, at: int) -> int:
    """Its value, or INT64_LIMIT: whether that stands behind a minus is the grammar's to say."""
    digits = text.lstrip("0")
    value = int(digits or "0") if len(digits) <= _INT64_DIGITS else INT64_LIMIT + 1
    if value > INT64_LIMIT:
        raise integer_too_large(at)
    return value


def integer_too_large(at: int) -> ExpressionError:
    """An integer literal outside the 64 bits."""
    return ExpressionError("integer does not fit into 64 bits", at, "write it as a double, for example 1e20")


def _double(text: str, at: int) -> float:
    value = float(text)
    if value == float("inf"):
        raise ExpressionError("number is too large for a double", at, "the largest one is about 1.8e308")
    return value


def _unescaped(text: str, at: int) -> str:
    """The value of a string literal: JSON's escapes, and `\\'`."""
    body = text[1:-1]
    if "\\" not in body:
        return body

    def replaced(match: re.Match[str]) -> str:
        escape = match.group()
        place = at + 1 + match.start()
        if escape[1] != "u":
            try:
                return _ESCAPES[escape[1]]
            except KeyError:
                raise ExpressionError(
                    f"unknown escape '{escape}' in a string", place, "write '\\\\' for a backslash"
                ) from None
        if escape == "\\u":
            raise ExpressionError("'\\u' needs four hexadecimal digits", place, "write it as \\u00e9")
        return _characters(escape, place)

    return _ESCAPE.sub(replaced, body)


def _characters(escape: str, at: int) -> str:
    """`\\uXXXX`, or two of them: a surrogate pair is one character."""
    units = [int(digits, 16) for digits in escape.split("\\u")[1:]]
    raw = b"".join(unit.to_bytes(2, "big") for unit in units)
    try:
        return raw.decode("utf-16-be")
    except UnicodeDecodeError:
        raise ExpressionError(
            f"'{escape}' is half of a surrogate pair", at, "write the character itself, or both halves"
        ) from None


def _no_token(text: str, at: int) -> ExpressionError:
    character = text[at]
    if character in "\"'":
        return ExpressionError("string without an end", at, f"close it with {character}")
    name = f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"
    return ExpressionError(f"unexpected character {name}", at, _remedy_of(text, at))


def _remedy_of(text: str, at: int) -> str:
    character = text[at]
    for run, remedy in _RUNS.items():
        if any(text.startswith(run, start) for start in range(max(at - len(run) + 1, 0), at + 1)):
            return remedy
    if character == "=" and text[at - 1 : at] and text[at - 1] in _CHANGES:
        return f"write x {text[at - 1]} y: an expression changes no variable, 'assign' does"
    if character.isalpha():
        return (
            "names have the letters a to z, digits and '_'; write m[\"…\"] for other keys, and texts in double quotes"
        )
    if not character.isprintable():
        return "write an ordinary space, or remove it"
    return _FOREIGN.get(character, "")
