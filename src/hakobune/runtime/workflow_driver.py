"""Drives one execution of a workflow, from the event that woke it until it rests or ends.

    letters ──▶ stamp ──▶ machine (pure) ──▶ commit: journal + what changed ──▶ calls, waits ──▶ letters

The machine decides first, on a copy of the truth in memory; its commands leave only when the events that led to them
are durable. If this process dies in between, the journal is folded again: the same commands come back under the same
call ids. An execution *rests* when only waits are open and the next one is not near: it leaves memory, and the wheel's
timer brings it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from hakobune.core.errors import HakobuneError, NotFound, ResourceExhausted, Unavailable
from hakobune.core.workflows import journal
from hakobune.core.workflows.branches import Raised
from hakobune.core.workflows.effects import AwaitCallback, Done, Wait
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    CancelRequested,
    Command,
    Event,
    Expired,
    Stamped,
)
from hakobune.core.workflows.failures import Failure, resource_limit
from hakobune.core.workflows.limits import EXECUTION_S_MAX
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import ExecutionError, WorkflowExecution
from hakobune.core.workflows.outcomes import Cancelled, Failed, Outcome, Succeeded
from hakobune.core.workflows.raising import describe
from hakobune.core.workflows.states import ExecutionSignal, next_state
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_mailbox import Letter, Mailbox
from hakobune.runtime.workflow_slices import Slices
from hakobune.runtime.workflow_watch import Watch

ROOM = "workflows"
DRIVE = "drive"
RESTED = "rested"  # the payload of a DRIVE that was given to an execution at rest: its begin has been told
REST_S = 5.0  # a nearer wait is waited for in memory
_IDLE_MAX = 20  # hands that wait for the next call: as many as branches of an execution run at once
_LOOK_S = 30.0  # the wall clock may jump: look again at least this often


class Calls(Protocol):
    """Carries effects out."""

    async def perform(self, execution: WorkflowExecution, command: Command) -> Answered:
        """Carry out an effect that is no wait, perhaps for the second time. Troubles are answers; what is raised is a
        bug, and sets the execution aside."""
        ...


class Driver:
    """One execution in memory."""

    def __init__(
        self,
        wheel: Wheel,
        calls: Calls,
        execution: WorkflowExecution,
        machine: Machine,
        mailbox: Mailbox,
        slices: Slices,
        watch: Watch,
        *,
        written: int,
        size_bytes: int,
        size_bytes_max: int,
        last_s: float,
        seeds: Callable[[], int],
        ended: Callable[[Turn, WorkflowExecution], None],
        committed: Callable[[], None],
    ) -> None:
        self._wheel = wheel
        self._calls = calls
        self.execution = execution
        self.machine = machine
        self._mailbox = mailbox
        self._slices = slices
        self._watch = watch
        self._written = written  # entries of the journal
        self._size_bytes = size_bytes  # of these
        self._size_bytes_max = size_bytes_max
        self._cut: Failed | Cancelled | None = None  # an end that the machine does not know of
        self._last_s = last_s
        self._seeds = seeds
        self._ended = ended
        self._committed = committed
        self._in_flight: set[CallId] = set()
        self._orders: deque[Command] = deque()  # calls that a hand is on its way to take
        self._idle: list[anyio.Event] = []  # hands that wait for one
        self.is_abandoned = False

    @property
    def outcome(self) -> Outcome | None:
        """How the execution has ended."""
        return self._cut or self.machine.outcome

    async def run(self) -> None:
        """Until the execution rests, ends or is gone. A letter may have arrived meanwhile: then it is run again."""
        async with anyio.create_task_group() as group:
            for command in self.machine.waiting.values():
                self._start(group, command)
            while not self.is_abandoned and not await self._turn(group):
                await self._wait()
            if self._in_flight:
                group.cancel_scope.cancel()
            for idle in self._idle:
                idle.set()
            self._idle.clear()

    # -- one turn -----------------------------------------------------------------------------------------------

    async def _turn(self, group: TaskGroup) -> bool:
        """Take what has arrived, decide, commit, begin what was decided. True when there is nothing left to do."""
        letters = self._mailbox.take()
        try:
            return await self._settle(group, letters)
        except BaseException:
            # A stop, or a trouble that sets the execution aside: whoever waits for a letter must not wait for ever.
            for letter in letters:
                letter.settle(Unavailable(f"The execution '{self.execution.name}' cannot take this now: try again."))
            raise

    async def _settle(self, group: TaskGroup, letters: list[Letter]) -> bool:
        if not self._watch.is_on:
            return await self._settle_at_work(group, letters)
        async with self._watch.working([letter.event for letter in letters]):
            return await self._settle_at_work(group, letters)

    async def _settle_at_work(self, group: TaskGroup, letters: list[Letter]) -> bool:
        accepted, entries = await self._decide(letters)
        if self.is_abandoned:
            self._lose(accepted)
            return True
        commands = self.machine.take_commands()
        is_over = self.outcome is not None
        rests_until_s = self._rest_instant(commands)
        # What was folded may have come to its end, or to rest, without a new event.
        if entries or is_over or rests_until_s is not None:
            if not await self._commit(entries, rests_until_s):
                self.is_abandoned = True
                self._lose(accepted)
                return True
            self._committed()
            for letter in accepted:
                letter.settle()
        if is_over:
            return True
        for command in commands:
            self._start(group, command)
        return rests_until_s is not None

    async def _decide(self, letters: list[Letter]) -> tuple[list[Letter], list[bytes]]:
        """Feed letters to the machine: those that it took, and what they add to the journal."""
        accepted: list[Letter] = []
        entries: list[bytes] = []
        for place, letter in enumerate(letters):
            if self.outcome is not None or self.is_abandoned:
                self._mailbox.letters.append(letter)
                continue
            if isinstance(letter.event, Answered) and letter.event.call not in self.machine.waiting:
                letter.settle()  # the end of a wait that a callback has ended: nothing happens
                continue
            try:
                if letter.check is not None:
                    letter.check(self.machine)
            except HakobuneError as refusal:
                letter.settle(refusal)
                continue
            stamped = self._stamp(letter.event)
            entry = journal.encode(stamped)
            if not self._has_room(letter, entry):
                continue
            self._size_bytes += len(entry)
            self.machine.feed(stamped)
            await self._advance(letters[place + 1 :])
            entries.append(entry)
            accepted.append(letter)
        if isinstance(self._cut, Cancelled):
            cancellations = self._mailbox.take_cancellations()
            entries += [journal.encode(self._stamp(letter.event)) for letter in cancellations[:1]]
            accepted += cancellations
        return accepted, entries

    def _has_room(self, letter: Letter, entry: bytes) -> bool:
        """Whether the journal may take one more entry. An answer for which there is no room ends the execution; who
        calls it back is refused. A cancellation and the end of its time are small, and always find room."""
        is_small = isinstance(letter.event, (CancelRequested, Expired))
        if self._size_bytes + len(entry) <= self._size_bytes_max or is_small:
            return True
        limit = resource_limit(f"the journal of the execution would have more than {self._size_bytes_max} bytes")
        if isinstance(letter.event, CallbackArrived):
            letter.settle(ResourceExhausted(f"{ended_by(limit).context}."))
            return False
        self._cut = Failed(error=ended_by(limit))
        letter.settle()
        return False

    async def _advance(self, later: Sequence[Letter]) -> None:
        """Go on until the machine waits. One that needs more than a slice can be cancelled before, also by a letter
        that came together with the one it works on."""
        is_unwanted = any(isinstance(letter.event, CancelRequested) for letter in later)
        while not self.is_abandoned and not await self._slices.advance(self.machine):
            if is_unwanted or self._mailbox.wants_cancel:
                self._cut = Cancelled()
                return

    def _lose(self, letters: list[Letter]) -> None:
        for letter in letters:
            letter.settle(NotFound(f"Execution '{self.execution.name}' does not exist."))

    def _stamp(self, event: Event) -> Stamped:
        """Instants of a journal rise, whatever the clock does."""
        self._last_s = max(round(self._wheel.clock.now_s(), 6), self._last_s + 0.000_001)
        return Stamped(event=event, at_s=self._last_s, seed=self._seeds())

    async def _commit(self, entries: list[bytes], rests_until_s: float | None) -> bool:
        """Write what happened, and what it changed. False if the execution is gone."""
        changed = self._changed(rests_until_s)
        uid, written = self.execution.uid, self._written

        def unit(turn: Turn) -> bool:
            if not turn.tx.workflows.append(uid, written, entries):
                return False
            if self._watch.is_on:
                self._watch.note(turn, self.machine.waiting)
            if changed is not None:
                turn.tx.workflows.save_execution(changed)
            if changed is not None and changed.end_s is not None:
                turn.tx.timers.clear(ROOM, uid)
                self._ended(turn, changed)
            elif rests_until_s is not None:
                turn.wake_at(ROOM, uid, rests_until_s)
            return True

        is_kept = await self._wheel.persist(unit)
        if is_kept and self._watch.is_on:
            self._watch.committed(self.machine.waiting)
        self._written += len(entries)
        if changed is not None:
            self.execution = changed
        return is_kept

    def _changed(self, rests_until_s: float | None) -> WorkflowExecution | None:
        """The execution's row, if it must be written: it ended, or leaves memory."""
        outcome = self.outcome
        if outcome is None and rests_until_s is None:
            return None
        now = replace(self.execution, current_steps=self.machine.current_steps, steps=self.machine.steps)
        # After its last event, also where the clock was set back: the log shows the end behind all that was called.
        end_s = max(round(self._wheel.clock.now_s(), 6), round(self._last_s + 0.000_001, 6))
        match outcome:
            case None:
                return now
            case Succeeded():
                state = next_state(now.state, ExecutionSignal.RETURN)
                return replace(now, state=state, result=outcome.result, end_s=end_s)
            case Failed():
                state = next_state(now.state, ExecutionSignal.RAISE)
                return replace(now, state=state, error=outcome.error, end_s=end_s)
            case Cancelled():
                return replace(now, state=next_state(now.state, ExecutionSignal.CANCEL), end_s=end_s)

    # -- calls and waits ----------------------------------------------------------------------------------------

    def _start(self, group: TaskGroup, command: Command) -> None:
        if isinstance(command.effect, (Wait, AwaitCallback)):
            return
        self._in_flight.add(command.call)
        self._orders.append(command)
        if self._idle:
            self._idle.pop().set()
        else:
            group.start_soon(self._hand)

    async def _hand(self) -> None:
        """Carry out calls, one after the other: a task for each would cost more than the rest of a step."""
        while self._orders:
            command = self._orders.popleft()
            answered = await self._calls.perform(self.execution, command)
            self._in_flight.discard(command.call)
            self._mailbox.put(Letter(answered))
            if not self._orders and len(self._idle) < _IDLE_MAX:
                idle = anyio.Event()
                self._idle.append(idle)
                await idle.wait()

    async def _wait(self) -> None:
        """Until a letter comes, or it is time to look. Where only calls are open no alarm is set: each has a time limit
        of its own, so its answer comes before anything else is due."""
        if self._in_flight and self.machine.waiting.keys() <= self._in_flight:
            await self._mailbox.arrived.wait()
            if self._expires_s() <= self._wheel.clock.now_s():
                self._mailbox.put(Letter(Expired()))
        else:
            with anyio.move_on_after(self._until_due()):
                await self._mailbox.arrived.wait()
            self._fire()

    def _dues(self) -> dict[CallId, float]:
        """Open waits and the instants at which they end."""
        return {
            call: command.effect.until_s
            for call, command in self.machine.waiting.items()
            if isinstance(command.effect, (Wait, AwaitCallback))
        }

    def _expires_s(self) -> float:
        return (self.execution.start_s or self.execution.create_s) + EXECUTION_S_MAX

    def _until_due(self) -> float:
        due_s = min([self._expires_s(), *self._dues().values()])
        return min(_LOOK_S, max(0.0, due_s - self._wheel.clock.now_s()))

    def _fire(self) -> None:
        """Turn waits that are over into letters, the earliest first."""
        now_s = self._wheel.clock.now_s()
        for call, until_s in sorted(self._dues().items(), key=lambda item: item[1]):
            if until_s <= now_s:
                self._mailbox.put(Letter(Answered(call=call, answer=Done())))
        if self._expires_s() <= now_s:
            self._mailbox.put(Letter(Expired()))

    def _rest_instant(self, commands: list[Command]) -> float | None:
        """The instant at which a resting execution must be woken; None if it cannot rest now."""
        if self.outcome is not None or self._in_flight or self._mailbox.letters:
            return None
        if any(not isinstance(command.effect, (Wait, AwaitCallback)) for command in commands):
            return None
        due_s = min([self._expires_s(), *self._dues().values()])
        return due_s if due_s > self._wheel.clock.now_s() + REST_S else None


def ended_by(limit: Failure) -> ExecutionError:
    """The error of an execution that a limit of the runtime has ended, at no step of its own."""
    return describe(Raised(value=limit.value, trace=()))
