"""What the house remembers of workflows, in domain words: a part of the store's interface (`store/api.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows.model import ExecutionState, Revision, Workflow, WorkflowExecution
from hakobune.store.records import Page


class ExecutionField(StrEnum):
    """What executions of a workflow can be ordered by, in the API's words."""

    EXECUTION_ID = "executionId"
    STATE = "state"
    CREATE_TIME = "createTime"
    START_TIME = "startTime"
    END_TIME = "endTime"
    DURATION = "duration"
    REVISION = "workflowRevisionId"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOrder:
    """By a field, rising or falling; the same field value: by the fields that follow, then by age, in the direction of
    the last field."""

    field: ExecutionField = ExecutionField.CREATE_TIME
    is_falling: bool = True
    then: tuple[ExecutionOrder, ...] = ()  # each of one field

    @property
    def parts(self) -> tuple[ExecutionOrder, ...]:
        """All fields, the most important first."""
        return (self, *self.then)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExecution:
    """An execution in a list; `cursor` is the `after` of the page that begins behind it."""

    execution: WorkflowExecution
    cursor: str


class WorkflowsRead(Protocol):
    """Questions about workflows."""

    def find_workflow(self, name: WorkflowName) -> Workflow | None:
        """The workflow of this name with its latest revision."""
        ...

    def list_workflows(self, project: str, location: str | None, page: Page) -> list[Workflow]:
        """By id, then location. `after` is `workflow/location` of the last one seen."""
        ...

    def count_workflows(self, project: str) -> int:
        """Workflows of a project."""
        ...

    def locations(self, project: str) -> list[str]:
        """Every location in which the project has a workflow."""
        ...

    def find_revision(self, workflow_uid: str, revision: str) -> Revision | None:
        """A revision by its id (`000001-a4d`)."""
        ...

    def list_revisions(self, workflow_uid: str, page: Page) -> list[Revision]:
        """Newest first. `after` is the ordinal of the last one seen."""
        ...

    def find_execution(self, name: WorkflowExecutionName) -> WorkflowExecution | None:
        """The execution of this name, whole."""
        ...

    def execution_by_uid(self, uid: str) -> WorkflowExecution | None:
        """The execution, whole, if it is not hidden."""
        ...

    def list_executions(
        self, workflow_uid: str, order: ExecutionOrder, page: Page, *, is_full: bool
    ) -> list[ListedExecution]:
        """Executions of all revisions. Without `is_full`, argument, result, error and steps are left out. `after` is
        the cursor of the last one seen, also when it is gone meanwhile."""
        ...

    def journal(self, execution_uid: str) -> list[bytes]:
        """All entries, oldest first."""
        ...

    def journal_part(self, execution_uid: str, seq: int, limit_bytes: int) -> list[bytes]:
        """Entries from number `seq` on, oldest first, until they have `limit_bytes` together: at least one if there is
        one, and less than the limit only at the end of the journal."""
        ...

    def journal_end(self, execution_uid: str) -> bytes | None:
        """The newest entry."""
        ...

    def load(self, project: str, location: str) -> Mapping[ExecutionState, int]:
        """Stored counts of executions by state."""
        ...

    def totals(self) -> Mapping[str, int]:
        """Stored sums over all places by state, for the metrics page."""
        ...

    def first_queued(self, project: str, location: str, limit: int) -> list[str]:
        """Uids of queued executions, oldest first."""
        ...

    def stuck(self) -> list[str]:
        """Uids of executions that are UNAVAILABLE, oldest first."""
        ...

    def queued_places(self) -> list[tuple[str, str]]:
        """(project, location) in which executions are queued."""
        ...

    def ended_before(self, before_s: float, limit: int) -> list[str]:
        """Uids of executions that ended before an instant, oldest first."""
        ...


class WorkflowsWrite(WorkflowsRead, Protocol):
    """Changes of workflows."""

    def add_workflow(self, workflow: Workflow) -> None:
        """Raises AlreadyExists."""
        ...

    def replace_workflow(self, workflow: Workflow) -> None:
        """Store new contents of the same uid; a new revision is added to the ones before."""
        ...

    def remove_workflow(self, workflow: Workflow) -> list[str]:
        """Remove a workflow with its revisions and executions. Returns the uids of those that had not ended. The change
        feed tells that the workflow is gone; its executions go with it."""
        ...

    def add_execution(self, execution: WorkflowExecution) -> None:
        """Raises AlreadyExists."""
        ...

    def save_execution(self, execution: WorkflowExecution) -> bool:
        """Store what changed. False if the execution is gone or has ended otherwise: nothing was changed."""
        ...

    def remove_execution(self, uid: str) -> None:
        """Remove an ended execution with its journal and the idempotency keys that name it."""
        ...

    def append(self, execution_uid: str, seq: int, entries: Sequence[bytes]) -> bool:
        """Add entries to a journal, the first under number `seq` (from 0). False if the execution is gone."""
        ...
