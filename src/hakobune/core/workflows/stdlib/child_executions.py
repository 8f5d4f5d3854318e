"""`experimental.executions.run` and `.map`: executions of other workflows, through the API that any client calls.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/experimental.executions/run, …/map; how long polls are
apart: the default polling policy of the connectors, https://cloud.google.com/workflows/docs/connectors
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hakobune.core.workflows import limits
from hakobune.core.workflows.effects import Answer, Effect, HttpRequest, Procedure, Token, TokenKind, Wait
from hakobune.core.workflows.failures import Failure, failure, timeout_error, value_error
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.arguments import given, is_given, number, sequence, text
from hakobune.core.workflows.stdlib.http_messages import decode_body, patient_exchange
from hakobune.core.workflows.stdlib.http_requests import CLOUD_PLATFORM, USER_AGENT
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.stdlib.retries import (
    Predicate,
    default_backoff_s,
    is_retried,
    is_retried_non_idempotent,
)
from hakobune.core.workflows.values import Value, from_json, number_text, to_json

_ADDRESS: Final = "https://workflowexecutions.googleapis.com/v1"
_SERVICE: Final = "workflowexecutions.v1"
_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", re.ASCII)

_Results: TypeAlias = Generator[Effect, Answer, list[Value]]
_Reading: TypeAlias = Generator[Effect, Answer, "_Child"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Executions of one workflow, asked for by one call."""

    function: str
    parent: str  # projects/P/locations/L/workflows/W
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    """An execution as it was seen last. `result` is JSON text once it succeeded."""

    name: str
    state: str
    result: Value


def run(
    context: Context,
    workflow_id: Value,
    argument: Value | Missing,
    location: Value | Missing,
    project_id: Value | Missing,
    timeout: Value | Missing,
) -> Procedure:
    """The result of an execution of another workflow. Raises Failure (ExecutionError, TimeoutError, TypeError,
    ValueError, HttpError)."""
    family = _family(context, "experimental.executions.run", workflow_id, location, project_id, timeout)
    # No argument, and an explicit null, are the same to the child.
    own = to_json(given(argument)) if is_given(argument) else None
    results = yield from _run_all(context, family, [own])
    return results[0]


def run_each(
    context: Context,
    workflow_id: Value,
    arguments: Value,
    timeout: Value | Missing,
    location: Value | Missing,
    project_id: Value | Missing,
) -> Procedure:
    """The results of one execution for each argument, in their order. Raises Failure as `run`."""
    family = _family(context, "experimental.executions.map", workflow_id, location, project_id, timeout)
    texts = [to_json(argument) for argument in sequence(family.function, "arguments", arguments)]
    return (yield from _run_all(context, family, texts))


def _family(
    context: Context,
    function: str,
    workflow_id: Value,
    location: Value | Missing,
    project_id: Value | Missing,
    timeout: Value | Missing,
) -> _Family:
    project = _id(function, "project_id", given(project_id, context.environment.get("GOOGLE_CLOUD_PROJECT_ID")))
    place = _id(function, "location", given(location, context.environment.get("GOOGLE_CLOUD_LOCATION")))
    workflow = _id(function, "workflow_id", workflow_id)
    timeout_s = number(function, "timeout", given(timeout, limits.CONNECTOR_TIMEOUT_S))
    if not 0 < timeout_s <= limits.CONNECTOR_TIMEOUT_S_MAX:
        most = number_text(limits.CONNECTOR_TIMEOUT_S_MAX)
        raise value_error(f"{function}: timeout must be above 0 and at most {most} seconds")
    parent = f"projects/{project}/locations/{place}/workflows/{workflow}"
    return _Family(function=function, parent=parent, timeout_s=timeout_s)


def _id(function: str, name: str, value: Value) -> str:
    identifier = text(function, name, value)
    if not _ID.fullmatch(identifier):
        raise value_error(f'{function}: invalid {name} "{identifier[:60]}"')
    return identifier


