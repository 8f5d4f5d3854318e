"""Between the rooms that run programs and their engine: handing attempts over, taking reports in, and settling who has
what after either side died. Each such room is a *party*: it owns lanes, and knows what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import anyio
from anyio.abc import TaskStatus

from hakobune.core.errors import Unavailable
from hakobune.core.jobs import limits
from hakobune.engines.api import Attempt, Ended, Engine, Gate, Known, Lane, Report, Started
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand, ReadTx, WriteTx

_RECONNECT_S = 0.1
# A new execution hands over a hundred attempts and more. The first few go ahead, so that they start while the rest is
# on its way: measured in bench/first_task.py. As many as the process engine starts before it looks up.
_AHEAD = 16
_INSTANCE = "engine_instance"  # which life of the engine the store knows


def lane_of(attempt_uid: str) -> str:
    """The lane's uid in an attempt's uid (`lane.index.handed_over`): of an execution, say."""
    return attempt_uid.rsplit(".", 2)[0]


def attempt_index(attempt_uid: str) -> int:
    """The task index in an attempt's uid (`lane.index.handed_over`)."""
    return int(attempt_uid.rsplit(".", 2)[1])


class Party(Protocol):
    """A room whose attempts the engine runs."""

    room: str
    start: str  # the kind of command that hands attempts over

    def owns(self, lane_uid: str) -> bool:
        """Whether a lane is of this room. The first party that says so has it."""
        ...

    def attempt_uids(self, command: OutboxCommand) -> Sequence[str]:
        """What a command of the kind `start` hands over."""
        ...

    def held(self, tx: ReadTx | WriteTx) -> Sequence[str]:
        """Uids of the attempts that are believed to be with the engine."""
        ...

    def take(self, turn: Turn, lane_uid: str, reports: Sequence[Report]) -> None:
        """What the engine reports of a lane."""
        ...

    def lose(self, turn: Turn, lane_uid: str, attempt_uids: Sequence[str]) -> None:
        """The engine has lost these attempts: nobody knows whether they ran."""
        ...


class Observer:
    """Hears of what the engine does. The default does nothing; telemetry and slots listen."""

    def opened(self, known: Sequence[Known]) -> None:
        """Connected: these attempts are with the engine."""

    def started(self, report: Started) -> None:
        """A process exists, and that is committed."""

    def ended(self, report: Ended) -> None:
        """An attempt is over, and that is committed."""


class OpenGate:
    """The default gate: attempts pass."""

    async def before_start(self, lane: Lane, attempt: Attempt) -> None:
        """Nothing."""


