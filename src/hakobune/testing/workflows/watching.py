"""Who watches a run: which steps, branches and `except` paths it took, and in which order.

A *point* is a place of the source that a run may reach: a step, a condition of a `switch` or none of them, the body of
a loop, a branch, a `retry`, an `except`. What can be reached is read from the program, what was reached is told by the
machine; the two meet by kind and place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from hakobune.core.workflows.branches import Branch, Raised, Recorder
from hakobune.core.workflows.events import Stamped
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.raising import describe
from hakobune.core.workflows.syntax import (
    Assign,
    Body,
    Call,
    Constant,
    For,
    Goto,
    Group,
    Parallel,
    Program,
    Raise,
    Return,
    Routine,
    Step,
    Switch,
    Try,
)
from hakobune.core.workflows.values import Value


class PointKind(StrEnum):
    """What a run may reach."""

    STEP = "step"
    CONDITION = "condition"
    OTHERWISE = "otherwise"  # no condition of a switch is true
    ITERATION = "iteration"
    BRANCH = "branch"
    RETRY = "retry"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place that a run may reach. `step` is the step it belongs to, `number` counts conditions and branches."""

    kind: PointKind
    routine: str
    step: str
    position: Position
    number: int = 0

    def describe(self) -> str:
        """Its name, for people."""
        name = f"{self.routine}.{self.step}"
        match self.kind:
            case PointKind.STEP:
                return name
            case PointKind.CONDITION:
                return f"{name}: condition {self.number}"
            case PointKind.OTHERWISE:
                return f"{name}: no condition true"
            case PointKind.ITERATION:
                return f"{name}: the body of the loop"
            case PointKind.BRANCH:
                return f"{name}: branch {self.number}"
            case PointKind.RETRY:
                return f"{name}: retry"
            case PointKind.EXCEPT:
                return f"{name}: except"
            case _:
                assert_never(self.kind)


Place: TypeAlias = tuple[PointKind, int, int]

_BLOCKS: Final[Mapping[StepType, PointKind]] = {
    StepType.CONDITION: PointKind.CONDITION,
    StepType.FOR_ITERATION: PointKind.ITERATION,
    StepType.PARALLEL_BRANCH_ENTRY: PointKind.BRANCH,
    StepType.RETRY: PointKind.RETRY,
    StepType.EXCEPT: PointKind.EXCEPT,
}


def place_of(kind: PointKind, position: Position) -> Place:
    """By what a point is known."""
    return kind, position.line, position.column


# -- what can be reached ----------------------------------------------------------------------------------------


def points(program: Program) -> list[Point]:
    """All points of a program, in the order of the source."""
    found = [point for routine in program.routines for point in _Walk(routine).points()]
    return sorted(found, key=lambda point: (point.position.line, point.position.column, point.kind))


def step_functions(program: Program) -> dict[tuple[str, str], str]:
    """What the `call` of each step names, also where it stands in a `try`, by (routine, step)."""
    functions: dict[tuple[str, str], str] = {}
    for routine in program.routines:
        for step, body in _Walk(routine).bodies():
            if isinstance(body, Call):
                functions.setdefault((routine.name, step.name), body.function)
    return functions


def named_steps(program: Program) -> Iterator[tuple[str, Step]]:
    """Every step with the name of its routine."""
    for routine in program.routines:
        for step, body in _Walk(routine).bodies():
            if body is step.body:
                yield routine.name, step


class _Walk:
    """The steps and bodies of a routine."""

    def __init__(self, routine: Routine) -> None:
        self._routine = routine

    def points(self) -> Iterator[Point]:
        for step, body in self.bodies():
            if body is step.body:
                yield self._point(PointKind.STEP, step, step.position)
            yield from self._blocks(step, body)

    def bodies(self) -> Iterator[tuple[Step, Body]]:
        """Every body with the step it belongs to."""
        waiting: list[tuple[Step, Body]] = [(step, step.body) for step in reversed(self._routine.steps)]
        while waiting:
            step, body = waiting.pop()
            yield step, body
            waiting.extend(reversed(list(_inside(step, body))))

    def _blocks(self, step: Step, body: Body) -> Iterator[Point]:
        match body:
            case Switch():
                for number, case in enumerate(body.cases, 1):
                    yield self._point(PointKind.CONDITION, step, case.position, number)
                last = body.cases[-1].condition if body.cases else None
                if not (isinstance(last, Constant) and last.value is True):
                    yield self._point(PointKind.OTHERWISE, step, step.position)
            case For():
                yield self._point(PointKind.ITERATION, step, body.position)
            case Parallel(work=For() as loop):
                yield self._point(PointKind.ITERATION, step, loop.position)
            case Parallel(work=tuple() as branches):
                for number, branch in enumerate(branches, 1):
                    yield self._point(PointKind.BRANCH, step, branch.position, number)
            case Try():
                if body.retry is not None:
                    yield self._point(PointKind.RETRY, step, body.retry.position)
                if body.handler is not None:
                    yield self._point(PointKind.EXCEPT, step, body.handler.position)
            case _:
                pass

    def _point(self, kind: PointKind, step: Step, position: Position, number: int = 0) -> Point:
        return Point(kind=kind, routine=self._routine.name, step=step.name, position=position, number=number)


