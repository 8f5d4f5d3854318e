"""Whether something long has come to its end, how it ended, and where to ask for it again.

Source: https://google.aip.dev/151; for operations with a `status`, the schemas in the discovery documents of Compute
Engine, GKE and Cloud SQL; https://cloud.google.com/workflows/docs/poll-bigquery-job; for conditions:
https://cloud.google.com/run/docs/reference/rest/v1/namespaces.executions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from hakobune.core.workflows.connectors.methods import Style, Waiting
from hakobune.core.workflows.connectors.requests import Arguments, escaped, path_value, with_query
from hakobune.core.workflows.failures import Failure, failure
from hakobune.core.workflows.values import Value

Resource: TypeAlias = Mapping[str, Value]

CHILD_FAILED: Final = "Execution failed or cancelled."  # as in published logs of the service

_PLACE = re.compile(r"\{(@?\w+)(?:/(\d+))?\}")
_RUNNING: Final = frozenset({"ACTIVE", "QUEUED", "STATE_UNSPECIFIED"})
_FINAL_CONDITIONS: Final = ("Completed", "Ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end. `error` is a message, None after success; `result` is what the caller of the method gets."""

    result: Value
    error: str | None = None


def end_of(style: Style, resource: dict[str, Value]) -> Ended | None:
    """How it ended; None while it goes on."""
    return _JUDGES[style](resource)


def poll_path(waiting: Waiting, function: str, arguments: Arguments, resource: Resource) -> str:
    """Where to ask for it again, from the root of the API. Raises Failure (ResponseTypeError: it has no name)."""
    name = _name(waiting.style, resource)

    def filled(place: re.Match[str]) -> str:
        key, segments = place[1], place[2]
        if key.startswith("@"):
            if not name:
                raise response_type(function, "it has no name")
            return name if key == "@name" else name.rpartition("/")[2]
        value = path_value(function, key, arguments[key])
        return "/".join(value.split("/")[: int(segments)]) if segments else value

    path = escaped(function, _PLACE.sub(filled, waiting.path))
    place = _text(resource, "jobReference", "location") if waiting.style is Style.JOB else ""
    return with_query(function, path, [("location", place)] if place else [])


def response_type(function: str, detail: str) -> Failure:
    """What came back is not what is waited for."""
    return failure(["ResponseTypeError"], f"ResponseTypeError: {function}: unexpected response: {detail}")


def _name(style: Style, resource: Resource) -> str:
    if style is Style.CONDITIONS:
        return _text(resource, "metadata", "name")
    if style is Style.JOB:
        return _text(resource, "jobReference", "jobId")
    return _text(resource, "name")


def _text(resource: Value | Resource, *path: str) -> str:
    """The string at a path of keys; "" where there is none."""
    value: Value | Resource = resource
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


# -- how each style ends ----------------------------------------------------------------------------------------


def _operation(resource: dict[str, Value]) -> Ended | None:
    """With an error or a response, or with nothing but its metadata."""
    if resource.get("done") is not True:
        return None
    if resource.get("error"):
        return Ended(result=resource, error=_text(resource, "error", "message"))
    return Ended(result=resource.get("response", resource))


def _status(resource: dict[str, Value]) -> Ended | None:
    """The operation itself is the result: there is no response in it."""
    if resource.get("status") != "DONE":
        return None
    error = resource.get("error")
    if not error:
        return Ended(result=resource)
    errors = error.get("errors") if isinstance(error, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else error
    return Ended(result=resource, error=_text(first, "message"))


def _conditions(resource: dict[str, Value]) -> Ended | None:
    """By the condition that says whether all is done, once it speaks of the newest generation."""
    status, metadata = resource.get("status"), resource.get("metadata")
    if not isinstance(status, dict) or not isinstance(metadata, dict):
        return None
    observed, generation = status.get("observedGeneration"), metadata.get("generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed < generation:
        return None
    conditions = status.get("conditions")
    for kind in _FINAL_CONDITIONS:
        for condition in conditions if isinstance(conditions, list) else []:
            if _text(condition, "type") == kind:
                return _conditioned(resource, condition)
    return None


def _conditioned(resource: dict[str, Value], condition: Value) -> Ended | None:
    match _text(condition, "status"):
        case "True":
            return Ended(result=resource)
        case "False":
            return Ended(result=resource, error=_text(condition, "message") or _text(condition, "reason"))
        case _:
            return None


def _execution(resource: dict[str, Value]) -> Ended | None:
    state = _text(resource, "state")
    if not state or state in _RUNNING:
        return None
    return Ended(result=resource, error=None if state == "SUCCEEDED" else CHILD_FAILED)


def _job(resource: dict[str, Value]) -> Ended | None:
    status = resource.get("status")
    if not isinstance(status, dict) or status.get("state") != "DONE":
        return None
    if status.get("errorResult"):
        return Ended(result=resource, error=_text(status, "errorResult", "message"))
    return Ended(result=resource)


_JUDGES: Final[Mapping[Style, Callable[[dict[str, Value]], Ended | None]]] = {
    Style.OPERATION: _operation,
    Style.STATUS: _status,
    Style.CONDITIONS: _conditions,
    Style.EXECUTION: _execution,
    Style.JOB: _job,
}
