"""`text.find_all_regex`, `text.match_regex`, `text.replace_all_regex`: RE2, of the leftmost matches the longest.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/text/find_all_regex, …/text/match_regex,
…/text/replace_all_regex; the syntax: https://github.com/google/re2/wiki/Syntax. An empty match right after another
match does not count, as in RE2's own GlobalReplace. Why the library: docs/decisions/0015-re2-and-aiohttp.md.

RE2 looks for one match in linear time, and no faster than that: where a pattern repeats something without end, each
match may look at the whole rest of the text. How far it looked is not told; so the most it may have looked at is
charged, and a call that may take too long ends with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.arguments import text
from hakobune.core.workflows.stdlib.charsets import utf8
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.stdlib.sizes import check_elements, check_result
from hakobune.core.workflows.values import Value

_CACHED_PATTERNS = 32  # each may hold a few megabytes of automaton

# Work, in nominal nanoseconds, as measured.
_COMPILE_NS = 300  # for each instruction of the pattern
_MATCH_NS = 5_000  # for each match, beside the looking
_LOOK_NS = 2  # for each byte that a small pattern looks at: it always has an automaton without choices
_SMALL = 40  # instructions; with more, there may be too many states for that automaton
_CHOICE_NS = 4  # for each byte and instruction of a larger pattern, at the worst
_ENDLESS = re.compile(r"[*+]|\{[0-9]+,\}")  # what repeats without end, or looks like it


@dataclass(frozen=True, slots=True)
class _Span:
    """A match: `[start, end)` in code points."""

    start: int
    end: int


def find_all_regex(meter: Meter, source: Value, regexp: Value) -> Value:
    """`{index, match}` of each match, from the left. Raises Failure (TypeError, ValueError, ResourceLimitError)."""
    content, spans = _matches(meter, "text.find_all_regex", source, regexp)
    found: list[Value] = []
    for span in spans:
        check_elements("text.find_all_regex", 4 * len(found))  # a map with a number and a text is as four elements
        found.append({"index": span.start, "match": content[span.start : span.end]})
    return found


def match_regex(meter: Meter, source: Value, regexp: Value) -> Value:
    """Whether any part of the text matches. Raises Failure (TypeError, ValueError, ResourceLimitError)."""
    _, spans = _matches(meter, "text.match_regex", source, regexp)
    return next(spans, None) is not None


def replace_all_regex(meter: Meter, source: Value, regexp: Value, repl: Value) -> Value:
    """The text with `repl`, as it is written, in place of each match: `\\1` and `$1` mean nothing in it.

    Raises Failure (TypeError, ValueError, ResourceLimitError).
    """
    replacement = text("text.replace_all_regex", "repl", repl)
    utf8("text.replace_all_regex", replacement)
    content, spans = _matches(meter, "text.replace_all_regex", source, regexp)
    pieces: list[str] = []
    end = size = 0
    for span in spans:
        size += span.start - end + len(replacement)
        check_result("text.replace_all_regex", size)
        pieces += (content[end : span.start], replacement)
        end = span.end
    pieces.append(content[end:])
    return "".join(pieces)


def _matches(meter: Meter, function: str, source: Value, regexp: Value) -> tuple[str, Iterator[_Span]]:
    content = text(function, "source", source)
    pattern_text = text(function, "regexp", regexp)
    utf8(function, content)
    utf8(function, pattern_text)
    pattern = _compiled(function, pattern_text)
    meter.spend(pattern.programsize * _COMPILE_NS)
    return content, _spans(meter, pattern, content, is_endless=_ENDLESS.search(pattern_text) is not None)


def _spans(meter: Meter, pattern: _Pattern, content: str, *, is_endless: bool) -> Iterator[_Span]:
    """The matches, one after the other. The looking is charged before it is done: all of the text for the first match;
    for each one after it what was looked at twice, at the most."""
    size = pattern.programsize
    look_ns = _LOOK_NS if size <= _SMALL else size * _CHOICE_NS
    wide = 1 if content.isascii() else 4  # bytes of a character
    meter.spend(len(content) * wide * look_ns)
    end = -1
    for match in pattern.finditer(content):
        rest = len(content) - match.end()
        again = rest if is_endless else min(rest, size)  # without endless repetition, each instruction takes one byte
        meter.spend(_MATCH_NS + again * wide * look_ns)
        span = _Span(*match.span())
        if span.end > span.start or span.start != end:
            yield span
        end = span.end


def _compiled(function: str, pattern_text: str) -> _Pattern:
    try:
        return _compile(pattern_text)
    except _library().error as error:
        reason = error.args[0] if error.args else ""
        detail = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise value_error(f"{function}: invalid regular expression: {detail}") from error


@lru_cache(maxsize=_CACHED_PATTERNS)
def _compile(pattern_text: str) -> _Pattern:
    options = _library().Options()
    options.longest_match = True
    options.log_errors = False
    return _library().compile(pattern_text, options)


class _Options(Protocol):
    """The two options of RE2 that are set here."""

    longest_match: bool
    log_errors: bool


class _Pattern(Protocol):
    """What is used of a compiled pattern. `programsize`: its instructions."""

    programsize: int

    def finditer(self, text: str) -> Iterator[re.Match[str]]: ...


class _Library(Protocol):
    """What is used of google-re2, which has no types of its own."""

    error: type[Exception]
    Options: Callable[[], _Options]

    def compile(self, pattern: str, options: _Options) -> _Pattern: ...


@lru_cache(maxsize=1)
def _library() -> _Library:
    # Loaded at the first use: a workflow without regular expressions does not pay for it.
    return cast("_Library", import_module("re2"))


_SOURCE = LibraryParameter("source")
_REGEXP = LibraryParameter("regexp")

FUNCTIONS = (
    LibraryFunction(name="text.find_all_regex", parameters=(_SOURCE, _REGEXP), kind=Kind.METERED, run=find_all_regex),
    LibraryFunction(name="text.match_regex", parameters=(_SOURCE, _REGEXP), kind=Kind.METERED, run=match_regex),
    LibraryFunction(
        name="text.replace_all_regex",
        parameters=(_SOURCE, _REGEXP, LibraryParameter("repl")),
        kind=Kind.METERED,
        run=replace_all_regex,
    ),
)