def _inside(step: Step, body: Body) -> Iterator[tuple[Step, Body]]:
    """What stands directly in a body: steps, and bodies without a name of their own."""
    match body:
        case Assign() | Call() | Raise() | Return() | Goto():
            return
        case Switch():
            for case in body.cases:
                if case.body is not None:
                    yield step, case.body
        case For() | Group():
            yield from _named(body.steps)
        case Parallel(work=For() as loop):
            yield from _named(loop.steps)
        case Parallel(work=tuple() as branches):
            for branch in branches:
                yield from _named(branch.steps)
        case Parallel():
            return
        case Try():
            yield step, body.body
            if body.handler is not None:
                yield from _named(body.handler.steps)
        case _:
            assert_never(body)


def _named(steps: Sequence[Step]) -> Iterator[tuple[Step, Body]]:
    return ((step, step.body) for step in steps)


# -- what was reached -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """Something that happened, so many seconds of the clock after the epoch. `depth` is how far inside it stands."""

    at_s: float
    text: str
    depth: int = 0


class Watcher(Recorder):
    """Counts points, and writes a trace."""

    def __init__(self) -> None:
        self.hits: Counter[Place] = Counter()
        self.trace: list[TraceLine] = []
        self.steps: list[tuple[str, str]] = []  # (routine, step), in the order of their beginnings
        self._now_s = 0.0
        self._asked: dict[str, list[tuple[Mark, int]]] = {}  # switches being decided, by branch: calls around
        self._told: Raised | None = None  # the last error

    def note(self, text: str, depth: int = 0) -> None:
        """A line of the trace, at the instant of the last event."""
        self.trace.append(TraceLine(at_s=self._now_s, text=text, depth=depth))

    # -- what the machine tells ---------------------------------------------------------------------------------

    def happened(self, stamped: Stamped) -> None:
        """All that follows has this instant."""
        self._now_s = max(self._now_s, stamped.at_s)

    def begin(self, branch: Branch, mark: Mark, number: int = 0, expected: int = 0) -> None:
        """A step or a block was reached."""
        self._switched(branch, mark)
        kind = _BLOCKS.get(mark.type)
        depth = len(branch.calls) + branch.depth
        if kind is not None:
            self.hits[place_of(kind, mark.position)] += 1
            self._note_block(kind, mark, number, expected, depth)
        elif mark.type is not StepType.TRY and not _is_inline(mark):
            self.hits[place_of(PointKind.STEP, mark.position)] += 1
            self.steps.append((mark.routine, mark.step))
            self.note(f"{mark.routine}.{mark.step}", depth)
        if mark.type is StepType.SWITCH:
            self._asked.setdefault(branch.path, []).append((mark, len(branch.calls)))

    def _note_block(self, kind: PointKind, mark: Mark, number: int, expected: int, depth: int) -> None:
        match kind:
            case PointKind.CONDITION:
                self.note(f"{mark.step}: condition {number} is true", depth)
            case PointKind.RETRY:
                self.note(f"{mark.step}: retry {number} of {expected}", depth)
            case PointKind.EXCEPT:
                self.note(f"{mark.step}: except", depth)
            case _:
                pass

    def _note_error(self, raised: Raised, depth: int) -> None:
        """An error on its way outwards passes several blocks, and is told once."""
        if raised is not self._told:
            self._told = raised
            self.note(f"error: {_first_line(raised)}", depth)

    def _switched(self, branch: Branch, mark: Mark | None) -> None:
        """What comes after the conditions of a switch tells whether one was true."""
        asked = self._asked.get(branch.path)
        if not asked or len(branch.calls) > asked[-1][1]:  # inside a call that a condition makes
            return
        switch, _ = asked.pop()
        if mark is None or mark.type is not StepType.CONDITION or mark.parent is not switch:
            self.hits[place_of(PointKind.OTHERWISE, switch.position)] += 1

    def called(self, branch: Branch, callee: str, given: list[Value] | dict[str, Value]) -> None:
        """What is called is told by the step, and what comes of it by the world."""

    def answered(self, branch: Branch, value: Value) -> None:
        """What a call gave is told by the world."""

    def expect(self, branch: Branch, number: int) -> None:
        """How many iterations there are is told by their beginnings."""

    def left(self, branch: Branch, mark: Mark) -> None:  # noqa: ARG002 - as the protocol has it
        """The end of a block that holds a switch: no condition was true, if none was told."""
        self._switched(branch, None)

    def returned(self, branch: Branch) -> None:
        """A call is over; a switch that was its last step came to no condition."""
        asked = self._asked.get(branch.path)
        if asked and len(branch.calls) < asked[-1][1]:
            self._switched(branch, None)

    def caught(self, branch: Branch, raised: Raised) -> None:
        """An error went to the innermost `try`; a switch that it came from was not decided."""
        asked = self._asked.get(branch.path)
        while asked and len(branch.calls) <= asked[-1][1]:
            asked.pop()
        self._note_error(raised, len(branch.calls) + branch.depth)

    def ended(self, branch: Branch, raised: Raised | None) -> None:
        """A branch is over."""
        if raised is None:
            self._switched(branch, None)
            return
        self._asked.pop(branch.path, None)
        self._note_error(raised, branch.depth)

    def finished(self) -> None:
        """Switches that were cut off count for nothing."""
        self._asked.clear()


def _is_inline(mark: Mark) -> bool:
    """A body without a name has the place of the block that it stands in."""
    return mark.parent is not None and mark.parent.position == mark.position


def _first_line(raised: Raised) -> str:
    return describe(raised).context.partition("\n")[0]
