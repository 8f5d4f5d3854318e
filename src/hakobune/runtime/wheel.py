"""The wheel: event → decide → commit (state + outbox, one transaction) → perform → event.

A *turn* is one unit of work of the store. Commands that it emits are in the outbox when the turn is committed, already
leased by this runtime, and go straight to their performer from memory: no second read. A command is removed from the
outbox with a later turn (or by the flush loop), so it is performed at least once. Commands of one subject are performed
in the order in which they were committed; different subjects do not wait for each other. What becomes of a command that
cannot be carried out: `rooms`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup, TaskStatus

from hakobune.core.errors import HakobuneError, ResourceExhausted, Unavailable
from hakobune.runtime.clock import Clock
from hakobune.runtime.interceptors import Interceptor, NoInterceptor
from hakobune.runtime.rooms import PAUSE_MAX_S, GiveUp, Room, Rooms, Verdict, pause_s
from hakobune.store.api import Effect, EffectPhase, OutboxCommand, Store, Timer, WriteTx

T = TypeVar("T")

_log = logging.getLogger("hakobune.wheel")

LEASE_S = 60.0  # how long a command belongs to this runtime before anyone may claim it
_FLUSH_S = 0.2  # performed commands wait at most this long for a turn to carry their removal
_CLAIM_LIMIT = 500
_TIMER_LOOK_S = 30.0  # the wall clock may jump: look again at least this often
EFFECTS_KEPT = 1_000  # newest effects of each attempt
_RETRY_FIRST_S = 0.05
_RETRY_MAX_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The call of an attempt that a turn belongs to: the turn records itself as its effect."""

    attempt_uid: str
    call: str
    target: str
    key: str


# Set by the front door around a call; inherited by what the call awaits.
origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


# Hears, in the transaction of a turn, what has happened in it; what is raised undoes the turn.
Listener = Callable[["Turn", object], None]


@dataclass(slots=True)
class Turn:
    """What a unit of work sees of the wheel."""

    tx: WriteTx
    now_s: float
    owner: str
    stopped: Mapping[str, str] = field(default_factory=dict[str, str])  # rooms that perform nothing, and why
    listeners: Mapping[type, Listener] = field(default_factory=dict[type, Listener])
    commands: list[OutboxCommand] = field(default_factory=list[OutboxCommand])
    next_timer_s: float | None = None

    def emit(self, room: str, subject: str, kind: str, payload: str = "") -> None:
        """Leave a command in the outbox. Raises Unavailable: its room has stopped, and would never perform it."""
        if room in self.stopped:
            raise Unavailable(f"The room '{room}' has stopped {self.stopped[room]}. Restart the runtime.")
        self.commands.append(
            self.tx.outbox.add(room, subject, kind, payload, owner=self.owner, expires_s=self.now_s + LEASE_S)
        )

    def happened(self, event: object) -> None:
        """Tell the room that listens for such events, if there is one."""
        listener = self.listeners.get(type(event))
        if listener is not None:
            listener(self, event)

    def wake_at(self, room: str, subject: str, at_s: float) -> None:
        """Set the one timer of a subject."""
        self.tx.timers.set(Timer(room=room, subject=subject, due_s=at_s))
        self.next_timer_s = at_s if self.next_timer_s is None else min(at_s, self.next_timer_s)


