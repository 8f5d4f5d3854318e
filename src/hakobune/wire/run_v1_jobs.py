"""Jobs of the Cloud Run Admin API v1: what gcloud sends, and what it reads. The way goes through canonical v2 JSON,
so that both APIs mean the same by construction."""

from __future__ import annotations

import math

from hakobune.core.instants import duration_from_text, timestamp_to_text
from hakobune.core.jobs.conditions import job_condition
from hakobune.core.jobs.drafts import JobDraft
from hakobune.core.jobs.model import ExecutionReference, ExecutionTemplate, Job
from hakobune.core.names import check_job_id
from hakobune.wire import run_v1_annotations as annotated
from hakobune.wire.run_rules import check_job
from hakobune.wire.run_v1_containers import (
    container_from_v1,
    container_to_v1,
    sandboxes_from_v1,
    sandboxes_to_v1,
    volume_from_v1,
    volume_to_v1,
)
from hakobune.wire.run_v1_objects import (
    ACCELERATOR,
    API_VERSION,
    LAST_UPDATED_LABEL,
    LOCATION_LABEL,
    check_identity,
    condition_to_v1,
    metadata_to_v1,
    node_selector_from_v1,
    note,
    own_labels,
    pruned,
)
from hakobune.wire.run_v1_paths import TASK, v1_path
from hakobune.wire.run_v1_schema import JOB
from hakobune.wire.run_v2_jobs import COMPLETION_STATUSES, draft_from_tree, observed_generation
from hakobune.wire.run_v2_templates import execution_template_to_tree, job_fields_to_tree, name_containers
from hakobune.wire.schema import Json, Reader
from hakobune.wire.violations import Violations


def job_draft_from_v1(value: object, *, namespace: str, service_account: str = "") -> tuple[str, JobDraft]:
    """(job id, draft), checked, defaults filled in. `namespace` is the project of the URL; a project number in the
    body stands for it. `service_account` is what a job without one gets. Raises InvalidArgument with all that is wrong.
    """
    found = Violations(v1_path)
    tree = Reader(found=found, protobuf_paths=False).message(JOB, value, "")
    found.check()
    name = check_identity(tree, namespace, "Job", API_VERSION, _check_id, found)
    draft = _job_from_v1(tree, found)
    name_containers(draft.get("template", {}).get("template", {}).get("containers", []), name)
    check_job(draft, name, found)
    found.check()
    return name, draft_from_tree(draft, service_account)


def _check_id(name: str) -> None:
    check_job_id(name, field="metadata.name")


def _job_from_v1(tree: Json, found: Violations) -> Json:
    """Canonical v2 JSON of a job."""
    metadata: Json = tree.get("metadata", {})
    spec: Json = tree.get("spec", {})
    job = annotated.job_fields_from_v1(metadata.get("annotations", {}), found)
    job["labels"] = own_labels(metadata)
    if metadata.get("resourceVersion"):
        job["etag"] = f'"{metadata["resourceVersion"]}"'
    tokens = [field for field in ("startExecutionToken", "runExecutionToken") if spec.get(field)]
    job.update({field: spec[field] for field in tokens})
    if len(tokens) > 1:
        note(found, "spec.runExecutionToken", "cannot be given together with startExecutionToken")
    if "template" in spec:
        job["template"] = _template_from_v1(spec["template"], found)
    return job


def _template_from_v1(tree: Json, found: Violations) -> Json:
    metadata: Json = tree.get("metadata", {})
    spec: Json = dict(tree.get("spec", {}))
    annotations: dict[str, str] = dict(metadata.get("annotations", {}))
    inner: Json = spec.pop("template", {}).get("spec", {})
    containers: list[Json] = [
        container_from_v1(item, f"{TASK}.containers[{number}]", found)
        for number, item in enumerate(inner.get("containers", []))
    ]
    volumes: list[Json] = [
        volume_from_v1(item, f"{TASK}.volumes[{number}]", found) for number, item in enumerate(inner.get("volumes", []))
    ]
    annotated.take_cloud_sql(annotations, containers, volumes)
    annotated.take_start_order(annotations, containers, found)
    execution, task = annotated.template_fields_from_v1(annotations, found)
    task |= _task_fields_from_v1(inner, found)
    if containers:
        task["containers"] = containers
    if volumes:
        task["volumes"] = volumes
    if labels := own_labels(metadata):
        execution["labels"] = labels
    return {**execution, **spec, "template": task}


