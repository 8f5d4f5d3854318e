"""What a YAML error most likely means, in plain words, and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import yaml

from hakobune.core.workflows.positions import Position, Problem
from hakobune.core.workflows.tree import SourceText


@dataclass(frozen=True, slots=True)
class _Mistake:
    """`sign` stands in the message of the YAML library (of libyaml or of the reader in Python)."""

    sign: str
    message: str
    remedy: str
    is_at_context: bool = False  # the place where it begins tells more than the place where it was noticed


_TAB: Final = _Mistake(
    "", "a tab stands where YAML wants spaces", "indent with spaces only; most editors can turn tabs into spaces"
)
_FALSE_SPACE: Final = _Mistake(
    "", "a character that only looks like a space stands in the indentation", "indent with ordinary spaces only"
)
_OPEN_EXPRESSION: Final = _Mistake(
    "",
    "an expression is not closed",
    "close it with '}'; the braces of a map in it need one of their own: ${{\"a\": 1}}",
)
_TEXT_BEHIND_QUOTE: Final = _Mistake(
    "",
    "text stands behind the quote that closes a quoted text",
    "put the value as a whole into quotes: '\"a\" b' or \"'a' b\"; or make it one expression",
)
_MISTAKES: Final = (
    _Mistake(
        "mapping values are not allowed",
        "a ':' stands where no key may be",
        "quote a text that holds ': ', or indent this key as the other keys of its map",
    ),
    _Mistake(
        "could not find expected ':'",
        "a ':' is missing behind a key",
        "write 'key: value', with a space behind the colon, and quote texts of several lines",
        is_at_context=True,
    ),
    _Mistake(
        "did not find expected key",
        "this line does not fit into the map it stands in",
        "indent all keys of a map by the same number of spaces; put a value as a whole into quotes, or not at all",
    ),
    _Mistake(
        "expected <block end>",
        "this line does not fit into the list or map it stands in",
        "indent all entries of a list or map by the same number of spaces",
    ),
    _Mistake(
        "did not find expected '-' indicator",
        "this line does not fit into the list it stands in",
        "begin each entry of the list with '- ' at the same column, or indent the line further",
    ),
    _Mistake(
        "sequence entries are not allowed",
        "a list cannot begin here",
        "begin the list on a line of its own, below its key",
    ),
    _Mistake(
        "expected ',' or ']'",
        "a '[' is not closed, or a ',' is missing between its items",
        "close the list with ']', and quote items that hold brackets, braces or commas",
        is_at_context=True,
    ),
    _Mistake(
        "expected ',' or '}'",
        "a '{' is not closed, or a ',' is missing between its entries",
        "close the map with '}', and quote values that hold brackets, braces or commas",
        is_at_context=True,
    ),
    _Mistake(
        "unexpected end of stream",
        "a quote is not closed",
        "close it with the same quote; inside '…' write '' for a quote, inside \"…\" write \\\"",
        is_at_context=True,
    ),
    _Mistake(
        "unexpected document indicator",
        "a quote is not closed before the end of the document",
        "close it with the same quote",
        is_at_context=True,
    ),
    _Mistake(
        "unknown escape character",
        "a backslash in double quotes begins an escape that YAML does not know",
        "write \\\\ for a backslash, or use single quotes",
    ),
    _Mistake(
        "decimal number",
        "an escape with a code needs hexadecimal digits: \\x41, \\u0041 or \\U00000041",
        "write all digits of the code, or \\\\ for a backslash",
    ),
    _Mistake(
        "invalid Unicode character escape code",
        "an escape names a code that is no character",
        "write the character itself instead of \\ud8xx escapes",
    ),
    _Mistake(
        "cannot start any token",
        "an unquoted text cannot begin with this character",
        "quote the text",
    ),
    _Mistake(
        "<document start>",
        "text stands behind the end of the definition, or a line is indented less than the ones above it",
        "indent the line as the lines that it belongs to",
    ),
    _Mistake(
        "expected alphabetic or numeric character",
        "a '&' or '*' at the beginning of a text needs a name of letters and digits",
        "quote a text that begins with '&' or '*'",
    ),
    _Mistake(
        "maximum nesting depth",
        "maps and lists stand too deep in one another",
        "move inner steps to a subworkflow, or inner data to a variable",
    ),
    _Mistake(
        "node content",
        "a ']', '}' or ',' stands where a value must be",
        "remove it, or quote a text that begins with it",
    ),
)
_INDENTATION: Final = re.compile(r" *\t")
_FALSE_INDENTATION: Final = re.compile("[ \t]*[\u00a0\u2000-\u200b\u202f\u3000]")
_BEHIND_QUOTE: Final = re.compile(r"(?:.*[:\-,\[{ ] *)?([\"']).*\1[ \t]*")
_BLOCK_END_SIGNS: Final = ("expected key", "expected <block end>")


def problem_of(error: yaml.YAMLError, source: SourceText) -> Problem:
    """The problem that stands behind an error of the YAML library. Its own words are kept in the message."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(rule="yaml", message=f"not readable as YAML: {error}", position=Position(1, 1))
    own_words = " ".join(word for word in (error.context, error.problem) if word)
    mark = error.problem_mark or error.context_mark
    place = source.position(min(mark.index, len(source.text)) if mark is not None else 0)
    if _INDENTATION.match(source.line(place.line)):
        return _problem(_TAB, own_words, place)
    if _FALSE_INDENTATION.match(source.line(place.line)):
        return _problem(_FALSE_SPACE, own_words, place)
    before = source.line(place.line)[: place.column - 1]
    if "mapping values" in own_words and (start := before.rfind("${")) >= 0 and "}" not in before[start:]:
        line_start = mark.index - len(before) if mark is not None else 0
        return _problem(_OPEN_EXPRESSION, own_words, source.position(line_start + start))
    if any(sign in own_words for sign in _BLOCK_END_SIGNS) and _BEHIND_QUOTE.fullmatch(before):
        return _problem(_TEXT_BEHIND_QUOTE, own_words, place)
    for mistake in _MISTAKES:
        if mistake.sign in own_words:
            if mistake.is_at_context and error.context_mark is not None:
                place = source.position(error.context_mark.index)
            return _problem(mistake, own_words, place)
    return Problem(
        rule="yaml",
        message=f"not readable as YAML: {own_words}",
        position=place,
        remedy="check the indentation and the quotes of this line and of the one above it",
    )


def _problem(mistake: _Mistake, own_words: str, place: Position) -> Problem:
    return Problem(rule="yaml", message=f"{mistake.message} ({own_words})", position=place, remedy=mistake.remedy)