class Wheel:
    """Turns, performers, timers, leases."""

    def __init__(self, store: Store, clock: Clock, *, owner: str, interceptor: Interceptor | None = None) -> None:
        self.store = store
        self.clock = clock
        self.owner = owner
        self._interceptor = interceptor or NoInterceptor()
        self.rooms = Rooms()
        self.listeners: dict[type, Listener] = {}  # by the type of what they listen for
        self._queues: dict[tuple[str, str], deque[OutboxCommand]] = {}
        self._held: dict[int, OutboxCommand] = {}  # leased by us and not yet removed from the outbox
        self._performed: list[OutboxCommand] = []
        self._begun: list[OutboxCommand] = []
        self._has_performed = anyio.Event()
        self._unattended: deque[tuple[str, str]] = deque()  # subjects of `_queues` that have no performer yet
        self._has_unattended = anyio.Event()
        self._timer_set = anyio.Event()
        self._next_timer_s: float | None = None
        self._calls = 0
        self.is_closing = False  # the store goes: nothing is tried again

    def add_room(self, name: str, room: Room, give_up: GiveUp | None = None) -> None:
        """Register who performs the commands of a room, and who settles those that cannot be performed."""
        self.rooms.add(name, room, give_up)

    # -- turns --------------------------------------------------------------------------------------------------

    async def turn(self, unit: Callable[[Turn], T]) -> T:
        """Run `unit` in one transaction; return its value once it is durable. Raises what it raises."""
        performed, self._performed = self._performed, []
        begun, self._begun = self._begun, []
        cause = origin.get()

        def work(tx: WriteTx) -> tuple[T, Turn]:
            turn = Turn(
                tx=tx,
                now_s=self.clock.now_s(),
                owner=self.owner,
                stopped=self.rooms.stopped,
                listeners=self.listeners,
            )
            value = unit(turn)
            if cause is not None:
                tx.effects.record(_effect(cause, EffectPhase.APPLIED, turn.now_s), EFFECTS_KEPT)
            tx.outbox.complete(performed)
            tx.outbox.begun(begun)
            return value, turn

        # A committed command must reach its performer, whatever becomes of the caller meanwhile.
        with anyio.CancelScope(shield=True):
            return await self._commit(work, performed, begun)
        raise AssertionError("unreachable: a shield swallows nothing")

    async def _commit(
        self,
        work: Callable[[WriteTx], tuple[T, Turn]],
        performed: list[OutboxCommand],
        begun: list[OutboxCommand],
    ) -> T:
        try:
            value, turn = await self.store.write(work)
        except BaseException:
            self._performed.extend(performed)
            self._begun.extend(begun)
            self._has_performed.set()
            raise
        self._forget(performed)
        self._enqueue(turn.commands)
        if turn.next_timer_s is not None:
            self._timer_moved(turn.next_timer_s)
        return value

    def new_call(self) -> str:
        """Identifies one call of an attempt: its effects share it."""
        self._calls += 1
        return f"{self.owner[:8]}-{self._calls:x}"

    async def note(self, cause: Origin, phase: EffectPhase) -> None:
        """Record how far a call of an attempt has come."""
        token = origin.set(None)  # the note itself is no effect
        try:
            await self.turn(lambda turn: turn.tx.effects.record(_effect(cause, phase, turn.now_s), EFFECTS_KEPT))
        finally:
            origin.reset(token)

    async def persist(self, unit: Callable[[Turn], T]) -> T:
        """A turn that must happen: while the store refuses it (a full disk), it is tried again."""
        wait_s = _RETRY_FIRST_S
        while True:
            try:
                return await self.turn(unit)
            except (Unavailable, ResourceExhausted) as refusal:
                if self.is_closing:
                    raise
                _log.warning("the store refuses to write, trying again: %s", refusal.message)
                await anyio.sleep(wait_s)
                wait_s = min(_RETRY_MAX_S, wait_s * 2)

    def _timer_moved(self, due_s: float) -> None:
        if self._next_timer_s is None or due_s < self._next_timer_s:
            self._timer_set.set()

    def _forget(self, commands: Iterable[OutboxCommand]) -> None:
        for command in commands:
            self._held.pop(command.id, None)

    def _enqueue(self, commands: Iterable[OutboxCommand]) -> None:
        for command in commands:
            self._held[command.id] = command
            key = (command.room, command.subject)
            queue = self._queues.get(key)
            if queue is not None:
                queue.append(command)
                continue
            self._queues[key] = deque([command])
            self._unattended.append(key)
            self._has_unattended.set()

    def unperformed(self, room: str, kind: str) -> list[OutboxCommand]:
        """Commands of a room that wait for their performer, the one being carried out included."""
        return [
            command
            for (name, _), queue in self._queues.items()
            if name == room
            for command in queue
            if command.kind == kind
        ]

    def epoch_of(self, command: OutboxCommand) -> int:
        """Its epoch now: the lease may have been renewed since its performer was called."""
        return self._held.get(command.id, command).epoch

    # -- commands that may have ended the last runtime ----------------------------------------------------------

    async def begin_alone(self, command: OutboxCommand) -> None:
        """Say durably, before it is begun, who is to blame if this runtime does not outlive it."""
        await self.persist(lambda turn: turn.tx.outbox.begin_alone(replace(command, epoch=self.epoch_of(command))))

    def begun(self, command: OutboxCommand) -> None:
        """It is under way. Of one that a start took over, that is noted with the next turn, or soon."""
        if command.starts:
            self._begun.append(command)
            self._has_performed.set()

    # -- performing ---------------------------------------------------------------------------------------------

    async def _drain(self, key: tuple[str, str]) -> None:
        queue = self._queues[key]
        while queue:
            if not await self._perform(queue):
                return  # what waits stays in the outbox, for the next start
            queue.popleft()
        del self._queues[key]

    async def _perform(self, queue: deque[OutboxCommand]) -> bool:
        """Carry out the first command of a queue, however often it must be asked for. False: its room has stopped."""
        wait_s = next_s = _RETRY_FIRST_S
        failures = 0
        while queue[0].room not in self.rooms.stopped:
            command = queue[0]  # looked up each time: a renewed lease has a new epoch
            verdict = Verdict.SETTLED
            try:
                await self._interceptor.before_perform(command)
                await self.rooms.perform(command)
                await self._interceptor.after_perform(command)
            except Unavailable:
                verdict = Verdict.AGAIN
                next_s, wait_s = wait_s, min(_RETRY_MAX_S, wait_s * 2)
            except Exception as error:  # noqa: BLE001 - whatever it is: one command must not end all the others
                failures += 1
                verdict = await self.rooms.judge(command, error, failures)
                next_s = pause_s(failures)
            if verdict is Verdict.SETTLED:
                self._performed.append(queue[0])
                self._has_performed.set()
                return True
            if verdict is Verdict.AGAIN:
                queue[0] = replace(queue[0], is_repeat=True)
                await anyio.sleep(next_s)
        return False

    # -- loops --------------------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """At a start: take over every command that the last runtime left. Nobody else holds the data directory."""

        def unit(turn: Turn) -> list[OutboxCommand]:
            outbox, now_s = turn.tx.outbox, turn.now_s
            outbox.take_over()
            found: list[OutboxCommand] = []
            while batch := outbox.claim(self.owner, now_s=now_s, expires_s=now_s + LEASE_S, limit=_CLAIM_LIMIT):
                found += batch
            return found

        self._enqueue(await self.persist(unit))

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Perform commands, fire timers, keep leases, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._attend_loop, group)
            group.start_soon(self._flush_loop)
            group.start_soon(self._lease_loop)
            group.start_soon(self._timer_loop)
            task_status.started()

    async def _attend_loop(self, group: TaskGroup) -> None:
        """Start a performer for each subject that has none. Only this loop does: a turn may be committed after the
        group was cancelled, and leaves its commands to the next start; what it does later is no effect of its call."""
        while True:
            while self._unattended:
                group.start_soon(self._drain, self._unattended.popleft())
            self._has_unattended = anyio.Event()
            await self._has_unattended.wait()

    async def _flush_loop(self) -> None:
        while True:
            if not (self._performed or self._begun):
                self._has_performed = anyio.Event()
                await self._has_performed.wait()
            await anyio.sleep(_FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Remove performed commands from the outbox; note which were begun."""
        if self._performed or self._begun:
            await self.persist(_nothing)

    async def _lease_loop(self) -> None:
        while True:
            await anyio.sleep(LEASE_S / 3)
            await self.renew()

    async def renew(self) -> None:
        """Claim what has expired or soon will: ours is renewed, what nobody performs is taken over."""
        now_s = self.clock.now_s()
        claimed = await self.persist(
            lambda turn: turn.tx.outbox.claim(
                self.owner, now_s=now_s + LEASE_S / 2, expires_s=now_s + LEASE_S, limit=_CLAIM_LIMIT
            )
        )
        fresh = [command for command in claimed if command.id not in self._held]
        self._replace_epochs({command.id: command for command in claimed if command.id in self._held})
        self._enqueue(fresh)

    def _replace_epochs(self, renewed: Mapping[int, OutboxCommand]) -> None:
        self._held.update(renewed)
        self._performed = [renewed.get(command.id, command) for command in self._performed]
        for queue in self._queues.values():
            for place, command in enumerate(queue):
                queue[place] = renewed.get(command.id, command)

    async def _timer_loop(self) -> None:
        while True:
            self._timer_set = anyio.Event()
            self._next_timer_s = None  # a timer that is set from here on may be missed by the reads: it wakes us
            with anyio.move_on_after(await self._fire()):
                await self._timer_set.wait()

    async def _fire(self) -> float:
        """Wake the rooms whose instant has come; how long to wait for the next one, in seconds."""
        now_s = self.clock.now_s()
        try:
            for timer in await self.store.read(lambda tx: tx.timers_due(now_s, _CLAIM_LIMIT)):
                if not await self.rooms.wake(timer.room, timer.subject):
                    await self._postpone(timer)
            self._next_timer_s = await self.store.read(lambda tx: tx.next_timer_s())
        except Unavailable as refusal:
            if self.is_closing:
                raise
            _log.warning("the store refuses to read, trying again: %s", refusal.message)
            return _RETRY_MAX_S
        if self._next_timer_s is None:
            return _TIMER_LOOK_S
        return min(_TIMER_LOOK_S, max(0.0, self._next_timer_s - self.clock.now_s()))

    async def _postpone(self, timer: Timer) -> None:
        """Its room could not take it: it must not keep the others from being looked at."""
        await self.persist(lambda turn: turn.wake_at(timer.room, timer.subject, turn.now_s + PAUSE_MAX_S))

    async def release(self) -> None:
        """At an orderly stop: give the leases back. If the store refuses, the next start takes them all the same."""
        try:
            await self.flush()
            await self.store.write(lambda tx: tx.outbox.release(self.owner))
        except HakobuneError as refusal:
            _log.warning("the leases could not be given back: %s", refusal.message)


def _nothing(turn: Turn) -> None:
    """A turn that only removes what was performed."""
    del turn


def _effect(cause: Origin, phase: EffectPhase, now_s: float) -> Effect:
    return Effect(
        attempt_uid=cause.attempt_uid, call=cause.call, phase=phase, target=cause.target, key=cause.key, at_s=now_s
    )
