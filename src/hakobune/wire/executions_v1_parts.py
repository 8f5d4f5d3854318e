"""What belongs to one execution of a workflow, as JSON: step entries, callbacks, its export. Clients only read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.instants import timestamp_to_text
from hakobune.core.names import WorkflowExecutionName
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.history import ProgressType, StepEntry
from hakobune.core.workflows.values import Value, to_json
from hakobune.core.workflows.world import Callback
from hakobune.wire.pages import list_to_json
from hakobune.wire.schema import Json

# ExecutionEntryView, which the API has deprecated: every view shows the same.
_ENTRY_VIEWS = ("EXECUTION_ENTRY_VIEW_UNSPECIFIED", "EXECUTION_ENTRY_VIEW_BASIC", "EXECUTION_ENTRY_VIEW_DETAILED")


def entry_view_from_text(text: str) -> None:
    """Raises InvalidArgument for a `view` that is none."""
    if text and text not in _ENTRY_VIEWS:
        description = f"must be one of {', '.join(_ENTRY_VIEWS)}"
        raise InvalidArgument(
            f"view: {description}", violations=[FieldViolation(field="view", description=description)]
        )


def step_entry_to_json(execution: WorkflowExecutionName, entry: StepEntry) -> Json:
    """A step, or a block of one, that was entered."""
    tree: Json = {
        "name": f"{execution}/stepEntries/{entry.entry_id}",
        "createTime": timestamp_to_text(entry.create_s),
        "updateTime": timestamp_to_text(entry.update_s),
        "routine": entry.routine,
        "step": entry.step,
        "entryId": str(entry.entry_id),
        "stepType": entry.type.value,
        "state": entry.state.value,
        "exception": None if entry.exception is None else {"payload": entry.exception},
        "navigationInfo": _navigation(entry),
        "stepEntryMetadata": _metadata(entry),
    }
    if entry.variables is not None:
        shown = {name: _shown(value) for name, value in entry.variables.items()}
        tree["variableData"] = {"variables": shown} if shown else {}
    return {key: value for key, value in tree.items() if value}


def _navigation(entry: StepEntry) -> Json:
    tree: Json = {
        "parent": str(entry.parent or ""),
        "children": [str(child) for child in entry.children],
        "previous": str(entry.previous or ""),
        "next": str(entry.next or ""),
    }
    return {key: value for key, value in tree.items() if value}


def _metadata(entry: StepEntry) -> Json:
    tree: Json = {
        "progressType": "" if entry.progress is ProgressType.UNSPECIFIED else entry.progress.value,
        "progressNumber": str(entry.number or ""),
        "expectedIteration": str(entry.expected or ""),
        "threadId": entry.thread,
    }
    return {key: value for key, value in tree.items() if value}


def _shown(value: Value) -> object:
    """A variable's value. What JSON cannot hold (bytes, or what is nested too deep) is told in words."""
    try:
        return cast("object", json.loads(to_json(value)))
    except Failure as failure:
        told = failure.value
        return f"({str(told['message']) if isinstance(told, dict) else 'not representable as JSON'})"


def step_entries_to_json(entries: Sequence[Json], next_page_token: str, total: int) -> Json:
    """A page of step entries, and how many there are on all pages."""
    page = list_to_json("stepEntries", entries, next_page_token)
    if total:
        page["totalSize"] = total
    return page


def callback_to_json(execution: WorkflowExecutionName, callback: Callback) -> Json:
    """An open endpoint: the bodies that came and that no step took yet, and how many steps wait."""
    tree: Json = {
        "name": f"{execution}/callback/{callback.id}",
        "method": callback.method,
        "waiters": str(len(callback.waiters) or ""),
        "availablePayloads": [request.body.decode("utf-8", "replace") for request in callback.requests],
    }
    return {key: value for key, value in tree.items() if value}


def export_to_json(data: str) -> Json:
    """What `executions.exportData` answers."""
    return {"data": data}
