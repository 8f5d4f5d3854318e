"""Between the jobs room and its engine: handing attempts over, taking reports in, and settling who has what after
either side died."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio.abc import TaskStatus

from hakobune.core.errors import Unavailable
from hakobune.core.jobs import limits
from hakobune.core.jobs.decide import AttemptEnded, AttemptStarted, Reported
from hakobune.core.jobs.model import AttemptResult, ResultKind
from hakobune.engines.api import Attempt, Ended, EndKind, Engine, Gate, Known, Lane, Report, Started
from hakobune.runtime import executions
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import HeldAttempt, OutboxCommand

_RECONNECT_S = 0.1
# A new execution hands over a hundred attempts and more. The first few go ahead, so that they start while the rest is
# on its way: measured in bench/first_task.py. As many as the process engine starts before it looks up.
_AHEAD = 16
_INSTANCE = "engine_instance"  # which life of the engine the store knows

_RESULTS = {
    EndKind.SIGNALED: ResultKind.SIGNAL,
    EndKind.TIMED_OUT: ResultKind.TIMEOUT,
    EndKind.OUT_OF_MEMORY: ResultKind.MEMORY,
    EndKind.STOPPED: ResultKind.CANCELLED,
    EndKind.NOT_STARTED: ResultKind.START_FAILED,
    EndKind.LOST: ResultKind.LOST,
}


def result_of(ended: Ended) -> AttemptResult:
    """An engine's word in the words of the jobs room."""
    if ended.kind is EndKind.EXITED:
        if ended.exit_code == 0:
            return AttemptResult(kind=ResultKind.SUCCESS, exit_code=0, detail=ended.detail)
        return AttemptResult(kind=ResultKind.EXIT, exit_code=ended.exit_code, detail=ended.detail)
    return AttemptResult(kind=_RESULTS[ended.kind], signal=ended.signal, detail=ended.detail)


def lane_of(attempt_uid: str) -> str:
    """The execution's uid in an attempt's uid (`execution.index.handed_over`)."""
    return attempt_uid.rsplit(".", 2)[0]


def attempt_index(attempt_uid: str) -> int:
    """The task index in an attempt's uid (`execution.index.handed_over`)."""
    return int(attempt_uid.rsplit(".", 2)[1])


