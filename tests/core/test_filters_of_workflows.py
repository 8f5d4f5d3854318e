"""Which fields of workflows, executions and step entries a filter can ask for, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hakobune.core.filters import Field, Fields, TextMap, filter_from_text, orders_from_text, sort
from hakobune.core.filters_of_workflows import (
    EXECUTION_FIELDS,
    FULL_EXECUTION_FIELDS,
    STEP_ENTRY_FIELDS,
    STEP_ENTRY_ORDERS,
    WORKFLOW_FIELDS,
    WORKFLOW_ORDERS,
)
from hakobune.core.names import WorkflowName
from hakobune.core.workflows.history import StepEntry, StepState
from hakobune.core.workflows.marks import StepType
from hakobune.core.workflows.model import (
    CallLogLevel,
    CurrentStep,
    ExecutionState,
    Revision,
    Workflow,
    WorkflowExecution,
)

NAME = WorkflowName.make("p1", "us-central1", "w")
WORKFLOW = Workflow(
    name=NAME,
    uid="u",
    create_s=1_700_000_000.0000004,  # between two microseconds: compared as it is shown
    update_s=1_700_000_060.0,
    revision=Revision(id="000002-abc", ordinal=2, create_s=1.0, source_contents="", service_account="a@b"),
    description="nightly work",
    labels={"team": "art"},
    call_log_level=CallLogLevel.NONE,
)
EXECUTION = WorkflowExecution(
    name=NAME.execution("e1"),
    uid="e1",
    workflow_uid="u",
    revision_id="000002-abc",
    state=ExecutionState.SUCCEEDED,
    create_s=1_700_000_000.0,
    start_s=1_700_000_000.25,
    end_s=1_700_000_002.0,
    labels={"foo": "bar"},
    disable_buffering=True,
    current_steps=(CurrentStep(routine="main", step="done"),),
)
QUEUED = replace(EXECUTION, state=ExecutionState.QUEUED, start_s=None, end_s=None, current_steps=())
ENTRY = StepEntry(
    entry_id=7,
    create_s=1_700_000_000.0,
    update_s=1_700_000_001.0,
    routine="main",
    step="done",
    type=StepType.RETURN,
    state=StepState.SUCCEEDED,
    parent=3,
)


def matches(text: str, fields: Fields[Any], item: object) -> bool:
    found = filter_from_text(text, fields)
    assert found is not None
    return found.matches(item)


@pytest.mark.parametrize(
    "text",
    [
        'name="projects/p1/locations/us-central1/workflows/w"',
        'name:"workflows/w"',
        'description:"night"',
        "state=ACTIVE",
        'revisionId="000002-*"',
        'createTime="2023-11-14T22:13:20Z"',
        'updateTime="2023-11-14T22:14:20Z"',
        'revisionCreateTime<"2000-01-01"',
        'serviceAccount="a@b"',
        "callLogLevel=LOG_NONE",
        "executionHistoryLevel=EXECUTION_HISTORY_LEVEL_UNSPECIFIED",
        "labels.team=art",
    ],
)
def test_workflows_are_asked_by_their_fields(text: str) -> None:
    assert matches(text, WORKFLOW_FIELDS, WORKFLOW)
    assert not matches(f"NOT {text}", WORKFLOW_FIELDS, WORKFLOW)


@pytest.mark.parametrize(
    "text",
    [
        "executionId=e1",
        "state=SUCCEEDED",
        'createTime>="2023-11-14"',
        'startTime="2023-11-14T22:13:20.25Z"',
        'endTime>"2023-11-14T22:13:21Z"',
        "duration=1.75s",
        'workflowRevisionId="000002-abc"',
        "stepName=done",
        'label:"foo:bar"',
        "labels.foo=bar",
        "disableConcurrencyQuotaOverflowBuffering=true",
    ],
)
def test_executions_are_asked_by_their_fields(text: str) -> None:
    assert matches(text, EXECUTION_FIELDS, EXECUTION)
    assert not matches(f"NOT {text}", EXECUTION_FIELDS, EXECUTION)


@pytest.mark.parametrize("text", ["startTime:*", "endTime:*", "duration:*", "stepName:*"])
def test_an_execution_that_has_not_begun_has_no_times(text: str) -> None:
    assert matches(text, EXECUTION_FIELDS, EXECUTION)
    assert not matches(text, EXECUTION_FIELDS, QUEUED)


@pytest.mark.parametrize(
    "text",
    [
        "entryId=7",
        'createTime<"2024-01-01"',
        'updateTime>"2023-11-14"',
        "routine=main",
        "step=done",
        "stepType=STEP_RETURN",
        "parent=3",
        "state=STATE_SUCCEEDED",
    ],
)
def test_step_entries_are_asked_by_their_fields(text: str) -> None:
    assert matches(text, STEP_ENTRY_FIELDS, ENTRY)
    assert not matches(f"NOT {text}", STEP_ENTRY_FIELDS, ENTRY)


def test_a_step_entry_at_the_top_has_no_parent() -> None:
    assert not matches("parent:*", STEP_ENTRY_FIELDS, replace(ENTRY, parent=0))


def test_orders_are_those_of_the_reference() -> None:
    assert set(STEP_ENTRY_ORDERS) == {"entryId", "createTime", "updateTime", "routine", "step", "stepType", "state"}
    assert "labels" not in WORKFLOW_ORDERS
    assert all(isinstance(WORKFLOW_FIELDS[name], Field) for name in WORKFLOW_ORDERS)
    assert isinstance(WORKFLOW_FIELDS["labels"], TextMap)
    assert set(EXECUTION_FIELDS) >= FULL_EXECUTION_FIELDS
    items = [replace(ENTRY, entry_id=number, step=step) for number, step in enumerate("bab")]
    sort(items, orders_from_text("step, entry_id desc", STEP_ENTRY_ORDERS), STEP_ENTRY_FIELDS)
    assert [(item.step, item.entry_id) for item in items] == [("a", 1), ("b", 2), ("b", 0)]
