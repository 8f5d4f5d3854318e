"""What could not be read of a source, and what it may have said: so that one mistake is not told as two.

A step that is not understood may assign variables, name steps and call routines. Until it is mended nobody knows, so
the checks of names say nothing about the words that stand in it, and judge everything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from hakobune.core.workflows.expr.nodes import Literal
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import Evaluated, Target
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence

ANY_NAME: Final = "*"
"""Stands for a loop variable that could not be read: every name may be it."""

UNREAD_FUNCTION: Final = ""
"""Stands for the name of a function that could not be read."""

_NO_NAME: Final = ""
_WORD: Final = re.compile(r"[\w-]+")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(slots=True, eq=False)
class Gaps:
    """What is missing in a program. It grows while the source is read."""

    _words: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _steps_twice: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _open_routines: set[str] = field(default_factory=set[str])

    def add(self, routine: str, lost: Node | Entry) -> None:
        """A part of a routine that nobody understood."""
        words = self._words.setdefault(routine, set())
        waiting: list[Node | Entry] = [lost]
        while waiting:
            match waiting.pop():
                case Entry() as entry:
                    waiting += [entry.key_node, entry.value]
                    _collect(entry.key, words)
                case Map() as found:
                    waiting += [*found.entries, *found.repeated]
                case Sequence() as found:
                    waiting += found.items
                case Scalar() as scalar:
                    if isinstance(scalar.value, str):
                        _collect(scalar.value, words)

    def add_step_twice(self, routine: str, name: str) -> None:
        """A name that two steps of a routine have: which of them is meant is not known."""
        self._steps_twice.add((routine, name))

    def add_open_routine(self, routine: str) -> None:
        """A routine whose parameters are not known."""
        self._open_routines.add(routine)

    def may_have(self, routine: str, word: str) -> bool:
        """Whether a part of the routine that could not be read has this word."""
        return word in self._words.get(routine, ())

    def may_have_anywhere(self, word: str) -> bool:
        """Whether a part of any routine that could not be read has this word."""
        return any(word in words for words in self._words.values())

    def is_step_twice(self, routine: str, name: str) -> bool:
        """Whether two steps of the routine have this name."""
        return (routine, name) in self._steps_twice

    def is_open_routine(self, routine: str) -> bool:
        """Whether the parameters of the routine are not known."""
        return routine in self._open_routines


def _collect(text: str, words: set[str]) -> None:
    words.add(text.strip())
    words.update(_WORD.findall(text))
    words.update(_IDENTIFIER.findall(text))


# -- placeholders -----------------------------------------------------------------------------------------------------


def unread_value(position: Position) -> Evaluated:
    """Stands for a value that could not be read. No expression that can be read is empty."""
    return Evaluated("", Literal(None), position)


def is_unread(value: Evaluated | Target) -> bool:
    """Whether something is a placeholder."""
    return not value.text


def unread_target(position: Position) -> Target:
    """Stands for the left side of an assignment that could not be read."""
    return Target(_NO_NAME, (), "", position)
