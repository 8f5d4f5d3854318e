"""The world of one simulation: disk, clock, engine, and a runtime that is started again whenever it has died."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.core.workflows.model import ExecutionState
from hakobune.engines.api import Attempt, Lane
from hakobune.runtime.app import Outside, Runtime
from hakobune.runtime.credentials import Credentials, Token
from hakobune.runtime.settings import Settings
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import InlineThreads
from hakobune.runtime.workflow_driver import DRIVE, ROOM
from hakobune.servers.front import FrontDoor
from hakobune.servers.http.messages import Body, BytesBody, Request, Response
from hakobune.servers.inside import InsideDoor
from hakobune.servers.routes import front_door
from hakobune.store.api import ReadTx, WriteTx
from hakobune.store.sqlite.database import SqliteStore
from hakobune.store.sqlite.schema import migrate
from hakobune.store.sqlite.workflows import SqliteWorkflowsRead
from hakobune.testing.clock import SeededIdentifiers, VirtualClock
from hakobune.testing.content_disk import SimulatedBlobs
from hakobune.testing.engine import FakeEngine, Fate
from hakobune.testing.faults import QUIET, Crash, Faults, Life, Luck
from hakobune.testing.flow_logs import LogDisk, SimulatedLogs
from hakobune.testing.flow_plans import CHILD_LOCATION, FlowScenario
from hakobune.testing.partner import Partner
from hakobune.testing.plans import LOCATION, PROJECT

T = TypeVar("T")
_LOOK_S = 1.0
_LEAP_MIN_S = 8.0  # a nearer wait is waited for
_PLACES = (LOCATION, CHILD_LOCATION)
_DIRECTORY = Path("/nonexistent/hakobune-simulation")
_PORTS = (8642, 9001, 9002)


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

    @property
    def under_way(self) -> int:
        """As the real one."""
        return self._real.under_way

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


class _SimulatedCredentials(Credentials):
    """Tokens that are no more than the name of their account: no keys, no files, no threads."""

    async def access_token(self, account: str, *, life_s: float = 0.0) -> str:
        del life_s
        return account

    async def verify(self, text: str, *, audience: str = "") -> Token:
        return Token(account=text, audience=audience, expires_s=float("inf"))


class _LifeTransport:
    """The network, as one life of a runtime reaches it."""

    def __init__(self, partner: Partner, number: int, life: Life) -> None:
        self._partner = partner
        self._number = number
        self._life = life

    async def send(self, request: HttpRequest, *, after_redirect: bool = False) -> HttpResponse | NoResponse:
        del after_redirect
        self._life.check()
        return await self._partner.send(request, self._number)

    async def close(self) -> None:
        """Nothing is held."""


def _resting(tx: ReadTx, now_s: float) -> float | None:
    """The first instant that an execution waits for. None: not all of them are at rest, or a job runs."""
    if tx.jobs.executions_under_way():
        return None
    active = sum(tx.workflows.load(PROJECT, location).get(ExecutionState.ACTIVE, 0) for location in _PLACES)
    timers = [timer for timer in tx.timers_due(math.inf, 1_000) if timer.room == ROOM]
    if not active or len(timers) != active or timers[0].due_s <= now_s:
        return None
    return timers[0].due_s


class World:
    """Holds what outlives a runtime."""

    def __init__(
        self,
        group: TaskGroup,
        rng: random.Random,
        faults: Faults,
        fate: Callable[[Lane, Attempt], Fate],
        flows: FlowScenario,
        contents: Path | None = None,
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
        self._flows = flows
        self.log_disk = LogDisk()
        network = random.Random(repr((faults, "network")))  # apart from the rest: the engine's luck stays what it was
        self.partner = Partner(group, network, self.luck, self.look, self._post_back)
        self.active_most = 0  # executions of workflows, in one place, after any commit
        self.leaps = 0
        self._looked: SqliteStore | None = None
        self.has_jumped = False  # the clock, and perhaps back
        self.contents = contents  # where content files are, if there are any

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
            transport=_LifeTransport(self.partner, self.starts, life),
            credentials=_SimulatedCredentials(_DIRECTORY, self.clock, PROJECT),
            logs=SimulatedLogs(store, self.clock, self.log_disk, life, self.luck),
            blobs=None if self.contents is None else SimulatedBlobs(self.contents, life),
        )
        settings = Settings(
            directory=_DIRECTORY,
            project=PROJECT,
            port=_PORTS[self.starts % len(_PORTS)] if self._flows.is_moving else _PORTS[0],
            workflow_executions_max=self._flows.quota,
        )
        runtime = Runtime(settings, outside, Telemetry())
        if self._flows.flows:
            life.watch = self._watch_quota
            self._connect(runtime, life)
        self._life = life
        async with anyio.create_task_group() as group:
            await runtime.prepare(None)
            await group.start(runtime.run)
            self._runtime = runtime
            if self.contents is not None:  # without a front door, no topic hears of objects
                self._front = front_door(runtime)
            self._up.set()
            group.start_soon(self._misfortune, life)
            await life.ending.wait()
            self._shut()
            group.cancel_scope.cancel()
        life.check()
        self.luck.stops += 1
        await runtime.close(stop_attempts=True)

    def _connect(self, runtime: Runtime, life: Life) -> None:
        """Calls of workflows to our own front door."""
        number = self.starts

        async def call(request: HttpRequest) -> HttpResponse | NoResponse:
            life.check()
            await self.partner.note(request, number)
            self._front = self._front or front_door(runtime)
            return await InsideDoor(self._front)(request)

        runtime.connect(call)

    def _watch_quota(self) -> None:
        rows = SqliteWorkflowsRead(self.disk)
        for location in _PLACES:
            active = rows.load(PROJECT, location).get(ExecutionState.ACTIVE, 0)
            self.active_most = max(self.active_most, active)

    def _shut(self) -> None:
        self._runtime = self._front = None

    async def _misfortune(self, life: Life) -> None:
        """Things that happen by themselves."""
        while self.luck.faults is not QUIET:
            await anyio.sleep(_LOOK_S)
            faults = self.luck.faults
            if self.luck.happens(faults.clock_jump):
                self.clock.jump(self.rng.choice((-3600.0, -1.0, 1.0, 3600.0)))
                self.has_jumped = True
            if self.luck.happens(faults.engine_death):
                self.engine.die()
            if self.luck.happens(faults.orderly_stop):
                life.ending.set()

    def set_clock_right(self) -> None:
        """Somebody sees that the clock is behind, and sets it: what waits for its instant would wait for hours."""
        behind_s = self.clock.most_s(0.0) - self.clock.now_s()
        if behind_s > 0:
            self.clock.jump(behind_s)
            self.has_jumped = True

    async def _disk(self) -> None:
        """Now and then the disk is full for a long time."""
        while self.luck.faults is not QUIET:
            await anyio.sleep(_LOOK_S)
            self.luck.is_disk_full = self.luck.happens(self.luck.faults.disk_stays_full)
            if self.luck.is_disk_full:
                await anyio.sleep(self.rng.choice((10.0, 60.0, 900.0)))

    # -- waits --------------------------------------------------------------------------------------------------------

    async def leap(self) -> None:
        """If all that is under way are executions of workflows at rest: let the wall clock come near the first instant
        that one of them waits for. Nothing of them may be in memory then. Months cost no loop's time so."""
        runtime = self._runtime
        if runtime is None or self.partner.under_way or runtime.wheel.unperformed(ROOM, DRIVE):
            return
        now_s = self.clock.now_s()
        found = await self.look().read(lambda tx: _resting(tx, now_s))
        if found is None or found < now_s + _LEAP_MIN_S:
            return
        seats: dict[str, object] = vars(runtime.workflows.executions)["_seats"]
        if seats:
            self.partner.ledger.wrong.append(f"at rest, and in memory: {sorted(seats)}")
        self.leaps += 1
        self.clock.jump(found - now_s - self.rng.choice((0.0, 0.5, 3.0)))

    # -- a client's side ----------------------------------------------------------------------------------------------

    async def runtime(self) -> Runtime:
        """The one that is up, as soon as one is."""
        while self._runtime is None:
            await self._up.wait()
        return self._runtime

    async def call(
        self, method: str, path: str, body: bytes | Body = b"", headers: dict[str, str] | None = None
    ) -> Response | None:
        """One request at the front door. None: the runtime died under it, and nobody knows."""
        await self._up.wait()
        life = self.starts
        if self._runtime is None:
            return None
        front = self._front = self._front or front_door(self._runtime)
        content = BytesBody(body) if isinstance(body, bytes) else body
        request = Request(method=method, target=path, headers={"host": "127.0.0.1", **(headers or {})}, body=content)
        response: Response | None = None
        calls = self._life.calls
        with anyio.CancelScope() as scope:
            calls.add(scope)
            try:
                response = await front.handle(request)
            except Crash:
                return None
            finally:
                calls.discard(scope)
        if life == self.starts and self._front is front:
            return response
        if response is not None:
            response.close()
        return None

    async def _post_back(self, method: str, path: str, body: bytes) -> tuple[int, str] | None:
        response = await self.call(method, path, body, {"content-type": "application/json"})
        return None if response is None else (response.status, response.content.decode())

    def look(self) -> SqliteStore:
        """The disk, past the runtime."""
        if self._looked is None:
            self._looked = SqliteStore.inline(self.disk)
        return self._looked