def _event_of(report: Report) -> AttemptStarted | AttemptEnded:
    index = attempt_index(report.attempt_uid)
    if isinstance(report, Started):
        return AttemptStarted(index=index, attempt_uid=report.attempt_uid, at_s=report.at_s)
    return AttemptEnded(
        index=index,
        attempt_uid=report.attempt_uid,
        at_s=report.at_s,
        result=result_of(report),
        started_at_s=report.started_at_s,
        max_rss_bytes=report.max_rss_bytes,
        cpu_s=report.cpu_s,
    )


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
        self, wheel: Wheel, engine: Engine, observers: Sequence[Observer] = (), gate: Gate | None = None
    ) -> None:
        self._wheel = wheel
        self._engine = engine
        self._observers = observers
        self._gate = gate or OpenGate()
        self._connected = anyio.Event()
        self._acknowledging = anyio.Lock()
        self._calls = 0
        self._no_calls = anyio.Event()

    # -- handing over -------------------------------------------------------------------------------------------

    async def start(
        self, command: OutboxCommand, lane: Lane, secrets: Mapping[str, str], hidden: Sequence[str]
    ) -> None:
        """Give the engine the attempts of a START command, with variables that only they have, and texts that their
        output must not show. Raises Unavailable."""
        wanted = [
            Attempt(uid=uid, index=index, number=number, env=secrets, hidden=tuple(hidden))
            for uid, index, number in json.loads(command.payload)
        ]
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
                held = {found.attempt_uid for found in await self._held()}
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

    async def fail(self, command: OutboxCommand, detail: str) -> None:
        """End the attempts of a START command: they cannot be started as declared. Raises Unavailable."""
        result = AttemptResult(kind=ResultKind.START_FAILED, detail=detail)
        uids = executions.attempt_uids(command)
        if command.epoch > 1 or command.is_repeat:
            await self.stop(command.subject, uids)  # the engine may have seen some of them: none runs on unwatched

        def unit(turn: Turn) -> None:
            reports = tuple(
                AttemptEnded(index=attempt_index(uid), attempt_uid=uid, at_s=turn.now_s, result=result) for uid in uids
            )
            executions.apply(turn, command.subject, Reported(reports=reports), [attempt_index(uid) for uid in uids])

        await self._wheel.persist(unit)

    async def stop(self, execution_uid: str, attempt_uids: Sequence[str] | None = None) -> None:
        """Stop these attempts, or all that the engine holds of an execution. Raises Unavailable."""
        await self._begin_call()
        try:
            await self._engine.stop(execution_uid, attempt_uids)
        finally:
            self._end_call()

    async def _begin_call(self) -> None:
        await self._connected.wait()
        self._calls += 1

    def _end_call(self) -> None:
        self._calls -= 1
        if not self._calls:
            self._no_calls.set()

    async def _held(self) -> list[HeldAttempt]:
        return await self._wheel.store.read(lambda tx: tx.jobs.held_attempts())

    # -- taking in ----------------------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Connect, settle, take reports in, until cancelled; again whenever the engine is lost. What a report does
        must not fail: if it does, the jobs room stops (see `rooms`), and the engine keeps the reports."""
        try:
            await self._run(task_status)
        except Exception as error:  # noqa: BLE001 - the other rooms go on
            self._wheel.rooms.stop(executions.ROOM, error, "while taking in what the engine reports")

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
        held = await self._wheel.persist(lambda turn: turn.tx.jobs.held_attempts())
        known = await self._engine.open()
        instance = self._engine.instance
        is_new = instance != await self._wheel.store.read(lambda tx: tx.meta(_INSTANCE))
        coming = {
            uid
            for command in self._wheel.unperformed(executions.ROOM, executions.START)
            if not is_new or (command.epoch == 1 and not command.is_repeat)
            for uid in executions.attempt_uids(command)
        }
        with_engine = {attempt.uid for attempt in known}
        groups: dict[str, list[str]] = {}
        for attempt in held:
            if attempt.attempt_uid not in with_engine and attempt.attempt_uid not in coming:
                groups.setdefault(attempt.execution_uid, []).append(attempt.attempt_uid)
        for execution_uid, uids in groups.items():
            await self._wheel.persist(_lose(execution_uid, uids))
        if is_new:
            await self._wheel.persist(lambda turn: turn.tx.set_meta(_INSTANCE, instance))
        for observer in self._observers:
            observer.opened(known)

    async def _take(self, reports: Sequence[Report]) -> None:
        groups: dict[str, list[AttemptStarted | AttemptEnded]] = {}
        for report in reports:
            groups.setdefault(report.lane_uid, []).append(_event_of(report))

        def unit(turn: Turn) -> None:
            for execution_uid, events in groups.items():
                event = Reported(reports=tuple(events))
                executions.apply(turn, execution_uid, event, [report.index for report in events])

        await self._wheel.persist(unit)
        for report in reports:
            for observer in self._observers:
                if isinstance(report, Started):
                    observer.started(report)
                else:
                    observer.ended(report)


def _lose(execution_uid: str, uids: Sequence[str]) -> Callable[[Turn], None]:
    """A turn in which the engine has lost these attempts: nobody knows whether they ran."""

    def unit(turn: Turn) -> None:
        reports = tuple(
            AttemptEnded(
                index=attempt_index(uid),
                attempt_uid=uid,
                at_s=turn.now_s,
                result=AttemptResult(kind=ResultKind.LOST),
                may_have_run=True,
            )
            for uid in uids
        )
        executions.apply(turn, execution_uid, Reported(reports=reports), [report.index for report in reports])

    return unit
