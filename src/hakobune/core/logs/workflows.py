"""What the platform says about executions of workflows: their begin and end, and their calls.

Entries have ids that follow from the execution, so that one that is written again after a crash is known again.

Source: google.cloud.workflows.type.ExecutionsSystemLog and EngineCallLog; names of logs, labels and severities:
Cloud Logging documentation, "Google Cloud platform logs". Texts of messages are ours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from hakobune.core.instants import timestamp_to_text
from hakobune.core.logs.entries import LogEntry, Resource, Severity, insert_id, log_name
from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows.call_log import CallNote, CallState
from hakobune.core.workflows.limits import exceeded
from hakobune.core.workflows.model import ExecutionState, Workflow, WorkflowExecution
from hakobune.core.workflows.values import utf8_length

EXECUTION_LABEL: Final = "workflows.googleapis.com/execution_id"
REVISION_LABEL: Final = "workflows.googleapis.com/revision_id"
USER_LOG: Final = "Workflows"
SYSTEM_LOG: Final = "workflows.googleapis.com/executions_system"
CALL_LOG: Final = "workflows.googleapis.com/engine_call"

_TYPES: Final = "type.googleapis.com/google.cloud.workflows.type"
_MESSAGE_CHARS: Final = 1_250  # 5 kB, of characters of up to four bytes
_SHORT_CHARS: Final = 250  # 1 kB
_VALUE_CHARS: Final = 16_384  # of an argument or a result; an entry has at most 256 KB (inferred)


def workflow_resource(execution: WorkflowExecution) -> Resource:
    """What wrote an entry, as the service names it."""
    return _resource(execution.name)


def _resource(name: WorkflowName | WorkflowExecutionName) -> Resource:
    return Resource(
        type="workflows.googleapis.com/Workflow",
        labels={"project_id": name.project, "location": name.location, "workflow_id": name.workflow},
    )


def workflow_labels(execution: WorkflowExecution) -> dict[str, str]:
    """The labels of everything that an execution writes."""
    return {EXECUTION_LABEL: execution.name.execution, REVISION_LABEL: execution.revision_id}


def user_entry_id(execution: WorkflowExecution, call: str) -> str:
    """The id of the entry that a call of `sys.log` writes: the same when the call is repeated after a crash."""
    return f"{execution.uid}/{call}"


def start_entry(execution: WorkflowExecution) -> LogEntry:
    """It is active."""
    at_s = execution.create_s if execution.start_s is None else execution.start_s
    argument = "null" if execution.argument is None else execution.argument
    return _system_entry(
        execution,
        at_s,
        Severity.INFO,
        ExecutionState.ACTIVE,
        "The execution has started.",
        {"start": {"argument": _cut(argument, _VALUE_CHARS)}},
    )


def end_entry(execution: WorkflowExecution) -> LogEntry:
    """It has ended: SUCCEEDED, FAILED or CANCELLED."""
    at_s = execution.create_s if execution.end_s is None else execution.end_s
    severity = Severity.INFO
    details: dict[str, object] = {}
    message = f"The execution has ended: {execution.state}."
    if execution.state is ExecutionState.SUCCEEDED:
        details = {"success": {"result": _cut(execution.result or "null", _VALUE_CHARS)}}
    elif execution.error is not None:
        severity = Severity.ERROR
        message = f"The execution has failed: {execution.error.context}"
        trace = execution.error.stack_trace
        source = f"{trace[0].routine}.{trace[0].step}" if trace else ""
        exception = execution.error.context.partition("\n")[0]
        details = {"failure": {"exception": _cut(exception, _SHORT_CHARS), "source": _cut(source, _SHORT_CHARS)}}
    return _system_entry(execution, at_s, severity, execution.state, message, details)


def limit_entries(execution: WorkflowExecution) -> list[LogEntry]:
    """The limits of the service that an execution has broken, where they are not kept: a warning each."""
    told = exceeded(
        steps=execution.steps.internal + execution.steps.external,
        argument_bytes=utf8_length(execution.argument or ""),
        result_bytes=utf8_length(execution.result or ""),
    )
    at_s = execution.create_s if execution.end_s is None else execution.end_s
    return [
        _entry(execution, SYSTEM_LOG, at_s, Severity.WARNING, f"{execution.uid}/limit/{number}", _message(f"{text}."))
        for number, text in enumerate(told)
    ]


def warning_entry(workflow: Workflow, number: int, text: str) -> LogEntry:
    """What is to be said about a definition that was deployed all the same."""
    revision, at_s = workflow.revision, workflow.revision.create_s
    return LogEntry(
        insert_id=insert_id(at_s, f"{workflow.uid}/{revision.id}/warning/{number}"),
        log_name=_log_name(workflow.name.project, SYSTEM_LOG),
        timestamp_s=at_s,
        timestamp_text=timestamp_to_text(at_s),
        receive_s=at_s,
        severity=Severity.WARNING,
        json_payload=_message(f"{workflow.name}: {text}"),
        resource=_resource(workflow.name),
        labels={REVISION_LABEL: revision.id},
    )


def _message(text: str) -> dict[str, object]:
    return {"message": _cut(text, _MESSAGE_CHARS)}


def _system_entry(
    execution: WorkflowExecution,
    at_s: float,
    severity: Severity,
    state: ExecutionState,
    message: str,
    details: dict[str, object],
) -> LogEntry:
    payload: dict[str, object] = {
        "@type": f"{_TYPES}.ExecutionsSystemLog",
        "message": _cut(message, _MESSAGE_CHARS),
        "state": state.value,
        **details,
    }
    return _entry(execution, SYSTEM_LOG, at_s, severity, f"{execution.uid}/{state.value}", payload)


def call_entry(execution: WorkflowExecution, note: CallNote) -> LogEntry:
    """Something became of a call."""
    payload: dict[str, object] = {
        "@type": f"{_TYPES}.EngineCallLog",
        "executionId": execution.name.execution,
        "state": note.state.value,
        "step": note.step,
        "callee": note.callee,
    }
    field, details = _details(note)
    payload[field] = details
    return _entry(execution, CALL_LOG, note.at_s, Severity.DEBUG, f"{execution.uid}/call/{note.number}", payload)


def _details(note: CallNote) -> tuple[str, dict[str, object]]:
    if note.state is CallState.BEGUN:
        if isinstance(note.arguments, tuple):
            return "begun", {"args": [{"argument": text} for text in note.arguments]}
        return "begun", {"namedArgs": dict(note.arguments or {})}
    details: dict[str, object] = {}
    if note.start_s is not None:
        details["callStartTime"] = timestamp_to_text(note.start_s)
    if note.state is CallState.SUCCEEDED:
        return "succeeded", {**details, "response": note.response}
    field = "exceptionRaised" if note.state is CallState.EXCEPTION_RAISED else "exceptionHandled"
    return field, {**details, "exception": note.exception, "origin": note.origin}


def _entry(
    execution: WorkflowExecution,
    log_id: str,
    at_s: float,
    severity: Severity,
    place: str,
    payload: dict[str, object],
) -> LogEntry:
    text = timestamp_to_text(at_s)
    return LogEntry(
        insert_id=insert_id(at_s, place),
        log_name=_log_name(execution.name.project, log_id),
        timestamp_s=at_s,
        timestamp_text=text,
        receive_s=at_s,
        severity=severity,
        json_payload={**payload, "activityTime": text},
        resource=workflow_resource(execution),
        labels=workflow_labels(execution),
    )


_log_name = lru_cache(maxsize=256)(log_name)


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: chars - 1]}…"
