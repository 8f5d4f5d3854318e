"""Questions about workflows and their executions. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hakobune.core.errors import NotFound
from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows.model import ExecutionState, Workflow, WorkflowExecution
from hakobune.core.workflows.world import Callback
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.store.api import Page, ReadTx
from hakobune.store.workflows_api import ExecutionOrder, ListedExecution

# Executions that are looked at for a filtered list: at once (whole ones may have a megabyte each), in an order that
# the store must sort for (at once: each look sorts again), and for one page: a search that finds little goes on with
# the next page, as https://google.aip.dev/158 allows.
_BATCH = 250
_BATCH_FULL = 50
_BATCH_SORTED = 1_000
_LOOKED_AT_MAX = 5_000


class WorkflowQuestions:
    """What callers may ask."""

    def __init__(self, wheel: Wheel, executions: WorkflowExecutions) -> None:
        self._wheel = wheel
        self._executions = executions

    # -- workflows ----------------------------------------------------------------------------------------------

    async def get(self, name: WorkflowName, revision_id: str = "") -> Workflow:
        """The workflow, with its latest or the named revision. Raises NotFound."""

        def look(tx: ReadTx) -> Workflow:
            workflow = tx.workflows.find_workflow(name)
            if workflow is None:
                raise missing(name)
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

    # -- executions ---------------------------------------------------------------------------------------------

    async def get_execution(self, name: WorkflowExecutionName) -> WorkflowExecution:
        """Raises NotFound."""
        execution = await self._wheel.store.read(lambda tx: tx.workflows.find_execution(name))
        if execution is None:
            raise missing(name)
        return self._executions.present(execution)

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
                execution = self._executions.present(item.execution)
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

    async def list_callbacks(self, name: WorkflowExecutionName) -> dict[str, Callback]:
        """Open endpoints of an active execution by id. Raises NotFound."""
        execution = await self.get_execution(name)
        if execution.state is not ExecutionState.ACTIVE:
            return {}
        return dict((await self._executions.machine_of(execution)).callbacks)


def _listed(
    tx: ReadTx, *, workflow_uid: str, order: ExecutionOrder, page: Page, is_full: bool
) -> list[ListedExecution]:
    return tx.workflows.list_executions(workflow_uid, order, page, is_full=is_full)


def _batch(order: ExecutionOrder, *, is_full: bool) -> int:
    if is_full:
        return _BATCH_FULL
    return _BATCH if order == ExecutionOrder() else _BATCH_SORTED


def missing(name: WorkflowName | WorkflowExecutionName) -> NotFound:
    """What is told about a workflow or an execution that is not there."""
    if isinstance(name, WorkflowExecutionName):
        return NotFound(f"Execution '{name}' does not exist.")
    return NotFound(f"Workflow '{name}' does not exist.")
