"""The Cloud Run Admin API v2 for jobs: the chapters in one place."""

from __future__ import annotations

from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2_executions import execution_etag, execution_to_json, task_to_json
from hakobune.wire.run_v2_jobs import job_draft_from_json, job_to_json
from hakobune.wire.run_v2_requests import (
    CancelRequest,
    RunRequest,
    cancel_request_from_json,
    empty_request_from_json,
    overrides_from_json,
    rerun_request_from_json,
    run_request_from_json,
    wait_timeout_from_json,
)

__all__ = [
    "CancelRequest",
    "RunRequest",
    "cancel_request_from_json",
    "empty_request_from_json",
    "execution_etag",
    "execution_to_json",
    "job_draft_from_json",
    "job_to_json",
    "list_to_json",
    "overrides_from_json",
    "rerun_request_from_json",
    "run_request_from_json",
    "task_to_json",
    "wait_timeout_from_json",
]
