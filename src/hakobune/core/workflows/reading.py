"""One reading of a source: where it is, what it found wrong, and the numbers it gives to blocks."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from hakobune.core.workflows.gaps import Gaps
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Position, Problem, Severity
from hakobune.core.workflows.tree import Entry, Map, Scalar, Sequence, SourceTree

Place: TypeAlias = Scalar | Sequence | Map | Entry | Position

STRANGE_KEY: Final = ""
"""Stands for any key that is not allowed."""

_NEAR: Final = 0.6  # how alike a key is to the one that is suggested: what difflib takes
_LETTERS_TO_REPLACE: Final = 4  # that are right beside a wrong one: "text" is not "next"


class Reading:
    """What the chapters of the parser share. `routine` and `step` are the names of what is being read."""

    def __init__(self, tree: SourceTree, strictness: Strictness) -> None:
        self.tree = tree
        self.strictness = strictness
        self.problems: list[Problem] = []
        self.gaps = Gaps()
        self.routine = ""
        self.step = ""
        self._blocks = 0
        self._step_names: dict[str, Position] = {}
        self._doubtful: set[tuple[int, str]] = set()

    def begin_routine(self, name: str) -> None:
        """From here on everything belongs to this routine."""
        self.routine = name
        self.step = ""
        self._step_names = {}

    def first_use(self, step_name: str, position: Position) -> Position | None:
        """Where this routine has a step of the name already; if nowhere, it is noted."""
        first = self._step_names.setdefault(step_name, position)
        return None if first is position else first

    def new_block(self) -> int:
        """A number that no other block of the source has."""
        self._blocks += 1
        return self._blocks

    def position_of(self, place: Place) -> Position:
        """Where a node is; of an entry, its key."""
        match place:
            case Position():
                return place
            case Entry():
                return self.tree.position_of(place.key_node)
            case _:
                return self.tree.position_of(place)

    def complain(
        self,
        rule: str,
        detail: str,
        place: Place,
        *,
        remedy: str = "",
        what: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note a problem. `what` is what could not be evaluated, if it is a value: "return value", "args", …"""
        message = f"error evaluating {what}: {detail}" if what else detail
        home = f"step {self.step}" if self.step else f"routine {self.routine}" if self.routine else ""
        if home:
            message = f"error in {home}: {message}" if severity is Severity.ERROR else f"in {home}: {message}"
        self.problems.append(
            Problem(
                rule=rule,
                message=message,
                position=self.position_of(place),
                remedy=remedy,
                severity=severity,
                routine=self.routine,
                step=self.step,
            )
        )

    def warn(self, rule: str, detail: str, place: Place, *, remedy: str = "") -> None:
        """Note something that is allowed and most likely not meant."""
        self.complain(rule, detail, place, remedy=remedy, severity=Severity.WARNING)

    def check_limit(self, what: str, count: int, allowed: int, place: Place, *, remedy: str = "") -> None:
        """Note a count above a limit of the service, as strictly as limits are kept. `what` names it in the plural."""
        if count <= allowed or self.strictness is Strictness.OFF:
            return
        severity = Severity.ERROR if self.strictness is Strictness.STRICT else Severity.WARNING
        self.complain("limit", f"{count} {what}, the limit is {allowed}", place, remedy=remedy, severity=severity)

    def lose(self, *parts: Scalar | Sequence | Map | Entry | None) -> None:
        """What these parts of the routine say is not known: they were not understood, which is noted elsewhere."""
        for part in parts:
            if part is not None:
                self.gaps.add(self.routine, part)

    def check_keys(self, found: Map, allowed: Collection[str], owner: str) -> Map:
        """The map as it was most likely meant: of the keys that are allowed. Those that are not are noted.

        A key that is nearly the same as a missing one is read as that one, so that the rest of the map is judged as it
        will be once the key is mended.
        """
        if not found.repeated and all(entry.key in allowed for entry in found.entries):
            return found
        known = sorted(allowed)
        kept: list[Entry] = []
        present = {entry.key for entry in found.entries}
        for entry in found.entries:
            if entry.key in known:
                kept.append(entry)
                continue
            near = next(iter(difflib.get_close_matches(entry.key, known, n=1, cutoff=_NEAR)), "")
            remedy = f"did you mean '{near}'?" if near else f"allowed here: {', '.join(known)}"
            self.complain("unknown-key", f"unknown key '{entry.key}' in {owner}", entry, remedy=remedy)
            if near and near not in present and _is_meant(entry.key, near):
                present.add(near)
                kept.append(replace(entry, key=near))
                continue
            self._doubtful |= {(found.start, near), (found.start, STRANGE_KEY)}
            self.lose(entry)
        self._doubtful.update((found.start, entry.key) for entry in found.repeated)
        self.lose(*found.repeated)
        return replace(found, entries=tuple(kept), repeated=())

    def is_doubtful(self, found: Map, keys: Iterable[str]) -> bool:
        """Whether an entry of the map that was left out, which is noted, may have been the one of such a key.

        It may be if it was nearly that key, or if STRANGE_KEY is among the keys.
        """
        return any((found.start, key) in self._doubtful for key in keys)


def _is_meant(key: str, near: str) -> bool:
    """Whether one slip lies between two keys: letters in another order, or one too many, missing or wrong."""
    if sorted(key) == sorted(near):
        return True
    same = sum(block.size for block in difflib.SequenceMatcher(None, key, near).get_matching_blocks())
    if len(key) == len(near):
        return same == len(key) - 1 >= _LETTERS_TO_REPLACE
    return same == min(len(key), len(near)) == max(len(key), len(near)) - 1
