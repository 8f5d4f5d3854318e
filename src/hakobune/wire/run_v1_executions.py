"""Executions and tasks of the Cloud Run Admin API v1, with the labels by which gcloud selects them."""

from __future__ import annotations

from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.conditions import execution_conditions, task_conditions
from hakobune.core.jobs.model import Execution, Task
from hakobune.core.jobs.policy import shown_annotations
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, FINAL_TASK_STATES, TaskState
from hakobune.core.names import task_id
from hakobune.wire import run_v1_annotations as annotated
from hakobune.wire.run_v1_jobs import task_spec_to_v1
from hakobune.wire.run_v1_objects import API_VERSION, LOCATION_LABEL, condition_to_v1, metadata_to_v1
from hakobune.wire.run_v2_executions import attempt_result_to_json, execution_etag, task_uid
from hakobune.wire.run_v2_templates import task_template_to_tree
from hakobune.wire.schema import Json

_FINAL_STATES: dict[TaskState, str] = {
    TaskState.SUCCEEDED: "Succeeded",
    TaskState.FAILED: "Failed",
    TaskState.CANCELLED: "Cancelled",
}


def execution_labels(execution: Execution) -> dict[str, str]:
    """The labels of an execution as v1 shows and selects them. `servingState` says that it is not over."""
    labels = {
        **execution.labels,
        LOCATION_LABEL: execution.name.location,
        "run.googleapis.com/job": execution.name.job,
        "run.googleapis.com/jobUid": execution.job_uid,
        "run.googleapis.com/jobGeneration": str(execution.job_generation),
    }
    if execution.state not in FINAL_EXECUTION_STATES:
        labels["run.googleapis.com/servingState"] = "Active"
    return labels


def task_labels(execution: Execution, task: Task) -> dict[str, str]:
    """The labels of a task as v1 shows and selects them."""
    return {
        **execution.labels,
        LOCATION_LABEL: execution.name.location,
        "run.googleapis.com/job": execution.name.job,
        "run.googleapis.com/jobUid": execution.job_uid,
        "run.googleapis.com/jobGeneration": str(execution.job_generation),
        "run.googleapis.com/execution": execution.name.execution,
        "run.googleapis.com/runningState": _running_state(task),
    }


def _running_state(task: Task) -> str:
    """`Running` is what runs: as many as the execution's `runningCount` says. An attempt that only waits in the engine
    leaves its task `Pending`. A task that was cancelled before it ever started is `Abandoned` (inferred from gcloud's
    groups of states: "not started" are Pending and Abandoned)."""
    if task.state in FINAL_TASK_STATES:
        never_started = task.state is TaskState.CANCELLED and task.start_time_s is None
        return "Abandoned" if never_started else _FINAL_STATES[task.state]
    return "Running" if task.is_running else "Pending"


def execution_to_v1(execution: Execution) -> Json:
    """An execution as v1 prints it: counters of zero are left out."""
    spec, annotations = task_spec_to_v1(task_template_to_tree(execution.template), {})
    counts = execution.counts
    status: Json = {
        "observedGeneration": execution.generation,
        "conditions": [condition_to_v1(condition) for condition in execution_conditions(execution)],
        "startTime": _optional_time(execution.start_time_s),
        "completionTime": _optional_time(execution.completion_time_s),
        "runningCount": counts.running,
        "succeededCount": counts.succeeded,
        "failedCount": counts.failed,
        "cancelledCount": counts.cancelled,
        "retriedCount": counts.retried,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Execution",
        "metadata": {
            **metadata_to_v1(
                kind="executions",
                name=execution.name.execution,
                namespace=execution.name.project,
                uid=execution.uid,
                etag=execution_etag(execution),
                generation=execution.generation,
                create_time_s=execution.create_time_s,
                labels=execution_labels(execution),
                annotations={
                    **shown_annotations(execution),
                    **annotations,
                    annotated.CREATOR: execution.creator,
                    annotated.OPERATION_ID: execution.operation_id,
                },
            ),
            "ownerReferences": [_owner("Job", execution.name.job, execution.job_uid)],
        },
        "spec": {
            "parallelism": execution.parallelism,
            "taskCount": execution.task_count,
            "template": {"spec": spec},
        },
        "status": {key: value for key, value in status.items() if value},
    }


def task_to_v1(execution: Execution, task: Task) -> Json:
    """A task as v1 prints it. Its spec is its execution's."""
    spec, annotations = task_spec_to_v1(task_template_to_tree(execution.template), {})
    status: Json = {
        "observedGeneration": 1,
        "conditions": [condition_to_v1(condition) for condition in task_conditions(task, execution)],
        "startTime": _optional_time(task.start_time_s),
        "completionTime": _optional_time(task.completion_time_s),
        "index": task.index,
        "retried": task.retried,
        "lastAttemptResult": None if task.result is None else attempt_result_to_json(task.result),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": {
            **metadata_to_v1(
                kind="tasks",
                name=task_id(execution.name.execution, task.index),
                namespace=execution.name.project,
                uid=task_uid(execution, task.index),
                etag="",
                generation=1,
                create_time_s=execution.create_time_s,
                labels=task_labels(execution, task),
                annotations={**shown_annotations(execution), **annotations, annotated.CREATOR: execution.creator},
            ),
            "ownerReferences": [_owner("Execution", execution.name.execution, execution.uid)],
        },
        "spec": spec,
        "status": {key: value for key, value in status.items() if value},
    }


def _owner(kind: str, name: str, uid: str) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _optional_time(instant_s: float | None) -> str:
    return "" if instant_s is None else timestamp_to_text(instant_s)
