"""Services and worker pools in a runtime of this process, with real processes as instances."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from inspect import isawaitable
from pathlib import Path
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup

from hakobune.core.containers import Container, EnvVar
from hakobune.core.operations import ResidentOperation
from hakobune.core.services.model import (
    Instance,
    Member,
    Probe,
    Resident,
    ResidentDraft,
    Revision,
    Scaling,
    Template,
)
from hakobune.core.services.names import Kind, ResidentName
from hakobune.engines.process.engine import ProcessEngine
from hakobune.runtime.app import Outside, Runtime
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.runs import Caller
from hakobune.runtime.settings import Settings
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import WorkerThreads
from hakobune.store.api import Page
from hakobune.store.sqlite.database import SqliteStore

T = TypeVar("T")

CALLER = Caller(account="me@example.com")
SERVICE = ResidentName(kind=Kind.SERVICE, project="p", location="us-central1", id="web")
POOL = ResidentName(kind=Kind.POOL, project="p", location="us-central1", id="crew")

# Answers each request with its own process id.
SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
WORKER = "import time\nprint('at work', flush=True)\nwhile True: time.sleep(0.05)\n"


def program(code: str, *arguments: str, env: dict[str, str] | None = None) -> Member:
    """A container that runs Python code."""
    variables = tuple(EnvVar(name=name, value=value) for name, value in (env or {}).items())
    command = (sys.executable, "-S", "-c", code)
    container = Container(name="main", image="local", command=command, args=arguments, env=variables)
    return Member(container=container)


def service(code: str = SERVER, *, startup: Probe | None = None, liveness: Probe | None = None, **fields: Any) -> Any:
    """A declaration of a service: fields of its template, or of the draft."""
    member = replace(program(code), port=8080, startup=startup, liveness=liveness)
    return _draft(member, fields)


def pool(code: str = WORKER, *, count: int | None = None, startup: Probe | None = None, **fields: Any) -> Any:
    """A declaration of a worker pool."""
    fields.setdefault("scaling", Scaling(manual=count))
    return _draft(replace(program(code), startup=startup), fields)


def _draft(member: Member, fields: dict[str, Any]) -> ResidentDraft:
    of_draft = {name: fields.pop(name) for name in ("scaling", "shares", "labels", "annotations") if name in fields}
    return ResidentDraft(template=Template(members=(member,), **fields), **of_draft)


@dataclass(slots=True)
class Requests:
    """A stand-in for the front door's admission: the test says what is asked for."""

    wanted: dict[str, int]
    busy: set[str]
    drains: dict[str, anyio.Event]

    def demand(self, revision_uid: str) -> int:
        return self.wanted.get(revision_uid, 0)

    def in_flight(self, instance_uid: str) -> int:
        return int(instance_uid in self.busy)

    def idle_since(self, instance_uid: str) -> float | None:
        del instance_uid
        return None

    async def drained(self, instance_uid: str) -> None:
        if instance_uid in self.busy:
            await self.drains.setdefault(instance_uid, anyio.Event()).wait()


class ServiceHouse:
    """Holds what outlives a runtime."""

    def __init__(self, group: TaskGroup, directory: Path, settings: dict[str, Any]) -> None:
        self._group = group
        self.settings = Settings(directory=directory, project="p", **settings)
        self.disk = sqlite3.connect(":memory:", check_same_thread=False)
        self.requests = Requests({}, set(), {})
        self.runtime: Runtime
        self.engine: ProcessEngine
        self._life: anyio.CancelScope | None = None

    async def start(self) -> None:
        self.engine = ProcessEngine(self.settings.directory, idle_s=5.0)
        outside = Outside(
            store=SqliteStore.inline(self.disk),
            engine=self.engine,
            clock=SystemClock(),
            identifiers=RandomIdentifiers(),
            threads=WorkerThreads(2),
        )
        self.runtime = Runtime(self.settings, outside, Telemetry())
        self.runtime.fleet.demand = self.requests
        self._life = await self._group.start(self._live, self.runtime)

    async def _live(self, runtime: Runtime, *, task_status: Any) -> None:
        with anyio.CancelScope() as scope:
            await runtime.prepare(None)
            async with anyio.create_task_group() as group:
                await group.start(runtime.run)
                task_status.started(scope)

    async def crash(self) -> None:
        """The runtime is gone, its supervisor is not."""
        assert self._life is not None
        self._life.cancel()
        await anyio.sleep(0.02)
        await self.engine.close(stop_attempts=False)

    async def stop(self) -> None:
        """An orderly stop: all instances end."""
        assert self._life is not None
        self._life.cancel()
        await anyio.sleep(0.02)
        await self.engine.close(stop_attempts=True)

    # -- what tests ask -------------------------------------------------------------------------------------------

    async def deploy(self, name: ResidentName, draft: ResidentDraft, **options: Any) -> ResidentOperation:
        """Declare, and wait until that is done."""
        operation = await self.runtime.services.update(name, lambda _: draft, CALLER, allow_missing=True, **options)
        return await self.done(operation)

    async def done(self, operation: ResidentOperation) -> ResidentOperation:
        found = await self.runtime.operations.wait(operation.name, 20.0)
        assert isinstance(found, ResidentOperation)
        assert found.done
        return found

    async def resident(self, name: ResidentName) -> Resident:
        return await self.runtime.services.get(name)

    async def newest(self, name: ResidentName) -> Revision:
        return (await self.runtime.services.revisions(name, Page(limit=1)))[0]

    async def instances(self) -> list[Instance]:
        return await self.runtime.store.read(lambda tx: tx.services.instances())

    async def ask(self, port: int) -> str:
        """The answer of an instance: its process id."""
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            data = b""
            async for part in stream:
                data += part
        return data.rpartition(b"\r\n\r\n")[2].decode()

    async def until(self, look: Callable[[], T | Awaitable[T | None] | None], seconds: float = 15.0) -> T:
        """What `look` finds, as soon as it finds something."""
        with anyio.fail_after(seconds):
            while True:
                found = look()
                if isawaitable(found):
                    found = await found
                if found:
                    return found
                await anyio.sleep(0.02)

    async def count(self, count: int, *states: str) -> list[Instance]:
        """The instances, as soon as there are so many in these states (all: in whatever state)."""

        async def look() -> list[list[Instance]]:
            found = [one for one in await self.instances() if not states or one.state in states]
            return [found] if len(found) == count else []

        return (await self.until(look))[0]


@asynccontextmanager
async def a_service_house(directory: Path, **settings: Any) -> AsyncIterator[ServiceHouse]:
    """A running house; its processes end with it."""
    async with anyio.create_task_group() as group:
        house = ServiceHouse(group, directory, settings)
        await house.start()
        try:
            yield house
        finally:
            with anyio.CancelScope(shield=True):
                await house.engine.close(stop_attempts=True)
            group.cancel_scope.cancel()
