"""Executions and tasks of the Cloud Run Admin API v2. Clients only read them."""

from __future__ import annotations

import hashlib
import uuid

from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.conditions import execution_conditions, task_conditions
from hakobune.core.jobs.model import AttemptResult, Execution, ResultKind, Task
from hakobune.core.jobs.policy import shown_annotations
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, FINAL_TASK_STATES
from hakobune.core.jobs.texts import attempt_status
from hakobune.wire.run_labels import without_reserved
from hakobune.wire.run_v2_jobs import condition_to_json
from hakobune.wire.run_v2_templates import task_template_to_tree
from hakobune.wire.schema import Json


def execution_to_json(execution: Execution) -> Json:
    """An execution as v2 prints it: counters of zero are left out, `job` is the short id."""
    counts = execution.counts
    tree: Json = {
        "name": str(execution.name),
        "uid": execution.uid,
        "creator": execution.creator,
        "generation": str(execution.generation),
        "labels": without_reserved(execution.labels),
        "annotations": without_reserved(shown_annotations(execution)),
        "createTime": timestamp_to_text(execution.create_time_s),
        "startTime": _optional_time(execution.start_time_s),
        "completionTime": _optional_time(execution.completion_time_s),
        "updateTime": timestamp_to_text(execution.update_time_s),
        "launchStage": execution.launch_stage or "GA",
        "job": execution.name.job,
        "parallelism": execution.parallelism,
        "taskCount": execution.task_count,
        "template": task_template_to_tree(execution.template),
        "reconciling": execution.state not in FINAL_EXECUTION_STATES,
        "conditions": [condition_to_json(condition) for condition in execution_conditions(execution)],
        "observedGeneration": str(execution.generation),
        "runningCount": counts.running,
        "succeededCount": counts.succeeded,
        "failedCount": counts.failed,
        "cancelledCount": counts.cancelled,
        "retriedCount": counts.retried,
        "etag": execution_etag(execution),
    }
    return {key: value for key, value in tree.items() if value}


def execution_etag(execution: Execution) -> str:
    """The stored etag, or one that changes with whatever of an execution can change."""
    if execution.etag:
        return execution.etag
    counts = execution.counts
    return _etag(
        execution.uid,
        execution.generation,
        execution.state.value,
        execution.update_time_s,
        counts.running,
        counts.ended,
        counts.retried,
    )


def task_to_json(execution: Execution, task: Task) -> Json:
    """A task as v2 prints it. Its template is its execution's."""
    tree: Json = {
        "name": execution.name.task(task.index),
        "uid": task_uid(execution, task.index),
        "generation": "1",
        "labels": without_reserved(execution.labels),
        "annotations": without_reserved(shown_annotations(execution)),
        "createTime": timestamp_to_text(execution.create_time_s),
        "scheduledTime": timestamp_to_text(execution.create_time_s),
        "startTime": _optional_time(task.start_time_s),
        "completionTime": _optional_time(task.completion_time_s),
        "updateTime": timestamp_to_text(task_update_time_s(execution, task)),
        "job": execution.name.job,
        "execution": execution.name.execution,
        **task_template_to_tree(execution.template),
        "reconciling": task.state not in FINAL_TASK_STATES,
        "conditions": [condition_to_json(condition) for condition in task_conditions(task, execution)],
        "observedGeneration": "1",
        "index": task.index,
        "retried": task.retried,
        "etag": _etag(execution.uid, task.index, task.state.value, task.attempt, task.retried, task.completion_time_s),
    }
    if task.result is not None:
        tree["lastAttemptResult"] = attempt_result_to_json(task.result)
    return {key: value for key, value in tree.items() if value or key == "maxRetries"}


def task_uid(execution: Execution, index: int) -> str:
    """A uid that follows from the execution's: tasks have none of their own."""
    digest = hashlib.sha256(f"{execution.uid}/{index}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def task_update_time_s(execution: Execution, task: Task) -> float:
    """The newest instant that is known of a task."""
    for known in (task.completion_time_s, task.start_time_s):
        if known is not None:
            return known
    return execution.create_time_s


def attempt_result_to_json(result: AttemptResult) -> Json:
    """`lastAttemptResult`: an exit code or a signal where there was one, and a status, empty for success."""
    status = attempt_status(result)
    tree: Json = {"status": {"code": int(status.code), "message": status.message} if status.code else {}}
    if result.kind is ResultKind.EXIT and result.exit_code:
        tree["exitCode"] = result.exit_code
    if result.kind is ResultKind.SIGNAL and result.signal:
        tree["termSignal"] = result.signal
    return tree


def _optional_time(instant_s: float | None) -> str:
    return "" if instant_s is None else timestamp_to_text(instant_s)


def _etag(*parts: object) -> str:
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    return f'"{digest[:13]}"'
