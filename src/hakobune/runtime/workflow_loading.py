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
from hakobune.runtime.workflow_driver import SLICE_STEPS
from hakobune.runtime.workflow_plans import Plans
from hakobune.store.api import ReadTx

_FOLDED_AT_ONCE = 50  # entries of a journal: a millisecond or so, then others get their turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store has of an execution."""

    execution: WorkflowExecution | None
    revision: Revision | None
    entries: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a journal comes to."""

    machine: Machine
    last_s: float  # instant of its last entry
    base_url: str  # what the execution believes to be the server's address


class Folding:
    """Makes machines of journals."""

    def __init__(self, settings: Settings, plans: Plans) -> None:
        self._plans = plans
        self.limits = RunLimits() if settings.limits is Strictness.STRICT else NO_LIMITS  # what an execution may use up

    async def plan_of(self, execution: WorkflowExecution, revision: Revision) -> Plan:
        """The plan that an execution runs."""
        return await self._plans.plan(execution.workflow_uid, revision)

    async def fold(
        self,
        execution: WorkflowExecution,
        revision: Revision | None,
        entries: Sequence[bytes],
        *,
        calls: CallLog | None = None,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> Folded:
        """The machine as the journal left it, in slices: others get their turn in between.
        Raises CorruptJournal, InvalidDefinition."""
        if revision is None:
            raise CorruptJournal(no_revision(execution))
        machine = Machine(await self.plan_of(execution, revision), limits=self.limits, recorder=calls)
        last: Stamped | None = None
        base_url = ""
        for number, entry in enumerate(entries, 1):
            last = journal.decode(entry)
            if isinstance(last.event, (Moved, Started)):
                base_url = last.event.base_url
            machine.feed(last)
            while not is_gone() and not machine.advance(SLICE_STEPS):
                await anyio.lowlevel.checkpoint()
            if number % _FOLDED_AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
        if last is None:
            raise CorruptJournal("the journal is empty")
        machine.take_commands()  # all that has no answer is in `waiting`
        return Folded(machine=machine, last_s=last.at_s, base_url=base_url)


def stored(tx: ReadTx, uid: str) -> Stored:
    """An execution with its revision and its journal, as far as they are there."""
    execution = tx.workflows.execution_by_uid(uid)
    if execution is None:
        return Stored(execution=None, revision=None, entries=[])
    revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
    return Stored(execution=execution, revision=revision, entries=tx.workflows.journal(uid))


def no_revision(execution: WorkflowExecution) -> str:
    """Why an execution whose revision is missing cannot go on."""
    return f"revision {execution.revision_id} of its workflow is not stored"
