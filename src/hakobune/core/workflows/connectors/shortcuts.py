"""Methods that connectors have and their APIs have not: a secret as text, a workflow with a value as its argument.

Source: https://cloud.google.com/workflows/docs/reference/googleapis/secretmanager/Overview and
https://cloud.google.com/workflows/docs/reference/googleapis/workflowexecutions/v1/projects.locations.workflows.executions/run
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from hakobune.core.workflows.connectors.methods import PREFIX, Method, method
from hakobune.core.workflows.connectors.options import PARAMETER, read_options
from hakobune.core.workflows.connectors.procedure import perform
from hakobune.core.workflows.connectors.requests import BODY, Arguments, path_value
from hakobune.core.workflows.connectors.waiting import response_type
from hakobune.core.workflows.effects import Procedure
from hakobune.core.workflows.failures import Failure, value_error
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.arguments import given, is_given, text
from hakobune.core.workflows.stdlib.charsets import decoded, utf8
from hakobune.core.workflows.stdlib.registry import MISSING, Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.values import Value, from_json, to_json

_ID = re.compile(r"[A-Za-z0-9][\w.:-]*", re.ASCII)
_SECRETS: Final = "secretmanager.v1"
_CREATE: Final = "projects.locations.workflows.executions.create"

# The name that was called, the method that it stands for, and the arguments by name.
_Body: TypeAlias = Callable[[Context, str, Method, Arguments], Procedure]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shortcut:
    service: str
    id: str
    stands_for: str
    parameters: tuple[LibraryParameter, ...]
    body: _Body
    is_long: bool = False


def _add_version_string(context: Context, function: str, target: Method, arguments: Arguments) -> Procedure:
    """A new version of a secret, from a text."""
    data = utf8(function, text(function, "data", arguments["data"]))
    message: Value = {"payload": {"data": base64.b64encode(data).decode("ascii")}}
    own: Arguments = {
        "parent": _secret(context, function, arguments),
        BODY: message,
        PARAMETER: arguments[PARAMETER],
    }
    return (yield from perform(context, function, target, own))


def _access_string(context: Context, function: str, target: Method, arguments: Arguments) -> Procedure:
    """The content of a version of a secret, as text."""
    version = path_value(function, "version", given(arguments["version"], "latest"))
    name = f"{_secret(context, function, arguments)}/versions/{version}"
    own: Arguments = {"name": name, PARAMETER: arguments[PARAMETER]}
    answer = yield from perform(context, function, target, own)
    payload = answer.get("payload") if isinstance(answer, dict) else None
    data = payload.get("data", "") if isinstance(payload, dict) else None
    if not isinstance(data, str):
        raise response_type(function, "it is no version of a secret")
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise response_type(function, "its data are not base64") from error
    return decoded(function, content, "utf-8")


def _secret(context: Context, function: str, arguments: Arguments) -> str:
    secret = _id(function, "secret_id", given(arguments["secret_id"]))
    return f"projects/{_project(context, function, arguments)}/secrets/{secret}"


def _run(context: Context, function: str, target: Method, arguments: Arguments) -> Procedure:
    """The result of a new execution; null if nobody is to wait for it."""
    workflow = _id(function, "workflow_id", given(arguments["workflow_id"]))
    location = _id(function, "location", given(arguments["location"], context.environment.get("GOOGLE_CLOUD_LOCATION")))
    message: dict[str, Value] = {}
    if target.service == "workflowexecutions.v1":  # the older version has no such field
        message["disableConcurrencyQuotaOverflowBuffering"] = True
    if is_given(arguments["argument"]):
        message["argument"] = to_json(given(arguments["argument"]))
    if is_given(arguments["callLogLevel"]):
        message["callLogLevel"] = text(function, "callLogLevel", arguments["callLogLevel"])
    project = _project(context, function, arguments)
    own: Arguments = {
        "parent": f"projects/{project}/locations/{location}/workflows/{workflow}",
        BODY: message,
        PARAMETER: arguments[PARAMETER],
    }
    execution = yield from perform(context, function, target, own)
    if read_options(function, arguments[PARAMETER], is_long=True).is_polling_skipped:
        return None
    result = execution.get("result") if isinstance(execution, dict) else None
    if not isinstance(result, str):
        return None
    try:
        return from_json(result)
    except Failure as failed:
        raise response_type(function, "the result of the execution is not JSON") from failed


def _project(context: Context, function: str, arguments: Arguments) -> str:
    own = context.environment.get("GOOGLE_CLOUD_PROJECT_ID")
    return _id(function, "project_id", given(arguments["project_id"], own))


def _id(function: str, name: str, value: Value) -> str:
    identifier = path_value(function, name, value)
    if not _ID.fullmatch(identifier):
        raise value_error(f'{function}: invalid {name} "{identifier[:60]}"')
    return identifier


def _optional(*names: str) -> tuple[LibraryParameter, ...]:
    return tuple(LibraryParameter(name, is_required=False, default=MISSING) for name in names)


_SHORTCUTS: Final = (
    _Shortcut(
        service=_SECRETS,
        id="projects.secrets.addVersionString",
        stands_for="projects.secrets.addVersion",
        parameters=(LibraryParameter("secret_id"), LibraryParameter("data"), *_optional("project_id", PARAMETER)),
        body=_add_version_string,
    ),
    _Shortcut(
        service=_SECRETS,
        id="projects.secrets.versions.accessString",
        stands_for="projects.secrets.versions.access",
        parameters=(LibraryParameter("secret_id"), *_optional("version", "project_id", PARAMETER)),
        body=_access_string,
    ),
    *(
        _Shortcut(
            service=service,
            id="projects.locations.workflows.executions.run",
            stands_for=_CREATE,
            parameters=(
                LibraryParameter("workflow_id"),
                *_optional("location", "project_id", "argument", "callLogLevel", PARAMETER),
            ),
            body=_run,
            is_long=True,
        )
        for service in ("workflowexecutions.v1", "workflowexecutions.v1beta")
    ),
)
_BY_ID: Final[Mapping[tuple[str, str], _Shortcut]] = {(entry.service, entry.id): entry for entry in _SHORTCUTS}


def shortcut(service: str, identifier: str) -> LibraryFunction | None:
    """The function for a method of this name that its API does not have, or None."""
    entry = _BY_ID.get((service, identifier))
    target = None if entry is None else method(service, entry.stands_for)
    if entry is None or target is None:
        return None
    name = f"{PREFIX}{service}.{identifier}"

    def run(context: Context, *arguments: Value) -> Procedure:
        named = {parameter.name: value for parameter, value in zip(entry.parameters, arguments, strict=True)}
        return entry.body(context, name, target, named)

    return LibraryFunction(
        name=name,
        parameters=entry.parameters,
        kind=Kind.BLOCKING,
        run=run,
        is_expression_allowed=not entry.is_long,
    )


def shortcut_ids(service: str) -> tuple[str, ...]:
    """The names of a service's methods that its API does not have."""
    return tuple(entry.id for entry in _SHORTCUTS if entry.service == service)
