"""An engine on virtual time. Like the real one it outlives the runtime, and unlike it, it can be told to misbehave.

It keeps a history of what really ran: the truth that the checkers hold the runtime's books against.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from hakobune.core.errors import Unavailable
from hakobune.engines.api import Attempt, Ended, EndKind, Known, Lane, Report, ReportBatch, Slot, Started

BATCH_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What an attempt will do: run so long, then end so."""

    duration_s: float
    exit_code: int = 0
    signal: int | None = None
    ignores_sigterm: bool = False


@dataclass(slots=True, kw_only=True)
class Run:
    """One process that really ran. Instants are the loop's, which never jump."""

    lane_uid: str
    index: int
    number: int
    start_s: float
    end_s: float | None = None
    ended: Ended | None = None
    is_forgotten: bool = False  # the engine died with its end, or under it: perhaps nobody ever heard of it


@dataclass(slots=True)
class _LaneState:
    lane: Lane
    waiting: deque[Attempt] = field(default_factory=deque[Attempt])
    running: dict[str, anyio.Event] = field(default_factory=dict[str, anyio.Event])  # set: stop it
    started_s: dict[str, float] = field(default_factory=dict[str, float])  # wall clock, of those that run


@dataclass(frozen=True, slots=True, kw_only=True)
class Mischief:
    """How often (0 to 1) the way between runtime and engine goes wrong."""

    refuse: float = 0.0  # a call is refused, nothing happened
    lose_answer: float = 0.0  # a call is carried out, and its answer is lost
    double_batch: float = 0.0  # a batch of reports is delivered twice
    break_stream: float = 0.0  # the connection breaks after a batch


