"""The Cloud Run Admin API v2 for jobs: the chapters in one place, with its operations and lists."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.model import Execution, Job
from hakobune.core.operations import Operation, OperationKind
from hakobune.wire.run_v2_executions import execution_etag, execution_to_json, task_to_json
from hakobune.wire.run_v2_jobs import job_draft_from_json, job_to_json
from hakobune.wire.run_v2_requests import (
    CancelRequest,
    RunRequest,
    cancel_request_from_json,
    overrides_from_json,
    rerun_request_from_json,
    run_request_from_json,
    wait_timeout_from_json,
)
from hakobune.wire.schema import Json

__all__ = [
    "CancelRequest",
    "RunRequest",
    "cancel_request_from_json",
    "execution_etag",
    "execution_to_json",
    "job_draft_from_json",
    "job_to_json",
    "list_to_json",
    "operation_to_json",
    "overrides_from_json",
    "rerun_request_from_json",
    "run_request_from_json",
    "task_to_json",
    "wait_timeout_from_json",
]

_TYPES = {
    Job: "type.googleapis.com/google.cloud.run.v2.Job",
    Execution: "type.googleapis.com/google.cloud.run.v2.Execution",
}
_DELETES = frozenset({OperationKind.DELETE_JOB, OperationKind.DELETE_EXECUTION})


def list_to_json(field: str, items: Sequence[Json], next_page_token: str = "") -> Json:
    """A page of `jobs`, `executions`, `tasks` or `operations`; an empty list and an empty token are left out."""
    page: Json = {}
    if items:
        page[field] = list(items)
    if next_page_token:
        page["nextPageToken"] = next_page_token
    return page


def operation_to_json(operation: Operation) -> Json:
    """A long-running operation: the newest picture as metadata, and once done a response or an error."""
    picture = _picture(operation)
    tree: Json = {"name": str(operation.name), "metadata": picture}
    if not operation.done:
        return tree
    tree["done"] = True
    if operation.error is not None:
        code, message = operation.error
        tree["error"] = {"code": code, "message": message}
    else:
        tree["response"] = picture
    return tree


def _picture(operation: Operation) -> Json:
    resource = operation.resource
    tree = job_to_json(resource) if isinstance(resource, Job) else execution_to_json(resource)
    if operation.kind in _DELETES:
        # Nothing of a deleted resource can be had back here, so it expires when it is deleted.
        tree["deleteTime"] = tree["expireTime"] = timestamp_to_text(operation.create_time_s)
    return {"@type": _TYPES[type(resource)], **tree}
