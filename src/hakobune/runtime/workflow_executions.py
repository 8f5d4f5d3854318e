"""Executions of workflows: begun, queued, driven, cancelled, called back. What callers may ask is in `workflows`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from hakobune.core.errors import CorruptStore, FailedPrecondition, HakobuneError, NotFound, ResourceExhausted
from hakobune.core.names import WorkflowExecutionName, project_number
from hakobune.core.workflows import journal
from hakobune.core.workflows.events import CancelRequested, Event, Moved, Stamped, Started
from hakobune.core.workflows.limits import NO_LIMITS, RunLimits, Strictness
from hakobune.core.workflows.machine import Machine, resume
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
from hakobune.runtime.workflow_driver import DRIVE, ROOM, Calls, Driver, Letter, Mailbox
from hakobune.runtime.workflow_plans import Plans
from hakobune.store.api import OutboxCommand, ReadTx

_log = logging.getLogger("hakobune.workflows")


class Observer:
    """Sees executions begin and end. The default does nothing; the log of the platform is one."""

    def began(self, execution: WorkflowExecution) -> None:
        """It is ACTIVE, and that is durable."""

    def ended(self, execution: WorkflowExecution) -> None:
        """It has ended, and that is durable."""


class WorkflowExecutions:
    """Drives executions; the wheel's room of workflows."""

    def __init__(self, wheel: Wheel, settings: Settings, identifiers: Identifiers, plans: Plans, calls: Calls) -> None:
        self._wheel = wheel
        self._settings = settings
        self._identifiers = identifiers
        self._plans = plans
        self._calls = calls
        self.observer = Observer()
        self._drivers: dict[str, Driver] = {}
        self._mailboxes: dict[str, Mailbox] = {}

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
        return queued

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
        turn.tx.workflows.append(active.uid, 0, [journal.encode(stamped)])
        turn.emit(ROOM, active.uid, DRIVE)
        return active

    def _ended(self, turn: Turn, execution: WorkflowExecution) -> None:
        """In the turn of the end: the room that it leaves goes to the first in the queue."""
        self.promote(turn, execution.name.project, execution.name.location)

    def promote(self, turn: Turn, project: str, location: str) -> None:
        """Begin queued executions for which there is room now."""
        load = turn.tx.workflows.load(project, location)
        room = self._settings.workflow_executions_max - load.get(ExecutionState.ACTIVE, 0)
        if room <= 0 or not load.get(ExecutionState.QUEUED, 0):
            return
        for uid in turn.tx.workflows.first_queued(project, location, room):
            execution = turn.tx.workflows.execution_by_uid(uid)
            if execution is None:
                continue
            revision = turn.tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
            if revision is None:
                raise CorruptStore(f"execution {uid} has lost its revision {execution.revision_id}")
            turn.tx.workflows.save_execution(self._begin(turn, revision, execution))

    async def promote_all(self) -> None:
        """At a start: the quota may have been raised meanwhile."""
        places = await self._wheel.store.read(lambda tx: tx.workflows.queued_places())
        for project, location in places:
            await self._wheel.persist(lambda turn, p=project, at=location: self.promote(turn, p, at))

    # -- the wheel's room ---------------------------------------------------------------------------------------

    async def perform(self, command: OutboxCommand) -> None:
        """Drive an execution until it rests or ends."""
        uid = command.subject
        mailbox = self._mailboxes.setdefault(uid, Mailbox())
        driver = await self._load(uid, mailbox)
        if driver is None:
            self._refuse(uid, mailbox)
            return
        self._drivers[uid] = driver
        try:
            await self._drive(driver, mailbox)
        finally:
            # No await between the driver's last look at its mailbox and here.
            del self._drivers[uid]
        if driver.machine.outcome is None and not driver.is_abandoned:
            self._mailboxes.pop(uid, None)
            return
        self._refuse(uid, mailbox)
        if driver.machine.outcome is not None:
            self.observer.ended(driver.execution)

    async def _drive(self, driver: Driver, mailbox: Mailbox) -> None:
        while True:
            try:
                await driver.run()
            except Exception as error:  # one execution's trouble must not stop the others
                if self._wheel.is_closing:
                    raise
                await self._set_aside(driver.execution, error)
                driver.is_abandoned = True
            if driver.is_abandoned or driver.machine.outcome is not None or not mailbox.letters:
                return

    async def wake(self, subject: str) -> None:
        """A wait of a resting execution is over."""

        def unit(turn: Turn) -> None:
            turn.tx.timers.clear(ROOM, subject)
            turn.emit(ROOM, subject, DRIVE)

        await self._wheel.persist(unit)

    def _refuse(self, uid: str, mailbox: Mailbox) -> None:
        """Nobody will take these letters any more."""
        self._mailboxes.pop(uid, None)
        for letter in mailbox.take():
            letter.settle(FailedPrecondition(f"The execution '{uid}' has ended."))

    async def _load(self, uid: str, mailbox: Mailbox) -> Driver | None:
        """Bring an execution into memory. None if it has ended or is gone."""
        execution, revision, entries = await self._wheel.store.read(lambda tx: _stored(tx, uid))
        if execution is None or execution.state is not ExecutionState.ACTIVE or revision is None:
            return None
        try:
            journaled = [journal.decode(entry) for entry in entries]
            machine = self.fold(execution, revision, journaled)
        except Exception as error:  # noqa: BLE001 - also a bug of ours: one execution must not stop the others
            await self._set_aside(execution, error)
            return None
        if len(journaled) == 1:
            self.observer.began(execution)
        base_url = _last_base_url(journaled)
        if base_url != self._settings.base_url:
            mailbox.put(Letter(Moved(base_url=self._settings.base_url)))
        return Driver(
            self._wheel,
            self._calls,
            execution,
            machine,
            mailbox,
            written=len(entries),
            last_s=journaled[-1].at_s,
            seeds=self._seed,
            ended=self._ended,
        )

    def fold(self, execution: WorkflowExecution, revision: Revision, journaled: list[Stamped]) -> Machine:
        """The machine as the journal left it. Raises CorruptJournal, InvalidDefinition."""
        plan = self._plans.plan(execution.workflow_uid, revision)
        return resume(plan, journaled, limits=self.limits)

    def plan_of(self, execution: WorkflowExecution, revision: Revision) -> Plan:
        """The plan that an execution runs."""
        return self._plans.plan(execution.workflow_uid, revision)

    async def _set_aside(self, execution: WorkflowExecution, error: Exception) -> None:
        """An execution that this version cannot go on with is not failed: it waits, and says why."""
        detail = error.message if isinstance(error, HakobuneError) else f"Internal error: {error!r}."
        _log.error("execution %s cannot go on: %s", execution.name, detail, exc_info=error)
        stuck = replace(execution, state=ExecutionState.UNAVAILABLE, state_detail=detail)
        await self._wheel.persist(lambda turn: turn.tx.workflows.save_execution(stuck))

    def _seed(self) -> int:
        return int(self._identifiers.uid().replace("-", ""), 16)

    # -- letters ------------------------------------------------------------------------------------------------

    async def post(self, execution: WorkflowExecution, event: Event, check: Callable[[Machine], None] | None) -> None:
        """Let an event happen to an active execution; returns when it is durable. Raises what `check` raises, and
        FailedPrecondition when the execution ends first."""
        uid = execution.uid
        letter = Letter(event, check)
        mailbox = self._mailboxes.setdefault(uid, Mailbox())
        mailbox.put(letter)
        if uid not in self._drivers:
            await self._wheel.turn(lambda turn: turn.emit(ROOM, uid, DRIVE))
        await letter.wait()

    async def cancel(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Cancel an execution, queued or active. Raises NotFound, FailedPrecondition."""

        def unit(turn: Turn) -> WorkflowExecution:
            execution = turn.tx.workflows.find_execution(name)
            if execution is None:
                raise NotFound(f"Execution '{name}' does not exist.")
            if execution.state in FINAL_STATES:
                raise FailedPrecondition(f"The execution '{name.execution}' has ended: {execution.state}.")
            if execution.state is not ExecutionState.ACTIVE:
                ended = replace(execution, state=ExecutionState.CANCELLED, end_s=turn.now_s)
                turn.tx.workflows.save_execution(ended)
                self.promote(turn, name.project, name.location)
                return ended
            return execution

        execution = await self._wheel.turn(unit)
        if execution.state is ExecutionState.ACTIVE:
            await self.post(execution, CancelRequested(), None)
            found = await self._wheel.store.read(lambda tx: tx.workflows.find_execution(name))
            if found is None:
                raise NotFound(f"Execution '{name}' does not exist.")
            execution = found
        return execution

    def abandon(self, uids: list[str]) -> None:
        """These executions are gone with their workflow: stop what is in memory."""
        for uid in uids:
            driver = self._drivers.get(uid)
            if driver is not None:
                driver.is_abandoned = True
                self._mailboxes[uid].arrived.set()

    # -- questions ----------------------------------------------------------------------------------------------

    def present(self, execution: WorkflowExecution) -> WorkflowExecution:
        """The execution as it stands now: what only memory knows is added."""
        driver = self._drivers.get(execution.uid)
        if driver is None or execution.state is not ExecutionState.ACTIVE:
            return execution
        machine = driver.machine
        return replace(execution, current_steps=machine.current_steps, steps=machine.steps)

    async def machine_of(self, execution: WorkflowExecution) -> Machine:
        """The machine of an execution, to look at. Raises CorruptJournal."""
        driver = self._drivers.get(execution.uid)
        if driver is not None:
            return driver.machine
        _, revision, entries = await self._wheel.store.read(lambda tx: _stored(tx, execution.uid))
        if revision is None:
            raise NotFound(f"Execution '{execution.name}' does not exist.")
        return self.fold(execution, revision, [journal.decode(entry) for entry in entries])


def _stored(tx: ReadTx, uid: str) -> tuple[WorkflowExecution | None, Revision | None, list[bytes]]:
    execution = tx.workflows.execution_by_uid(uid)
    if execution is None:
        return None, None, []
    revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
    return execution, revision, tx.workflows.journal(uid)


def _last_base_url(journaled: list[Stamped]) -> str:
    for stamped in reversed(journaled):
        if isinstance(stamped.event, (Moved, Started)):
            return stamped.event.base_url
    raise CorruptStore("a journal does not begin with its start")


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