class FakeEngine:
    """See the module's docstring. `fate` decides what each attempt does."""

    def __init__(
        self,
        group: TaskGroup,
        fate: Callable[[Lane, Attempt], Fate],
        rng: random.Random,
        mischief: Mischief,
        now_s: Callable[[], float],
    ) -> None:
        self._group = group
        self._fate = fate
        self._rng = rng
        self._mischief = mischief
        self._now_s = now_s
        self._lanes: dict[str, _LaneState] = {}
        self._known: set[str] = set()
        self._reports: deque[tuple[int, Report]] = deque()
        self._cursor = 0
        self._news = anyio.Event()
        self._connection = 0
        self._is_connected = False
        self._life = 1
        self._runs: dict[str, Run] = {}  # by attempt uid, until the end is acknowledged
        self.history: list[Run] = []

    @property
    def instance(self) -> str:
        """One name for each life."""
        return f"life-{self._life}"

    # -- Engine -----------------------------------------------------------------------------------------------------

    async def open(self) -> Sequence[Known]:
        """Connect; an older connection is void from now on."""
        await self._arrive(is_open=True)
        self._connection += 1
        self._is_connected = True
        self._news.set()
        return [Known(uid=uid) for uid in sorted(self._known)]

    async def offer_slots(self, slots: Sequence[Slot]) -> None:
        """Attempts of a simulation call nobody."""
        del slots
        await anyio.lowlevel.checkpoint()

    async def slot_holder(self, number: int) -> str | None:
        """As above."""
        del number
        await anyio.lowlevel.checkpoint()
        return None

    async def start(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """Accept attempts."""
        await self._arrive()
        state = self._lanes.setdefault(lane.uid, _LaneState(lane))
        for attempt in attempts:
            if attempt.uid not in self._known:
                self._known.add(attempt.uid)
                state.waiting.append(attempt)
        self._fill(state)
        self._depart()

    async def stop(self, lane_uid: str, attempt_uids: Sequence[str] | None = None) -> None:
        """Stop attempts."""
        await self._arrive()
        state = self._lanes.get(lane_uid)
        if state is not None:
            for attempt in list(state.waiting):
                if attempt_uids is None or attempt.uid in attempt_uids:
                    state.waiting.remove(attempt)
                    self._report(_ended(lane_uid, attempt.uid, self._now_s(), EndKind.STOPPED))
            for uid, stop in state.running.items():
                if attempt_uids is None or uid in attempt_uids:
                    stop.set()
        self._depart()

    async def signal(self, attempt_uid: str, signal: int) -> None:
        """Attempts of a simulation take no signals."""
        del attempt_uid, signal
        await anyio.lowlevel.checkpoint()

    async def hold(self, attempt_uid: str) -> None:
        """As above."""
        await self.signal(attempt_uid, 0)

    async def resume(self, attempt_uid: str) -> None:
        """As above."""
        await self.signal(attempt_uid, 0)

    async def reports(self) -> AsyncIterator[ReportBatch]:
        """Unacknowledged reports, oldest first."""
        if not self._is_connected:
            raise Unavailable("there is no connection to the engine")
        mine = self._connection
        sent = 0
        while True:
            while not any(cursor > sent for cursor, _ in self._reports) and mine == self._connection:
                self._news = anyio.Event()
                await self._news.wait()
            if mine != self._connection:
                raise Unavailable("the connection to the engine broke")
            fresh = [item for item in self._reports if item[0] > sent][: self._rng.randint(1, BATCH_MAX)]
            sent = fresh[-1][0]
            batch = ReportBatch(cursor=sent, reports=tuple(report for _, report in fresh))
            yield batch
            if self._rng.random() < self._mischief.double_batch:
                yield batch
            if self._rng.random() < self._mischief.break_stream:
                raise Unavailable("the connection to the engine broke")

    async def acknowledge(self, cursor: int) -> None:
        """Forget reports, and the attempts that they end."""
        await self._arrive()
        while self._reports and self._reports[0][0] <= cursor:
            _, report = self._reports.popleft()
            if isinstance(report, Ended):
                self._known.discard(report.attempt_uid)
                self._runs.pop(report.attempt_uid, None)

    async def describe(self) -> Mapping[str, str]:
        """What it is."""
        await anyio.lowlevel.checkpoint()
        return {"kind": "fake"}

    async def close(self, *, stop_attempts: bool) -> None:
        """Disconnect; an orderly stop ends all attempts as lost, and keeps the reports for the next life."""
        await anyio.lowlevel.checkpoint()
        self._disconnect()
        if not stop_attempts:
            return
        for uid, state in self._lanes.items():
            for attempt in state.waiting:
                self._report(_ended(uid, attempt.uid, self._now_s(), EndKind.LOST))
            for attempt_uid, started_at_s in state.started_s.items():
                ended = _ended(uid, attempt_uid, self._now_s(), EndKind.LOST, started_at_s)
                run = self._runs[attempt_uid]
                run.end_s, run.ended = anyio.current_time(), ended
                self._report(ended)
        self._life += 1
        self._lanes = {}

    # -- the world's side ---------------------------------------------------------------------------------------------

    def die(self) -> None:
        """Everything that it ran and knew is gone; a new life begins."""
        for run in self._runs.values():
            run.is_forgotten = True
            if run.end_s is None:
                run.end_s = anyio.current_time()
        self._life += 1
        self._lanes = {}
        self._known = set()
        self._runs = {}
        self._reports.clear()
        self._disconnect()

    def _disconnect(self) -> None:
        self._connection += 1
        self._is_connected = False
        self._news.set()

    def be_kind(self) -> None:
        """No more mischief."""
        self._mischief = Mischief()

    async def _arrive(self, *, is_open: bool = False) -> None:
        connection = self._connection
        await anyio.sleep(self._rng.choice((0.0, 0.001, 0.01)))
        if self._rng.random() < self._mischief.refuse:
            raise Unavailable("the engine cannot be reached")
        if not is_open and (connection != self._connection or not self._is_connected):
            raise Unavailable("the connection to the engine broke")

    def _depart(self) -> None:
        if self._rng.random() < self._mischief.lose_answer:
            raise Unavailable("the engine's answer was lost")

    def _fill(self, state: _LaneState) -> None:
        while state.waiting and len(state.running) < state.lane.width:
            attempt = state.waiting.popleft()
            state.running[attempt.uid] = anyio.Event()
            run = Run(
                lane_uid=state.lane.uid,
                index=attempt.index,
                number=attempt.number,
                start_s=anyio.current_time(),
            )
            self.history.append(run)
            self._runs[attempt.uid] = run
            at_s = state.started_s[attempt.uid] = self._now_s()
            self._report(Started(attempt_uid=attempt.uid, lane_uid=state.lane.uid, at_s=at_s, pid=len(self.history)))
            self._group.start_soon(self._run, self._life, state, attempt, run, at_s)

    async def _run(self, life: int, state: _LaneState, attempt: Attempt, run: Run, started_at_s: float) -> None:
        fate = self._fate(state.lane, attempt)
        stop = state.running[attempt.uid]
        kind, code, signal = EndKind.EXITED, fate.exit_code, fate.signal
        if signal is not None:
            kind = EndKind.SIGNALED
        wait_s = fate.duration_s
        if fate.duration_s > state.lane.timeout_s:
            wait_s, kind = (
                state.lane.timeout_s + (state.lane.grace_s if fate.ignores_sigterm else 0.1),
                EndKind.TIMED_OUT,
            )
        with anyio.move_on_after(wait_s):
            await stop.wait()
            await anyio.sleep(state.lane.grace_s if fate.ignores_sigterm else 0.05)
            kind = EndKind.STOPPED
        if life != self._life:
            return
        del state.running[attempt.uid]
        del state.started_s[attempt.uid]
        ended = Ended(
            attempt_uid=attempt.uid,
            lane_uid=state.lane.uid,
            at_s=self._now_s(),
            kind=kind,
            started_at_s=started_at_s,
            exit_code=code if kind is EndKind.EXITED else None,
            signal=signal if kind is EndKind.SIGNALED else None,
        )
        run.end_s, run.ended = anyio.current_time(), ended
        self._report(ended)
        self._fill(state)

    def _report(self, report: Report) -> None:
        self._cursor += 1
        self._reports.append((self._cursor, report))
        self._news.set()


def _ended(lane_uid: str, uid: str, at_s: float, kind: EndKind, started_at_s: float | None = None) -> Ended:
    return Ended(attempt_uid=uid, lane_uid=lane_uid, at_s=at_s, kind=kind, started_at_s=started_at_s)
