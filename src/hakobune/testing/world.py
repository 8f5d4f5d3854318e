"""The world of one simulation: disk, clock, engine, and a runtime that is started again whenever it has died."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

from hakobune.engines.api import Attempt, Lane
from hakobune.runtime.app import Outside, Runtime
from hakobune.runtime.settings import Settings
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import InlineThreads
from hakobune.servers.front import FrontDoor
from hakobune.servers.http.messages import BytesBody, Request, Response
from hakobune.servers.routes import front_door
from hakobune.store.api import ReadTx, WriteTx
from hakobune.store.sqlite.database import SqliteStore
from hakobune.store.sqlite.schema import migrate
from hakobune.testing.clock import SeededIdentifiers, VirtualClock
from hakobune.testing.engine import FakeEngine, Fate
from hakobune.testing.faults import QUIET, Crash, Faults, Life, Luck

T = TypeVar("T")
_LOOK_S = 1.0


@cache
def _empty_disk() -> bytes:
    """A migrated, empty database: made once, copied for each seed."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection)
    return connection.serialize()


class _SimulatedStore:
    """The real store, on a disk that may be slow or full, of a runtime that may be dead."""

    def __init__(self, life: Life, real: SqliteStore) -> None:
        self._life = life
        self._real = real

    @property
    def queue_depth(self) -> int:
        return self._real.queue_depth

    async def write(self, unit: Callable[[WriteTx], T]) -> T:
        await anyio.sleep(self._life.disk_delay_s())
        self._life.check()
        return await self._real.write(unit)

    async def read(self, unit: Callable[[ReadTx], T]) -> T:
        self._life.check()
        return await self._real.read(unit)

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        return await self._real.wait_for_change(since, timeout_s)

    async def close(self) -> None:
        await self._real.close()


class World:
    """Holds what outlives a runtime."""

    def __init__(
        self, group: TaskGroup, rng: random.Random, faults: Faults, fate: Callable[[Lane, Attempt], Fate]
    ) -> None:
        self._group = group
        self.rng = rng
        self.luck = Luck(random.Random(rng.getrandbits(64)), faults)
        self.clock = VirtualClock()
        self.identifiers = SeededIdentifiers(random.Random(rng.getrandbits(64)))
        self.disk = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.disk.deserialize(_empty_disk())
        self.engine = FakeEngine(group, fate, random.Random(rng.getrandbits(64)), faults.mischief, self.clock.now_s)
        self.kind_since_s = 0.0
        self._runtime: Runtime | None = None  # the one that is up
        self._front: FrontDoor | None = None  # of it, made for its first request
        self._up = anyio.Event()
        self.starts = 0

    def be_kind(self) -> None:
        """No more faults: what was begun must now come to its end."""
        self.luck.faults = QUIET
        self.luck.is_disk_full = False
        self.engine.be_kind()
        self.kind_since_s = anyio.current_time()

    # -- the runtime's lives ------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Start the runtime, again after each death, until cancelled."""
        self._group.start_soon(self._disk)
        while True:
            self.starts += 1
            life = Life(self.luck)
            try:
                await self._one_life(life)
            except BaseExceptionGroup as group:
                _, rest = group.split(Crash)
                if rest is not None:
                    raise
            except Crash:
                pass
            life.end()
            self._shut()
            if self._up.is_set():  # else somebody waits for this very event
                self._up = anyio.Event()
            if self.disk.in_transaction:
                self.disk.rollback()
            await anyio.sleep(self.rng.choice((0.0, 0.2, 5.0)))

    async def _one_life(self, life: Life) -> None:
        store = _SimulatedStore(life, SqliteStore.inline(self.disk, life))
        outside = Outside(
            store=store,
            engine=self.engine,
            clock=self.clock,
            identifiers=self.identifiers,
            threads=InlineThreads(),
            interceptor=life,
        )
        runtime = Runtime(Settings(directory=Path("/nonexistent/hakobune-simulation")), outside, Telemetry())
        async with anyio.create_task_group() as group:
            await runtime.prepare(None)
            await group.start(runtime.run)
            self._runtime = runtime
            self._up.set()
            group.start_soon(self._misfortune, life)
            await life.ending.wait()
            self._shut()
            group.cancel_scope.cancel()
        life.check()
        self.luck.stops += 1
        await runtime.close(stop_attempts=True)

    def _shut(self) -> None:
        self._runtime = self._front = None

    async def _misfortune(self, life: Life) -> None:
        """Things that happen by themselves."""
        while self.luck.faults is not QUIET:
            await anyio.sleep(_LOOK_S)
            faults = self.luck.faults
            if self.luck.happens(faults.clock_jump):
                self.clock.offset_s += self.rng.choice((-3600.0, -1.0, 1.0, 3600.0))
            if self.luck.happens(faults.engine_death):
                self.engine.die()
            if self.luck.happens(faults.orderly_stop):
                life.ending.set()

    async def _disk(self) -> None:
        """Now and then the disk is full for a long time."""
        while self.luck.faults is not QUIET:
            await anyio.sleep(_LOOK_S)
            self.luck.is_disk_full = self.luck.happens(self.luck.faults.disk_stays_full)
            if self.luck.is_disk_full:
                await anyio.sleep(self.rng.choice((10.0, 60.0, 900.0)))

    # -- a client's side ----------------------------------------------------------------------------------------------

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response | None:
        """One request at the front door. None: the runtime died under it, and nobody knows."""
        await self._up.wait()
        life = self.starts
        if self._runtime is None:
            return None
        front = self._front = self._front or front_door(self._runtime)
        request = Request(
            method=method, target=path, headers={"host": "127.0.0.1", **(headers or {})}, body=BytesBody(body)
        )
        try:
            response = await front.handle(request)
        except Crash:
            return None
        return response if life == self.starts and self._front is front else None

    def look(self) -> SqliteStore:
        """The disk, past the runtime."""
        return SqliteStore.inline(self.disk)
