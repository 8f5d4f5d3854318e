"""A whole runtime in this process: real rooms and a real store, virtual time, an engine of the tests."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio.abc import TaskGroup

from hakobune.core.jobs.model import Execution
from hakobune.core.names import JobName
from hakobune.engines.api import Attempt, Gate, Lane
from hakobune.runtime.app import Outside, Runtime
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.http_client import Transport
from hakobune.runtime.interceptors import Interceptor
from hakobune.runtime.logs import LogsRoom
from hakobune.runtime.settings import ImageSource, Settings
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import InlineThreads
from hakobune.servers.front import FrontDoor
from hakobune.servers.http.messages import BytesBody, Request
from hakobune.servers.routes import front_door
from hakobune.store.sqlite.database import SqliteStore
from hakobune.testing.clock import SeededIdentifiers, VirtualClock
from hakobune.testing.engine import FakeEngine, Fate, Mischief

T = TypeVar("T")
P = ParamSpec("P")

JOBS = "/v2/projects/p/locations/us-central1/jobs"
FOREVER = Fate(duration_s=1e9)


class HeldThreads(InlineThreads):
    """Worker threads of which one kind of work can be held back."""

    def __init__(self) -> None:
        self.held = ""  # name of the function
        self.is_waiting = anyio.Event()
        self.go = anyio.Event()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.held and getattr(work, "__name__", "") == self.held:
            self.held = ""
            self.is_waiting.set()
            await self.go.wait()
        return await super().run(work, *args, **kwargs)


class House:
    """Holds what outlives a runtime. `fates` says what tasks of an index do; the rest take a second and succeed."""

    def __init__(
        self,
        group: TaskGroup,
        directory: Path,
        *,
        images: dict[str, ImageSource] | None = None,
        gate: Gate | None = None,
        interceptor: Interceptor | None = None,
        transport: Transport | None = None,
        logs: LogsRoom | None = None,
        credentials: Callable[[Settings, VirtualClock], Credentials] | None = None,
    ) -> None:
        self._group = group
        self.settings = Settings(directory=directory, project="p", images=images or {})
        self.disk = sqlite3.connect(":memory:", check_same_thread=False)
        self.clock = VirtualClock()
        self.fates: dict[int, Fate] = {}
        self.engine = FakeEngine(group, self._fate, random.Random(1), Mischief(), self.clock.now_s)
        self.threads = HeldThreads()
        self.identifiers = SeededIdentifiers(random.Random(2))
        self.gate = gate
        self.interceptor = interceptor
        self.transport = transport
        self.logs = logs
        self.credentials = credentials
        self.runtime: Runtime
        self.front: FrontDoor
        self._life: anyio.CancelScope | None = None

    def _fate(self, lane: Lane, attempt: Attempt) -> Fate:
        return self.fates.get(attempt.index, Fate(duration_s=1.0))

    async def start(self) -> None:
        """Start a runtime on what the last one left."""
        outside = Outside(
            store=SqliteStore.inline(self.disk),
            engine=self.engine,
            clock=self.clock,
            identifiers=self.identifiers,
            threads=self.threads,
            interceptor=self.interceptor,
            gate=self.gate,
            transport=self.transport,
            logs=self.logs,
            credentials=None if self.credentials is None else self.credentials(self.settings, self.clock),
        )
        self.runtime = Runtime(self.settings, outside, Telemetry())
        self.front = front_door(self.runtime)
        self._life = await self._group.start(self._live, self.runtime)

    async def _live(self, runtime: Runtime, *, task_status: Any) -> None:
        with anyio.CancelScope() as scope:
            await runtime.prepare(None)
            async with anyio.create_task_group() as group:
                await group.start(runtime.run)
                task_status.started(scope)

    async def crash(self) -> None:
        """Stop the runtime where it stands."""
        assert self._life is not None
        self._life.cancel()
        await anyio.sleep(0.01)

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """One request at the front door: status and JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method=method, target=path, headers={"host": "127.0.0.1", **names}, body=BytesBody(content))
        response = await self.front.handle(request)
        return response.status, json.loads(response.content)

    async def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """One request that must succeed."""
        status, answer = await self.call(method, path, body, **headers)
        assert status == 200, answer
        return answer

    async def run(self, job: str) -> Execution:
        """Begin an execution."""
        answer = await self.ok("POST", f"{JOBS}/{job}:run", {})
        return await self.execution(answer["metadata"]["name"])

    async def execution(self, name: str) -> Execution:
        """As the store has it now."""
        job, _, execution_id = name.partition("/executions/")
        full = JobName.parse(job).execution(execution_id)
        found = await self.runtime.store.read(lambda tx: tx.jobs.find_execution(full))
        assert found is not None, name
        return found

    async def until(self, holds: Callable[[], Any], within_s: float = 600.0) -> Any:
        """Let virtual time pass until something holds; what it was."""
        with anyio.fail_after(within_s):
            while not (found := await holds()):  # noqa: ASYNC110 - the store is watched, and time is virtual
                await anyio.sleep(0.1)
        return found

    async def done(self, operation: Any) -> Any:
        """An operation once it is done."""

        async def look() -> Any:
            found = await self.ok("GET", f"/v2/{operation['name']}")
            return found if found.get("done") else None

        return await self.until(look)

    async def finish(self, execution: Execution) -> Any:
        """An execution once it has ended."""

        async def look() -> Any:
            found = await self.ok("GET", f"/v2/{execution.name}")
            return found if "completionTime" in found else None

        return await self.until(look)


@asynccontextmanager
async def a_house(directory: Path, **options: Any) -> AsyncIterator[House]:
    """A running house."""
    async with anyio.create_task_group() as group:
        house = House(group, directory, **options)
        await house.start()
        yield house
        group.cancel_scope.cancel()


def declared(
    *, tasks: int = 1, parallelism: int = 0, source: Path | None = None, token: str = "", **template: object
) -> dict[str, object]:
    """The body of a job."""
    container: dict[str, object] = {"image": "local", "command": ["/bin/true"]}
    annotations = {}
    if source is not None:
        container = {"image": "from-source"}
        annotations["hakobune.dev/source"] = str(source)
    body: dict[str, object] = {
        "template": {
            "taskCount": tasks,
            "parallelism": parallelism,
            "annotations": annotations,
            "template": {"containers": [container], **template},
        }
    }
    if token:
        body["startExecutionToken"] = token
    return body
