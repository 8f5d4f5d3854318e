"""How an execution comes into memory: its rows are read, and its journal is folded into a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from hakobune.core.errors import CorruptJournal
from hakobune.core.workflows import journal
from hakobune.core.workflows.call_log import CallLog
from hakobune.core.workflows.events import Moved, Stamped, Started
from hakobune.core.workflows.limits import NO_LIMITS, RunLimits, Strictness
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import Revision, WorkflowExecution
from hakobune.core.workflows.plan import Plan
from hakobune.runtime.settings import Settings
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflow_slices import Slices
from hakobune.store.api import ReadTx, Store

# Of a journal, until others get their turn: a millisecond or so.
_FOLDED_AT_ONCE = 50  # entries
_FOLDED_BYTES = 65_536
PART_BYTES = 1_048_576  # of a journal, that are read into memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store has of an execution."""

    execution: WorkflowExecution | None
    revision: Revision | None
    first: list[bytes]  # entries of its journal: a part from the beginning
    newest: bytes | None  # entry of its journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a journal comes to."""

    machine: Machine
    last_s: float  # instant of its last entry
    base_url: str  # what the execution believes to be the server's address


class FoldingStopped(Exception):
    """Nobody wants the machine any more, or it takes too long."""


class JournalReader:
    """A journal, part by part: never all of it in memory. `written` and `size_bytes` tell how much was read."""

    def __init__(self, store: Store, uid: str, first: Sequence[bytes]) -> None:
        self._store = store
        self._uid = uid
        self._next = first
        self._is_over = False
        self.written = 0  # entries
        self.size_bytes = 0

    async def part(self) -> Sequence[bytes]:
        """The next entries; none at the end."""
        if self._is_over:
            return ()
        part = self._next or await self._store.read(self._read)
        self._next = ()
        size_bytes = sum(map(len, part))
        self._is_over = size_bytes < PART_BYTES
        self.written += len(part)
        self.size_bytes += size_bytes
        return part

    def _read(self, tx: ReadTx) -> list[bytes]:
        return tx.workflows.journal_part(self._uid, self.written, PART_BYTES)


class _Pace:
    """Lets others have their turn, and looks whether to go on."""

    def __init__(self, is_stopped: Callable[[int], bool]) -> None:
        self._is_stopped = is_stopped
        self._pauses = 0

    def look(self) -> None:
        """Raises FoldingStopped."""
        self._pauses += 1
        if self._is_stopped(self._pauses):
            raise FoldingStopped

    async def pause(self) -> None:
        """Raises FoldingStopped."""
        self.look()
        await anyio.lowlevel.checkpoint()


class Folding:
    """Makes machines of journals."""

    def __init__(self, settings: Settings, plans: Plans, slices: Slices) -> None:
        self._plans = plans
        self._slices = slices
        self.limits = RunLimits() if settings.limits is Strictness.STRICT else NO_LIMITS  # what an execution may use up

    async def plan_of(self, execution: WorkflowExecution, revision: Revision, *, is_question: bool) -> Plan:
        """The plan that an execution runs: to go on with it, or to answer a question."""
        return await self._plans.plan(execution.workflow_uid, revision, is_question=is_question)

    async def fold(
        self,
        execution: WorkflowExecution,
        revision: Revision | None,
        entries: JournalReader,
        *,
        is_stopped: Callable[[int], bool],
        calls: CallLog | None = None,
        is_question: bool = False,
    ) -> Folded:
        """The machine as the journal left it, in slices: others get their turn in between, and `is_stopped` (how many
        pauses there were) is asked. Raises FoldingStopped, CorruptJournal, InvalidDefinition."""
        if revision is None:
            raise CorruptJournal(no_revision(execution))
        plan = await self.plan_of(execution, revision, is_question=is_question)
        machine = Machine(plan, limits=self.limits, recorder=calls)
        last: Stamped | None = None
        base_url = ""
        pace = _Pace(is_stopped)
        while part := await entries.part():
            size_bytes = 0
            for number, entry in enumerate(part, 1):
                last = journal.decode(entry)
                if isinstance(last.event, (Moved, Started)):
                    base_url = last.event.base_url
                machine.feed(last)
                while not await self._slices.advance(machine):
                    pace.look()
                size_bytes += len(entry)
                if number % _FOLDED_AT_ONCE == 0 or size_bytes >= _FOLDED_BYTES:
                    size_bytes = 0
                    await pace.pause()
        if last is None:
            raise CorruptJournal("the journal is empty")
        machine.take_commands()  # all that has no answer is in `waiting`
        return Folded(machine=machine, last_s=last.at_s, base_url=base_url)


def stored(tx: ReadTx, uid: str) -> Stored:
    """An execution with its revision and a part of its journal, as far as they are there."""
    execution = tx.workflows.execution_by_uid(uid)
    if execution is None:
        return Stored(execution=None, revision=None, first=[], newest=None)
    revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
    first = tx.workflows.journal_part(uid, 0, PART_BYTES)
    newest = tx.workflows.journal_end(uid)
    return Stored(execution=execution, revision=revision, first=first, newest=newest)


def no_revision(execution: WorkflowExecution) -> str:
    """Why an execution whose revision is missing cannot go on."""
    return f"revision {execution.revision_id} of its workflow is not stored"
