"""Workflows and their executions as the runtime knows them, for the tests of the wire."""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.names import OperationName, WorkflowName
from hakobune.core.operations import Verb, WorkflowOperation
from hakobune.core.workflows.effects import CallbackRequest
from hakobune.core.workflows.events import CallId
from hakobune.core.workflows.history import ProgressType, StepEntry, StepState
from hakobune.core.workflows.marks import StepType
from hakobune.core.workflows.model import (
    CallLogLevel,
    CurrentStep,
    ExecutionError,
    ExecutionState,
    HistoryLevel,
    Revision,
    StackFrame,
    StepCounts,
    Workflow,
    WorkflowExecution,
)
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.world import Callback

WORKFLOW = WorkflowName.make("p1", "us-central1", "resize-all")
EXECUTION = WORKFLOW.execution("2ca73032-f73f-499b-b177-520eb540eae1")
CREATED_S = 1_795_410_000.101  # 2026-11-23T05:00:00.101Z

_REVISION = Revision(
    id="000001-a4d",
    ordinal=1,
    create_s=CREATED_S,
    source_contents="main:\n  steps:\n    - done:\n        return: 1\n",
    service_account="projects/p1/serviceAccounts/1234-compute@developer.gserviceaccount.com",
)
_MINIMAL = Workflow(name=WORKFLOW, uid="u1", create_s=CREATED_S, update_s=CREATED_S, revision=_REVISION)
_FULL = replace(
    _MINIMAL,
    update_s=CREATED_S + 60,
    description="Makes 小さい pictures.",
    labels={"team": "art", "stage": ""},
    call_log_level=CallLogLevel.ERRORS_ONLY,
    history_level=HistoryLevel.DETAILED,
    tags={"123/env": "456/prod"},
    revision=replace(
        _REVISION,
        id="000012-0ff",
        ordinal=12,
        create_s=CREATED_S + 60,
        user_env_vars={"BUCKET": "pictures"},
        crypto_key_name="projects/p1/locations/us-central1/keyRings/r/cryptoKeys/k",
    ),
)
WORKFLOWS = {"minimal": _MINIMAL, "full": _FULL}

_QUEUED = WorkflowExecution(
    name=EXECUTION,
    uid=EXECUTION.execution,
    workflow_uid="u1",
    revision_id="000001-a4d",
    state=ExecutionState.QUEUED,
    create_s=CREATED_S,
)
_ACTIVE = replace(
    _QUEUED,
    state=ExecutionState.ACTIVE,
    start_s=CREATED_S + 0.25,
    argument='{"bucket":"pictures"}',
    labels={"team": "art"},
    call_log_level=CallLogLevel.ALL_CALLS,
    history_level=HistoryLevel.BASIC,
    disable_buffering=True,
    current_steps=(CurrentStep(routine="main", step="list"), CurrentStep(routine="resize", step="call")),
    steps=StepCounts(internal=3, external=1),
)
EXECUTIONS = {
    "queued": _QUEUED,
    "active": _ACTIVE,
    "succeeded": replace(_ACTIVE, state=ExecutionState.SUCCEEDED, end_s=CREATED_S + 117.220566, result="null"),
    "failed": replace(
        _ACTIVE,
        state=ExecutionState.FAILED,
        end_s=CREATED_S + 0.25,
        error=ExecutionError(
            payload='{"message":"KeyError: key not found: x","tags":["KeyError","LookupError"]}',
            context='KeyError: key not found: x\nin step "call", routine "resize", line: 12',
            stack_trace=(
                StackFrame(step="call", routine="resize", position=Position(12, 9, 40)),
                StackFrame(step="list", routine="main", position=Position(4, 9, 0)),
            ),
        ),
    ),
    "cancelled": replace(_ACTIVE, state=ExecutionState.CANCELLED, end_s=CREATED_S + 5, argument=None),
    "unavailable": replace(_ACTIVE, state=ExecutionState.UNAVAILABLE, state_detail="The journal cannot be read."),
}

_OPERATION = WorkflowOperation(
    name=OperationName.make("p1", "us-central1", "operation-1"),
    verb=Verb.CREATE,
    target=WORKFLOW,
    create_time_s=CREATED_S,
    workflow=_MINIMAL,
)
OPERATIONS = {
    "create": _OPERATION,
    "update": replace(_OPERATION, verb=Verb.UPDATE, workflow=_FULL),
    "delete": replace(_OPERATION, verb=Verb.DELETE, workflow=None),
    "failed": replace(_OPERATION, workflow=None, error=(3, "failed to build: error in step done: …")),
}

_ENTRY = StepEntry(
    entry_id=1,
    create_s=CREATED_S,
    update_s=CREATED_S + 1,
    routine="main",
    step="done",
    type=StepType.RETURN,
    state=StepState.SUCCEEDED,
)
STEP_ENTRIES = {
    "minimal": _ENTRY,
    "full": replace(
        _ENTRY,
        entry_id=7,
        type=StepType.FOR_ITERATION,
        state=StepState.FAILED,
        exception='"boom"',
        parent=6,
        children=(8, 9),
        previous=5,
        next=10,
        progress=ProgressType.FOR,
        number=2,
        expected=3,
        thread="0.1",
        variables={"n": 1, "names": ["a", {"b": None}], "half": 0.5, "raw": b"\xff"},
    ),
    "without_variables": replace(_ENTRY, variables={}),
}

_REQUEST = CallbackRequest(
    method="PUT", url="/v1/x", query=(), headers=(), body='{"ok":"はい"}'.encode(), received_s=1.0
)
CALLBACKS = {
    "open": Callback(id="c1", method="POST", path="/v1/x"),
    "awaited": Callback(id="c2", method="POST", path="/v1/x", waiters=[CallId("0#1"), CallId("0#2")]),
    "called": Callback(id="c3", method="PUT", path="/v1/x", requests=[_REQUEST]),
}
