"""Reading jobs, executions and tasks of the v1 API: conditions, marks, and the short names that tables use."""

from __future__ import annotations

import sys

from hakobune.cli import console
from hakobune.cli.document import Document, as_dict, at, dict_at, list_at, number_at, text_at
from hakobune.cli.format.records import Record

REGION_LABEL = "cloud.googleapis.com/location"
JOB_LABEL = "run.googleapis.com/job"
EXECUTION_LABEL = "run.googleapis.com/execution"
STATE_LABEL = "run.googleapis.com/runningState"
UPDATED_LABEL = "run.googleapis.com/lastUpdatedTime"
ACTIVE_SELECTOR = "run.googleapis.com/job = {job}, run.googleapis.com/servingState = Active"

READY_CONDITION = {"Job": "Ready", "Execution": "Completed", "Task": "Completed"}

# State of a task → mark and its colour; spec/run.md section 6.
_TASK_MARKS = {
    "Succeeded": ("✔", "green"),
    "Failed": ("X", "red"),
    "Cancelled": ("!", "yellow"),
    "Abandoned": ("-", "yellow"),
    "Running": ("…", "yellow"),
    "Pending": (".", "yellow"),
}
_ASCII_MARKS = {"✔": "+", "…": "."}

READY_COLUMN = 'ready_symbol.color(red="[xX]",green="[✓✔+]",yellow="[-!…]"):label=""'
DATE = '.date("%Y-%m-%d %H:%M:%S %Z")'


def name_of(resource: Document) -> str:
    """The short name of a resource."""
    return text_at(resource, "metadata", "name")


def label(resource: Document, name: str) -> str:
    """One label, or empty."""
    return text_at(resource, "metadata", "labels", name)


def annotation(resource: Document, name: str) -> str:
    """One annotation, or empty."""
    return text_at(resource, "metadata", "annotations", name)


def condition(resource: Document, kind: str) -> Document:
    """The condition of that type, or an empty one."""
    for found in list_at(resource, "status", "conditions"):
        if text_at(found, "type") == kind:
            return as_dict(found)
    return {}


def outcome(resource: Document, kind: str) -> bool | None:
    """Whether a condition is True or False, None while it is open or belongs to an older generation."""
    status = text_at(condition(resource, kind), "status")
    observed = at(resource, "status", "observedGeneration")
    if observed is not None and number_at(resource, "status", "observedGeneration") != number_at(
        resource, "metadata", "generation"
    ):
        return None
    return {"True": True, "False": False}.get(status)


def mark(resource: Document) -> tuple[str, str]:
    """The mark of a resource's state and its colour."""
    state = label(resource, STATE_LABEL)
    if state in _TASK_MARKS:
        symbol, colour = _TASK_MARKS[state]
    else:
        status = text_at(condition(resource, READY_CONDITION.get(text_at(resource, "kind"), "Ready")), "status")
        symbol, colour = {"True": ("✔", "green"), "False": ("X", "red")}.get(status, ("…", "yellow"))
    return (symbol if console.shows(sys.stdout, symbol) else _ASCII_MARKS.get(symbol, symbol)), colour


def record_of(resource: Document) -> Record:
    """A resource with the short names of its kind."""
    names: Document = {
        "name": name_of(resource),
        "region": label(resource, REGION_LABEL),
        "author": annotation(resource, "run.googleapis.com/creator"),
        "creation_timestamp": text_at(resource, "metadata", "creationTimestamp"),
        "labels": dict_at(resource, "metadata", "labels"),
        "annotations": dict_at(resource, "metadata", "annotations"),
        "ready_symbol": mark(resource)[0],
    }
    match text_at(resource, "kind"):
        case "Execution":
            total = number_at(resource, "spec", "taskCount") or 1
            names["job_name"] = label(resource, JOB_LABEL)
            names["succeeded_status"] = f"{number_at(resource, 'status', 'succeededCount')} / {total}"
        case "Task":
            started = at(resource, "status", "startTime")
            names["job_name"] = label(resource, JOB_LABEL)
            names["execution_name"] = label(resource, EXECUTION_LABEL)
            names["index"] = number_at(resource, "status", "index")
            names["running_state"] = label(resource, STATE_LABEL)
            names["start_time"] = started
            names["completion_time"] = at(resource, "status", "completionTime")
            names["retries"] = number_at(resource, "status", "retried") if started else None
        case _:
            pass
    return Record(resource, names, text_at(resource, "metadata", "selfLink"))
