"""Targets that start executions: which calls of our own APIs do, and what their answers name.

Sources: Cloud Run Admin API v2 and v1, `jobs.run`; Workflow Executions API v1, `executions.create`.
"""

from __future__ import annotations

import json
import re
from typing import cast
from urllib.parse import urlsplit

from hakobune.core.schedules.model import HttpMethod, HttpTarget

_PART = "[^/:]+"
_STARTS = (
    re.compile(rf"/v2/projects/{_PART}/locations/{_PART}/jobs/{_PART}:run"),
    re.compile(rf"/apis/run\.googleapis\.com/v1/namespaces/{_PART}/jobs/{_PART}:run"),
    re.compile(rf"/v1(?:beta)?/projects/{_PART}/locations/{_PART}/workflows/{_PART}/executions"),
)
_JOB_EXECUTION = re.compile(rf"projects/{_PART}/locations/{_PART}/jobs/{_PART}/executions/{_PART}")
_WORKFLOW_EXECUTION = re.compile(rf"projects/{_PART}/locations/{_PART}/workflows/{_PART}/executions/{_PART}")
_LOCATION_LABEL = "cloud.googleapis.com/location"
_JOB_LABEL = "run.googleapis.com/job"
_WORKFLOW_ACTIVE = frozenset({"ACTIVE", "QUEUED"})

Json = dict[str, object]


def starts_executions(target: HttpTarget) -> bool:
    """Whether a request to this target starts an execution of a job or of a workflow. Its host is not looked at."""
    path = urlsplit(target.uri).path
    return target.method is HttpMethod.POST and any(form.fullmatch(path) for form in _STARTS)


def execution_in(body: bytes) -> str:
    """The full name of the execution that an answer says was started, "" if it names none."""
    tree = _tree(body)
    metadata = _object(tree.get("metadata"))
    name = str(tree.get("name", ""))
    if _WORKFLOW_EXECUTION.fullmatch(name):
        return name
    name = str(metadata.get("name", ""))
    if "/" not in name and name:
        labels = _object(metadata.get("labels"))
        place = f"projects/{metadata.get('namespace', '')}/locations/{labels.get(_LOCATION_LABEL, '')}"
        name = f"{place}/jobs/{labels.get(_JOB_LABEL, '')}/executions/{name}"
    return name if _JOB_EXECUTION.fullmatch(name) else ""


def execution_url(execution: str, verb: str = "") -> str:
    """Where an execution is asked for, or told something (`cancel`)."""
    api = "workflowexecutions.googleapis.com/v1" if "/workflows/" in execution else "run.googleapis.com/v2"
    return f"https://{api}/{execution}{f':{verb}' if verb else ''}"


def is_under_way(execution: str, body: bytes) -> bool:
    """Whether an execution, as it is shown, has not ended."""
    tree = _tree(body)
    if "/workflows/" in execution:
        return tree.get("state") in _WORKFLOW_ACTIVE
    return "completionTime" not in tree


def _tree(body: bytes) -> Json:
    try:
        return _object(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}
