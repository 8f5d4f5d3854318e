"""Jobs of the Cloud Run Admin API v2: what clients send, and what they read."""

from __future__ import annotations

from hakobune.core.conditions import Condition
from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.conditions import job_condition
from hakobune.core.jobs.drafts import JobDraft
from hakobune.core.jobs.model import ExecutionReference, Job
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.names import JobName
from hakobune.wire.run_labels import check_not_reserved, without_reserved
from hakobune.wire.run_rules import check_job
from hakobune.wire.run_v2_schema import JOB
from hakobune.wire.run_v2_templates import execution_template_from_tree, execution_template_to_tree, job_fields_to_tree
from hakobune.wire.schema import Json, Reader, snake_path
from hakobune.wire.violations import Violations

COMPLETION_STATUSES: dict[ExecutionState, str] = {
    ExecutionState.RUNNING: "EXECUTION_RUNNING",
    ExecutionState.CANCELLING: "EXECUTION_RUNNING",
    ExecutionState.SUCCEEDED: "EXECUTION_SUCCEEDED",
    ExecutionState.FAILED: "EXECUTION_FAILED",
    ExecutionState.CANCELLED: "EXECUTION_CANCELLED",
}


def job_draft_from_json(
    value: object, *, field: str = "job", name: JobName | None = None, service_account: str = ""
) -> JobDraft:
    """A job as its user declares it, checked, defaults filled in.

    `field` begins the paths in errors. With `name` (from the URL) the body may not name another job, and the length
    of an execution's name is checked. `service_account` is what a job without one gets. Raises InvalidArgument with
    all that is wrong.
    """
    found = Violations(lambda path: snake_path(f"{field}.{path}" if field else path))
    tree = Reader(found=found).message(JOB, value, field)
    found.check()
    if name is not None and not names_the_same(tree.get("name", ""), str(name)):
        found.add("name", f"must be {name} or left out, not {tree['name'][:200]!r}")
    check_job(tree, "" if name is None else name.job, found)
    for path, holder in (("", tree), ("template.", tree.get("template", {}))):
        for kind in ("labels", "annotations"):
            check_not_reserved(holder.get(kind, {}), f"{path}{kind}", found)
    found.check()
    return draft_from_tree(tree, service_account)


def names_the_same(text: str, name: str) -> bool:
    """Whether a name in a body ("": none) can be `name`, of a resource in a location: the number of a project stands
    for its id."""
    if text in ("", name):
        return True
    parts = text.split("/")
    return len(parts) == 6 and parts[1].isdigit() and text.split("/", 2)[2] == name.split("/", 2)[2]


def draft_from_tree(tree: Json, service_account: str) -> JobDraft:
    """A draft from canonical v2 JSON that was checked."""
    rest = dict(tree)
    rest.pop("name", None)
    stage: str = rest.pop("launchStage", "")
    return JobDraft(
        labels=rest.pop("labels", {}),
        annotations=rest.pop("annotations", {}),
        client=rest.pop("client", ""),
        client_version=rest.pop("clientVersion", ""),
        launch_stage="" if stage == "GA" else stage,
        template=execution_template_from_tree(rest.pop("template"), service_account),
        start_execution_token=rest.pop("startExecutionToken", ""),
        run_execution_token=rest.pop("runExecutionToken", ""),
        etag=rest.pop("etag", ""),
        other=rest,
    )


def job_to_json(job: Job) -> Json:
    """A job as v2 prints it: what equals a protobuf default is left out, int64 are texts."""
    ready = job_condition(job)
    tree: Json = {
        "name": str(job.name),
        "uid": job.uid,
        "generation": str(job.generation),
        "labels": without_reserved(job.labels),
        "annotations": without_reserved(job.annotations),
        "createTime": timestamp_to_text(job.create_time_s),
        "updateTime": timestamp_to_text(job.update_time_s),
        "creator": job.creator,
        "lastModifier": job.last_modifier,
        "template": execution_template_to_tree(job.template),
        "observedGeneration": observed_generation(job.generation, is_reconciling=job.is_reconciling),
        "terminalCondition": condition_to_json(ready),
        "executionCount": job.execution_count,
        "reconciling": job.is_reconciling,
        **job_fields_to_tree(job),
        "etag": job.etag,
    }
    if job.latest_execution is not None:
        tree["latestCreatedExecution"] = _reference_to_json(job.latest_execution)
    return {key: value for key, value in tree.items() if value}


def observed_generation(generation: int, *, is_reconciling: bool) -> str:
    """The generation that is in force, as text: the one before while a change is being carried out; "" for none."""
    observed = generation - 1 if is_reconciling else generation
    return str(observed) if observed else ""


def condition_to_json(condition: Condition) -> Json:
    """A condition as v2 prints it."""
    tree: Json = {
        "type": condition.type,
        "state": condition.state.value,
        "message": condition.message,
        "lastTransitionTime": timestamp_to_text(condition.since_s),
        "reason": condition.reason,
        "revisionReason": condition.revision_reason,
        "executionReason": condition.execution_reason,
    }
    return {key: value for key, value in tree.items() if value}


def _reference_to_json(reference: ExecutionReference) -> Json:
    tree: Json = {
        "name": reference.execution,
        "createTime": timestamp_to_text(reference.create_time_s),
        "completionStatus": COMPLETION_STATUSES[reference.state],
    }
    if reference.completion_time_s is not None:
        tree["completionTime"] = timestamp_to_text(reference.completion_time_s)
    return tree
