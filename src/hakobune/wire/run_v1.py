"""The Cloud Run Admin API v1 (Knative shape) for jobs: the chapters in one place, with its lists and requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.jobs.drafts import Overrides
from hakobune.wire.run_v1_containers import env_from_v1
from hakobune.wire.run_v1_executions import execution_labels, execution_to_v1, task_labels, task_to_v1
from hakobune.wire.run_v1_jobs import job_draft_from_v1, job_labels, job_to_v1
from hakobune.wire.run_v1_objects import API_VERSION
from hakobune.wire.run_v1_paths import v1_path
from hakobune.wire.run_v1_schema import RUN_JOB_REQUEST
from hakobune.wire.run_v1_selectors import Selector, label_selector
from hakobune.wire.run_v2_requests import overrides_from_tree
from hakobune.wire.schema import Json, Reader
from hakobune.wire.violations import Violations

__all__ = [
    "Selector",
    "error_in_v1",
    "execution_labels",
    "execution_to_v1",
    "job_draft_from_v1",
    "job_labels",
    "job_to_v1",
    "label_selector",
    "list_to_v1",
    "overrides_from_v1",
    "status_success",
    "task_labels",
    "task_to_v1",
]


def list_to_v1(kind: str, items: Sequence[Json], continue_token: str = "", *, api_version: str = API_VERSION) -> Json:
    """A page of objects of a kind (`Job`, `Execution`, …)."""
    return {
        "apiVersion": api_version,
        "kind": f"{kind}sList",
        "metadata": {"continue": continue_token} if continue_token else {},
        "items": list(items),
    }


def status_success() -> Json:
    """The answer to a delete."""
    return {"status": "Success"}


def error_in_v1(error: InvalidArgument, render: Callable[[str], str] = v1_path) -> InvalidArgument:
    """The same error with its fields as v1 names them: the rooms speak of the paths of v2."""
    message = error.message
    violations: list[FieldViolation] = []
    for violation in error.violations:
        path = render(violation.field)
        message = message.replace(f"{violation.field}:", f"{path}:")
        violations.append(FieldViolation(field=path, description=violation.description))
    return InvalidArgument(message, violations=violations)


def overrides_from_v1(value: object) -> Overrides:
    """The overrides in the body of `:run`. Raises InvalidArgument with all that is wrong."""
    found = Violations(v1_path)
    tree = Reader(found=found, protobuf_paths=False).message(RUN_JOB_REQUEST, value, "").get("overrides", {})
    found.check()
    timeout_s: int = tree.pop("timeoutSeconds", 0)
    if timeout_s:
        tree["timeout"] = f"{timeout_s}s"
    for place, container in enumerate(tree.get("containerOverrides", [])):
        where = f"overrides.containerOverrides[{place}].env"
        container["env"] = [
            env_from_v1(item, f"{where}[{number}]", found) for number, item in enumerate(container.get("env", []))
        ]
    return overrides_from_tree(tree, "overrides", found)
