"""Rows of workflows and their executions to core types and back. Rows do not leave the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from hakobune.core.errors import CorruptStore
from hakobune.core.workflows.model import (
    CurrentStep,
    ExecutionError,
    ExecutionState,
    Revision,
    StepCounts,
    Workflow,
    WorkflowExecution,
)
from hakobune.store.documents import from_document, to_document

_NO_REVISION = Revision(id="", ordinal=0, create_s=0.0, source_contents="", service_account="")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What changes of an execution beside its state and instants."""

    result: str | None = None
    error: ExecutionError | None = None
    current_steps: tuple[CurrentStep, ...] = ()
    steps: StepCounts = field(default_factory=StepCounts)
    is_history_deleted: bool = False
    state_detail: str = ""


def workflow_from_row(row: sqlite3.Row) -> Workflow:
    """A workflow with its latest revision."""
    return _workflow(row["doc"], row["revision_doc"])


@lru_cache(maxsize=64)  # every execution begins with this; as many as there are plans in memory
def _workflow(doc: str, revision_doc: str) -> Workflow:
    return replace(from_document(Workflow, doc), revision=from_document(Revision, revision_doc))


def execution_from_row(row: sqlite3.Row | Mapping[str, Any]) -> WorkflowExecution:
    """An execution; without its outcome if the row does not bring it. A row of a snapshot is one, too."""
    fixed = from_document(WorkflowExecution, row["doc"])
    outcome = _Outcome() if row["outcome"] is None else from_document(_Outcome, row["outcome"])
    try:
        state = ExecutionState(row["state"])
    except ValueError as error:
        raise CorruptStore(f"a stored execution says {row['state']!r}, which is no state") from error
    return replace(
        fixed,
        state=state,
        start_s=row["start_s"],
        end_s=row["end_s"],
        argument=row["argument"],
        result=outcome.result,
        error=outcome.error,
        current_steps=outcome.current_steps,
        steps=outcome.steps,
        is_history_deleted=outcome.is_history_deleted,
        state_detail=outcome.state_detail,
    )


def outcome_text(execution: WorkflowExecution) -> str:
    """What changes of an execution beside its state and instants."""
    return to_document(
        _Outcome(
            result=execution.result,
            error=execution.error,
            current_steps=execution.current_steps,
            steps=execution.steps,
            is_history_deleted=execution.is_history_deleted,
            state_detail=execution.state_detail,
        )
    )


def fixed_text(execution: WorkflowExecution) -> str:
    """What never changes of an execution; its argument is a column of its own."""
    return to_document(
        replace(
            execution,
            state=ExecutionState.ACTIVE,
            start_s=None,
            end_s=None,
            argument=None,
            result=None,
            error=None,
            current_steps=(),
            steps=StepCounts(),
            is_history_deleted=False,
            state_detail="",
        )
    )


def workflow_text(workflow: Workflow) -> str:
    """A workflow without its revision, which has a row of its own."""
    return to_document(replace(workflow, revision=_NO_REVISION))
