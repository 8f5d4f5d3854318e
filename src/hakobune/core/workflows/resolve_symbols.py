"""Names of variables: whether one is visible where it is read, and may be written where it is assigned.

Whether a variable exists does not depend on the order of steps, because jumps change it: reading one before anything
was assigned to it is an error of the execution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from hakobune.core.workflows.gaps import ANY_NAME, is_unread
from hakobune.core.workflows.jumps import Jumps, Region, RegionKind
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.resolve_findings import Findings, Rule
from hakobune.core.workflows.scopes import FRAME_KINDS, RoutineScopes, Scope
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.syntax import Parallel, Routine, Target

_NULL_ELSEWHERE: Final = frozenset({"null", "none", "nil"})


class Symbols:
    """What names mean in one routine."""

    def __init__(
        self, findings: Findings, routines: Mapping[str, Routine], scopes: RoutineScopes, jumps: Jumps
    ) -> None:
        self._findings = findings
        self._routines = routines
        self._scopes = scopes
        self._jumps = jumps
        self._assigned: set[tuple[int, str]] = set()
        self._shared: list[tuple[str, str, Position, int]] = []

    # -- reading ------------------------------------------------------------------------------------------------

    def is_known(self, name: str, scope: Scope) -> bool:
        """Whether a name is a variable that is visible here, or a routine."""
        return scope.lookup(name) is not None or name in self._routines

    def complain_of(self, path: str, position: Position, what: str, scope: Scope) -> None:
        """Note that a dotted path begins with no variable and is nothing of the library, if that is sure."""
        name, _, rest = path.partition(".")
        if self._is_unsure(name, scope):
            return
        block = self._first_blocks.get(name)
        symbol = path if rest and block is None and library.is_module(name) else name
        self._findings.add(
            Rule.UNKNOWN_SYMBOL if block is None else Rule.OUT_OF_SCOPE,
            f"symbol '{symbol}' is neither a variable nor a sub-workflow name",
            position,
            remedy=self._meant(symbol, scope) if block is None else _outliving(name, self._jumps.blocks[block]),
            what=what,
        )

    @cached_property
    def _first_blocks(self) -> dict[str, int]:
        """For each variable of the routine the first block that has it of its own."""
        found: dict[str, int] = {}
        for block in self._jumps.blocks:
            for name in self._scopes.scope(block).own_names:
                found.setdefault(name, block)
        return found

    def _meant(self, symbol: str, scope: Scope) -> str:
        if symbol in self._jumps.steps:
            return f"'{symbol}' is a step: give its call a 'result', and read that variable"
        if symbol.lower() in _NULL_ELSEWHERE:
            return "write null"
        if "." in symbol:
            near = self._findings.guess(symbol, library.names())
        elif library.is_module(symbol):
            return f"'{symbol}' is a module of the library: name one of its functions, as {symbol}.NAME(…)"
        else:
            near = self._findings.guess(symbol, [*_visible(scope), *self._routines, *_plain_names()])
        if near:
            return f"did you mean '{near}'?"
        return f"assign a value to '{symbol}' in this routine, or write \"{symbol}\" if it is a text"

    def _is_unsure(self, name: str, scope: Scope) -> bool:
        """Whether a part of the source that could not be read may say what a name is here."""
        return self._findings.is_lost(name) or scope.lookup(ANY_NAME) is not None

    # -- writing ------------------------------------------------------------------------------------------------

    def declare(self, name: str, block: int) -> None:
        """A block gives a value to a variable of its own: a parameter, a loop variable, the error of an `except`."""
        self._assigned.add((block, name))

    def check_write(self, target: Target, what: str, scope: Scope) -> None:
        """An assignment to a variable, or to an element of one."""
        if is_unread(target):
            return
        owner = _owner(target.name, scope)
        if owner is None:
            self.complain_of(target.name, target.position, what, scope)
            return
        if not target.path:
            self._assigned.add((owner.block, target.name))
        unshared = _barriers(target.name, scope, owner)
        if unshared and not self._is_unsure(target.name, scope):
            steps = ", ".join(f"'{self._jumps.blocks[block].step}'" for block in unshared)
            self._findings.add(
                Rule.NOT_SHARED,
                f"variable '{target.name}' is written in a parallel branch and is not shared",
                target.position,
                remedy=f"add '{target.name}' to 'shared' of step {steps}, or choose another name",
                what=what,
            )

    def expect_assignments(self, parallel: Parallel, scope: Scope) -> None:
        """Remember what a parallel step shares, until all assignments were seen."""
        for name, position in parallel.shared:
            owner = _owner(name, scope)
            if owner is not None:
                self._shared.append((self._findings.step, name, position, owner.block))

    def check_shared(self) -> None:
        """Once the routine was walked through: every shared variable is assigned somewhere."""
        for step, name, position, block in self._shared:
            if (block, name) not in self._assigned and not self._findings.is_lost(name):
                self._findings.step = step
                self._findings.add(
                    Rule.UNASSIGNED_SHARED,
                    f"shared variable '{name}' is never assigned",
                    position,
                    remedy=self._assigned_elsewhere(name),
                )
        self._findings.step = ""

    def _assigned_elsewhere(self, name: str) -> str:
        """Something near may have been meant, or the variable is one of an inner block."""
        near = self._findings.guess(name, {known for _, known in self._assigned if known != name})
        return f"did you mean '{near}'?" if near else f"assign a value to '{name}' before the parallel step"


def _outliving(name: str, region: Region) -> str:
    """How a value outlives the block that has its variable."""
    match region.kind:
        case RegionKind.BRANCH | RegionKind.ITERATION:
            way = f"list it in 'shared' of step '{region.step}' to keep it"
        case RegionKind.EXCEPT:
            way = f"assign a variable before step '{region.step}' and give it the value in its 'except'"
        case _:
            way = f"assign a variable before step '{region.step}' and give it the value in the loop"
    return f"'{name}' exists only in {region.described}: {way}"


def _owner(name: str, scope: Scope) -> Scope | None:
    """The nearest scope outwards that has the name."""
    outer: Scope | None = scope
    while outer is not None and name not in outer.own_names:
        outer = outer.outer
    return outer


def _barriers(name: str, scope: Scope, owner: Scope) -> list[int]:
    """The blocks between a write and the variable's own scope that do not share it, outermost first."""
    found: list[int] = []
    while scope is not owner and scope.outer is not None:
        if scope.kind in FRAME_KINDS and name not in scope.shared:
            found.insert(0, scope.block)
        scope = scope.outer
    return found


def _visible(scope: Scope) -> Iterator[str]:
    outer: Scope | None = scope
    while outer is not None:
        yield from outer.own_names
        outer = outer.outer


def _plain_names() -> list[str]:
    return [name for name in library.names() if "." not in name]
