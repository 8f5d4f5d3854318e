"""Changes of workflows: deployed, patched, deleted. Each is an operation that is done at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.errors import AlreadyExists, InvalidArgument, ResourceExhausted
from hakobune.core.names import OperationName, WorkflowName, default_service_account
from hakobune.core.operations import Verb, WorkflowOperation
from hakobune.core.workflows.build import InvalidDefinition
from hakobune.core.workflows.drafts import WorkflowDraft
from hakobune.core.workflows.model import Revision, Workflow
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_driver import ROOM
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflow_questions import missing

WORKFLOWS_MAX = 10_000  # of a project; https://cloud.google.com/workflows/quotas


class WorkflowChanges:
    """What callers may do to workflows."""

    def __init__(self, wheel: Wheel, identifiers: Identifiers, plans: Plans, executions: WorkflowExecutions) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._plans = plans
        self._executions = executions

    async def create(
        self, name: WorkflowName, draft: WorkflowDraft, *, validate_only: bool = False
    ) -> WorkflowOperation:
        """Deploy a new workflow. What is wrong with its definition is the operation's error."""
        refusal, warnings = await self._check(draft.source_contents)

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

        operation = await self._wheel.turn(unit)
        if not validate_only:
            self._warn(operation, warnings)
        return operation

    async def patch(self, name: WorkflowName, draft: WorkflowDraft, fields: frozenset[str]) -> WorkflowOperation:
        """Change the named fields (of WorkflowDraft). Executions under way keep their revision. Raises NotFound."""
        refusal: tuple[int, str] | None = None
        warnings: Sequence[str] = ()
        if "source_contents" in fields:
            refusal, warnings = await self._check(draft.source_contents)

        def unit(turn: Turn) -> WorkflowOperation:
            old = turn.tx.workflows.find_workflow(name)
            if old is None:
                raise missing(name)
            if refusal is not None:
                return self._operation(turn, Verb.UPDATE, name, None, refusal)
            workflow = self._changed(old, draft, fields, turn.now_s)
            turn.tx.workflows.replace_workflow(workflow)
            return self._operation(turn, Verb.UPDATE, name, workflow, None)

        operation = await self._wheel.turn(unit)
        self._warn(operation, warnings)
        return operation

    async def delete(self, name: WorkflowName) -> WorkflowOperation:
        """Delete a workflow with its revisions; its executions are cancelled and deleted. Raises NotFound."""

        def unit(turn: Turn) -> tuple[WorkflowOperation, list[str]]:
            workflow = turn.tx.workflows.find_workflow(name)
            if workflow is None:
                raise missing(name)
            under_way = turn.tx.workflows.remove_workflow(workflow)
            for uid in under_way:
                turn.tx.timers.clear(ROOM, uid)
            return self._operation(turn, Verb.DELETE, name, None, None), under_way

        operation, under_way = await self._wheel.turn(unit)
        self._executions.abandon(under_way)
        await self._executions.quota.fill(name.project, name.location)
        return operation

    async def _check(self, source: str) -> tuple[tuple[int, str] | None, Sequence[str]]:
        """What is wrong with a definition, as the error of its operation; and what is to be warned of."""
        try:
            return None, await self._plans.check(source)
        except InvalidDefinition as invalid:
            return (invalid.code.value, invalid.message), ()

    def _warn(self, operation: WorkflowOperation, warnings: Sequence[str]) -> None:
        """The observer tells it once for a revision."""
        if operation.workflow is not None:
            self._executions.observer.deployed(operation.workflow, warnings)

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
