"""Filters of subscriptions: which messages are delivered; the others count as acknowledged.

    filter      one { "AND" one } | one { "OR" one }          AND and OR do not mix without parentheses
    one         ("NOT" | "-") one | "(" filter ")" | test
    test        "attributes:" key | "attributes." key ("=" | "!=") text | hasPrefix "(" "attributes." key "," text ")"
    key         letters, digits, "_" and "-", or a text
    text        "…" with the escapes \\\\ \\" \\n \\r \\t \\ooo \\xhh \\uhhhh \\Uhhhhhhhh

Source: https://cloud.google.com/pubsub/docs/subscription-message-filter. Inferred: unquoted keys may hold "-" and begin
with a digit; `!=` holds for a message without the attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NoReturn

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.pubsub.limits import FILTER_BYTES, FILTER_DEPTH

Matches = Callable[[Mapping[str, str]], bool]

_FILTERS_KEPT = 1_024
_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r'[^"\\]+')
_SIMPLE_ESCAPES = {
    "n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "?": "?", "`": "`",
}  # fmt: skip
_CODED_ESCAPE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-3][0-7]{2})")
_BOOLEANS = frozenset({"AND", "OR", "NOT"})


@lru_cache(maxsize=_FILTERS_KEPT)
def filter_from_text(text: str) -> Matches:
    """What a filter lets through, by the attributes of a message. Raises InvalidArgument with the column."""
    if len(text.encode()) > FILTER_BYTES:
        _refuse(f"is longer than {FILTER_BYTES} bytes")
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the text, with a bound on its depth."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0

    def parse(self) -> Matches:
        """The whole text. Raises InvalidArgument."""
        matches = self._filter()
        if self._place < len(self._text):
            self._refuse(f"unexpected {self._text[self._place]!r}")
        return matches

    # -- the grammar --------------------------------------------------------------------------------------------

    def _filter(self) -> Matches:
        parts = [self._one()]
        joint = self._joint()
        if not joint:
            return parts[0]
        self._take_word()
        parts.append(self._one())
        while following := self._joint():
            if following != joint:
                self._refuse("AND and OR are mixed without parentheses")
            self._take_word()
            parts.append(self._one())
        tests = tuple(parts)
        if joint == "AND":
            return lambda attributes: all(test(attributes) for test in tests)
        return lambda attributes: any(test(attributes) for test in tests)

    def _joint(self) -> str:
        """The AND or OR that follows, or ""."""
        word = self._next_word()
        return word if word in ("AND", "OR") else ""

    def _one(self) -> Matches:
        self._depth += 1
        if self._depth > FILTER_DEPTH:
            self._refuse(f"nested deeper than {FILTER_DEPTH} levels")
        found = self._nested()
        self._depth -= 1
        return found

    def _nested(self) -> Matches:
        if self._took("-"):
            return _negated(self._one())
        if self._took("("):
            found = self._filter()
            self._expect(")")
            return found
        if self._next_word() == "NOT":
            self._take_word()
            return _negated(self._one())
        return self._test()

    def _test(self) -> Matches:
        word = self._next_word()
        if word == "hasPrefix":
            self._take_word()
            return self._has_prefix()
        if word != "attributes":
            self._refuse('expected attributes, hasPrefix, NOT, "-" or "("')
        self._take_word()
        if self._took(":"):
            key = self._key()
            return lambda attributes: key in attributes
        key = self._key_behind_dot()
        is_negated = self._took("!=")
        if not is_negated and not self._took("="):
            self._refuse('expected "=" or "!="')
        value = self._string()
        if is_negated:
            return lambda attributes: attributes.get(key) != value
        return lambda attributes: attributes.get(key) == value

    def _has_prefix(self) -> Matches:
        self._expect("(")
        if self._next_word() != "attributes":
            self._refuse("expected attributes")
        self._take_word()
        key = self._key_behind_dot()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _key_behind_dot(self) -> str:
        if not self._took("."):
            self._refuse('expected ":" or "." behind attributes')
        return self._key()

    # -- words --------------------------------------------------------------------------------------------------

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._place)
        self._place = match.end() if match else self._place

    def _next_word(self) -> str:
        self._skip()
        match = _WORD.match(self._text, self._place)
        return match.group() if match else ""

    def _take_word(self) -> None:
        self._place += len(self._next_word())

    def _took(self, mark: str) -> bool:
        self._skip()
        if not self._text.startswith(mark, self._place):
            return False
        self._place += len(mark)
        return True

    def _expect(self, mark: str) -> None:
        if not self._took(mark):
            self._refuse(f'expected "{mark}"')

    def _key(self) -> str:
        self._skip()
        if self._text.startswith('"', self._place):
            key = self._string()
            if not key:
                self._refuse("the key of an attribute is empty")
            return key
        match = _KEY.match(self._text, self._place)
        if match is None or match.group() in _BOOLEANS:
            self._refuse(
                "expected the key of an attribute; put keys with other than letters, digits, _ and - in quotes"
            )
        self._place = match.end()
        return match.group()

    def _string(self) -> str:
        if not self._took('"'):
            self._refuse('expected a text in double quotes ("…")')
        parts: list[str] = []
        while True:
            match = _PLAIN.match(self._text, self._place)
            if match is not None:
                parts.append(match.group())
                self._place = match.end()
            if self._place >= len(self._text):
                self._refuse("the text has no closing quote")
            self._place += 1
            if self._text[self._place - 1] == '"':
                return "".join(parts)
            parts.append(self._escape())

    def _escape(self) -> str:
        simple = _SIMPLE_ESCAPES.get(self._text[self._place : self._place + 1])
        if simple is not None:
            self._place += 1
            return simple
        match = _CODED_ESCAPE.match(self._text, self._place)
        if match is None:
            self._refuse("this escape is not known")
        self._place = match.end()
        in_hex = match.group(1) or match.group(2) or match.group(3)
        number = int(in_hex, 16) if in_hex else int(match.group(4), 8)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            self._refuse("this escape is no character")
        return chr(number)

    def _refuse(self, problem: str) -> NoReturn:
        _refuse(f"{problem} at column {self._place + 1}")


def _negated(test: Matches) -> Matches:
    return lambda attributes: not test(attributes)


def _refuse(problem: str) -> NoReturn:
    text = f"The filter is invalid: {problem}."
    raise InvalidArgument(text, violations=[FieldViolation(field="subscription.filter", description=text)])
