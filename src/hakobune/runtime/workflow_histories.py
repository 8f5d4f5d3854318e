"""What was done in an execution, step by step, and its export: derived from its journal, which may be long.

All of it happens in worker threads of its own, for two callers at a time; the others wait for a bounded time. The
journal is read part by part. What was found is kept for a while, as long as nothing happens to the execution.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from threading import Event
from typing import TypeVar

import anyio

from hakobune.core.errors import FailedPrecondition, NotFound, Unavailable
from hakobune.core.names import WorkflowExecutionName
from hakobune.core.workflows import journal
from hakobune.core.workflows.branches import Branch
from hakobune.core.workflows.history import History, StepEntry
from hakobune.core.workflows.holdings import Holdings
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.marks import Mark
from hakobune.core.workflows.model import HistoryLevel, Revision, WorkflowExecution
from hakobune.core.workflows.plan import Plan
from hakobune.core.workflows.values import Value
from hakobune.runtime.shared_work import SharedWork
from hakobune.runtime.threads import Threads, run_stoppable
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_kept_histories import ENTRY_BYTES, Kept, KeptHistories
from hakobune.runtime.workflow_loading import JournalReader
from hakobune.runtime.workflow_slices import SLICE_STEPS
from hakobune.store.api import ReadTx

# All of these are ours.
_AT_ONCE = 2
_WAITING_MAX = 20
_WAIT_S = 10.0
_ENTRIES_MAX = 500_000  # of one execution: five times what the limits of the language let it make
_HELD_BYTES_MAX = 128 * 1024 * 1024  # by the variables of one execution, at all of its steps
_VARIABLE_BYTES = 100  # of its place in one entry
_SLICES_MAX = 20_000
_EXPORT_BYTES_MAX = 64 * 1024 * 1024  # of a journal

T = TypeVar("T")


class Histories:
    """Step entries and exports."""

    def __init__(self, wheel: Wheel, executions: WorkflowExecutions, threads: Threads) -> None:
        self._wheel = wheel
        self._executions = executions
        self._threads = threads.apart(_AT_ONCE)
        self._places = anyio.Semaphore(_AT_ONCE)
        self._folds = SharedWork[Sequence[StepEntry]]()
        self._kept = KeptHistories()

    async def step_entries(self, name: WorkflowExecutionName, select: Callable[[Sequence[StepEntry]], T]) -> T:
        """What `select` makes, in a worker thread, of what was done, in order. Raises NotFound, Unavailable (too many
        ask), FailedPrecondition (too much was done), and what `select` raises."""
        execution, revision = await self._find(name)
        entries: Sequence[StepEntry] = ()
        async with self._place():
            if not execution.is_history_deleted:
                entries = await self._entries(execution, revision)
            return await self._threads.run(select, entries)

    async def export(self, name: WorkflowExecutionName, select: Callable[[str], T]) -> T:
        """What `select` makes, in a worker thread, of all that is kept of an execution, as JSON text. Raises NotFound,
        Unavailable (too many ask), FailedPrecondition (it is too large)."""
        execution, _ = await self._find(name)
        events: list[str] = []
        async with self._place():
            reader = JournalReader(self._wheel.store, execution.uid, ())
            while part := await reader.part():
                if reader.size_bytes > _EXPORT_BYTES_MAX:
                    raise FailedPrecondition(
                        f"The execution '{name.execution}' is too large to be exported: its journal has more than "
                        f"{_EXPORT_BYTES_MAX} bytes."
                    )
                events += await self._threads.run(_texts, part)

            def export() -> T:
                head = json.dumps({"execution": str(execution.name), "argument": execution.argument})
                return select(f'{head[:-1]}, "events": [{", ".join(events)}]}}')

            return await self._threads.run(export)

    # -- one at a time ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        """Raises Unavailable."""
        busy = Unavailable("Too many ask for the histories of executions at once: try again.")
        if self._places.statistics().tasks_waiting >= _WAITING_MAX:
            raise busy
        with anyio.move_on_after(_WAIT_S) as waiting:
            await self._places.acquire()
        if waiting.cancelled_caught:
            raise busy
        try:
            yield
        finally:
            self._places.release()

    async def _find(self, name: WorkflowExecutionName) -> tuple[WorkflowExecution, Revision]:
        def look(tx: ReadTx) -> tuple[WorkflowExecution, Revision]:
            execution = tx.workflows.find_execution(name)
            if execution is not None:
                revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
                if revision is not None:
                    return execution, revision
            raise NotFound(f"Execution '{name}' does not exist.")

        return await self._wheel.store.read(look)

    async def _entries(self, execution: WorkflowExecution, revision: Revision) -> Sequence[StepEntry]:
        uid = execution.uid
        newest = await self._wheel.store.read(lambda tx: tx.workflows.journal_end(uid))
        found = self._kept.find(uid, newest)
        if found is None:
            found = await self._folds.get(uid, partial(self._fold, execution, revision))
        return found

    async def _fold(self, execution: WorkflowExecution, revision: Revision) -> Sequence[StepEntry]:
        plan = await self._executions.plan_of(execution, revision)
        fold = _Fold(plan, execution.history_level, self._executions.limits)
        reader = JournalReader(self._wheel.store, execution.uid, ())
        newest: bytes | None = None
        while part := await reader.part():
            await run_stoppable(self._threads, fold.feed, part)
            newest = part[-1]
        entries = await self._threads.run(fold.history.entries)
        size_bytes = len(newest or b"") + len(entries) * ENTRY_BYTES + fold.history.holdings.size_bytes
        self._kept.keep(execution.uid, Kept(entries=entries, newest=newest, size_bytes=size_bytes))
        return entries


class _CountedHistory(History):
    """Knows how many entries it has, and what their variables hold."""

    def __init__(self, level: HistoryLevel) -> None:
        super().__init__(level)
        self.count = 0
        self.holdings = Holdings()

    def begin(self, branch: Branch, mark: Mark, number: int = 0, expected: int = 0) -> None:
        """Count it."""
        self.count += 1
        super().begin(branch, mark, number, expected)

    def held(self, variables: Mapping[str, Value]) -> None:
        """Add what nobody held before."""
        self.holdings.size_bytes += len(variables) * _VARIABLE_BYTES
        for value in variables.values():
            self.holdings.add(value)


class _Fold:
    """A journal that is folded with a recorder, part by part."""

    def __init__(self, plan: Plan, level: HistoryLevel, limits: RunLimits) -> None:
        self.history = _CountedHistory(level)
        self._machine = Machine(plan, limits=limits, recorder=self.history)
        self._slices = 0

    def feed(self, part: Sequence[bytes], stopped: Event) -> None:
        """Raises CorruptJournal, FailedPrecondition (too much), Unavailable (stopped)."""
        for entry in part:
            self._machine.feed(journal.decode(entry))
            while not self._machine.advance(SLICE_STEPS):
                self._slices += 1
                self._check(stopped)
            self._check(stopped)

    def _check(self, stopped: Event) -> None:
        if stopped.is_set():
            raise Unavailable("Nobody waits for the answer any more.")
        is_too_large = self.history.count > _ENTRIES_MAX or self.history.holdings.size_bytes > _HELD_BYTES_MAX
        if is_too_large or self._slices > _SLICES_MAX:
            raise FailedPrecondition("The execution has done too much for its steps to be listed.")


def _texts(entries: Sequence[bytes]) -> list[str]:
    """Rows of a journal as JSON texts of ASCII letters."""
    return [json.dumps(json.loads(entry)) for entry in entries]
