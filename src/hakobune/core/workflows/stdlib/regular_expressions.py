"""`text.find_all_regex`, `text.match_regex`, `text.replace_all_regex`: RE2, of the leftmost matches the longest.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/text/find_all_regex, …/text/match_regex,
…/text/replace_all_regex; the syntax: https://github.com/google/re2/wiki/Syntax. An empty match right after another
match does not count, as in RE2's own GlobalReplace. Why the library: docs/decisions/0015-re2-and-aiohttp.md.

RE2 looks for one match in linear time, and no faster than that: of some patterns that repeat something without end,
each match may look at the whole rest of the text. How far it looked is not told. `pattern_shapes.py` knows the patterns
of which it cannot be far, `pattern_reach.py` how far it can be in this text; the most it may have looked at is charged,
and a call that may take too long ends with an error. The compiling has no bound in RE2: `pattern_bounds.py` tells what
it may cost before it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

from hakobune.core.workflows.failures import Failure, resource_limit, value_error
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.arguments import text
from hakobune.core.workflows.stdlib.charsets import utf8
from hakobune.core.workflows.stdlib.pattern_bounds import (
    PATTERN_BYTES,
    BoundedPattern,
    PatternError,
    bounded,
)
from hakobune.core.workflows.stdlib.pattern_reach import Reach
from hakobune.core.workflows.stdlib.pattern_shapes import PatternShape, shape_of
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.stdlib.sizes import check_elements, check_result
from hakobune.core.workflows.values import Value, utf8_length

_CACHED_PATTERNS = 8  # each may hold ten megabytes
_PATTERN_MEMORY = 8 * 1_048_576  # bytes that RE2 may hold for one: its program and its automaton; the default of RE2

# Work, in nominal nanoseconds, as measured.
_READ_NS = 2_000  # for each byte of the pattern, to read it here and in RE2
_MATCH_NS = 4_000  # for each match, beside the looking
_LOOK_NS = 2  # for each byte that a small pattern looks at: it always has an automaton without choices
_SMALL = 40  # instructions; with more, there may be too many states for that automaton,
_SMALL_CHARACTERS = 8  # unless they are those of a few characters: \p{L} alone has hundreds
_BYTES_MAX = 4  # of a character
_CHOICE_NS = 4  # for each byte and instruction of a larger pattern, at the worst


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
    pattern = _compiled(meter, function, pattern_text)
    return content, _spans(meter, pattern, content, _shape(pattern_text))


def _spans(meter: Meter, pattern: _Pattern, content: str, shape: PatternShape | None) -> Iterator[_Span]:
    """The matches, one after the other. The looking is charged before it is done: all of the text for the first match;
    for those after it what is looked at twice, at the most."""
    size = pattern.programsize
    is_small = size <= _SMALL or (shape is not None and shape.characters <= _SMALL_CHARACTERS)
    look_ns = _LOOK_NS if is_small else size * _CHOICE_NS
    wide = 1 if content.isascii() else _BYTES_MAX
    whole_ns = utf8_length(content) * look_ns
    meter.spend(whole_ns)
    is_linear = shape is not None and shape.is_linear
    reach = Reach(meter, content, None if shape is None or is_linear else _alphabet(meter, shape.alphabet))
    end = -1
    for match in pattern.finditer(content):
        meter.spend(_MATCH_NS)
        span = _Span(*match.span())
        if span.end > span.start or span.start != end:
            yield span
        if end < 0 and (is_linear or reach.is_told):
            meter.spend(whole_ns)
        left = len(content) - span.end
        again = min(left, shape.overrun) if shape is not None and shape.is_linear else reach.behind(span.end)
        meter.spend(again * wide * look_ns)
        end = span.end


def _compiled(meter: Meter, function: str, pattern_text: str) -> _Pattern:
    """The pattern, ready to look with. What it costs is charged before it is done, cached or not."""
    size = utf8_length(pattern_text)
    if size > PATTERN_BYTES:
        raise resource_limit(f"{function}: the regular expression has {size} bytes, the limit is {PATTERN_BYTES}")
    meter.spend(size * _READ_NS)
    try:
        pattern = _bounded(pattern_text)
    except PatternError as error:
        raise _invalid(function, str(error)) from error
    if not pattern.is_affordable:
        raise resource_limit(
            f"{function}: the regular expression is too large once its repetitions are written out: "
            "repeat less, or use fewer classes of characters"
        )
    meter.spend(pattern.compile_ns)
    try:
        return _compile(pattern.text)
    except _library().error as error:
        reason = error.args[0] if error.args else ""
        raise _invalid(
            function, reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        ) from error


def _alphabet(meter: Meter, pattern_text: str) -> _Pattern | None:
    """What takes the characters of a pattern, in a row; None where that would be too much."""
    pattern = bounded(f"(?:{pattern_text})*") if pattern_text else None
    if pattern is None or not pattern.is_affordable:
        return None
    meter.spend(pattern.compile_ns)
    try:
        return _compile(pattern.text)
    except _library().error:  # an atom that is none outside of its pattern
        return None


def _invalid(function: str, detail: str) -> Failure:
    return value_error(f"{function}: invalid regular expression: {detail}")


@lru_cache(maxsize=_CACHED_PATTERNS)
def _bounded(pattern_text: str) -> BoundedPattern:
    return bounded(pattern_text)


@lru_cache(maxsize=_CACHED_PATTERNS)
def _shape(pattern_text: str) -> PatternShape | None:
    return shape_of(pattern_text)


@lru_cache(maxsize=_CACHED_PATTERNS)
def _compile(pattern_text: str) -> _Pattern:
    options = _library().Options()
    options.longest_match = True
    options.never_capture = True  # only whole matches are asked for: groups take memory and time
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    return _library().compile(pattern_text, options)


class _Options(Protocol):
    """The options of RE2 that are set here."""

    longest_match: bool
    log_errors: bool
    max_mem: int
    never_capture: bool


class _Pattern(Protocol):
    """What is used of a compiled pattern. `programsize`: its instructions."""

    programsize: int

    def match(self, text: str) -> re.Match[str] | None: ...

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
