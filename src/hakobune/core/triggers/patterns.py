"""Path patterns: `projects/_/buckets/**/r*.txt`. `*` stands for anything within a segment, `**` for any number of
segments, none included. The whole value must match.

Source: https://cloud.google.com/eventarc/docs/path-patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from hakobune.core.triggers.limits import VALUE_CHARACTERS, WILDCARDS

_STARS = re.compile(r"(\*+)")


class _Compiled(Protocol):
    def fullmatch(self, text: str) -> object: ...


class _Library(Protocol):
    """What is used of google-re2, which has no types of its own."""

    def compile(self, pattern: str) -> _Compiled: ...

    def escape(self, text: str) -> str: ...


@cache
def _re2() -> _Library:
    return cast("_Library", import_module("re2"))  # loaded with the first pattern


class BadPattern(ValueError):
    """A text that is no path pattern. Says why."""


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a value matches. The time it takes grows with the value's length only. Raises BadPattern."""
    _check(pattern)
    segments = pattern.split("/")
    expression = ""
    for place, segment in enumerate(segments):
        is_last = place == len(segments) - 1
        if segment == "**":
            expression += ".*" if is_last else "(?:.*/)?"
        else:
            expression += _segment(segment)
            if segments[place + 1 :] == ["**"]:
                return _matcher(pattern, expression + "(?:/.*)?")
            expression += "" if is_last else "/"
    return _matcher(pattern, expression)


def _check(pattern: str) -> None:
    if not pattern:
        raise BadPattern("is empty")
    if len(pattern) > VALUE_CHARACTERS:
        raise BadPattern(f"has more than {VALUE_CHARACTERS} characters")
    if "{" in pattern or "}" in pattern:
        raise BadPattern("has braces: captures such as {name=*} belong to Cloud Functions; write * or **")
    if "***" in pattern:
        raise BadPattern("has three stars in a row: * stands for a part of a segment, ** for any number of segments")
    if "//" in pattern:
        raise BadPattern("has an empty segment (//)")
    if pattern.count("*") > WILDCARDS:
        raise BadPattern(f"has more than {WILDCARDS} stars")


def _segment(segment: str) -> str:
    parts = _STARS.split(segment)
    return "".join({"*": "[^/]*", "**": ".*"}.get(part) or _re2().escape(part) for part in parts)


def literal_segments(pattern: str) -> list[str]:
    """Segments without a star: a value that matches has each of them as a segment."""
    return [segment for segment in pattern.split("/") if "*" not in segment]


def _matcher(pattern: str, expression: str) -> Callable[[str], bool]:
    """What most values fail is asked first: RE2 takes some microseconds for an answer."""
    if "*" not in pattern:
        return pattern.__eq__
    # A ** may stand for no segment, and then one of the slashes beside it is not there.
    pieces = [piece.strip("/") for piece in _STARS.split(pattern)[::2]]
    prefix, suffix, middle = pieces[0], pieces[-1], tuple(filter(None, pieces[1:-1]))
    matches = _re2().compile(f"(?s){expression}").fullmatch

    def check(value: str) -> bool:
        for piece in middle:
            if piece not in value:
                return False
        return value.startswith(prefix) and value.endswith(suffix) and matches(value) is not None

    return check
