"""What a job may say: ranges, lengths and relations, checked on canonical v2 JSON. All that is wrong is noted at once.

Paths are those of v2 (`template.template.maxRetries`); `Violations` renders them for the API that was called. Sources:
the v2 reference, "Quotas and limits", and the project's notes on Cloud Run, sections 3.2 to 3.4.
"""

from __future__ import annotations

import re

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import duration_from_text
from hakobune.core.jobs import limits
from hakobune.core.jobs.policy import policy_from_annotations
from hakobune.wire.run_container_rules import asks_for_gpu, check_containers
from hakobune.wire.run_labels import check_annotations, check_labels
from hakobune.wire.run_volume_rules import check_volumes
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

_TOKEN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")
_ACCOUNT = re.compile(r"[^@\s]{1,128}@[^@\s]{1,190}\Z|[0-9]{1,30}\Z")
# The stages that Cloud Run takes; the enum has more (reference of `launchStage`).
STAGES = frozenset({"", "ALPHA", "BETA", "GA"})
_TASK = "template.template"


def check_job(tree: Json, job_id: str, found: Violations) -> None:
    """Note all that is wrong with a job. `job_id` is "" where it is not known."""
    check_labels(tree.get("labels", {}), "labels", found)
    check_annotations(tree.get("annotations", {}), "annotations", found)
    if tree.get("launchStage", "") not in STAGES:
        found.add("launchStage", f"Cloud Run jobs have the stages ALPHA, BETA and GA, not {tree['launchStage']}")
    for field in ("startExecutionToken", "runExecutionToken"):
        if tree.get(field):
            _check_token(tree[field], job_id, field, found)
    if "template" not in tree:
        found.add("template", "is required")
        return
    template: Json = tree["template"]
    check_labels(template.get("labels", {}), "template.labels", found)
    _check_template_annotations(template.get("annotations", {}), found)
    _check_counts(template, found)
    if "template" not in template:
        found.add(_TASK, "is required")
        return
    _check_task_template(template["template"], found)


def _check_token(token: str, job_id: str, field: str, found: Violations) -> None:
    if not _TOKEN.match(token):
        found.add(field, "has only lowercase letters, digits and dashes, and no dash at either end")
    elif len(job_id) + 1 + len(token) > limits.EXECUTION_ID_MAX_CHARS:
        most = limits.EXECUTION_ID_MAX_CHARS
        found.add(field, f"the name of the execution, JOB-TOKEN, would have more than {most} characters")


def _check_template_annotations(annotations: dict[str, str], found: Violations) -> None:
    check_annotations(annotations, "template.annotations", found)
    try:
        policy_from_annotations(annotations, field=found.render("template.annotations"))
    except InvalidArgument as error:
        found.add_all(error)


def _check_counts(template: Json, found: Violations) -> None:
    count = template.get("taskCount", 1)
    if not 1 <= count <= limits.TASKS_MAX:
        found.add("template.taskCount", f"must be from 1 to {limits.TASKS_MAX}, not {count}")
    if template.get("parallelism", 0) < 0:
        found.add("template.parallelism", f"must not be negative, but is {template['parallelism']}")


def _check_task_template(task: Json, found: Violations) -> None:
    retries = task.get("maxRetries", 0)
    if not 0 <= retries <= limits.RETRIES_MAX:
        found.add(f"{_TASK}.maxRetries", f"must be from 0 to {limits.RETRIES_MAX}, not {retries}")
    containers: list[Json] = task.get("containers", [])
    if "timeout" in task:
        _check_timeout(task, containers, found)
    check_account(task, _TASK, found)
    volumes: list[Json] = task.get("volumes", [])
    check_volumes(volumes, f"{_TASK}.volumes", found)
    check_containers(containers, {volume.get("name", ""): volume for volume in volumes}, f"{_TASK}.containers", found)


def check_account(template: Json, path: str, found: Violations) -> None:
    """The account that a template names."""
    account: str = template.get("serviceAccount", "")
    if account and not _ACCOUNT.match(account):
        found.add(f"{path}.serviceAccount", f"must be the email of an account, not {account[:80]!r}")


def _check_timeout(task: Json, containers: list[Json], found: Violations) -> None:
    timeout_s = duration_from_text(task["timeout"])
    has_gpu = "nodeSelector" in task or any(asks_for_gpu(container) for container in containers)
    most_s = limits.TIMEOUT_GPU_MAX_S if has_gpu else limits.TIMEOUT_MAX_S
    if not limits.TIMEOUT_MIN_S <= timeout_s <= most_s:
        reason = " for tasks with a GPU" if has_gpu else ""
        found.add(
            f"{_TASK}.timeout",
            f"must be from {limits.TIMEOUT_MIN_S:.0f}s to {most_s:.0f}s{reason}, not {task['timeout']}",
        )
