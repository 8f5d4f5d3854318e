"""The methods of the gRPC port: each is a REST call of ours, as https://google.aip.dev/127 writes it.

`path` holds fields of the request in braces, with the form that their value must have. `body` names the field that
becomes the body ("*": all that the path does not hold); what is left becomes the query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: full names of its messages, and its REST call."""

    request: str
    response: str
    verb: str
    path: str
    body: str = ""


_LOCATION = "projects/*/locations/*"
_WORKFLOW = f"{_LOCATION}/workflows/*"
_EXECUTION = f"{_WORKFLOW}/executions/*"
_OPERATION_NAME = f"{{name={_LOCATION}/operations/*}}"
_OPERATION = "google.longrunning.Operation"
_EMPTY = "google.protobuf.Empty"


def _workflows(version: str) -> Iterator[tuple[str, Method]]:
    package = f"google.cloud.workflows.{version}"
    base = f"/{version}/"
    # name, response, verb, path, body
    table = [
        ("ListWorkflows", f"{package}.ListWorkflowsResponse", "GET", f"{{parent={_LOCATION}}}/workflows", ""),
        ("GetWorkflow", f"{package}.Workflow", "GET", f"{{name={_WORKFLOW}}}", ""),
        ("CreateWorkflow", _OPERATION, "POST", f"{{parent={_LOCATION}}}/workflows", "workflow"),
        ("DeleteWorkflow", _OPERATION, "DELETE", f"{{name={_WORKFLOW}}}", ""),
        ("UpdateWorkflow", _OPERATION, "PATCH", f"{{workflow.name={_WORKFLOW}}}", "workflow"),
        (
            "ListWorkflowRevisions",
            f"{package}.ListWorkflowRevisionsResponse",
            "GET",
            f"{{name={_WORKFLOW}}}:listRevisions",
            "",
        ),
    ]
    for name, response, verb, path, body in table:
        request = f"{package}.{name}Request"
        method = Method(request=request, response=response, verb=verb, path=base + path, body=body)
        yield f"/{package}.Workflows/{name}", method


def _executions(version: str) -> Iterator[tuple[str, Method]]:
    package = f"google.cloud.workflows.executions.{version}"
    base = f"/{version}/"
    table = [
        ("ListExecutions", "ListExecutionsResponse", "GET", f"{{parent={_WORKFLOW}}}/executions", ""),
        ("CreateExecution", "Execution", "POST", f"{{parent={_WORKFLOW}}}/executions", "execution"),
        ("GetExecution", "Execution", "GET", f"{{name={_EXECUTION}}}", ""),
        ("CancelExecution", "Execution", "POST", f"{{name={_EXECUTION}}}:cancel", "*"),
    ]
    for name, response, verb, path, body in table:
        method = Method(
            request=f"{package}.{name}Request",
            response=f"{package}.{response}",
            verb=verb,
            path=base + path,
            body=body,
        )
        yield f"/{package}.Executions/{name}", method


def _operations() -> Iterator[tuple[str, Method]]:
    package = "google.longrunning"
    table = [
        ("ListOperations", f"{package}.ListOperationsResponse", "GET", f"/v1/{{name={_LOCATION}}}/operations", ""),
        ("GetOperation", _OPERATION, "GET", f"/v1/{_OPERATION_NAME}", ""),
        ("DeleteOperation", _EMPTY, "DELETE", f"/v1/{_OPERATION_NAME}", ""),
        ("CancelOperation", _EMPTY, "POST", f"/v1/{_OPERATION_NAME}:cancel", "*"),
        ("WaitOperation", _OPERATION, "POST", f"/v1/{_OPERATION_NAME}:wait", "*"),
    ]
    for name, response, verb, path, body in table:
        request = f"{package}.{name}Request"
        method = Method(request=request, response=response, verb=verb, path=path, body=body)
        yield f"/{package}.Operations/{name}", method


def _locations() -> Iterator[tuple[str, Method]]:
    package = "google.cloud.location"
    yield (
        f"/{package}.Locations/ListLocations",
        Method(
            request=f"{package}.ListLocationsRequest",
            response=f"{package}.ListLocationsResponse",
            verb="GET",
            path="/v1/{name=projects/*}/locations",
        ),
    )
    yield (
        f"/{package}.Locations/GetLocation",
        Method(
            request=f"{package}.GetLocationRequest",
            response=f"{package}.Location",
            verb="GET",
            path=f"/v1/{{name={_LOCATION}}}",
        ),
    )


def _policies() -> Iterator[tuple[str, Method]]:
    package = "google.iam.v1"
    resource = f"/v1/{{resource={_LOCATION}/*/*}}"
    table = [
        ("SetIamPolicy", "Policy", "POST", "*"),
        ("GetIamPolicy", "Policy", "GET", ""),
        ("TestIamPermissions", "TestIamPermissionsResponse", "POST", "*"),
    ]
    for name, response, verb, body in table:
        method = Method(
            request=f"{package}.{name}Request",
            response=f"{package}.{response}",
            verb=verb,
            path=f"{resource}:{name[0].lower()}{name[1:]}",
            body=body,
        )
        yield f"/{package}.IAMPolicy/{name}", method


METHODS: Mapping[str, Method] = dict(
    [
        *_workflows("v1"),
        *_workflows("v1beta"),
        *_executions("v1"),
        *_executions("v1beta"),
        *_operations(),
        *_locations(),
        *_policies(),
    ]
)
