"""`text.find_all_regex`, `text.match_regex`, `text.replace_all_regex`: RE2, of the leftmost matches the longest.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/text/find_all_regex, …/text/match_regex,
…/text/replace_all_regex; the syntax: https://github.com/google/re2/wiki/Syntax. An empty match right after another
match does not count, as in RE2's own GlobalReplace. Why the library: docs/decisions/0015-re2-and-aiohttp.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from re import Pattern
from typing import Protocol, cast

from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import text
from hakobune.core.workflows.stdlib.charsets import utf8
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.stdlib.sizes import check_elements, check_result
from hakobune.core.workflows.values import Value

_CACHED_PATTERNS = 64  # each may hold a few megabytes of automaton


@dataclass(frozen=True, slots=True)
class _Span:
    """A match: `[start, end)` in code points."""

    start: int
    end: int


def find_all_regex(source: Value, regexp: Value) -> Value:
    """`{index, match}` of each match, from the left. Raises Failure (TypeError, ValueError, ResourceLimitError)."""
    content, spans = _matches("text.find_all_regex", source, regexp)
    found: list[Value] = []
    for span in spans:
        check_elements("text.find_all_regex", 4 * len(found))  # a map with a number and a text is as four elements
        found.append({"index": span.start, "match": content[span.start : span.end]})
    return found


def match_regex(source: Value, regexp: Value) -> Value:
    """Whether any part of the text matches. Raises Failure (TypeError, ValueError)."""
    _, spans = _matches("text.match_regex", source, regexp)
    return next(spans, None) is not None


def replace_all_regex(source: Value, regexp: Value, repl: Value) -> Value:
    """The text with `repl`, as it is written, in place of each match: `\\1` and `$1` mean nothing in it.

    Raises Failure (TypeError, ValueError, ResourceLimitError).
    """
    replacement = text("text.replace_all_regex", "repl", repl)
    utf8("text.replace_all_regex", replacement)
    content, spans = _matches("text.replace_all_regex", source, regexp)
    pieces: list[str] = []
    end = size = 0
    for span in spans:
        size += span.start - end + len(replacement)
        check_result("text.replace_all_regex", size)
        pieces += (content[end : span.start], replacement)
        end = span.end
    pieces.append(content[end:])
    return "".join(pieces)


def _matches(function: str, source: Value, regexp: Value) -> tuple[str, Iterator[_Span]]:
    content = text(function, "source", source)
    pattern_text = text(function, "regexp", regexp)
    utf8(function, content)
    utf8(function, pattern_text)
    return content, _spans(_compiled(function, pattern_text), content)


def _spans(pattern: Pattern[str], content: str) -> Iterator[_Span]:
    end = -1
    for match in pattern.finditer(content):
        span = _Span(*match.span())
        if span.end > span.start or span.start != end:
            yield span
        end = span.end


def _compiled(function: str, pattern_text: str) -> Pattern[str]:
    try:
        return _compile(pattern_text)
    except _library().error as error:
        reason = error.args[0] if error.args else ""
        detail = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise value_error(f"{function}: invalid regular expression: {detail}") from error


@lru_cache(maxsize=_CACHED_PATTERNS)
def _compile(pattern_text: str) -> Pattern[str]:
    options = _library().Options()
    options.longest_match = True
    options.log_errors = False
    return _library().compile(pattern_text, options)


class _Options(Protocol):
    """The two options of RE2 that are set here."""

    longest_match: bool
    log_errors: bool


class _Library(Protocol):
    """What is used of google-re2, which has no types of its own."""

    error: type[Exception]
    Options: Callable[[], _Options]

    def compile(self, pattern: str, options: _Options) -> Pattern[str]: ...


@lru_cache(maxsize=1)
def _library() -> _Library:
    # Loaded at the first use: a workflow without regular expressions does not pay for it.
    return cast("_Library", import_module("re2"))


_SOURCE = LibraryParameter("source")
_REGEXP = LibraryParameter("regexp")

FUNCTIONS = (
    LibraryFunction(name="text.find_all_regex", parameters=(_SOURCE, _REGEXP), kind=Kind.PURE, run=find_all_regex),
    LibraryFunction(name="text.match_regex", parameters=(_SOURCE, _REGEXP), kind=Kind.PURE, run=match_regex),
    LibraryFunction(
        name="text.replace_all_regex",
        parameters=(_SOURCE, _REGEXP, LibraryParameter("repl")),
        kind=Kind.PURE,
        run=replace_all_regex,
    ),
)
