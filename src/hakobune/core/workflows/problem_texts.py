"""What is wrong with a source, for people: the place, the line with a mark under it, and what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from hakobune.core.workflows.positions import Position, Problem

_LINE_BREAK: Final = re.compile(r"\r\n|[\n\r]")
_INDENT: Final = "    "
_CELLS: Final = 100  # of a terminal, that the shown part of a line takes
_CELLS_BEFORE: Final = 60  # of these, those that may stand before the place
_LOOKED_AT: Final = 200  # characters on each side of the place: of a line of 128 KB, the others need no cells
_CUT: Final = "…"
_SAID: Final = ("error in ", "error evaluating ")  # what messages of the service begin with
_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"  # for what would change how the line is shown, or the mark's place


def source_lines(source: str) -> list[str]:
    """The lines of a source, as positions count them."""
    return _LINE_BREAK.split(source.removeprefix("\ufeff"))


def problem_text(problem: Problem, lines: Sequence[str], *, name: str = "", has_level: bool = False) -> str:
    """A problem with its message. `name` is that of the file; `has_level`: errors stand beside warnings."""
    place = f"{name}:" if name else "line "
    message = labelled(problem.severity, problem.message) if has_level else problem.message
    head = f"{place}{problem.position.line}:{problem.position.column}: {message} [{problem.rule}]"
    return "\n".join([head, *_shown(problem, lines)])


def labelled(level: str, message: str) -> str:
    """A message behind its level. That of an error may begin with the word already: `error in step a: …`."""
    return f"{level}: {message.removeprefix('error ') if message.startswith(_SAID) else message}"


def place_text(problem: Problem, lines: Sequence[str]) -> str:
    """A problem whose message was told already."""
    head = f"line {problem.position.line}:{problem.position.column} [{problem.rule}]"
    return "\n".join([head, *_shown(problem, lines)])


def marked_line(position: Position, lines: Sequence[str]) -> list[str]:
    """The line of a position with a mark below it; nothing where there is no such line, or nothing in it."""
    line = lines[position.line - 1] if 0 < position.line <= len(lines) else ""
    return _marked(line, position) if line.strip() else []


def _shown(problem: Problem, lines: Sequence[str]) -> list[str]:
    told = marked_line(problem.position, lines)
    return [*told, f"  {problem.remedy}"] if problem.remedy else told


def _marked(line: str, position: Position) -> list[str]:
    """The line, or what is around the place if it is long, and a mark below."""
    at = min(position.column - 1, len(line))
    first, last = max(0, at - _LOOKED_AT), at + _LOOKED_AT
    is_cut_before, is_cut_behind = first > 0, last < len(line)
    line, at = line[first:last], at - first
    characters = [_visible(character) for character in line]
    ends = [0, *accumulate(_cells(character) for character in characters)]  # cells before each character
    start = next(index for index in range(at + 1) if ends[at] - ends[index] <= _CELLS_BEFORE)
    end = next((index for index in range(at, len(line)) if ends[index + 1] - ends[start] > _CELLS), len(line))
    before = _CUT if start or is_cut_before else ""
    behind = _CUT if end < len(line) or is_cut_behind else ""
    shown = f"{_INDENT}{before}{''.join(characters[start:end])}{behind}".rstrip()
    return [shown, f"{_INDENT}{' ' * (len(before) + ends[at] - ends[start])}^"]


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else _HIDDEN


def _cells(character: str) -> int:
    """How many cells of a terminal a character takes. Source: Unicode Standard Annex 11."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
