"""Where `next` may go: the steps of a routine, the regions they stand in, and which borders a jump may cross.

A *region* is a stretch of the text with a border. No jump crosses the border of a routine, of the body of a `for`, or
of a branch or an iteration of a `parallel` step, in either direction. A `try` body, an `except` block and the steps of
a `switch` entry may be left by a jump, and not be entered. `steps` within a step has no border.

Source: syntax reference, page "Jumps" (loops); samples that jump out of `except` and `switch`; the rest is inferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import (
    Assign,
    Body,
    Call,
    For,
    Goto,
    Group,
    Jump,
    Parallel,
    Raise,
    Return,
    Routine,
    Step,
    Switch,
    Try,
)


class RegionKind(StrEnum):
    """What has a border. The values are what it is called in messages."""

    ROUTINE = "routine"
    LOOP = "'for'"
    ITERATION = "parallel 'for'"
    BRANCH = "parallel branch"
    TRY = "'try'"
    EXCEPT = "'except'"
    CASE = "'switch' entry"


CLOSED: Final = frozenset({RegionKind.ROUTINE, RegionKind.LOOP, RegionKind.ITERATION, RegionKind.BRANCH})
"""Regions that no jump leaves."""
SIDE_BY_SIDE: Final = frozenset({RegionKind.ITERATION, RegionKind.BRANCH})


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region of step `step` (of a routine: its name). `name` is that of a branch."""

    kind: RegionKind
    step: str
    outer: Region | None
    name: str = ""

    @property
    def described(self) -> str:
        """What it is called in a message: "the 'for' of step 'each'"."""
        match self.kind:
            case RegionKind.ROUTINE:
                return f"routine '{self.step}'"
            case RegionKind.BRANCH:
                return f"branch '{self.name}' of step '{self.step}'"
            case _:
                return f"the {self.kind} of step '{self.step}'"

    def outwards(self) -> Iterator[Region]:
        """This region and those around it."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.outer


class JumpRule(StrEnum):
    """What is wrong with a jump."""

    UNKNOWN_TARGET = "unknown-target"
    FORBIDDEN_JUMP = "forbidden-jump"
    RETURN_IN_PARALLEL = "return-in-parallel"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedJump:
    """A jump (or a `return`) that is not allowed, with the step that makes it. `target` is "" for a `return`."""

    rule: JumpRule
    step: str
    target: str
    position: Position
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Leap:
    """A `next`, or a `return` where `target` is None, and where it stands."""

    step: str
    target: str | None
    position: Position
    region: Region


class Jumps:
    """The steps and the jumps of one routine."""

    def __init__(self, routine: Routine) -> None:
        self._leaps: list[_Leap] = []
        self._regions: dict[str, Region] = {}
        self._branches: dict[str, Region] = {}
        self._blocks: dict[int, Region] = {}
        root = Region(RegionKind.ROUTINE, routine.name, None)
        self._blocks[routine.block] = root
        self._steps(routine.steps, root)

    @property
    def steps(self) -> Mapping[str, Region]:
        """The steps by name, each with the region it stands in."""
        return self._regions

    @property
    def blocks(self) -> Mapping[int, Region]:
        """The blocks that have variables of their own, each with its region, in the order of the text."""
        return self._blocks

    @property
    def has_loop(self) -> bool:
        """Whether there is a loop that `break` or `continue` could mean."""
        return any(region.kind in (RegionKind.LOOP, RegionKind.ITERATION) for region in self._blocks.values())

    def refused(self) -> list[RefusedJump]:
        """All jumps that are not allowed, in the order of the text."""
        found = (self._check(leap) for leap in self._leaps)
        return [refusal for refusal in found if refusal is not None]

    # -- the walk -----------------------------------------------------------------------------------------------

    def _steps(self, steps: Sequence[Step], region: Region) -> None:
        for step in steps:
            self._regions.setdefault(step.name, region)
            self._body(step.body, step, region)
            self._jump(step.next, step, region)

    def _jump(self, jump: Jump | None, step: Step, region: Region) -> None:
        if jump is not None:
            self._leaps.append(_Leap(step.name, jump.target, jump.position, region))

    def _body(self, body: Body, step: Step, region: Region) -> None:
        match body:
            case Assign() | Call() | Raise() | Goto():
                pass
            case Return():
                self._leaps.append(_Leap(step.name, None, body.value.position, region))
            case Group():
                self._steps(body.steps, region)
            case Switch():
                for case in body.cases:
                    if case.body is not None:
                        self._body(case.body, step, Region(RegionKind.CASE, step.name, region))
                    self._jump(case.next, step, region)
            case For():
                self._loop(body, RegionKind.LOOP, step, region)
            case Parallel():
                self._parallel(body, step, region)
            case Try():
                self._body(body.body, step, Region(RegionKind.TRY, step.name, region))
                if body.handler is not None:
                    self._block(body.handler.block, body.handler.steps, Region(RegionKind.EXCEPT, step.name, region))
            case _:
                assert_never(body)

    def _loop(self, loop: For, kind: RegionKind, step: Step, region: Region) -> None:
        self._block(loop.block, loop.steps, Region(kind, step.name, region))

    def _parallel(self, parallel: Parallel, step: Step, region: Region) -> None:
        if isinstance(parallel.work, For):
            self._loop(parallel.work, RegionKind.ITERATION, step, region)
            return
        for branch in parallel.work:
            own = Region(RegionKind.BRANCH, step.name, region, branch.name)
            self._branches.setdefault(branch.name, own)
            self._block(branch.block, branch.steps, own)

    def _block(self, block: int, steps: Sequence[Step], region: Region) -> None:
        self._blocks[block] = region
        self._steps(steps, region)

    # -- the rules ----------------------------------------------------------------------------------------------

    def _check(self, leap: _Leap) -> RefusedJump | None:
        match leap.target:
            case None:
                return _check_return(leap)
            case "end":
                return None
            case "break" | "continue":
                return _check_loop_jump(leap, leap.target)
            case target:
                return self._check_target(leap, target)

    def _check_target(self, leap: _Leap, target: str) -> RefusedJump | None:
        home = self._regions.get(target)
        if home is not None:
            return _check_borders(leap, target, home)
        branch = self._branches.get(target)
        if branch is not None:
            return _refusal(
                leap,
                f"'{target}' is {branch.described}, not a step",
                f"go to step '{branch.step}', which starts all of its branches",
            )
        return RefusedJump(
            rule=JumpRule.UNKNOWN_TARGET,
            step=leap.step,
            target=target,
            position=leap.position,
            detail=f"step '{target}' not found",
            remedy="",
        )


def _check_return(leap: _Leap) -> RefusedJump | None:
    inside = next((region for region in leap.region.outwards() if region.kind in SIDE_BY_SIDE), None)
    if inside is None:
        return None
    return RefusedJump(
        rule=JumpRule.RETURN_IN_PARALLEL,
        step=leap.step,
        target="",
        position=leap.position,
        detail="return is not allowed in a parallel branch",
        remedy=f"'next: end' ends {inside.described}; assign the value to a variable in 'shared' to keep it",
    )


def _check_loop_jump(leap: _Leap, target: str) -> RefusedJump | None:
    """`break` and `continue` mean the loop around; a parallel one cannot be stopped by one of its iterations."""
    around = next(region for region in leap.region.outwards() if region.kind in CLOSED)
    if around.kind is RegionKind.LOOP or (around.kind is RegionKind.ITERATION and target == "continue"):
        return None
    if around.kind is RegionKind.ITERATION:
        return _refusal(
            leap,
            f"'break' is not allowed in {around.described}",
            "'next: continue' ends this iteration alone; the others run beside it",
        )
    where = "" if around.kind is RegionKind.ROUTINE else f" within {around.described}"
    return _refusal(leap, f"'{target}' stands in no 'for'{where}", "name a step, or write 'end'")


def _check_borders(leap: _Leap, target: str, home: Region) -> RefusedJump | None:
    """A jump crosses borders outwards to the innermost region around both steps, and then inwards to its target."""
    homes = list(home.outwards())
    way = list(leap.region.outwards())
    common = next(at for at, region in enumerate(way) if region in homes)
    crossed, entered = way[:common], homes[: homes.index(way[common])]
    left = next((region for region in crossed if region.kind in CLOSED), None)
    if left is not None:
        return _refusal(leap, _leaving(target, left, entered), _way_out(left))
    if entered:
        border = entered[-1]
        return _refusal(
            leap,
            f"step '{target}' stands in {border.described}: no jump enters it",
            f"go to step '{border.step}'",
        )
    return None


def _leaving(target: str, left: Region, entered: Sequence[Region]) -> str:
    if entered:
        return f"no jump leaves {left.described}, and step '{target}' stands in {entered[-1].described}"
    return f"step '{target}' stands outside {left.described}: no jump leaves it"


def _way_out(left: Region) -> str:
    match left.kind:
        case RegionKind.LOOP:
            return f"write 'next: break', and 'next' on step '{left.step}' or a 'switch' behind it"
        case RegionKind.ITERATION:
            return f"'next: continue' ends this iteration; write 'next' on step '{left.step}'"
        case _:
            return f"'next: end' ends this branch; write 'next' on step '{left.step}'"


def _refusal(leap: _Leap, detail: str, remedy: str) -> RefusedJump:
    return RefusedJump(
        rule=JumpRule.FORBIDDEN_JUMP,
        step=leap.step,
        target=leap.target or "",
        position=leap.position,
        detail=detail,
        remedy=remedy,
    )
