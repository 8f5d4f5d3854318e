"""Long-running operations of all services, as google.longrunning.Operation. Their names do not say whose they are.

Source: https://google.aip.dev/151; the metadata of each service is in its own reference.
"""

from __future__ import annotations

from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.model import Execution, Job
from hakobune.core.operations import AnyOperation, Operation, OperationKind, Verb, WorkflowOperation
from hakobune.wire.run_v2_executions import execution_to_json
from hakobune.wire.run_v2_jobs import job_to_json
from hakobune.wire.schema import Json
from hakobune.wire.workflows_v1 import workflow_to_json

_RUN_TYPES = {
    Job: "type.googleapis.com/google.cloud.run.v2.Job",
    Execution: "type.googleapis.com/google.cloud.run.v2.Execution",
}
_RUN_DELETES = frozenset({OperationKind.DELETE_JOB, OperationKind.DELETE_EXECUTION})
_REST_ONLY = frozenset({"client", "clientVersion"})
_EMPTY = "type.googleapis.com/google.protobuf.Empty"


def any_operation_to_json(operation: AnyOperation, version: str = "v1") -> Json:
    """An operation of any service. `version` is that of the path by which it is asked for."""
    if isinstance(operation, WorkflowOperation):
        return workflow_operation_to_json(operation, "v1beta" if version == "v1beta" else "v1")
    return run_operation_to_json(operation)


def run_operation_to_json(operation: Operation) -> Json:
    """Of Cloud Run: the newest picture as metadata, and once done a response or an error."""
    picture = _run_picture(operation)
    tree: Json = {"name": str(operation.name), "metadata": picture}
    if not operation.done:
        return tree
    tree["done"] = True
    if operation.error is not None:
        tree["error"] = _error(operation.error)
    else:
        tree["response"] = picture
    return tree


def _run_picture(operation: Operation) -> Json:
    resource = operation.resource
    tree = job_to_json(resource) if isinstance(resource, Job) else execution_to_json(resource)
    if operation.kind in _RUN_DELETES:
        # Nothing of a deleted resource can be had back here, so it expires when it is deleted.
        tree["deleteTime"] = tree["expireTime"] = timestamp_to_text(operation.create_time_s)
    # The template's client is a field of the REST resource only (discovery document, v2). Google's clients read what is
    # within an operation by the protobuf message, and refuse a field that is not there.
    template = {name: value for name, value in tree.get("template", {}).items() if name not in _REST_ONLY}
    return {"@type": _RUN_TYPES[type(resource)], **tree, "template": template}


def workflow_operation_to_json(operation: WorkflowOperation, version: str = "v1") -> Json:
    """Of Workflows: who was changed and how as metadata, and a response or an error: it is always done."""
    package = f"type.googleapis.com/google.cloud.workflows.{version}"
    instant = timestamp_to_text(operation.create_time_s)
    tree: Json = {
        "name": str(operation.name),
        "metadata": {
            "@type": f"{package}.OperationMetadata",
            "createTime": instant,
            "endTime": instant,
            "target": str(operation.target),
            "verb": operation.verb.value,
            "apiVersion": version,
        },
        "done": True,
    }
    if operation.error is not None:
        tree["error"] = _error(operation.error)
    elif operation.workflow is None or operation.verb is Verb.DELETE:
        tree["response"] = {"@type": _EMPTY}
    else:
        tree["response"] = {"@type": f"{package}.Workflow", **workflow_to_json(operation.workflow)}
    return tree


def _error(error: tuple[int, str]) -> Json:
    code, message = error
    return {"code": code, "message": message}