def _task_fields_from_v1(spec: Json, found: Violations) -> Json:
    task: Json = {"maxRetries": spec["maxRetries"]} if "maxRetries" in spec else {}
    if "sandboxes" in spec:
        task["sandboxes"] = sandboxes_from_v1(spec["sandboxes"], f"{TASK}.sandboxes", found)
    if "timeoutSeconds" in spec:
        task["timeout"] = f"{spec['timeoutSeconds']}s"
    if "serviceAccountName" in spec:
        task["serviceAccount"] = spec["serviceAccountName"]
    return task | node_selector_from_v1(spec, TASK, found)


def job_to_v1(job: Job) -> Json:
    """A job as v1 prints it."""
    observed = observed_generation(job.generation, is_reconciling=job.is_reconciling)
    annotations = {
        **job.annotations,
        **annotated.job_annotations_to_v1(job_fields_to_tree(job)),
        annotated.CREATOR: job.creator,
        annotated.LAST_MODIFIER: job.last_modifier,
    }
    status: Json = {
        "observedGeneration": int(observed or 0),
        "conditions": [condition_to_v1(job_condition(job))],
        "executionCount": job.execution_count,
    }
    if job.latest_execution is not None:
        status["latestCreatedExecution"] = _reference_to_v1(job.latest_execution)
    spec: Json = {
        "template": _template_to_v1(job.template),
        "startExecutionToken": job.start_execution_token,
        "runExecutionToken": job.run_execution_token,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Job",
        "metadata": metadata_to_v1(
            kind="jobs",
            name=job.name.job,
            namespace=job.name.project,
            uid=job.uid,
            etag=job.etag,
            generation=job.generation,
            create_time_s=job.create_time_s,
            labels=job_labels(job),
            annotations=annotations,
        ),
        "spec": pruned(spec),
        "status": pruned(status),
    }


def job_labels(job: Job) -> dict[str, str]:
    """The labels of a job as v1 shows and selects them."""
    return {
        **job.labels,
        LOCATION_LABEL: job.name.location,
        LAST_UPDATED_LABEL: timestamp_to_text(job.update_time_s),
    }


def _template_to_v1(template: ExecutionTemplate) -> Json:
    tree = execution_template_to_tree(template)
    spec, annotations = task_spec_to_v1(tree["template"], tree)
    metadata = pruned({"labels": dict(template.labels), "annotations": {**template.annotations, **annotations}})
    execution: Json = {field: tree[field] for field in ("parallelism", "taskCount", "delayExecution") if field in tree}
    return {"metadata": metadata, "spec": {**execution, "template": {"spec": spec}}}


def task_spec_to_v1(task: Json, execution: Json) -> tuple[Json, dict[str, str]]:
    """(TaskSpec, the annotations that say the rest) of a task template and execution template in canonical v2 JSON."""
    annotations = annotated.template_annotations_to_v1(execution, task)
    containers: list[Json] = [container_to_v1(item) for item in task["containers"]]
    volumes: list[Json] = list(task.get("volumes", []))
    annotated.give_cloud_sql(annotations, containers, volumes)
    annotated.give_start_order(annotations, containers)
    spec: Json = {
        "maxRetries": task["maxRetries"],
        # Whole seconds are all that v1 has; a fraction counts as a second, so that no task loses time.
        "timeoutSeconds": str(math.ceil(duration_from_text(task["timeout"]))),
    }
    if "serviceAccount" in task:
        spec["serviceAccountName"] = task["serviceAccount"]
    if "nodeSelector" in task:
        spec["nodeSelector"] = {ACCELERATOR: task["nodeSelector"].get("accelerator", "")}
    spec["containers"] = containers
    if volumes:
        spec["volumes"] = [volume_to_v1(volume) for volume in volumes]
    if "sandboxes" in task:
        spec["sandboxes"] = sandboxes_to_v1(task["sandboxes"])
    return spec, annotations


def _reference_to_v1(reference: ExecutionReference) -> Json:
    tree: Json = {
        "name": reference.execution,
        "creationTimestamp": timestamp_to_text(reference.create_time_s),
        "completionStatus": COMPLETION_STATUSES[reference.state],
    }
    if reference.completion_time_s is not None:
        tree["completionTimestamp"] = timestamp_to_text(reference.completion_time_s)
    return tree
