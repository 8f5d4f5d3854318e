"""The workflows room on a store of its own, in this process: what the questions about executions have in common."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from hakobune.core.names import WorkflowName
from hakobune.core.workflows.drafts import ExecutionDraft, WorkflowDraft
from hakobune.core.workflows.effects import HttpResponse
from hakobune.core.workflows.events import Answered, Command
from hakobune.core.workflows.model import ExecutionState, WorkflowExecution
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.settings import Settings
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_driver import ROOM, Calls
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_observer import Observer
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflows import WorkflowsRoom
from hakobune.store.api import CommitInfo
from hakobune.store.sqlite.database import SqliteStore

PLACE = {"project": "bench", "location": "us-central1"}
_WITHIN_S = 120.0
OK = HttpResponse(code=200, headers=(("Content-Type", "application/json"),), body=b'{"ok":true}')


class NoOp:
    """Answers every call at once: what is left is the price of a durable step."""

    async def perform(self, execution: WorkflowExecution, command: Command) -> Answered:
        del execution
        return Answered(call=command.call, answer=OK)


class Commits:
    """Counts commits: each is one sync of the log."""

    def __init__(self) -> None:
        self.number = 0
        self.units = 0

    def before_commit(self, seq: int) -> None:
        """Nothing."""

    def after_commit(self, info: CommitInfo) -> None:
        self.number += 1
        self.units += info.units


class _Ends(Observer):
    """Waits for so many ends."""

    def __init__(self) -> None:
        self.left = 0
        self.all_over = anyio.Event()
        self.failed: WorkflowExecution | None = None

    async def ended(self, execution: WorkflowExecution, *, is_repeat: bool) -> None:
        del is_repeat
        if execution.state is not ExecutionState.SUCCEEDED:
            self.failed = execution
        self.left -= 1
        if self.left == 0:
            self.all_over.set()


class WorkflowsBench:
    """A room whose wheel turns. `run` begins executions and waits for all of them."""

    def __init__(self, room: WorkflowsRoom, commits: Commits, path: Path) -> None:
        self.room = room
        self.commits = commits
        self._path = path
        self._ends = _Ends()
        room.executions.observer = self._ends

    async def deploy(self, workflow: str, source: str) -> WorkflowName:
        """A new workflow. Raises RuntimeError if the source is refused."""
        name = WorkflowName(**PLACE, workflow=workflow)
        operation = await self.room.changes.create(name, WorkflowDraft(source_contents=source))
        if operation.error is not None:
            raise RuntimeError(operation.error[1])
        return name

    async def run(self, name: WorkflowName, arguments: Sequence[str | None]) -> None:
        """Begin an execution for each argument, all at once; return when all have succeeded, durably."""
        self._ends.left = len(arguments)
        self._ends.all_over = anyio.Event()
        async with anyio.create_task_group() as group:
            for argument in arguments:
                group.start_soon(self.room.execute, name, ExecutionDraft(argument=argument))
        with anyio.fail_after(_WITHIN_S):  # an execution that is set aside does not end
            await self._ends.all_over.wait()
        if self._ends.failed is not None:
            raise RuntimeError(f"an execution failed: {self._ends.failed.error}")

    def journal_rows(self) -> int:
        """Rows in all journals."""
        connection = sqlite3.connect(self._path)
        try:
            return int(connection.execute("SELECT count(*) FROM workflow_journal").fetchone()[0])
        finally:
            connection.close()


@asynccontextmanager
async def workflows_bench(directory: Path, calls: Calls, settings: Settings) -> AsyncIterator[WorkflowsBench]:
    """A room in a new directory, with effects carried out by `calls`."""
    commits, identifiers = Commits(), RandomIdentifiers()
    store = await SqliteStore.open(directory, durability=settings.durability, interceptor=commits)
    wheel = Wheel(store, SystemClock(), owner=identifiers.uid())
    threads = WorkerThreads()
    plans = Plans(settings.limits, threads)
    driven = WorkflowExecutions(wheel, settings, identifiers, plans, calls)
    room = WorkflowsRoom(wheel, identifiers, plans, driven, threads)
    wheel.add_room(ROOM, driven)
    try:
        async with anyio.create_task_group() as group:
            await group.start(wheel.run)
            yield WorkflowsBench(room, commits, directory / "state.sqlite3")
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            wheel.is_closing = True
            await wheel.release()
            await store.close()
