"""`matchGlob`: patterns over names of objects. `*` and `?` stay within a segment (between slashes), `**` does not,
`[abc]` and `[!a-z]` are one of (or none of) these characters, `{a,b}` is any of the alternatives.

They become linear-time regular expressions. Source: Cloud Storage documentation, "Filter by glob".
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Protocol, cast

from hakobune.core.objects.failures import InvalidRequest

_PATTERN_CHARS = 1_024  # as long as a name can be
_DEPTH = 10  # alternatives in alternatives; ours


class Glob(Protocol):
    """A pattern, ready to be asked."""

    def fullmatch(self, text: str) -> object | None:
        """Not None: the whole name matches."""
        ...


class _Options(Protocol):
    dot_nl: bool
    log_errors: bool


class _Library(Protocol):
    """What we use of google-re2."""

    error: type[Exception]

    def Options(self) -> _Options: ...  # noqa: N802 - its name there

    def compile(self, pattern: str, options: _Options) -> Glob: ...

    def escape(self, text: str) -> str: ...


def _library() -> _Library:
    """Loaded when a pattern is used first: a start does without."""
    return cast("_Library", import_module("re2"))


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> Glob:
    """Raises InvalidRequest for what is no pattern."""
    if len(pattern) > _PATTERN_CHARS:
        raise InvalidRequest(f"matchGlob has at most {_PATTERN_CHARS} characters.")
    library = _library()
    options = library.Options()
    options.dot_nl = True
    options.log_errors = False
    try:
        return library.compile("".join(_Translator(pattern).pieces()), options)
    except library.error as error:
        raise InvalidRequest(f"matchGlob is no valid pattern: {pattern[:120]!r}.") from error


class _Translator:
    """Reads a pattern once, from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._escape = _library().escape
        self._place = 0
        self._depth = 0

    def pieces(self) -> list[str]:
        """The parts of the regular expression."""
        found: list[str] = []
        while self._place < len(self._pattern):
            character = self._pattern[self._place]
            self._place += 1
            found.append(self._piece(character))
        if self._depth:
            raise self._bad("an alternative is not closed")
        return found

    def _piece(self, character: str) -> str:
        match character:
            case "*":
                return self._stars()
            case "?":
                return "[^/]"
            case "[":
                return self._characters()
            case "{":
                self._depth += 1
                if self._depth > _DEPTH:
                    raise self._bad("alternatives are nested too deeply")
                return "(?:"
            case "}" if self._depth:
                self._depth -= 1
                return ")"
            case "," if self._depth:
                return "|"
            case "\\" if self._place < len(self._pattern):
                self._place += 1
                return self._escape(self._pattern[self._place - 1])
            case _:
                return self._escape(character)

    def _stars(self) -> str:
        if not self._pattern.startswith("*", self._place):
            return "[^/]*"
        while self._pattern.startswith("*", self._place):
            self._place += 1
        if self._pattern.startswith("/", self._place):
            self._place += 1
            return "(?:.*/)?"  # also no folder at all
        return ".*"

    def _characters(self) -> str:
        end = self._pattern.find("]", self._place + 1)
        if end < 0:
            raise self._bad("a set of characters is not closed")
        content = self._pattern[self._place : end]
        self._place = end + 1
        is_none_of = content[0] in "!^"
        if is_none_of:
            content = content[1:]
        escaped = content.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
        return f"[^/{escaped}]" if is_none_of else f"[{escaped}]"

    def _bad(self, why: str) -> InvalidRequest:
        return InvalidRequest(f"matchGlob is no valid pattern ({why}): {self._pattern[:120]!r}.")
