"""The step entries of an execution: what the history API shows.

Nothing of them is stored. They follow from the journal: while it is folded through the machine, a recorder watches
which steps and blocks begin and end, and each has the instant of the event under which it did. So a time that was shown
once never changes, however often the journal is folded again.

Source: Workflow Executions API v1, resource StepEntry. Which blocks have entries of their own, and what their numbers
count, is inferred from the names in the API and marked so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.branches import Branch, Raised
from hakobune.core.workflows.events import Stamped
from hakobune.core.workflows.frames import UNSET, Frame
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import resume
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.model import HistoryLevel
from hakobune.core.workflows.raising import describe
from hakobune.core.workflows.values import Value


class StepState(StrEnum):
    """Source: StepEntry.State."""

    IN_PROGRESS = "STATE_IN_PROGRESS"
    SUCCEEDED = "STATE_SUCCEEDED"
    FAILED = "STATE_FAILED"
    CANCELLED = "STATE_CANCELLED"


class ProgressType(StrEnum):
    """What a number counts. Source: StepEntryMetadata.ProgressType."""

    UNSPECIFIED = "PROGRESS_TYPE_UNSPECIFIED"
    FOR = "PROGRESS_TYPE_FOR"
    SWITCH = "PROGRESS_TYPE_SWITCH"
    RETRY = "PROGRESS_TYPE_RETRY"
    PARALLEL_FOR = "PROGRESS_TYPE_PARALLEL_FOR"
    PARALLEL_BRANCH = "PROGRESS_TYPE_PARALLEL_BRANCH"


_PROGRESS: Final[Mapping[StepType, ProgressType]] = {
    StepType.FOR_ITERATION: ProgressType.FOR,
    StepType.CONDITION: ProgressType.SWITCH,
    StepType.RETRY: ProgressType.RETRY,
    StepType.PARALLEL_BRANCH_ENTRY: ProgressType.PARALLEL_BRANCH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEntry:
    """A step, or a block of one, that was entered. Ids count from 1; 0 stands for none.

    `exception` is the error as JSON text; `expected` (how many there will be) and `variables` are told at level
    DETAILED only. `thread` names the branch or iteration of a `parallel` step that the entry belongs to.
    """

    entry_id: int
    create_s: float
    update_s: float
    routine: str
    step: str
    type: StepType
    state: StepState
    exception: str | None = None
    parent: int = 0
    children: tuple[int, ...] = ()
    previous: int = 0
    next: int = 0
    progress: ProgressType = ProgressType.UNSPECIFIED
    number: int = 0
    expected: int = 0
    thread: str = ""
    variables: Mapping[str, Value] | None = None


@dataclass(slots=True, eq=False)
class _Entry:
    """An entry while the journal is folded; `frame` and `depth` (calls around it) are those of its beginning."""

    id: int
    mark: Mark
    frame: Frame
    depth: int
    create_s: float
    update_s: float
    thread: str
    parent: _Entry | None
    progress: ProgressType = ProgressType.UNSPECIFIED
    number: int = 0
    expected: int = 0
    width: int = 0  # how many iterations or branches it will have
    numbered: int = 0  # how many it had
    state: StepState = StepState.IN_PROGRESS
    exception: str | None = None
    children: list[_Entry] = field(default_factory=list["_Entry"])
    previous: _Entry | None = None
    next: _Entry | None = None
    variables: Mapping[str, Value] | None = None


class History:
    """A recorder that makes step entries."""

    def __init__(self, level: HistoryLevel) -> None:
        self._is_detailed = level is HistoryLevel.DETAILED
        self._entries: list[_Entry] = []
        self._roots: list[_Entry] = []
        self._open: dict[str, list[_Entry]] = {}
        self._now_s = 0.0

    def entries(self) -> list[StepEntry]:
        """All entries, in the order in which they began."""
        return [self._shown(entry) for entry in self._entries]

    # -- what the machine tells ---------------------------------------------------------------------------------

    def happened(self, stamped: Stamped) -> None:
        """All that follows has the instant of this event; a clock that was set back does not turn time back."""
        self._now_s = max(self._now_s, stamped.at_s)

    def begin(self, branch: Branch, mark: Mark, number: int = 0, expected: int = 0) -> None:
        """A step or a block begins: what is open and does not contain it is over."""
        stack = self._open.setdefault(branch.path, [])
        depth = len(branch.calls)
        missing = self._leave_to(stack, mark, depth)
        for outer in missing:  # a jump led into the middle of a group
            self._push(branch, stack, outer, depth)
        entry = self._push(branch, stack, mark, depth)
        entry.progress = _PROGRESS.get(mark.type, ProgressType.UNSPECIFIED)
        if entry.parent is not None and entry.progress is not ProgressType.UNSPECIFIED:
            entry.parent.numbered += 1
            entry.number = number or entry.parent.numbered
            entry.expected = expected or entry.parent.width
            if entry.parent.mark.type is StepType.PARALLEL_FOR:
                entry.progress = ProgressType.PARALLEL_FOR

    def _leave_to(self, stack: list[_Entry], mark: Mark, depth: int) -> list[Mark]:
        """Close what does not contain the mark. Gives the marks around it that are not open, outermost first."""
        open_marks = {entry.mark for entry in stack if entry.depth == depth}
        missing: list[Mark] = []
        outer = mark.parent
        while outer is not None and outer not in open_marks:
            missing.append(outer)
            outer = outer.parent
        is_first = not stack  # of a thread, or of the execution: what is around it is not open in this branch
        while stack and stack[-1].depth >= depth and not (stack[-1].depth == depth and stack[-1].mark is outer):
            self._close(stack.pop(), StepState.SUCCEEDED)
        return [] if is_first else missing[::-1]

    def expect(self, branch: Branch, number: int) -> None:
        """The step will have so many iterations or branches."""
        stack = self._open.get(branch.path)
        if stack:
            stack[-1].width = number

    def called(self, branch: Branch, callee: str, given: list[Value] | dict[str, Value]) -> None:
        """Nothing: entries do not tell of arguments."""

    def answered(self, branch: Branch, value: Value) -> None:
        """Nothing: entries do not tell of answers."""

    def left(self, branch: Branch, mark: Mark) -> None:
        """A block is done, and all that is inside it."""
        stack = self._open.get(branch.path, [])
        depth = len(branch.calls)
        if any(entry.mark is mark and entry.depth == depth for entry in stack):
            self._close_above(stack, depth, mark.parent, StepState.SUCCEEDED, None)

    def returned(self, branch: Branch) -> None:
        """A call is over."""
        stack = self._open.get(branch.path, [])
        while stack and stack[-1].depth > len(branch.calls):
            self._close(stack.pop(), StepState.SUCCEEDED)

    def caught(self, branch: Branch, raised: Raised) -> None:
        """What stands inside the guard's `try` block has failed, and so has the block."""
        guard = branch.guards[-1]
        stack = self._open.get(branch.path, [])
        self._close_above(stack, guard.calls, guard.plan.mark.parent, StepState.FAILED, describe(raised).payload)

    def ended(self, branch: Branch, raised: Raised | None) -> None:
        """A branch is over, or (with an error nobody may catch) the execution."""
        exception = None if raised is None else describe(raised).payload
        state = StepState.SUCCEEDED if raised is None else StepState.FAILED
        self._close_all(branch, state, exception)
        while raised is not None and not raised.is_catchable and branch.origin is not None:
            branch = branch.origin.parent
            self._close_all(branch, state, exception)

    def finished(self) -> None:
        """The execution is over: what is still open was cut off."""
        for stack in self._open.values():
            while stack:
                self._close(stack.pop(), StepState.CANCELLED)

    # -- entries ------------------------------------------------------------------------------------------------

    def _push(self, branch: Branch, stack: list[_Entry], mark: Mark, depth: int) -> _Entry:
        fork = branch.origin
        parent = stack[-1] if stack else None
        siblings = self._roots if parent is None else parent.children
        is_thread = parent is None and fork is not None
        if fork is not None and parent is None:
            around = self._open.get(fork.parent.path)
            parent = around[-1] if around else None
            siblings = self._roots if parent is None else parent.children
        entry = _Entry(
            id=len(self._entries) + 1,
            mark=mark,
            frame=branch.frame,
            depth=depth,
            create_s=self._now_s,
            update_s=self._now_s,
            thread=branch.id,
            parent=parent,
        )
        if siblings and not is_thread:  # threads run side by side: none is before another
            entry.previous = siblings[-1]
            siblings[-1].next = entry
        siblings.append(entry)
        stack.append(entry)
        self._entries.append(entry)
        return entry

    def _close_above(
        self, stack: list[_Entry], depth: int, mark: Mark | None, state: StepState, exception: str | None
    ) -> None:
        while stack and stack[-1].depth >= depth and not (stack[-1].depth == depth and stack[-1].mark is mark):
            self._close(stack.pop(), state, exception)

    def _close_all(self, branch: Branch, state: StepState, exception: str | None) -> None:
        stack = self._open.pop(branch.path, [])
        while stack:
            self._close(stack.pop(), state, exception)

    def _close(self, entry: _Entry, state: StepState, exception: str | None = None) -> None:
        entry.state = state
        entry.exception = exception
        entry.update_s = self._now_s
        if self._is_detailed:
            entry.variables = _variables(entry)
            self.held(entry.variables)

    def held(self, variables: Mapping[str, Value]) -> None:
        """An entry holds these from now on. For those who count."""

    def _shown(self, entry: _Entry) -> StepEntry:
        variables = entry.variables
        if self._is_detailed and variables is None:
            variables = _variables(entry)
        return StepEntry(
            entry_id=entry.id,
            create_s=entry.create_s,
            update_s=entry.update_s,
            routine=entry.mark.routine,
            step=entry.mark.step,
            type=entry.mark.type,
            state=entry.state,
            exception=entry.exception,
            parent=_id(entry.parent),
            children=tuple(child.id for child in entry.children),
            previous=_id(entry.previous),
            next=_id(entry.next),
            progress=entry.progress,
            number=entry.number,
            expected=entry.expected if self._is_detailed else 0,
            thread=entry.thread,
            variables=variables,
        )


def _id(entry: _Entry | None) -> int:
    return 0 if entry is None else entry.id


def _variables(entry: _Entry) -> Mapping[str, Value]:
    """What the variables in scope hold; those that were not assigned are not there."""
    values: dict[str, Value] = {}
    for name, place in entry.mark.variables:
        frame: Frame | None = entry.frame
        for _ in range(place.level):
            frame = None if frame is None else frame.outer
        value = UNSET if frame is None else frame.slots[place.slot]
        if value is not UNSET:
            values[name] = value
    return values


def fold_history(plan: Plan, journal: Iterable[Stamped], level: HistoryLevel, limits: RunLimits) -> list[StepEntry]:
    """The step entries of an execution, as its journal has it. Raises CorruptJournal."""
    history = History(level)
    resume(plan, journal, limits, history)
    return history.entries()