class Attempts:
    """The loop that keeps the engine and the store of one mind."""

    def __init__(
        self,
        wheel: Wheel,
        engine: Engine,
        parties: Sequence[Party],
        observers: Sequence[Observer] = (),
        gate: Gate | None = None,
    ) -> None:
        self._wheel = wheel
        self._engine = engine
        self._parties = parties
        self._observers = observers
        self._gate = gate or OpenGate()
        self._connected = anyio.Event()
        self._acknowledging = anyio.Lock()
        self._calls = 0
        self._no_calls = anyio.Event()

    # -- handing over -------------------------------------------------------------------------------------------

    async def start(self, command: OutboxCommand, lane: Lane, wanted: Sequence[Attempt]) -> None:
        """Give the engine the attempts of a command that hands attempts over. Raises Unavailable."""
        for attempt in wanted:
            await self._gate.before_start(lane, attempt)
        await self._begin_call()
        try:
            # The epoch of now, as `settle` sees it: while this waited for the engine, the lease may have been renewed.
            if self._wheel.epoch_of(command) == 1 and not command.is_repeat:
                await self._hand_over(lane, wanted)
                return
            # The engine may have seen it. What has ended since is not held any more and must not run again; what has
            # ended and is not committed is still known to the engine, as long as nothing is acknowledged meanwhile.
            async with self._acknowledging:
                held = await self._wheel.store.read(lambda tx: set(self._owner(lane.uid).held(tx)))
                await self._hand_over(lane, [attempt for attempt in wanted if attempt.uid in held])
        finally:
            self._end_call()

    async def _hand_over(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """All within one call: an engine that dies between the parts has the whole command asked for again."""
        if len(attempts) > limits.LOOKAHEAD:
            await self._engine.start(lane, attempts[:_AHEAD])
            attempts = attempts[_AHEAD:]
        if attempts:
            await self._engine.start(lane, attempts)

    async def stop(self, lane_uid: str, attempt_uids: Sequence[str] | None = None) -> None:
        """Stop these attempts, or all that the engine holds of a lane. Raises Unavailable."""
        await self._begin_call()
        try:
            await self._engine.stop(lane_uid, attempt_uids)
        finally:
            self._end_call()

    async def signal(self, attempt_uid: str, number: int) -> None:
        """Send a signal to all processes of an attempt that runs. Raises Unavailable."""
        await self._begin_call()
        try:
            await self._engine.signal(attempt_uid, number)
        finally:
            self._end_call()

    async def _begin_call(self) -> None:
        await self._connected.wait()
        self._calls += 1

    def _end_call(self) -> None:
        self._calls -= 1
        if not self._calls:
            self._no_calls.set()

    def _owner(self, lane_uid: str) -> Party:
        return next(party for party in self._parties if party.owns(lane_uid))

    # -- taking in ----------------------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Connect, settle, take reports in, until cancelled; again whenever the engine is lost. What a report does
        must not fail: if it does, the parties' rooms stop (see `rooms`), and the engine keeps the reports."""
        try:
            await self._run(task_status)
        except Exception as error:  # noqa: BLE001 - the other rooms go on
            for party in self._parties:
                self._wheel.rooms.stop(party.room, error, "while taking in what the engine reports")

    async def _run(self, task_status: TaskStatus[None]) -> None:
        is_first = True
        while True:
            try:
                await self.settle()
                self._connected.set()
                if is_first:
                    is_first = False
                    task_status.started()
                async for batch in self._engine.reports():
                    await self._take(batch.reports)
                    async with self._acknowledging:
                        await self._engine.acknowledge(batch.cursor)
            except Unavailable:
                await anyio.sleep(_RECONNECT_S)
            if self._connected.is_set():  # else somebody waits for this very event
                self._connected = anyio.Event()
            while self._calls:
                self._no_calls = anyio.Event()
                await self._no_calls.wait()

    async def settle(self) -> None:
        """Connect to the engine and find out which attempts it lost. Only while no call to it is under way.

        An engine that is still the one of last time forgets nothing: what it does not know was never given to it, and
        a START command for it is on its way. A new one knows nothing of what the old one had.
        """
        # A turn, not a read: whatever is seen here is also in the wheel's queues, since turns are answered in order.
        held = await self._wheel.persist(
            lambda turn: [(party, uid) for party in self._parties for uid in party.held(turn.tx)]
        )
        known = await self._engine.open()
        instance = self._engine.instance
        is_new = instance != await self._wheel.store.read(lambda tx: tx.meta(_INSTANCE))
        coming = {
            uid
            for party in self._parties
            for command in self._wheel.unperformed(party.room, party.start)
            if not is_new or (command.epoch == 1 and not command.is_repeat)
            for uid in party.attempt_uids(command)
        }
        with_engine = {attempt.uid for attempt in known}
        groups: dict[tuple[Party, str], list[str]] = {}
        for party, uid in held:
            if uid not in with_engine and uid not in coming:
                groups.setdefault((party, lane_of(uid)), []).append(uid)
        for (party, lane_uid), uids in groups.items():
            await self._wheel.persist(_losing(party, lane_uid, uids))
        if is_new:
            await self._wheel.persist(lambda turn: turn.tx.set_meta(_INSTANCE, instance))
        for observer in self._observers:
            observer.opened(known)

    async def _take(self, reports: Sequence[Report]) -> None:
        groups: dict[str, list[Report]] = {}
        for report in reports:
            groups.setdefault(report.lane_uid, []).append(report)

        def unit(turn: Turn) -> None:
            for lane_uid, group in groups.items():
                self._owner(lane_uid).take(turn, lane_uid, group)

        await self._wheel.persist(unit)
        for report in reports:
            for observer in self._observers:
                if isinstance(report, Started):
                    observer.started(report)
                else:
                    observer.ended(report)


def _losing(party: Party, lane_uid: str, uids: Sequence[str]) -> Callable[[Turn], None]:
    return lambda turn: party.lose(turn, lane_uid, uids)
