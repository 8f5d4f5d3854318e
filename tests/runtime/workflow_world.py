"""The workflows room over a real store, on virtual time: the calls it makes are answered by the test."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows import journal
from hakobune.core.workflows.drafts import ExecutionDraft, WorkflowDraft
from hakobune.core.workflows.effects import CallbackRequest, Done, HttpRequest, HttpResponse, NoResponse
from hakobune.core.workflows.events import Answered, Command, Stamped
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.model import FINAL_STATES, ExecutionState, WorkflowExecution
from hakobune.runtime.interceptors import Interceptor
from hakobune.runtime.settings import Settings
from hakobune.runtime.threads import InlineThreads, Threads
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_driver import ROOM
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_observer import Observer
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflows import WorkflowsRoom
from hakobune.store.api import CommitInfo, CommitInterceptor
from hakobune.store.sqlite.database import SqliteStore
from hakobune.testing.clock import SeededIdentifiers, VirtualClock
from hakobune.testing.faults import Crash

NAME = WorkflowName(project="p", location="tokyo", workflow="w")
OK = HttpResponse(code=200, headers=(("Content-Type", "application/json"),), body=b'"ok"')
UNAVAILABLE = HttpResponse(code=503, headers=(), body=b"")

Answer = Callable[[HttpRequest, int], Awaitable[HttpResponse | NoResponse]]


@dataclass(frozen=True)
class Made:
    """A call that was begun."""

    key: str
    url: str
    at_s: float


class Calls:
    """Answers HTTP requests with `answer` (the request; how often its URL was asked for before); knows what it saw."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.made: list[Made] = []
        self.under_way = 0
        self.given_up = 0
        self.texts: list[str | None] = []
        self._times: Counter[str] = Counter()
        self.answer: Answer = _fine

    async def perform(self, execution: WorkflowExecution, command: Command) -> Answered:
        effect = command.effect
        if not isinstance(effect, HttpRequest):
            self.texts.append(getattr(effect, "text", None))
            return Answered(call=command.call, answer=Done())
        self.made.append(Made(f"{execution.name}/{command.call}", effect.url, self._clock.now_s()))
        times = self._times[effect.url]
        self._times[effect.url] += 1
        self.under_way += 1
        try:
            return Answered(call=command.call, answer=await self.answer(effect, times))
        except anyio.get_cancelled_exc_class():
            self.given_up += 1
            raise
        finally:
            self.under_way -= 1


async def _fine(request: HttpRequest, times: int) -> HttpResponse:
    del request, times
    return OK


class Nth(CommitInterceptor):
    """Dies at the commits that `is_fatal` picks, before or after they are on the disk."""

    def __init__(self, is_fatal: Callable[[int], str]) -> None:
        self._is_fatal = is_fatal
        self.commits = 0
        self.is_over = False

    def before_commit(self, seq: int) -> None:
        if self.is_over:
            raise Crash("a dead runtime reached for the disk")
        self.commits += 1
        self._die("before")

    def after_commit(self, info: CommitInfo) -> None:
        self._die("after")

    def _die(self, side: str) -> None:
        if self._is_fatal(self.commits) == side:
            self.is_over = True
            raise Crash(f"{side} commit {self.commits}")


