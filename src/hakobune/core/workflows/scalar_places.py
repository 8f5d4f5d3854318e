"""Where the characters of a text stand that the source writes with quotes, escapes, folded or indented lines."""

from __future__ import annotations

import re
from typing import Final

_BLANKS: Final = frozenset(" \t\r\n\x85\u2028\u2029")  # what YAML folds or leaves out, and what it takes for breaks
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")  # anchor and tag
_BLOCK_HEADER: Final = re.compile(r"[|>][^\r\n]*(?:\r\n|[\n\r])?")
_ESCAPED_BREAK: Final = re.compile(r"\\(?:\r\n|[\n\r])[ \t]*")
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)"
)


def raw_indexes(raw: str, value: str) -> list[int] | None:
    """For each character of `value` the index at which it begins in `raw`, the text of its scalar in the source.

    Blanks that YAML folded stand where the raw text has the first of them. None where the two do not belong together.
    """
    found = _PROPERTIES.match(raw)
    at = found.end() if found is not None else 0
    quote = raw[at : at + 1]
    if quote in ('"', "'"):
        return _indexes(raw, at + 1, value, quote)
    header = _BLOCK_HEADER.match(raw, at)
    return _indexes(raw, at if header is None else header.end(), value, "")


def _indexes(raw: str, at: int, value: str, quote: str) -> list[int] | None:
    found: list[int] = []
    for character in value:
        if character in _BLANKS and raw[at : at + 1] != "\\":
            found.append(at)
            at += raw[at : at + 1] == character
            continue
        at = _behind_blanks(raw, at, has_escapes=quote == '"')
        end = _end_of(raw, at, character, quote)
        if end is None:
            return None
        found.append(at)
        at = end
    return found


def _behind_blanks(raw: str, at: int, *, has_escapes: bool) -> int:
    while True:
        while raw[at : at + 1] in _BLANKS:
            at += 1
        hidden = _ESCAPED_BREAK.match(raw, at) if has_escapes else None
        if hidden is None:
            return at
        at = hidden.end()


def _end_of(raw: str, at: int, character: str, quote: str) -> int | None:
    """The index behind `character`, which stands at `at` as itself or as an escape. None: something else does."""
    if quote == '"' and raw.startswith("\\", at):
        escape = _ESCAPE.match(raw, at)
        return None if escape is None else escape.end()
    if quote == "'" and character == "'":
        return at + 2 if raw.startswith("''", at) else None
    return at + 1 if raw.startswith(character, at) else None
