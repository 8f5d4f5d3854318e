"""Executions of workflows: begun, queued, driven, cancelled, called back. What callers may ask is in `workflows`."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import anyio
import anyio.lowlevel

from hakobune.core.errors import (
    CorruptJournal,
    FailedPrecondition,
    HakobuneError,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from hakobune.core.names import WorkflowExecutionName, project_number
from hakobune.core.workflows import journal
from hakobune.core.workflows.call_log import CallLog
from hakobune.core.workflows.events import CancelRequested, Event, Moved, Stamped, Started
from hakobune.core.workflows.limits import NO_LIMITS, RunLimits, Strictness
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import (
    FINAL_STATES,
    ExecutionState,
    Revision,
    Workflow,
    WorkflowExecution,
)
from hakobune.core.workflows.plan import Plan
from hakobune.core.workflows.values import from_json
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.settings import Settings
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_driver import DRIVE, ROOM, SLICE_STEPS, Calls, Driver, Letter, Mailbox
from hakobune.runtime.workflow_plans import Plans
from hakobune.store.api import OutboxCommand, ReadTx

_log = logging.getLogger("hakobune.workflows")

_LOADING_MAX = 16  # at once: after a crash with 10,000 executions under way, their journals come into memory in turn
_FOLDED_AT_ONCE = 50  # entries of a journal: a millisecond or so, then others get their turn
_BEGUN_KEPT = 1_000
_BEGUN_BYTES = 16_384  # of definition and first entry: all that is kept takes at most 16 MB, for a moment
_BEGUN_AT_ONCE = 200  # queued executions that one turn begins
_WOKEN_AT_ONCE = 500  # waits that are over, in one turn
_LOOK_S = 5.0  # how often a caller who waits looks whether anybody will answer
_SEED_BYTES = 8
_DETAIL_CHARACTERS = 2_000  # of the reason why an execution is set aside: a definition may have hundreds of problems


class Observer:
    """Sees executions live. The default does nothing; the log of the platform is one.

    `is_repeat`: a crash may have come after it was told the same.
    """

    def watch(self, execution: WorkflowExecution, entries: Sequence[bytes], *, is_repeat: bool) -> CallLog | None:
        """What is to record the calls while this journal is folded, and after; None: nobody asks."""
        del execution, entries, is_repeat
        return None

    def loaded(self, execution: WorkflowExecution, machine: Machine, last_s: float, *, is_repeat: bool) -> None:
        """It is ACTIVE and in memory; `last_s` is the instant of the newest entry of its journal."""

    def called(self, execution: WorkflowExecution, calls: CallLog, *, is_repeat: bool) -> None:
        """What the record has is durable."""

    async def rested(self) -> None:
        """An execution has left memory. Until this returns, a crash makes its next life a repeat."""

    async def ended(self, execution: WorkflowExecution, *, is_repeat: bool) -> None:
        """It has ended, and that is durable. Until this returns, a crash tells it again."""


@dataclass(slots=True)
class _Seat:
    """The place of an execution in memory, while somebody drives it or writes to it."""

    mailbox: Mailbox = field(default_factory=Mailbox)
    driver: Driver | None = None
    is_attended: bool = False  # its command is being performed: letters will be looked at, and answered
    is_gone: bool = False  # deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folded:
    """What a journal comes to."""

    machine: Machine
    last_s: float  # instant of its last entry
    base_url: str  # what the execution believes to be the server's address


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """An execution with its first entry, as a turn has written them."""

    execution: WorkflowExecution
    revision: Revision
    entry: bytes


class WorkflowExecutions:
    """Drives executions; the wheel's room of workflows."""

    def __init__(self, wheel: Wheel, settings: Settings, identifiers: Identifiers, plans: Plans, calls: Calls) -> None:
        self._wheel = wheel
        self._settings = settings
        self._seed_key = identifiers.uid().encode()
        self._seeds_drawn = count()  # by the loop and by the store's thread
        self._plans = plans
        self._calls = calls
        self.observer = Observer()
        self._seats: dict[str, _Seat] = {}
        self._begun: dict[str, _Begun] = {}  # small ones that nobody drives yet: they need not be read again
        self._loading = anyio.Semaphore(_LOADING_MAX)

    @property
    def limits(self) -> RunLimits:
        """What an execution may use up."""
        return RunLimits() if self._settings.limits is Strictness.STRICT else NO_LIMITS

    # -- begin and end ------------------------------------------------------------------------------------------

    def create(self, turn: Turn, workflow: Workflow, draft: WorkflowExecution) -> WorkflowExecution:
        """Store a new execution; it begins now, or is queued. Raises ResourceExhausted."""
        name = draft.name
        load = turn.tx.workflows.load(name.project, name.location)
        is_free = load.get(ExecutionState.ACTIVE, 0) < self._settings.workflow_executions_max
        if is_free and not load.get(ExecutionState.QUEUED, 0):
            turn.tx.workflows.add_execution(replace(draft, state=ExecutionState.ACTIVE, start_s=draft.create_s))
            return self._begin(turn, workflow.revision, draft)
        if draft.disable_buffering:
            raise ResourceExhausted(
                f"The quota of {self._settings.workflow_executions_max} concurrent executions in {name.location} is "
                "used up, and disableConcurrencyQuotaOverflowBuffering is set: try again later."
            )
        if load.get(ExecutionState.QUEUED, 0) >= self._settings.workflow_backlog_max:
            raise ResourceExhausted(f"The backlog of {name.location} is full: try again later.")
        queued = replace(draft, state=ExecutionState.QUEUED)
        turn.tx.workflows.add_execution(queued)
        if not is_free:
            return queued
        self.promote(turn, name.project, name.location)  # those before it first
        return turn.tx.workflows.execution_by_uid(draft.uid) or queued

    def _begin(self, turn: Turn, revision: Revision, execution: WorkflowExecution) -> WorkflowExecution:
        """Write the first entry of the journal, and have the execution driven."""
        active = replace(execution, state=ExecutionState.ACTIVE, start_s=turn.now_s)
        argument = None if execution.argument is None else from_json(execution.argument)
        started = Started(
            argument=argument,
            environment=environment(active.name, revision),
            execution=str(active.name),
            base_url=self._settings.base_url,
        )
        stamped = Stamped(event=started, at_s=round(turn.now_s, 6), seed=self._seed())
        entry = journal.encode(stamped)
        turn.tx.workflows.append(active.uid, 0, [entry])
        turn.emit(ROOM, active.uid, DRIVE)
        if len(entry) + len(revision.source_contents) <= _BEGUN_BYTES:
            if len(self._begun) >= _BEGUN_KEPT:  # those of turns that failed are never asked for
                self._begun.clear()
            self._begun[active.uid] = _Begun(execution=active, revision=revision, entry=entry)
        return active

    def _ended(self, turn: Turn, execution: WorkflowExecution) -> None:
        """In the turn of the end: the room that it leaves goes to the first in the queue."""
        self.promote(turn, execution.name.project, execution.name.location)

    def promote(self, turn: Turn, project: str, location: str) -> int:
        """Begin queued executions for which there is room now, the oldest first: how many. A bounded number of them."""
        load = turn.tx.workflows.load(project, location)
        room = min(self._settings.workflow_executions_max - load.get(ExecutionState.ACTIVE, 0), _BEGUN_AT_ONCE)
        if room <= 0 or not load.get(ExecutionState.QUEUED, 0):
            return 0
        queued = turn.tx.workflows.first_queued(project, location, room)
        for uid in queued:
            execution = turn.tx.workflows.execution_by_uid(uid)
            assert execution is not None  # read in the same transaction
            revision = turn.tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
            if revision is None:  # its neighbours must not wait for it
                begun = replace(execution, state=ExecutionState.UNAVAILABLE, state_detail=_no_revision(execution))
            else:
                begun = self._begin(turn, revision, execution)
            turn.tx.workflows.save_execution(begun)
        return len(queued)

    async def fill(self, project: str, location: str) -> None:
        """Begin as many queued executions as there is room for, however many."""
        while await self._wheel.persist(lambda turn: self.promote(turn, project, location)) == _BEGUN_AT_ONCE:
            pass

    async def catch_up(self) -> None:
        """At a start: try once more what another version could not go on with, and begin what was queued if the quota
        was raised meanwhile."""
        stuck = await self._wheel.store.read(lambda tx: tx.workflows.stuck())
        for start in range(0, len(stuck), _BEGUN_AT_ONCE):
            uids = stuck[start : start + _BEGUN_AT_ONCE]
            await self._wheel.persist(partial(_try_again, uids=uids))
        for project, location in await self._wheel.store.read(lambda tx: tx.workflows.queued_places()):
            await self.fill(project, location)

    # -- the wheel's room ---------------------------------------------------------------------------------------

    async def perform(self, command: OutboxCommand) -> None:
        """Drive an execution until it rests or ends."""
        uid = command.subject
        seat = self._seats.setdefault(uid, _Seat())
        seat.is_attended = True
        refusal: HakobuneError = Unavailable(f"The execution '{uid}' cannot take this now: try again.")
        try:
            await self._attend(uid, seat, is_repeat=command.is_repeat or command.epoch > 1)
            refusal = _inactive(uid)
        finally:
            # No await between the driver's last look at its mailbox and here: no letter is left behind.
            del self._seats[uid]
            seat.mailbox.refuse(refusal)
        await self.observer.rested()

    async def _attend(self, uid: str, seat: _Seat, *, is_repeat: bool) -> None:
        """Drive an execution. When this returns, it rests and there is no letter, or nobody will take letters."""
        execution: WorkflowExecution | None
        begun = self._begun.pop(uid, None)
        if begun is not None and not is_repeat:
            execution = begun.execution
            driver = await self._load(execution, begun.revision, [begun.entry], seat, is_repeat=False)
        else:
            execution, driver = await self._load_stored(uid, seat, is_repeat=is_repeat)
        if driver is not None:
            seat.driver = driver
            await self._drive(driver, seat.mailbox)
            if driver.machine.outcome is not None and not driver.is_abandoned:
                seat.mailbox.refuse(_inactive(uid))
                await self.observer.ended(driver.execution, is_repeat=False)
        elif execution is not None and execution.state in FINAL_STATES:
            seat.mailbox.refuse(_inactive(uid))
            await self._tell_again(execution, seat)

    async def _load_stored(
        self, uid: str, seat: _Seat, *, is_repeat: bool
    ) -> tuple[WorkflowExecution | None, Driver | None]:
        async with self._loading:
            execution, revision, entries = await self._wheel.store.read(lambda tx: _stored(tx, uid))
            if execution is None or execution.state is not ExecutionState.ACTIVE:
                return execution, None
            return execution, await self._load(execution, revision, entries, seat, is_repeat=is_repeat)

    async def _drive(self, driver: Driver, mailbox: Mailbox) -> None:
        while True:
            try:
                await driver.run()
            except Exception as error:  # one execution's trouble must not stop the others
                cause = _cause(error)
                if self._wheel.is_closing:
                    raise cause from error
                await self._set_aside(driver.execution, cause)
                driver.is_abandoned = True
            if driver.is_abandoned or driver.machine.outcome is not None or not mailbox.letters:
                return

    async def wake(self, subject: str) -> None:
        """A wait of a resting execution is over. Others whose instant has come are woken in the same turn: when
        thousands are due at once, a commit for each would make the last one late."""

        def unit(turn: Turn) -> None:
            for timer in turn.tx.timers.due(turn.now_s, _WOKEN_AT_ONCE):
                if timer.room == ROOM:
                    turn.tx.timers.clear(ROOM, timer.subject)
                    turn.emit(ROOM, timer.subject, DRIVE)

        del subject  # it is due: if it is not among the first, the wheel asks again
        await self._wheel.persist(unit)

    async def _load(
        self,
        execution: WorkflowExecution,
        revision: Revision | None,
        entries: Sequence[bytes],
        seat: _Seat,
        *,
        is_repeat: bool,
    ) -> Driver | None:
        """Bring an execution into memory. None if it cannot go on, or is deleted meanwhile."""
        try:
            calls = self.observer.watch(execution, entries, is_repeat=is_repeat)
            folded = await self._fold(execution, revision, entries, seat, calls)
        except Exception as error:  # noqa: BLE001 - also a bug of ours: one execution must not stop the others
            await self._set_aside(execution, error)
            return None
        if seat.is_gone:
            return None
        self.observer.loaded(execution, folded.machine, folded.last_s, is_repeat=is_repeat)
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
            written=len(entries),
            last_s=folded.last_s,
            seeds=self._seed,
            ended=self._ended,
            committed=committed,
        )

    async def _tell_again(self, execution: WorkflowExecution, seat: _Seat) -> None:
        """It has ended; a crash may have come before all of it was told."""
        _, revision, entries = await self._wheel.store.read(lambda tx: _stored(tx, execution.uid))
        calls = self.observer.watch(execution, entries, is_repeat=True)
        if calls is not None and entries:
            try:
                async with self._loading:
                    await self._fold(execution, revision, entries, seat, calls)
            except Exception:  # noqa: BLE001 - as when it is loaded: the log must not stop the others
                _log.exception("what execution %s called last may be missing in the log", execution.name)
            else:
                self.observer.called(execution, calls, is_repeat=True)
        await self.observer.ended(execution, is_repeat=True)

    async def _fold(
        self,
        execution: WorkflowExecution,
        revision: Revision | None,
        entries: Sequence[bytes],
        seat: _Seat,
        calls: CallLog | None = None,
    ) -> _Folded:
        """The machine as the journal left it, in slices: others get their turn in between.
        Raises CorruptJournal, InvalidDefinition."""
        if revision is None:
            raise CorruptJournal(_no_revision(execution))
        machine = Machine(self.plan_of(execution, revision), limits=self.limits, recorder=calls)
        last: Stamped | None = None
        base_url = ""
        for number, entry in enumerate(entries, 1):
            last = journal.decode(entry)
            if isinstance(last.event, (Moved, Started)):
                base_url = last.event.base_url
            machine.feed(last)
            while not seat.is_gone and not machine.advance(SLICE_STEPS):
                await anyio.lowlevel.checkpoint()
            if number % _FOLDED_AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
        if last is None:
            raise CorruptJournal("the journal is empty")
        machine.take_commands()  # all that has no answer is in `waiting`
        return _Folded(machine=machine, last_s=last.at_s, base_url=base_url)

    def plan_of(self, execution: WorkflowExecution, revision: Revision) -> Plan:
        """The plan that an execution runs."""
        return self._plans.plan(execution.workflow_uid, revision)

    async def _set_aside(self, execution: WorkflowExecution, error: Exception) -> None:
        """An execution that this version cannot go on with is not failed: it waits, and says why. The next start tries
        it again."""
        detail = error.message if isinstance(error, HakobuneError) else f"Internal error: {error!r}."
        _log.error("execution %s cannot go on: %s", execution.name, detail, exc_info=error)

        def unit(turn: Turn) -> None:
            found = turn.tx.workflows.execution_by_uid(execution.uid)
            if found is None or found.state is not ExecutionState.ACTIVE:
                return
            turn.tx.workflows.save_execution(
                replace(found, state=ExecutionState.UNAVAILABLE, state_detail=detail[:_DETAIL_CHARACTERS])
            )
            turn.tx.timers.clear(ROOM, execution.uid)
            self.promote(turn, execution.name.project, execution.name.location)

        await self._wheel.persist(unit)

    def _seed(self) -> int:
        """64 bits that nobody can guess, from one identifier of this life. To ask the system for each would give the
        interpreter's lock away, and cost as much as the step."""
        number = b"%d" % next(self._seeds_drawn)
        return int.from_bytes(hashlib.blake2b(number, key=self._seed_key, digest_size=_SEED_BYTES).digest(), "big")

    # -- letters ------------------------------------------------------------------------------------------------

    async def post(self, execution: WorkflowExecution, event: Event, check: Callable[[Machine], None] | None) -> None:
        """Let an event happen to an active execution; returns when it is durable. Raises what `check` raises,
        FailedPrecondition when the execution ends first, and Unavailable: it may be tried again."""
        uid = execution.uid
        letter = Letter(event, check)
        seat = self._seats.setdefault(uid, _Seat())
        seat.mailbox.put(letter)
        if not seat.is_attended:
            try:
                await self._wheel.turn(lambda turn: turn.emit(ROOM, uid, DRIVE))
            except BaseException:
                self._withdraw(uid, seat, letter)
                raise
        while not letter.is_settled:
            if ROOM in self._wheel.rooms.stopped:
                self._withdraw(uid, seat, letter)
                raise Unavailable(f"The room '{ROOM}' has stopped. Restart the runtime.")
            with anyio.move_on_after(_LOOK_S):
                await letter.settled()
        if letter.refusal is not None:
            raise letter.refusal

    def _withdraw(self, uid: str, seat: _Seat, letter: Letter) -> None:
        """Nobody was called to take this letter."""
        if letter in seat.mailbox.letters:
            seat.mailbox.letters.remove(letter)
        if not seat.is_attended and not seat.mailbox.letters and self._seats.get(uid) is seat:
            del self._seats[uid]

    async def cancel(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Cancel an execution, queued, active or stuck. Raises NotFound, FailedPrecondition (it has ended)."""

        def unit(turn: Turn) -> WorkflowExecution:
            execution = turn.tx.workflows.find_execution(name)
            if execution is None:
                raise NotFound(f"Execution '{name}' does not exist.")
            if execution.state in FINAL_STATES:
                raise FailedPrecondition(f"The execution '{name.execution}' has ended: {execution.state}.")
            if execution.state is not ExecutionState.ACTIVE:
                ended = replace(execution, state=ExecutionState.CANCELLED, state_detail="", end_s=turn.now_s)
                turn.tx.workflows.save_execution(ended)
                turn.emit(ROOM, ended.uid, DRIVE)  # its end is told
                self.promote(turn, name.project, name.location)
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

    def abandon(self, uids: list[str]) -> None:
        """These executions are gone with their workflow: stop what is in memory."""
        for uid in uids:
            self._begun.pop(uid, None)
            seat = self._seats.get(uid)
            if seat is None:
                continue
            seat.is_gone = True
            if seat.driver is not None:
                seat.driver.is_abandoned = True
            seat.mailbox.arrived.set()

    # -- questions ----------------------------------------------------------------------------------------------

    def present(self, execution: WorkflowExecution) -> WorkflowExecution:
        """The execution as it stands now: what only memory knows is added."""
        seat = self._seats.get(execution.uid)
        if seat is None or seat.driver is None or execution.state is not ExecutionState.ACTIVE:
            return execution
        machine = seat.driver.machine
        return replace(execution, current_steps=machine.current_steps, steps=machine.steps)

    async def machine_of(self, execution: WorkflowExecution) -> Machine:
        """The machine of an execution, to look at. Raises CorruptJournal."""
        seat = self._seats.get(execution.uid)
        if seat is not None and seat.driver is not None:
            return seat.driver.machine
        _, revision, entries = await self._wheel.store.read(lambda tx: _stored(tx, execution.uid))
        if revision is None:
            raise NotFound(f"Execution '{execution.name}' does not exist.")
        return (await self._fold(execution, revision, entries, _Seat())).machine


def _nothing() -> None:
    """Nobody records calls."""


def _stored(tx: ReadTx, uid: str) -> tuple[WorkflowExecution | None, Revision | None, list[bytes]]:
    execution = tx.workflows.execution_by_uid(uid)
    if execution is None:
        return None, None, []
    revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
    return execution, revision, tx.workflows.journal(uid)


def _inactive(uid: str) -> FailedPrecondition:
    return FailedPrecondition(f"The execution '{uid}' is not active any more.")


def _try_again(turn: Turn, uids: Sequence[str]) -> None:
    for uid in uids:
        execution = turn.tx.workflows.execution_by_uid(uid)
        if execution is None or execution.state is not ExecutionState.UNAVAILABLE:
            continue
        state = ExecutionState.QUEUED if execution.start_s is None else ExecutionState.ACTIVE
        turn.tx.workflows.save_execution(replace(execution, state=state, state_detail=""))
        if state is ExecutionState.ACTIVE:
            turn.emit(ROOM, uid, DRIVE)


def _no_revision(execution: WorkflowExecution) -> str:
    return f"revision {execution.revision_id} of its workflow is not stored"


def _cause(error: Exception) -> Exception:
    """What went wrong first, out of the group that a task group makes of it."""
    members: tuple[Exception, ...] = getattr(error, "exceptions", ())
    return _cause(members[0]) if members else error


def environment(name: WorkflowExecutionName, revision: Revision) -> Mapping[str, str]:
    """What `sys.get_env` reads. Source: Workflows documentation, "Use environment variables"."""
    account = revision.service_account.rpartition("/")[2]
    return {
        **revision.user_env_vars,
        "GOOGLE_CLOUD_LOCATION": name.location,
        "GOOGLE_CLOUD_PROJECT_ID": name.project,
        "GOOGLE_CLOUD_PROJECT_NUMBER": project_number(name.project),
        "GOOGLE_CLOUD_SERVICE_ACCOUNT_NAME": account,
        "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ATTEMPT": "1",
        "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID": name.execution,
        "GOOGLE_CLOUD_WORKFLOW_ID": name.workflow,
        "GOOGLE_CLOUD_WORKFLOW_REVISION_ID": revision.id,
    }
