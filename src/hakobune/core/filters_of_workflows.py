"""The fields by which workflows, executions and their steps can be filtered and ordered.

Source: the references of `workflows.list`, `executions.list` and `stepEntries.list`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from hakobune.core.filters import Field, Fields, FieldType, Single, TextMap
from hakobune.core.workflows.history import StepEntry, StepState
from hakobune.core.workflows.marks import StepType
from hakobune.core.workflows.model import CallLogLevel, ExecutionState, HistoryLevel, Workflow, WorkflowExecution

T = TypeVar("T")


def _text(value: Callable[[T], str]) -> Field[T]:
    return Field(type=FieldType.TEXT, values=lambda item: _known(value(item) or None))


def _choice(value: Callable[[T], str], names: Iterable[str]) -> Field[T]:
    return Field(type=FieldType.CHOICE, values=lambda item: _known(str(value(item))), names=frozenset(names))


def _instant(value: Callable[[T], float | None]) -> Field[T]:
    """Instants are compared as they are shown: to the microsecond."""

    def values(item: T) -> tuple[Single, ...]:
        found = value(item)
        return () if found is None else (round(found, 6),)

    return Field(type=FieldType.INSTANT, values=values)


def _known(value: Single | None) -> tuple[Single, ...]:
    return () if value is None else (value,)


def _duration_s(execution: WorkflowExecution) -> tuple[float, ...]:
    if execution.start_s is None or execution.end_s is None:
        return ()
    return (round(execution.end_s - execution.start_s, 6),)


_LABELS: TextMap[WorkflowExecution] = TextMap(texts=lambda execution: execution.labels)

EXECUTION_FIELDS: Fields[WorkflowExecution] = {
    "executionId": _text(lambda execution: execution.name.execution),
    "state": _choice(lambda execution: execution.state, ExecutionState),
    "createTime": _instant(lambda execution: execution.create_s),
    "startTime": _instant(lambda execution: execution.start_s),
    "endTime": _instant(lambda execution: execution.end_s),
    "duration": Field(type=FieldType.DURATION, values=_duration_s),
    "workflowRevisionId": _text(lambda execution: execution.revision_id),
    "stepName": Field(type=FieldType.TEXT, values=lambda execution: [step.step for step in execution.current_steps]),
    "label": _LABELS,
    "labels": _LABELS,
    "disableConcurrencyQuotaOverflowBuffering": Field(
        type=FieldType.FLAG, values=lambda execution: (execution.disable_buffering,)
    ),
}
# Fields that only a whole execution has.
FULL_EXECUTION_FIELDS = frozenset({"stepName"})

WORKFLOW_FIELDS: Fields[Workflow] = {
    "name": _text(lambda workflow: str(workflow.name)),
    "description": _text(lambda workflow: workflow.description),
    "state": _choice(lambda _: "ACTIVE", ("ACTIVE", "UNAVAILABLE")),
    "revisionId": _text(lambda workflow: workflow.revision.id),
    "createTime": _instant(lambda workflow: workflow.create_s),
    "updateTime": _instant(lambda workflow: workflow.update_s),
    "revisionCreateTime": _instant(lambda workflow: workflow.revision.create_s),
    "serviceAccount": _text(lambda workflow: workflow.revision.service_account),
    "callLogLevel": _choice(lambda workflow: workflow.call_log_level, CallLogLevel),
    "executionHistoryLevel": _choice(lambda workflow: workflow.history_level, HistoryLevel),
    "labels": TextMap(texts=lambda workflow: workflow.labels),
}
WORKFLOW_ORDERS = tuple(name for name, field in WORKFLOW_FIELDS.items() if isinstance(field, Field))

STEP_ENTRY_FIELDS: Fields[StepEntry] = {
    "entryId": Field(type=FieldType.INTEGER, values=lambda entry: (entry.entry_id,)),
    "createTime": _instant(lambda entry: entry.create_s),
    "updateTime": _instant(lambda entry: entry.update_s),
    "routine": _text(lambda entry: entry.routine),
    "step": _text(lambda entry: entry.step),
    "stepType": _choice(lambda entry: entry.type, StepType),
    "parent": Field(type=FieldType.INTEGER, values=lambda entry: _known(entry.parent or None)),
    "state": _choice(lambda entry: entry.state, StepState),
}
STEP_ENTRY_ORDERS = tuple(name for name in STEP_ENTRY_FIELDS if name != "parent")
