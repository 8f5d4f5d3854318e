"""Long-running operations of all services, as google.longrunning.Operation. Their names do not say whose they are.

Source: https://google.aip.dev/151; the metadata of each service is in its own reference.
"""

from __future__ import annotations

from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.model import Execution, Job
from hakobune.core.operations import (
    AnyOperation,
    EventarcOperation,
    Operation,
    OperationKind,
    ResidentOperation,
    ResidentVerb,
    Verb,
    WorkflowOperation,
)
from hakobune.core.services.model import Resident
from hakobune.core.services.names import Kind
from hakobune.wire.eventarc_v1 import channel_to_json, trigger_to_json
from hakobune.wire.run_v2_executions import execution_to_json
from hakobune.wire.run_v2_jobs import job_to_json
from hakobune.wire.run_v2_residents import resident_to_json
from hakobune.wire.run_v2_revisions import revision_to_json
from hakobune.wire.schema import Json
from hakobune.wire.workflows_v1 import workflow_to_json

_RUN = "type.googleapis.com/google.cloud.run.v2."
_RUN_TYPES = {Job: f"{_RUN}Job", Execution: f"{_RUN}Execution"}
_RESIDENT_TYPES = {Kind.SERVICE: f"{_RUN}Service", Kind.POOL: f"{_RUN}WorkerPool"}
_RESIDENT_DELETES = frozenset({ResidentVerb.DELETE, ResidentVerb.DELETE_REVISION})
_RUN_DELETES = frozenset({OperationKind.DELETE_JOB, OperationKind.DELETE_EXECUTION})
# Fields of the REST resources only (discovery document, v2). Google's clients read what is within an operation by the
# protobuf message, and refuse a field that is not there.
_REST_ONLY = frozenset({"client", "clientVersion"})
_RESIDENT_REST_ONLY = frozenset({"functionalType", "sshEnabled"})
_TEMPLATE_REST_ONLY = _REST_ONLY | {"sandboxes", "workloadIdentityConfig", "ambientNetworking"}
_SCALING_REST_ONLY = frozenset({"concurrencyUtilization", "cpuUtilization"})
_OURS = frozenset({"hakobune"})
_EVENTARC = "type.googleapis.com/google.cloud.eventarc.v1"
_EMPTY = "type.googleapis.com/google.protobuf.Empty"


def any_operation_to_json(operation: AnyOperation, version: str = "v1") -> Json:
    """An operation of any service. `version` is that of the path by which it is asked for."""
    if isinstance(operation, EventarcOperation):
        return eventarc_operation_to_json(operation)
    if isinstance(operation, WorkflowOperation):
        return workflow_operation_to_json(operation, "v1beta" if version == "v1beta" else "v1")
    if isinstance(operation, ResidentOperation):
        return resident_operation_to_json(operation)
    return run_operation_to_json(operation)


def run_operation_to_json(operation: Operation) -> Json:
    """Of jobs and executions: the newest picture as metadata, and once done a response or an error."""
    return _run_operation(operation, _run_picture(operation))


def resident_operation_to_json(operation: ResidentOperation) -> Json:
    """Of services, worker pools and revisions: likewise."""
    return _run_operation(operation, _resident_picture(operation))


def _run_operation(operation: Operation | ResidentOperation, picture: Json) -> Json:
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
    template = _without(tree.get("template", {}), _REST_ONLY)
    return {"@type": _RUN_TYPES[type(resource)], **tree, "template": template}


def _resident_picture(operation: ResidentOperation) -> Json:
    resource = operation.resource
    if isinstance(resource, Resident):
        kind = _RESIDENT_TYPES[resource.name.kind]
        tree = _without(resident_to_json(resource), _RESIDENT_REST_ONLY)
        tree["template"] = _of_protobuf(tree["template"])
    else:
        kind = f"{_RUN}Revision"
        tree = _of_protobuf(revision_to_json(resource))
    if operation.verb in _RESIDENT_DELETES:
        tree["deleteTime"] = tree["expireTime"] = timestamp_to_text(operation.create_time_s)
    return {"@type": kind, **tree}


def _of_protobuf(template: Json) -> Json:
    """A template, or a revision, with the fields that its protobuf message has."""
    tree = _without(template, _TEMPLATE_REST_ONLY)
    if "scaling" in tree:
        tree["scaling"] = _without(tree["scaling"], _SCALING_REST_ONLY)
    return tree


def _without(tree: Json, names: frozenset[str]) -> Json:
    return {name: value for name, value in tree.items() if name not in names}


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


def eventarc_operation_to_json(operation: EventarcOperation) -> Json:
    """Of Eventarc: who was changed and how as metadata, and the picture as the response: it is always done."""
    instant = timestamp_to_text(operation.create_time_s)
    if operation.trigger is not None:
        # Google's clients refuse a field that the protobuf message does not have.
        picture = {name: value for name, value in trigger_to_json(operation.trigger).items() if name not in _OURS}
        if operation.trigger.destination.job:
            del picture["destination"]
        response = {"@type": f"{_EVENTARC}.Trigger", **picture}
    elif operation.channel is not None:
        response = {"@type": f"{_EVENTARC}.Channel", **channel_to_json(operation.channel)}
    else:  # a trigger was to be deleted that was not there
        response = {"@type": f"{_EVENTARC}.Trigger", "name": operation.target}
    return {
        "name": str(operation.name),
        "metadata": {
            "@type": f"{_EVENTARC}.OperationMetadata",
            "createTime": instant,
            "endTime": instant,
            "target": operation.target,
            "verb": operation.verb.value,
            "requestedCancellation": False,
            "apiVersion": "v1",
        },
        "done": True,
        "response": response,
    }


def _error(error: tuple[int, str]) -> Json:
    code, message = error
    return {"code": code, "message": message}
