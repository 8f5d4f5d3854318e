"""Executions of the Workflow Executions API v1 as JSON, both ways. v1beta has a part of the same messages."""

from __future__ import annotations

import base64
import binascii
import json
from enum import StrEnum
from typing import cast
from urllib.parse import unquote

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import duration_to_text, timestamp_to_text
from hakobune.core.workflows import limits
from hakobune.core.workflows.drafts import ExecutionDraft
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.model import (
    CallLogLevel,
    ExecutionError,
    ExecutionState,
    HistoryLevel,
    StackFrame,
    WorkflowExecution,
)
from hakobune.core.workflows.values import from_json
from hakobune.wire.schema import Json, Message, Reader
from hakobune.wire.violations import Violations
from hakobune.wire.workflows_v1_rules import check_labels
from hakobune.wire.workflows_v1_schema import (
    CANCEL_EXECUTION_REQUEST,
    DELETE_EXECUTION_HISTORY_REQUEST,
    EXECUTION,
    TRIGGER_PUBSUB_EXECUTION_REQUEST,
)

_FIELD = "execution"
# Seen in the query of Eventarc's push endpoints: `CUSTOM_PUBSUB_projects%2FP%2Ftopics%2FT`.
_CUSTOM_MODE = "CUSTOM_PUBSUB_"
_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"


class View(StrEnum):
    """How much of an execution is shown."""

    UNSPECIFIED = "EXECUTION_VIEW_UNSPECIFIED"
    BASIC = "BASIC"
    FULL = "FULL"


_VIEW_TYPE = "type.googleapis.com/google.cloud.workflows.executions.v1.ExecutionView"


def view_from_text(text: str, default: View) -> View:
    """The `view` of a query, by name or number. Raises InvalidArgument."""
    found = Violations()
    names = {spelling: view for number, view in enumerate(View) for spelling in (view.value, str(number))}
    view = names.get(text) if text else View.UNSPECIFIED
    if view is None:
        line = f"Invalid value at 'view' ({_VIEW_TYPE}), {json.dumps(text[:40])}"
        found.add_line("view", line, line)
    found.check()
    return default if view is None or view is View.UNSPECIFIED else view


def execution_to_json(execution: WorkflowExecution, view: View = View.FULL) -> Json:
    """An execution. BASIC leaves out what may be large, and what follows from the request."""
    tree: Json = {
        "name": str(execution.name),
        "createTime": timestamp_to_text(execution.create_s),
        "startTime": _optional_time(execution.start_s),
        "endTime": _optional_time(execution.end_s),
        "duration": _duration(execution),
        "state": execution.state.value,
        "workflowRevisionId": execution.revision_id,
        "labels": dict(execution.labels),
    }
    if view is not View.BASIC:
        tree |= _rest(execution)
    return {key: value for key, value in tree.items() if value or key in ("argument", "result")}


def _rest(execution: WorkflowExecution) -> Json:
    """What only the FULL view has."""
    tree: Json = {
        "error": None if execution.error is None else _error(execution.error),
        "callLogLevel": "" if execution.call_log_level is CallLogLevel.UNSPECIFIED else execution.call_log_level.value,
        "executionHistoryLevel": (
            "" if execution.history_level is HistoryLevel.UNSPECIFIED else execution.history_level.value
        ),
        "disableConcurrencyQuotaOverflowBuffering": execution.disable_buffering,
    }
    if execution.argument is not None:
        tree["argument"] = execution.argument
    if execution.result is not None:
        tree["result"] = execution.result
    if execution.current_steps:
        steps = [{"routine": step.routine, "step": step.step} for step in execution.current_steps]
        tree["status"] = {"currentSteps": steps}
    if execution.state is ExecutionState.UNAVAILABLE:
        tree["stateError"] = {"details": execution.state_detail, "type": "TYPE_UNSPECIFIED"}
    return tree


def _error(error: ExecutionError) -> Json:
    tree: Json = {"payload": error.payload, "context": error.context}
    if error.stack_trace:
        tree["stackTrace"] = {"elements": [_frame(frame) for frame in error.stack_trace]}
    return tree


def _frame(frame: StackFrame) -> Json:
    place = frame.position
    position = {"line": str(place.line), "column": str(place.column), "length": str(place.length)}
    tree: Json = {"step": frame.step, "routine": frame.routine, "position": position}
    return {key: value for key, value in tree.items() if value}


def _optional_time(instant_s: float | None) -> str:
    return "" if instant_s is None else timestamp_to_text(instant_s)


