"""Executions of workflows, driven: from the wheel's command until they rest or end. What callers may ask is in
`workflows`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import anyio

from hakobune.core.errors import FailedPrecondition, HakobuneError, NotFound, Unavailable
from hakobune.core.names import WorkflowExecutionName
from hakobune.core.workflows.events import CancelRequested, Event, Moved
from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import (
    FINAL_STATES,
    ExecutionError,
    ExecutionState,
    Revision,
    WorkflowExecution,
)
from hakobune.core.workflows.plan import Plan
from hakobune.core.workflows.states import ExecutionSignal, next_state
from hakobune.runtime.clock import Identifiers, Seeds
from hakobune.runtime.settings import Settings
from hakobune.runtime.shared_work import SharedWork
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_driver import DRIVE, RESTED, ROOM, Calls, Driver, ended_by
from hakobune.runtime.workflow_loading import Folding, FoldingStopped, JournalReader, Stored, stored
from hakobune.runtime.workflow_mailbox import Letter, Mailbox
from hakobune.runtime.workflow_observer import Observer
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflow_quota import Beginnings, Quota
from hakobune.runtime.workflow_seats import Seat, Seats, inactive
from hakobune.runtime.workflow_slices import Slices
from hakobune.runtime.workflow_suspects import Suspects, verdict
from hakobune.store.api import OutboxCommand

_log = logging.getLogger("hakobune.workflows")

_LOADING_MAX = 16  # at once: after a crash with 10,000 executions under way, their journals come into memory in turn
_LOOKS_MAX = 4  # questions that need an execution in memory, at once: those that are driven do not wait for them
_LOOK_PAUSES = 20_000  # turns of others until it has taken too long to look at an execution
_WOKEN_AT_ONCE = 500  # waits that are over, in one turn
_DETAIL_CHARACTERS = 2_000  # of the reason why an execution is set aside: a definition may have hundreds of problems


class WorkflowExecutions:
    """Drives executions; the wheel's room of workflows."""

    def __init__(self, wheel: Wheel, settings: Settings, identifiers: Identifiers, plans: Plans, calls: Calls) -> None:
        self._wheel = wheel
        self._settings = settings
        self._seeds = Seeds(identifiers)
        self._calls = calls
        self._begun = Beginnings()
        self._seats = Seats(wheel)
        self._slices = Slices(wheel.store)
        self._folding = Folding(settings, plans, self._slices)
        self._loading = anyio.Semaphore(_LOADING_MAX)
        self._suspects = Suspects(wheel)
        self._looking = anyio.Semaphore(_LOOKS_MAX)
        self._looks = SharedWork[Machine]()
        self.quota = Quota(wheel, settings, self._seeds, self._begun)
        self.observer = Observer()

    # -- the wheel's room ---------------------------------------------------------------------------------------

    async def perform(self, command: OutboxCommand) -> None:
        """Drive an execution until it rests or ends."""
        uid = command.subject
        seat = self._seats.attend(uid)
        refusal: HakobuneError = Unavailable(f"The execution '{uid}' cannot take this now: try again.")
        try:
            is_told = await self._attend(command, seat)
            refusal = inactive(uid)
        finally:
            # No await between the driver's last look at its mailbox and here: no letter is left behind.
            self._seats.leave(uid, refusal)
        if not is_told:
            await self.observer.rested()

    async def _attend(self, command: OutboxCommand, seat: Seat) -> bool:
        """Drive an execution. When this returns, it rests and there is no letter, or nobody will take letters. True: it
        has ended, and all of it is told."""
        uid, is_repeat = command.subject, command.is_repeat or command.epoch > 1
        begun = self._begun.take(uid)
        if begun is not None and not is_repeat:
            execution = begun.execution
            found = Stored(execution=execution, revision=begun.revision, first=[begun.entry], newest=begun.entry)
            driver = await self._load(execution, found, seat, command, is_repeat=False)
        else:
            driver = await self._load_stored(command, seat, is_repeat=is_repeat)
        if driver is not None:
            seat.driver = driver
            await self._drive(driver, seat.mailbox)
            if driver.outcome is not None and not driver.is_abandoned:
                seat.mailbox.refuse(inactive(uid))
                await self.observer.ended(driver.execution, is_repeat=False)
                return True
        return False

    async def _load_stored(self, command: OutboxCommand, seat: Seat, *, is_repeat: bool) -> Driver | None:
        """Bring an execution into memory as the store has it. None if there is nothing to drive."""
        uid, end = command.subject, verdict(command)
        async with self._suspects.loading(command), self._loading:
            found = await self._wheel.store.read(lambda tx: stored(tx, uid))
            execution = found.execution
            if execution is not None and execution.state is ExecutionState.ACTIVE and end is None:
                return await self._load(execution, found, seat, command, is_repeat=is_repeat)
            if execution is not None and execution.state in FINAL_STATES:
                seat.mailbox.refuse(inactive(uid))
                if end is None:
                    await self._tell_calls_again(execution, found, seat)
        if execution is not None and execution.state in FINAL_STATES:
            await self.observer.ended(execution, is_repeat=True)
        elif execution is not None and execution.state is ExecutionState.ACTIVE and end is not None:
            await self._end(execution, ExecutionSignal.RAISE, end)
        return None

    async def _drive(self, driver: Driver, mailbox: Mailbox) -> None:
        while True:
            try:
                await driver.run()
            except Exception as error:  # one execution's trouble must not stop the others
                cause = _cause(error)
                if self._wheel.is_closing:
                    raise cause from error
                await self._give_up(driver.execution, cause)
                driver.is_abandoned = True
            if driver.is_abandoned or driver.outcome is not None or not mailbox.letters:
                return

    async def wake(self, subject: str) -> None:
        """A wait of a resting execution is over. Others whose instant has come are woken in the same turn: when
        thousands are due at once, a commit for each would make the last one late."""

        def unit(turn: Turn) -> None:
            for timer in turn.tx.timers.due(turn.now_s, _WOKEN_AT_ONCE):
                if timer.room == ROOM:
                    turn.tx.timers.clear(ROOM, timer.subject)
                    turn.emit(ROOM, timer.subject, DRIVE, RESTED)

        del subject  # it is due: if it is not among the first, the wheel asks again
        await self._wheel.persist(unit)

    async def _load(
        self,
        execution: WorkflowExecution,
        found: Stored,
        seat: Seat,
        command: OutboxCommand,
        *,
        is_repeat: bool,
    ) -> Driver | None:
        """Bring an execution into memory. None if it cannot go on, or is deleted or cancelled meanwhile."""
        reader = JournalReader(self._wheel.store, execution.uid, found.first)

        def is_stopped(_pauses: int) -> bool:
            return seat.is_gone or seat.mailbox.wants_cancel

        try:
            is_first = len(found.first) == 1
            calls = self.observer.watch(execution, found.newest, is_first=is_first, is_repeat=is_repeat)
            folded = await self._folding.fold(execution, found.revision, reader, calls=calls, is_stopped=is_stopped)
        except FoldingStopped:
            if not seat.is_gone:
                await self._end(execution, ExecutionSignal.CANCEL)
                for letter in seat.mailbox.take_cancellations():
                    letter.settle()
            return None
        except Exception as error:  # noqa: BLE001 - also a bug of ours: one execution must not stop the others
            await self._give_up(execution, error)
            return None
        if seat.is_gone:
            return None
        has_rested = command.payload == RESTED
        self.observer.loaded(execution, folded.machine, folded.last_s, is_repeat=is_repeat, has_rested=has_rested)
        committed: Callable[[], None] = _nothing
        if calls is not None:
            self.observer.called(execution, calls, is_repeat=is_repeat)
            committed = partial(self.observer.called, execution, calls, is_repeat=False)
        if folded.base_url != self._settings.base_url:
            seat.mailbox.put(Letter(Moved(base_url=self._settings.base_url)))
        return Driver(
            self._wheel,
            self._calls,
            execution,
            folded.machine,
            seat.mailbox,
            self._slices,
            self._suspects.watch(command, folded.machine.waiting),
            written=reader.written,
            size_bytes=reader.size_bytes,
            size_bytes_max=self._settings.workflow_journal_bytes_max,
            last_s=folded.last_s,
            seeds=self._seeds.draw,
            ended=self.quota.ended,
            committed=committed,
        )

    async def _tell_calls_again(self, execution: WorkflowExecution, found: Stored, seat: Seat) -> None:
        """It has ended; a crash may have come before all that it called was told."""
        is_first = len(found.first) == 1
        calls = self.observer.watch(execution, found.newest, is_first=is_first, is_repeat=True)
        if calls is not None and found.first:
            reader = JournalReader(self._wheel.store, execution.uid, found.first)
            try:
                await self._folding.fold(
                    execution,
                    found.revision,
                    reader,
                    calls=calls,
                    is_stopped=lambda pauses: seat.is_gone or pauses > _LOOK_PAUSES,
                )
            except Exception:  # noqa: BLE001 - as when it is loaded: the log must not stop the others
                _log.exception("what execution %s called last may be missing in the log", execution.name)
            else:
                self.observer.called(execution, calls, is_repeat=True)

    async def _give_up(self, execution: WorkflowExecution, error: Exception) -> None:
        """One that does not fit into memory would not fit the next time: that is its end."""
        if isinstance(error, MemoryError):
            limit = resource_limit("the execution needs more memory than this machine has")
            await self._end(execution, ExecutionSignal.RAISE, ended_by(limit))
        else:
            await self._set_aside(execution, error)

    async def _end(
        self, execution: WorkflowExecution, signal: ExecutionSignal, error: ExecutionError | None = None
    ) -> None:
        """End an execution whose machine is not there to say so."""
        self._begun.take(execution.uid)  # a command that is still on its way must look at the store

        def unit(turn: Turn) -> WorkflowExecution | None:
            found = turn.tx.workflows.execution_by_uid(execution.uid)
            if found is None or found.state is not ExecutionState.ACTIVE:
                return None
            state = next_state(found.state, signal)
            ended = replace(found, state=state, error=error, state_detail="", end_s=turn.now_s)
            turn.tx.workflows.save_execution(ended)
            turn.tx.timers.clear(ROOM, ended.uid)
            self.quota.ended(turn, ended)
            return ended

        ended = await self._wheel.persist(unit)
        if ended is not None:
            await self.observer.ended(ended, is_repeat=True)

    async def give_up(self, command: OutboxCommand, problem: str) -> bool:
        """Settle what waits for a drive that cannot be performed: who wants the execution to end has it ended, others
        are told to come again. True: it is over. False: it stays as it is, and the drive is tried again."""
        uid = command.subject
        seat = self._seats.get(uid)
        is_over = False
        try:
            execution = await self._wheel.store.read(lambda tx: tx.workflows.execution_by_uid(uid))
            is_active = execution is not None and execution.state is ExecutionState.ACTIVE
            if execution is not None and is_active and seat is not None and seat.mailbox.wants_cancel:
                await self._end(execution, ExecutionSignal.CANCEL)
                is_over = True
                for letter in seat.mailbox.take_cancellations():
                    letter.settle()
        finally:
            self._seats.leave(uid, Unavailable(f"The execution '{uid}' cannot take this now: {problem}"))
        return is_over or execution is None

    async def _set_aside(self, execution: WorkflowExecution, error: Exception) -> None:
        """An execution that this version cannot go on with is not failed: it waits, and says why. The next start tries
        it again."""
        detail = error.message if isinstance(error, HakobuneError) else f"Internal error: {error!r}."
        _log.error("execution %s cannot go on: %s", execution.name, detail, exc_info=error)

        def unit(turn: Turn) -> None:
            found = turn.tx.workflows.execution_by_uid(execution.uid)
            if found is None or found.state is not ExecutionState.ACTIVE:
                return
            state = next_state(found.state, ExecutionSignal.SET_ASIDE)
            turn.tx.workflows.save_execution(replace(found, state=state, state_detail=detail[:_DETAIL_CHARACTERS]))
            turn.tx.timers.clear(ROOM, execution.uid)
            self.quota.promote(turn, execution.name.project, execution.name.location)

        await self._wheel.persist(unit)

    # -- letters ------------------------------------------------------------------------------------------------

    async def post(self, execution: WorkflowExecution, event: Event, check: Callable[[Machine], None] | None) -> None:
        """Let an event happen to an active execution; returns when it is durable. Raises what `check` raises,
        FailedPrecondition when the execution ends first, and Unavailable: it may be tried again."""
        await self._seats.post(execution, event, check)

    async def cancel(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Cancel an execution, queued, active or stuck. Raises NotFound, FailedPrecondition (it has ended)."""

        def unit(turn: Turn) -> WorkflowExecution:
            execution = turn.tx.workflows.find_execution(name)
            if execution is None:
                raise NotFound(f"Execution '{name}' does not exist.")
            if execution.state in FINAL_STATES:
                raise FailedPrecondition(f"The execution '{name.execution}' has ended: {execution.state}.")
            if execution.state is not ExecutionState.ACTIVE:
                state = next_state(execution.state, ExecutionSignal.CANCEL)
                ended = replace(execution, state=state, state_detail="", end_s=turn.now_s)
                turn.tx.workflows.save_execution(ended)
                turn.emit(ROOM, ended.uid, DRIVE)  # its end is told
                self.quota.promote(turn, name.project, name.location)
                return ended
            return execution

        while True:
            execution = await self._wheel.turn(unit)
            if execution.state is not ExecutionState.ACTIVE:
                return execution
            try:
                await self.post(execution, CancelRequested(), None)
            except FailedPrecondition:
                continue  # it has ended meanwhile, or cannot go on: look again which
            found = await self._wheel.store.read(lambda tx: tx.workflows.find_execution(name))
            if found is None:
                raise NotFound(f"Execution '{name}' does not exist.")
            return found

    def abandon(self, uids: Sequence[str]) -> None:
        """These executions are gone with their workflow: stop what is in memory."""
        for uid in uids:
            self._begun.take(uid)
            self._seats.abandon(uid)

    # -- questions ----------------------------------------------------------------------------------------------

    @property
    def limits(self) -> RunLimits:
        """What an execution may use up."""
        return self._folding.limits

    async def plan_of(self, execution: WorkflowExecution, revision: Revision) -> Plan:
        """The plan that an execution runs, to look at."""
        return await self._folding.plan_of(execution, revision, is_question=True)

    def present(self, execution: WorkflowExecution) -> WorkflowExecution:
        """The execution as it stands now: what only memory knows is added."""
        seat = self._seats.get(execution.uid)
        if seat is None or seat.driver is None or execution.state is not ExecutionState.ACTIVE:
            return execution
        machine = seat.driver.machine
        return replace(execution, current_steps=machine.current_steps, steps=machine.steps)

    async def machine_of(self, execution: WorkflowExecution) -> Machine:
        """The machine of an execution, to look at. Raises NotFound, CorruptJournal, Unavailable (it takes too long)."""
        seat = self._seats.get(execution.uid)
        if seat is not None and seat.driver is not None:
            return seat.driver.machine
        return await self._looks.get(execution.uid, partial(self._folded, execution))

    async def _folded(self, execution: WorkflowExecution) -> Machine:
        async with self._looking:
            found = await self._wheel.store.read(lambda tx: stored(tx, execution.uid))
            if found.revision is None:
                raise NotFound(f"Execution '{execution.name}' does not exist.")
            reader = JournalReader(self._wheel.store, execution.uid, found.first)
            try:
                folded = await self._folding.fold(
                    execution,
                    found.revision,
                    reader,
                    is_stopped=lambda pauses: pauses > _LOOK_PAUSES,
                    is_question=True,
                )
            except FoldingStopped:
                raise Unavailable(f"The execution '{execution.name}' takes too long to be looked at.") from None
            return folded.machine


def _nothing() -> None:
    """Nobody records calls."""


def _cause(error: Exception) -> Exception:
    """What went wrong first, out of the group that a task group makes of it."""
    members: tuple[Exception, ...] = getattr(error, "exceptions", ())
    return _cause(members[0]) if members else error
