"""The workflows room: executions begin, are cancelled, called back and forgotten. Changes of workflows are in
`workflow_changes`, questions in `workflow_questions` and `workflow_histories`, the drive of executions in
`workflow_executions`."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio

from hakobune.core.errors import FailedPrecondition, HakobuneError, InvalidArgument, NotFound, ResourceExhausted
from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows import limits
from hakobune.core.workflows.drafts import ExecutionDraft
from hakobune.core.workflows.effects import CallbackRequest
from hakobune.core.workflows.events import CallbackArrived
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import CallLogLevel, ExecutionState, HistoryLevel, WorkflowExecution
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_changes import WorkflowChanges
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_histories import Histories
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflow_questions import WorkflowQuestions, missing

_SWEEP_S = 3_600.0
_SWEPT_AT_ONCE = 500  # executions that one turn removes

_log = logging.getLogger("hakobune.workflows")


class MethodMismatch(HakobuneError):
    """A callback endpoint takes requests of another method."""

    reason = "METHOD_NOT_ALLOWED"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class WorkflowsRoom:
    """Workflows, revisions and executions of all projects."""

    def __init__(
        self,
        wheel: Wheel,
        identifiers: Identifiers,
        plans: Plans,
        executions: WorkflowExecutions,
        threads: Threads,
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self.executions = executions
        self.changes = WorkflowChanges(wheel, identifiers, plans, executions)
        self.questions = WorkflowQuestions(wheel, executions)
        self.histories = Histories(wheel, executions, threads)

    # -- executions ---------------------------------------------------------------------------------------------

    async def execute(self, name: WorkflowName, draft: ExecutionDraft, *, key: str = "") -> WorkflowExecution:
        """Begin an execution of the latest revision. A second request with the same idempotency key gets the execution
        of the first. Raises NotFound, ResourceExhausted (quota and backlog), InvalidArgument (the key was used for
        another request)."""
        digest = hashlib.sha256(repr((str(name), draft)).encode()).hexdigest()

        def unit(turn: Turn) -> WorkflowExecution:
            workflow = turn.tx.workflows.find_workflow(name)
            if workflow is None:
                raise missing(name)
            kept = turn.tx.operations.find_keyed(workflow.uid, key) if key else None
            if kept is not None:
                return _keyed(turn, name, kept, digest, key)
            uid = self._identifiers.uid()
            execution = WorkflowExecution(
                name=name.execution(uid),
                uid=uid,
                workflow_uid=workflow.uid,
                revision_id=workflow.revision.id,
                state=ExecutionState.QUEUED,
                create_s=turn.now_s,
                argument=draft.argument,
                call_log_level=_level(draft.call_log_level, workflow.call_log_level),
                history_level=_history(draft.history_level, workflow.history_level),
                labels={**workflow.labels, **draft.labels},
                disable_buffering=draft.disable_buffering,
                service_account=workflow.revision.service_account.rpartition("/")[2],
            )
            if key:
                turn.tx.operations.keep_key(workflow.uid, key, digest, uid)
            return self.executions.quota.create(turn, workflow, execution)

        return await self._wheel.turn(unit)

    async def cancel(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Cancel an execution. Raises NotFound, FailedPrecondition (it has ended)."""
        return await self.executions.cancel(name)

    async def delete_history(self, name: WorkflowExecutionName) -> None:
        """Forget the step entries of an ended execution. Raises NotFound, FailedPrecondition."""

        def unit(turn: Turn) -> None:
            execution = turn.tx.workflows.find_execution(name)
            if execution is None:
                raise missing(name)
            if execution.end_s is None:
                raise FailedPrecondition("Only the history of an execution that has ended can be deleted.")
            turn.tx.workflows.save_execution(replace(execution, is_history_deleted=True))

        await self._wheel.turn(unit)

    async def deliver_callback(self, name: WorkflowExecutionName, callback: str, request: CallbackRequest) -> None:
        """Hand a request to an endpoint; returns when it is durable. Raises NotFound (no such endpoint, or the
        execution has ended), MethodMismatch, ResourceExhausted (one waits there already)."""
        unknown = NotFound(f"Callback '{callback[:80]}' of execution '{name.execution}' does not exist.")
        execution = await self._wheel.store.read(lambda tx: tx.workflows.find_execution(name))
        if execution is None or execution.state is not ExecutionState.ACTIVE:
            raise unknown

        def check(machine: Machine) -> None:
            endpoint = machine.callbacks.get(callback)
            if endpoint is None:
                raise unknown
            if endpoint.method != request.method:
                raise MethodMismatch(f"This callback takes {endpoint.method} only.", endpoint.method)
            if endpoint.pending is not None:
                raise ResourceExhausted("A request waits at this callback already: try again when it was taken.")

        try:
            await self.executions.post(execution, CallbackArrived(callback=callback, request=request), check)
        except FailedPrecondition:
            raise unknown from None

    # -- retention ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Go on with what can go on now; then remove executions whose time of retention is over, again and again."""
        await self._attempt(self.executions.quota.catch_up)
        while True:
            await self._attempt(self._sweep)
            await anyio.sleep(_SWEEP_S)

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        """A row that cannot be read stops this work, and not the runtime; the next round tries again."""
        try:
            await work()
        except HakobuneError as error:
            _log.error("workflows cannot be looked after now: %s", error.message, exc_info=error)

    async def _sweep(self) -> None:
        before_s = self._wheel.clock.now_s() - limits.RETENTION_S
        while await self._wheel.persist(lambda turn: _remove_old(turn, before_s)) == _SWEPT_AT_ONCE:
            pass


def _keyed(turn: Turn, name: WorkflowName, kept: tuple[str, str], digest: str, key: str) -> WorkflowExecution:
    """The execution that the first request with this key began."""
    if kept[0] != digest:
        raise InvalidArgument(f"The idempotency key {key[:120]!r} was used for another request.")
    execution = turn.tx.workflows.find_execution(name.execution(kept[1]))
    if execution is None:
        raise NotFound(f"The execution of idempotency key {key[:120]!r} is gone.")
    return execution


def _remove_old(turn: Turn, before_s: float) -> int:
    """Remove some executions that ended before an instant: how many."""
    ended = turn.tx.workflows.ended_before(before_s, _SWEPT_AT_ONCE)
    for uid in ended:
        turn.tx.workflows.remove_execution(uid)
    return len(ended)


def _level(own: CallLogLevel, inherited: CallLogLevel) -> CallLogLevel:
    return inherited if own is CallLogLevel.UNSPECIFIED else own


def _history(own: HistoryLevel, inherited: HistoryLevel) -> HistoryLevel:
    return inherited if own is HistoryLevel.UNSPECIFIED else own