def _run_all(context: Context, family: _Family, arguments: Sequence[str | None]) -> _Results:
    """Start all, then ask for all that have not ended, with longer and longer pauses."""
    deadline_s = context.now_s() + family.timeout_s
    children: list[_Child] = []
    for argument in arguments:
        child = yield from _create(context, family, argument)
        children.append(child)
    attempt = 0
    while running := [index for index, child in enumerate(children) if child.state not in _ENDED]:
        now_s = context.now_s()
        if now_s >= deadline_s:
            raise timeout_error(
                f"{family.function}: {len(running)} of {len(children)} executions have not ended"
                f" within {number_text(family.timeout_s)} seconds"
            )
        attempt += 1
        yield Wait(until_s=min(now_s + default_backoff_s(attempt), deadline_s))
        for index in running:
            children[index] = yield from _read(context, family, children[index])
    return [_result(child) for child in children]


def _create(context: Context, family: _Family, argument: str | None) -> _Reading:
    content: dict[str, Value] = {} if argument is None else {"argument": argument}
    request = _request("POST", f"{_ADDRESS}/{family.parent}/executions", to_json(content).encode("utf-8"))
    return (yield from _child(context, family, request, is_retried_non_idempotent))


def _read(context: Context, family: _Family, child: _Child) -> _Reading:
    return (yield from _child(context, family, _request("GET", f"{_ADDRESS}/{child.name}", None), is_retried))


def _request(method: str, url: str, body: bytes | None) -> HttpRequest:
    headers = [("User-Agent", USER_AGENT)]
    if body is not None:
        headers.append(("Content-Type", "application/json; charset=utf-8"))
    return HttpRequest(
        method=method,
        url=url,
        headers=tuple(headers),
        body=body,
        token=Token(kind=TokenKind.OAUTH2, scopes=(CLOUD_PLATFORM,)),
        service=_SERVICE,
    )


def _child(context: Context, family: _Family, request: HttpRequest, is_again: Predicate) -> _Reading:
    """What the service says of an execution. Raises Failure, ExecutionError too, as soon as one is known to have
    failed: the others go on, and nobody waits for them."""
    response = yield from patient_exchange(context, request, is_again)
    resource = decode_body(response.headers, response.body)
    if not isinstance(resource, dict):
        raise _not_an_execution(family)
    name, state = resource.get("name"), resource.get("state")
    if not isinstance(name, str) or not isinstance(state, str):
        raise _not_an_execution(family)
    if state in _ENDED and state != "SUCCEEDED":
        message = f"ExecutionError: {family.function}: {name} ended as {state}"
        raise failure(["ExecutionError"], message, extra={"execution": resource})
    return _Child(name=name, state=state, result=resource.get("result"))


def _not_an_execution(family: _Family) -> Failure:
    return failure(["ResponseTypeError"], f"ResponseTypeError: {family.function}: the answer is not an execution")


def _result(child: _Child) -> Value:
    return from_json(child.result) if isinstance(child.result, str) else None


_PLACE = (
    LibraryParameter("location", is_required=False),
    LibraryParameter("project_id", is_required=False),
)
_TIMEOUT = LibraryParameter("timeout", is_required=False, default=limits.CONNECTOR_TIMEOUT_S)

FUNCTIONS = (
    LibraryFunction(
        name="experimental.executions.run",
        parameters=(
            LibraryParameter("workflow_id"),
            LibraryParameter("argument", is_required=False),
            *_PLACE,
            _TIMEOUT,
        ),
        kind=Kind.BLOCKING,
        run=run,
    ),
    LibraryFunction(
        name="experimental.executions.map",
        parameters=(LibraryParameter("workflow_id"), LibraryParameter("arguments"), _TIMEOUT, *_PLACE),
        kind=Kind.BLOCKING,
        run=run_each,
    ),
)