def _duration(execution: WorkflowExecution) -> str:
    """From start to end, once both are known. Instants are kept to the microsecond."""
    if execution.start_s is None or execution.end_s is None:
        return ""
    return duration_to_text(round(max(0.0, execution.end_s - execution.start_s), 6))


# -- requests ---------------------------------------------------------------------------------------------------


def execution_draft_from_json(value: object) -> ExecutionDraft:
    """The body of `executions.create`. Raises InvalidArgument with all that is wrong."""
    found = Violations()
    tree = Reader(found=found).message(EXECUTION, value, _FIELD)
    argument: str | None = tree.get("argument")
    if argument is not None:
        _check_argument(argument, f"{_FIELD}.argument", found)
    check_labels(tree.get("labels", {}), f"{_FIELD}.labels", found)
    found.check()
    return ExecutionDraft(
        argument=argument,
        call_log_level=CallLogLevel(tree.get("callLogLevel", CallLogLevel.UNSPECIFIED)),
        history_level=HistoryLevel(tree.get("executionHistoryLevel", HistoryLevel.UNSPECIFIED)),
        labels=tree.get("labels", {}),
        disable_buffering=tree.get("disableConcurrencyQuotaOverflowBuffering", False),
    )


def _check_argument(text: str, path: str, found: Violations) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limits.ARGUMENT_BYTES:
        found.add(path, f"has {size} bytes: at most {limits.ARGUMENT_BYTES} are allowed")
        return
    try:
        from_json(text)
    except Failure as failure:
        value = failure.value
        detail = str(value["message"]) if isinstance(value, dict) else ""
        found.add(path, f"is not valid JSON: {detail.removeprefix('ValueError: invalid JSON: ')}")


def cancel_request_from_json(value: object, name: str) -> None:
    """The body of `:cancel`, which may repeat the name in the path. Raises InvalidArgument."""
    _check_named(CANCEL_EXECUTION_REQUEST, value, name)


def delete_history_request_from_json(value: object, name: str) -> None:
    """The body of `:deleteExecutionHistory`, which may repeat the name in the path. Raises InvalidArgument."""
    _check_named(DELETE_EXECUTION_HISTORY_REQUEST, value, name)


def _check_named(kind: Message, value: object, name: str) -> None:
    found = Violations()
    tree = Reader(found=found).message(kind, value, "")
    if tree.get("name", name) != name:
        found.add("name", f"contradicts the name in the path, {name}")
    found.check()


def pubsub_draft_from_json(value: object, workflow: str, now_s: float) -> ExecutionDraft:
    """The body of `:triggerPubsubExecution`: the message becomes an event, the argument of the execution.

    The event is the CloudEvent that Eventarc makes of a message (https://cloud.google.com/eventarc/docs/cloudevents);
    its time is the message's, else `now_s`. `workflow` is the name in the path. Raises InvalidArgument with all that is
    wrong.
    """
    found = Violations()
    tree = Reader(found=found).message(TRIGGER_PUBSUB_EXECUTION_REQUEST, value, "")
    for name in ("subscription", "GCPCloudEventsMode"):
        if name not in tree:
            found.add_missing(name)
    if "message" not in tree:
        found.add_missing("message", "must be given")
    if tree.get("workflow", workflow) != workflow:
        found.add("workflow", f"contradicts the name in the path, {workflow}")
    message = cast("Json", tree.get("message", {}))
    if "data" in message:
        message["data"] = _base64(message["data"], "message.data", found)
    found.check()
    mode: str = tree["GCPCloudEventsMode"]
    topic = unquote(mode.removeprefix(_CUSTOM_MODE))
    event: Json = {
        "specversion": "1.0",
        "id": message.get("messageId", ""),
        "source": f"//pubsub.googleapis.com/{topic}",
        "type": _PUBLISHED,
        "time": message.get("publishTime") or timestamp_to_text(now_s),
        "datacontenttype": "application/json",
        "data": {"subscription": tree["subscription"], "message": message},
    }
    argument = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    size = len(argument.encode())
    if size > limits.ARGUMENT_BYTES:
        raise InvalidArgument(f"The event has {size} bytes: at most {limits.ARGUMENT_BYTES} are allowed.")
    return ExecutionDraft(argument=argument)


def _base64(text: str, path: str, found: Violations) -> str:
    """Bytes in the standard alphabet; the one for URLs, and without padding, are understood as well."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        content = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        found.add(path, "is not base64")
        return ""
    return base64.b64encode(content).decode()
