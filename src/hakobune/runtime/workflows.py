"""The workflows room: what callers may ask of workflows and their executions. Driving them: `workflow_executions`."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import anyio
import anyio.to_thread

from hakobune.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    HakobuneError,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)
from hakobune.core.names import (
    OperationName,
    WorkflowExecutionName,
    WorkflowName,
    default_service_account,
)
from hakobune.core.operations import Verb, WorkflowOperation
from hakobune.core.workflows import journal, limits
from hakobune.core.workflows.build import InvalidDefinition
from hakobune.core.workflows.drafts import ExecutionDraft, WorkflowDraft
from hakobune.core.workflows.effects import CallbackRequest
from hakobune.core.workflows.events import CallbackArrived
from hakobune.core.workflows.history import StepEntry, fold_history
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import (
    CallLogLevel,
    ExecutionState,
    HistoryLevel,
    Revision,
    Workflow,
    WorkflowExecution,
)
from hakobune.core.workflows.plan import Plan
from hakobune.core.workflows.world import Callback
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_driver import ROOM
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_plans import Plans
from hakobune.store.api import Page, ReadTx
from hakobune.store.workflows_api import ExecutionOrder, ListedExecution

WORKFLOWS_MAX = 10_000  # of a project; https://cloud.google.com/workflows/quotas
_SWEEP_S = 3_600.0
_SWEPT_AT_ONCE = 500  # executions that one turn removes
# Executions that are looked at for a filtered list: at once (whole ones may have a megabyte each), in an order that
# the store must sort for (at once: each look sorts again), and for one page: a search that finds little goes on with
# the next page, as https://google.aip.dev/158 allows.
_BATCH = 250
_BATCH_FULL = 50
_BATCH_SORTED = 1_000
_LOOKED_AT_MAX = 5_000

_log = logging.getLogger("hakobune.workflows")


class MethodMismatch(HakobuneError):
    """A callback endpoint takes requests of another method."""

    reason = "METHOD_NOT_ALLOWED"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class WorkflowsRoom:
    """Workflows, revisions and executions of all projects."""

    def __init__(self, wheel: Wheel, identifiers: Identifiers, plans: Plans, executions: WorkflowExecutions) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._plans = plans
        self.executions = executions

    # -- workflows ----------------------------------------------------------------------------------------------

    async def create(
        self, name: WorkflowName, draft: WorkflowDraft, *, validate_only: bool = False
    ) -> WorkflowOperation:
        """Deploy a new workflow. What is wrong with its definition is the operation's error."""
        refusal = self._problem(draft.source_contents)

        def unit(turn: Turn) -> WorkflowOperation:
            if turn.tx.workflows.find_workflow(name) is not None:
                error = (AlreadyExists.code.value, f"Resource '{name}' already exists.")
                return self._operation(turn, Verb.CREATE, name, None, error)
            if refusal is not None:
                return self._operation(turn, Verb.CREATE, name, None, refusal)
            if turn.tx.workflows.count_workflows(name.project) >= WORKFLOWS_MAX:
                raise ResourceExhausted(f"A project has at most {WORKFLOWS_MAX} workflows.")
            workflow = self._new(name, draft, turn.now_s)
            if not validate_only:
                turn.tx.workflows.add_workflow(workflow)
            return self._operation(turn, Verb.CREATE, name, workflow, None)

        return await self._wheel.turn(unit)

    async def patch(self, name: WorkflowName, draft: WorkflowDraft, fields: frozenset[str]) -> WorkflowOperation:
        """Change the named fields (of WorkflowDraft). Executions under way keep their revision. Raises NotFound."""
        refusal = self._problem(draft.source_contents) if "source_contents" in fields else None

        def unit(turn: Turn) -> WorkflowOperation:
            old = turn.tx.workflows.find_workflow(name)
            if old is None:
                raise _missing(name)
            if refusal is not None:
                return self._operation(turn, Verb.UPDATE, name, None, refusal)
            workflow = self._changed(old, draft, fields, turn.now_s)
            turn.tx.workflows.replace_workflow(workflow)
            return self._operation(turn, Verb.UPDATE, name, workflow, None)

        return await self._wheel.turn(unit)

    async def delete(self, name: WorkflowName) -> WorkflowOperation:
        """Delete a workflow with its revisions; its executions are cancelled and deleted. Raises NotFound."""

        def unit(turn: Turn) -> tuple[WorkflowOperation, list[str]]:
            workflow = turn.tx.workflows.find_workflow(name)
            if workflow is None:
                raise _missing(name)
            under_way = turn.tx.workflows.remove_workflow(workflow)
            for uid in under_way:
                turn.tx.timers.clear(ROOM, uid)
            return self._operation(turn, Verb.DELETE, name, None, None), under_way

        operation, under_way = await self._wheel.turn(unit)
        self.executions.abandon(under_way)
        await self.executions.fill(name.project, name.location)
        return operation

    async def get(self, name: WorkflowName, revision_id: str = "") -> Workflow:
        """The workflow, with its latest or the named revision. Raises NotFound."""

        def look(tx: ReadTx) -> Workflow:
            workflow = tx.workflows.find_workflow(name)
            if workflow is None:
                raise _missing(name)
            if not revision_id:
                return workflow
            revision = tx.workflows.find_revision(workflow.uid, revision_id)
            if revision is None:
                raise NotFound(f"Resource '{name}' has no revision '{revision_id[:40]}'.")
            return replace(workflow, revision=revision)

        return await self._wheel.store.read(look)

    async def list_workflows(self, project: str, location: str | None, page: Page) -> list[Workflow]:
        """By id, then location."""
        return await self._wheel.store.read(lambda tx: tx.workflows.list_workflows(project, location, page))

    async def list_revisions(self, name: WorkflowName, page: Page) -> list[Workflow]:
        """The workflow once for each revision, newest first. Raises NotFound."""
        workflow = await self.get(name)
        found = await self._wheel.store.read(lambda tx: tx.workflows.list_revisions(workflow.uid, page))
        return [replace(workflow, revision=revision) for revision in found]

    async def locations(self, project: str) -> list[str]:
        """Every location in which the project has a workflow."""
        return await self._wheel.store.read(lambda tx: tx.workflows.locations(project))

    def _problem(self, source: str) -> tuple[int, str] | None:
        """What is wrong with a definition, as the error of its operation."""
        try:
            self._plans.compile(source)
        except InvalidDefinition as invalid:
            return invalid.code.value, invalid.message
        return None

    def _new(self, name: WorkflowName, draft: WorkflowDraft, now_s: float) -> Workflow:
        return Workflow(
            name=name,
            uid=self._identifiers.uid(),
            create_s=now_s,
            update_s=now_s,
            revision=self._revision(name, draft, 1, now_s),
            description=draft.description,
            labels=draft.labels,
            call_log_level=draft.call_log_level,
            history_level=draft.history_level,
            tags=draft.tags,
        )

    def _revision(self, name: WorkflowName, draft: WorkflowDraft, ordinal: int, now_s: float) -> Revision:
        return Revision(
            id=f"{ordinal:06d}-{self._identifiers.uid().replace('-', '')[:3]}",
            ordinal=ordinal,
            create_s=now_s,
            source_contents=draft.source_contents,
            service_account=_account(name.project, draft.service_account),
            user_env_vars=draft.user_env_vars,
            crypto_key_name=draft.crypto_key_name,
        )

    def _changed(self, old: Workflow, draft: WorkflowDraft, fields: frozenset[str], now_s: float) -> Workflow:
        new = replace(
            old,
            update_s=now_s,
            description=draft.description if "description" in fields else old.description,
            labels=draft.labels if "labels" in fields else old.labels,
            call_log_level=draft.call_log_level if "call_log_level" in fields else old.call_log_level,
            history_level=draft.history_level if "history_level" in fields else old.history_level,
        )
        before = old.revision
        whole = replace(
            draft,
            source_contents=draft.source_contents if "source_contents" in fields else before.source_contents,
            service_account=draft.service_account if "service_account" in fields else before.service_account,
            user_env_vars=draft.user_env_vars if "user_env_vars" in fields else before.user_env_vars,
            crypto_key_name=draft.crypto_key_name if "crypto_key_name" in fields else before.crypto_key_name,
        )
        revision = self._revision(old.name, whole, before.ordinal + 1, now_s)
        if replace(revision, id=before.id, ordinal=before.ordinal, create_s=before.create_s) == before:
            return new
        return replace(new, revision=revision)

    def _operation(
        self, turn: Turn, verb: Verb, target: WorkflowName, workflow: Workflow | None, error: tuple[int, str] | None
    ) -> WorkflowOperation:
        name = OperationName(project=target.project, location=target.location, operation=self._identifiers.uid())
        operation = WorkflowOperation(
            name=name, verb=verb, target=target, create_time_s=turn.now_s, workflow=workflow, error=error
        )
        turn.tx.operations.add_workflow_operation(operation)
        return operation

    # -- executions ---------------------------------------------------------------------------------------------

    async def execute(self, name: WorkflowName, draft: ExecutionDraft, *, key: str = "") -> WorkflowExecution:
        """Begin an execution of the latest revision. A second request with the same idempotency key gets the execution
        of the first. Raises NotFound, ResourceExhausted (quota and backlog), InvalidArgument (the key was used for
        another request)."""
        digest = hashlib.sha256(repr((str(name), draft)).encode()).hexdigest()

        def unit(turn: Turn) -> WorkflowExecution:
            workflow = turn.tx.workflows.find_workflow(name)
            if workflow is None:
                raise _missing(name)
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
            return self.executions.create(turn, workflow, execution)

        return await self._wheel.turn(unit)

    async def get_execution(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Raises NotFound."""
        execution = await self._wheel.store.read(lambda tx: tx.workflows.find_execution(name))
        if execution is None:
            raise _missing(name)
        return self.executions.present(execution)

    async def list_executions(
        self,
        name: WorkflowName,
        order: ExecutionOrder,
        matches: Callable[[WorkflowExecution], bool] | None,
        page: Page,
        *,
        is_full: bool,
    ) -> tuple[list[WorkflowExecution], str]:
        """A page of executions, and where the next one begins ("" at the end). A page of a list with `matches` may have
        less than its limit, even nothing. Raises NotFound."""
        workflow = await self.get(name)
        found: list[WorkflowExecution] = []
        after = page.after
        looked_at = 0
        while looked_at < _LOOKED_AT_MAX:
            batch = page.limit - len(found) + 1 if matches is None else _batch(order, is_full=is_full)
            looked_at += batch
            part = Page(limit=batch, after=after)
            listed = await self._wheel.store.read(
                partial(_listed, workflow_uid=workflow.uid, order=order, page=part, is_full=is_full)
            )
            for item in listed:
                execution = self.executions.present(item.execution)
                if matches is not None and not matches(execution):
                    after = item.cursor
                    continue
                if len(found) == page.limit:
                    return found, after
                found.append(execution)
                after = item.cursor
            if len(listed) < batch:
                return found, ""
        return found, after

    async def cancel(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Cancel an execution. Raises NotFound, FailedPrecondition (it has ended)."""
        return await self.executions.cancel(name)

    async def delete_history(self, name: WorkflowExecutionName) -> None:
        """Forget the step entries of an ended execution. Raises NotFound, FailedPrecondition."""

        def unit(turn: Turn) -> None:
            execution = turn.tx.workflows.find_execution(name)
            if execution is None:
                raise _missing(name)
            if execution.end_s is None:
                raise FailedPrecondition("Only the history of an execution that has ended can be deleted.")
            turn.tx.workflows.save_execution(replace(execution, is_history_deleted=True))

        await self._wheel.turn(unit)

    async def step_entries(self, name: WorkflowExecutionName) -> list[StepEntry]:
        """What was done, step by step, in order. Raises NotFound."""
        execution, plan, entries = await self._journal(name)
        if execution.is_history_deleted:
            return []
        bounds = self.executions.limits

        def fold() -> list[StepEntry]:
            return fold_history(plan, map(journal.decode, entries), execution.history_level, limits=bounds)

        return await anyio.to_thread.run_sync(fold)

    async def export_data(self, name: WorkflowExecutionName) -> str:
        """All that is kept of an execution, as JSON text. Raises NotFound."""
        execution, _, entries = await self._journal(name)

        def export() -> str:
            events = [json.loads(entry) for entry in entries]
            return json.dumps({"execution": str(execution.name), "argument": execution.argument, "events": events})

        return await anyio.to_thread.run_sync(export)

    async def _journal(self, name: WorkflowExecutionName) -> tuple[WorkflowExecution, Plan, list[bytes]]:
        def look(tx: ReadTx) -> tuple[WorkflowExecution, Revision, list[bytes]]:
            execution = tx.workflows.find_execution(name)
            if execution is None:
                raise _missing(name)
            revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
            if revision is None:
                raise _missing(name)
            return execution, revision, tx.workflows.journal(execution.uid)

        execution, revision, entries = await self._wheel.store.read(look)
        return execution, self.executions.plan_of(execution, revision), entries

    # -- callbacks ----------------------------------------------------------------------------------------------

    async def list_callbacks(self, name: WorkflowExecutionName) -> dict[str, Callback]:
        """Open endpoints of an active execution by id. Raises NotFound."""
        execution = await self.get_execution(name)
        if execution.state is not ExecutionState.ACTIVE:
            return {}
        return dict((await self.executions.machine_of(execution)).callbacks)

    async def deliver_callback(self, name: WorkflowExecutionName, callback: str, request: CallbackRequest) -> None:
        """Hand a request to an endpoint; returns when it is durable. Raises NotFound (no such endpoint, or the
        execution has ended), MethodMismatch, ResourceExhausted (one waits there already)."""
        missing = NotFound(f"Callback '{callback[:80]}' of execution '{name.execution}' does not exist.")
        execution = await self._wheel.store.read(lambda tx: tx.workflows.find_execution(name))
        if execution is None or execution.state is not ExecutionState.ACTIVE:
            raise missing

        def check(machine: Machine) -> None:
            endpoint = machine.callbacks.get(callback)
            if endpoint is None:
                raise missing
            if endpoint.method != request.method:
                raise MethodMismatch(f"This callback takes {endpoint.method} only.", endpoint.method)
            if endpoint.pending is not None:
                raise ResourceExhausted("A request waits at this callback already: try again when it was taken.")

        try:
            await self.executions.post(execution, CallbackArrived(callback=callback, request=request), check)
        except FailedPrecondition:
            raise missing from None

    # -- retention ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Go on with what can go on now; then remove executions whose time of retention is over, again and again."""
        await self._attempt(self.executions.catch_up)
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


def _listed(
    tx: ReadTx, *, workflow_uid: str, order: ExecutionOrder, page: Page, is_full: bool
) -> list[ListedExecution]:
    return tx.workflows.list_executions(workflow_uid, order, page, is_full=is_full)


def _batch(order: ExecutionOrder, *, is_full: bool) -> int:
    if is_full:
        return _BATCH_FULL
    return _BATCH if order == ExecutionOrder() else _BATCH_SORTED


def _missing(name: WorkflowName | WorkflowExecutionName) -> NotFound:
    if isinstance(name, WorkflowExecutionName):
        return NotFound(f"Execution '{name}' does not exist.")
    return NotFound(f"Workflow '{name}' does not exist.")


def _account(project: str, given: str) -> str:
    """`projects/P/serviceAccounts/A`, as the resource shows it; "-" stands for any project."""
    if not given:
        return f"projects/{project}/serviceAccounts/{default_service_account(project)}"
    if not given.startswith("projects/"):
        return f"projects/{project}/serviceAccounts/{given}"
    parts = given.split("/")
    if len(parts) != 4 or parts[2] != "serviceAccounts" or not parts[3]:
        raise InvalidArgument(f"Not a service account: {given[:120]!r}. Write ACCOUNT or projects/P/serviceAccounts/A.")
    owner = project if parts[1] == "-" else parts[1]
    return f"projects/{owner}/serviceAccounts/{parts[3]}"


def _level(own: CallLogLevel, inherited: CallLogLevel) -> CallLogLevel:
    return inherited if own is CallLogLevel.UNSPECIFIED else own


def _history(own: HistoryLevel, inherited: HistoryLevel) -> HistoryLevel:
    return inherited if own is HistoryLevel.UNSPECIFIED else own


__all__ = ["MethodMismatch", "WorkflowsRoom"]