class World:
    """What outlives a runtime, and the runtime that is up."""

    def __init__(self, seed: int = 1, threads: Threads | None = None) -> None:
        self.disk = sqlite3.connect(":memory:", check_same_thread=False)
        self.clock = VirtualClock()
        self.identifiers = SeededIdentifiers(random.Random(seed))
        self.calls = Calls(self.clock)
        self.observer = Observer()
        self.strictness = Strictness.STRICT  # of deploys
        self.threads = threads or InlineThreads()
        self.settings = Settings(directory=Path("/nonexistent"), project="p")
        self.store: SqliteStore
        self.wheel: Wheel
        self.executions: WorkflowExecutions
        self.room: WorkflowsRoom

    def begin(self, *, interceptor: CommitInterceptor | None = None, watch: Interceptor | None = None) -> None:
        """Put a new runtime together."""
        self.store = SqliteStore.inline(self.disk, interceptor)
        self.wheel = Wheel(self.store, self.clock, owner=self.identifiers.uid(), interceptor=watch)
        plans = Plans(self.strictness, self.threads)
        self.executions = WorkflowExecutions(self.wheel, self.settings, self.identifiers, plans, self.calls)
        self.executions.observer = self.observer
        self.room = WorkflowsRoom(self.wheel, self.identifiers, plans, self.executions, self.threads)
        self.wheel.add_room(ROOM, self.executions, self.executions.give_up)

    @asynccontextmanager
    async def up(self, **options: Any) -> AsyncIterator[None]:
        """A runtime that runs, and is stopped where it stands."""
        self.begin(**options)
        await self.wheel.recover()
        async with anyio.create_task_group() as group:
            await group.start(self.wheel.run)
            group.start_soon(self.room.run)
            yield
            group.cancel_scope.cancel()

    async def live(self, work: Callable[[], Awaitable[None]], is_fatal: Callable[[int], str]) -> int:
        """Do `work` in lives that end at fatal commits, until it is done. How many lives it took."""
        lives = 0
        while True:
            lives += 1
            life = Nth(is_fatal)
            try:
                async with self.up(interceptor=life):
                    await work()
                return lives
            except BaseExceptionGroup as group:
                _, rest = group.split(Crash)
                if rest is not None:
                    raise
            except Crash:
                pass
            if self.disk.in_transaction:
                self.disk.rollback()

    async def deploy(self, source: str, name: WorkflowName = NAME) -> None:
        operation = await self.room.changes.create(name, WorkflowDraft(source_contents=source))
        assert operation.error is None, operation.error

    async def run(self, argument: str | None = None, name: WorkflowName = NAME, **draft: Any) -> WorkflowExecution:
        return await self.room.execute(name, ExecutionDraft(argument=argument, **draft))

    async def look(self, execution: WorkflowExecution) -> WorkflowExecution:
        return await self.room.questions.get_execution(execution.name)

    async def ended(self, execution: WorkflowExecution, within_s: float = 60.0) -> WorkflowExecution:
        """The execution once it has ended."""
        return await self.until(execution, lambda found: found.state in FINAL_STATES, within_s)

    async def until(
        self, execution: WorkflowExecution, holds: Callable[[WorkflowExecution], bool], within_s: float = 60.0
    ) -> WorkflowExecution:
        with anyio.fail_after(within_s):
            while not holds(found := await self.look(execution)):  # noqa: ASYNC110 - virtual time
                await anyio.sleep(max(0.05, within_s / 1_000))
        return found

    async def at_rest(self, execution: WorkflowExecution) -> None:
        """Return when the execution has left memory."""
        with anyio.fail_after(60):
            while not (await self.timers() and self.is_forgotten(execution.uid)):  # noqa: ASYNC110 - virtual time
                await anyio.sleep(0.05)

    def is_forgotten(self, uid: str) -> bool:
        return uid not in self.executions._seats and (ROOM, uid) not in self.wheel._queues

    def pass_time(self, seconds: float) -> None:
        """Let the wall clock go on while nothing happens: cheaper than to let the loop's time pass."""
        self.clock.jump(seconds)

    async def timers(self) -> int:
        return len(await self.store.read(lambda tx: tx.timers_due(1e12, 1_000_000)))

    async def journal(self, execution: WorkflowExecution) -> list[Stamped]:
        entries = await self.store.read(lambda tx: tx.workflows.journal(execution.uid))
        return [journal.decode(entry) for entry in entries]

    async def load(self) -> dict[ExecutionState, int]:
        counts = await self.store.read(lambda tx: tx.workflows.load("p", "tokyo"))
        return {state: count for state, count in counts.items() if count}

    async def call_back(self, name: WorkflowExecutionName, body: bytes = b"{}", method: str = "POST") -> None:
        """Deliver a request to the only callback of an execution."""
        callbacks = await self.room.questions.list_callbacks(name)
        (identifier,) = callbacks or {"none": None}
        request = CallbackRequest(
            method=method, url="/x", query=(), headers=(), body=body, received_s=self.clock.now_s()
        )
        await self.room.deliver_callback(name, identifier, request)


def a_flow(*steps: str) -> str:
    """A workflow of these steps."""
    return "main:\n  params: [input]\n  steps:\n" + "".join(
        f"  - s{number}:\n" + "".join(f"      {line}\n" for line in step.strip("\n").split("\n"))
        for number, step in enumerate(steps)
    )


def a_sleep(seconds: float) -> str:
    return f"call: sys.sleep\nargs: {{seconds: {seconds}}}"


def a_get(url: str, result: str = "r") -> str:
    return f"call: http.get\nargs: {{url: '{url}'}}\nresult: {result}"
