"""Conditions: what a job, an execution or a task says about itself. Both wires print these.

Names of types, states and reasons follow the Cloud Run Admin API v2 reference (message Condition). Messages: texts.py.
"""

from __future__ import annotations

from hakobune.core.conditions import Condition, ConditionState
from hakobune.core.jobs import texts
from hakobune.core.jobs.model import Execution, Job, ResultKind, Task
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, ExecutionState, TaskState


def job_condition(job: Job) -> Condition:
    """`Ready`: whether the job can be run."""
    if job.is_reconciling:
        state, message, reason = ConditionState.RECONCILING, texts.JOB_PREPARING, ""
    elif job.ready_error:
        state, message, reason = ConditionState.FAILED, job.ready_error, "CONTAINER_MISSING"
    else:
        state, message, reason = ConditionState.SUCCEEDED, "", ""
    return Condition(type="Ready", state=state, since_s=job.update_time_s, message=message, reason=reason)


def execution_conditions(execution: Execution) -> tuple[Condition, ...]:
    """`Started`, `Completed`, then `ContainerReady` and `ResourcesAvailable` once containers may start."""
    return (_started(execution), _completed(execution), *_provisioned(execution))


def _started(execution: Execution) -> Condition:
    if execution.first_start_time_s is not None:
        return Condition(
            type="Started",
            state=ConditionState.SUCCEEDED,
            since_s=execution.first_start_time_s,
            message=texts.started_text(execution.first_start_time_s - execution.create_time_s),
        )
    if execution.state in FINAL_EXECUTION_STATES and execution.state is not ExecutionState.SUCCEEDED:
        return _failed("Started", execution)  # it never will: whoever waits for the start must not wait for ever
    if execution.state is ExecutionState.SUCCEEDED:  # nothing was left to run
        return Condition(type="Started", state=ConditionState.SUCCEEDED, since_s=_end_s(execution))
    return Condition(
        type="Started",
        state=ConditionState.RECONCILING,
        since_s=execution.create_time_s,
        message=texts.WAITING_TO_START,
    )


def _completed(execution: Execution) -> Condition:
    if execution.state in (ExecutionState.FAILED, ExecutionState.CANCELLED):
        return _failed("Completed", execution)
    if execution.state is ExecutionState.SUCCEEDED:
        state, since_s = ConditionState.SUCCEEDED, _end_s(execution)
    elif execution.first_start_time_s is None and execution.state is ExecutionState.RUNNING:
        state, since_s = ConditionState.PENDING, execution.create_time_s
    else:
        state, since_s = ConditionState.RECONCILING, execution.first_start_time_s or execution.create_time_s
    is_cancelling = execution.state is ExecutionState.CANCELLING
    return Condition(
        type="Completed",
        state=state,
        since_s=since_s,
        message=texts.ended_text(execution),
        execution_reason="CANCELLING" if is_cancelling else "",
    )


def _failed(kind: str, execution: Execution) -> Condition:
    """A final condition of an execution that failed or was cancelled."""
    reason = execution_reason = ""
    if execution.state is ExecutionState.CANCELLED:
        execution_reason = "CANCELLED"
    elif execution.failure is not None:
        reason, execution_reason = _reasons(execution.failure.kind)
    return Condition(
        type=kind,
        state=ConditionState.FAILED,
        since_s=_end_s(execution),
        message=texts.ended_text(execution),
        reason=reason,
        execution_reason=execution_reason,
    )


def _reasons(kind: ResultKind) -> tuple[str, str]:
    """(reason, execution reason). The service names one for exit codes only; the other two are inferred."""
    if kind is ResultKind.EXIT:
        return "", "NON_ZERO_EXIT_CODE"
    if kind is ResultKind.START_FAILED:
        return "CONTAINER_MISSING", ""
    return ("INTERNAL", "") if kind is ResultKind.LOST else ("", "")


def _provisioned(execution: Execution) -> tuple[Condition, ...]:
    if execution.start_time_s is None:
        return ()
    since_s = execution.start_time_s
    failure = execution.failure
    if failure is not None and failure.kind is ResultKind.START_FAILED and execution.first_start_time_s is None:
        ready = Condition(
            type="ContainerReady",
            state=ConditionState.FAILED,
            since_s=since_s,
            message=texts.attempt_status(failure).message,
            reason="CONTAINER_MISSING",
        )
    else:
        ready = Condition(
            type="ContainerReady",
            state=ConditionState.SUCCEEDED,
            since_s=since_s,
            message=texts.imported_text(since_s - execution.create_time_s),
        )
    resources = Condition(
        type="ResourcesAvailable",
        state=ConditionState.SUCCEEDED,
        since_s=since_s,
        message=texts.PROVISIONED,
    )
    return (ready, resources)


def _end_s(execution: Execution) -> float:
    return execution.update_time_s if execution.completion_time_s is None else execution.completion_time_s


def task_conditions(task: Task, execution: Execution) -> tuple[Condition, ...]:
    """`Started`, then `Completed`."""
    message, reason, execution_reason = _task_end(task, execution)
    end_s = execution.update_time_s if task.completion_time_s is None else task.completion_time_s
    failed = task.state in (TaskState.FAILED, TaskState.CANCELLED)
    if task.start_time_s is not None:
        started = Condition(type="Started", state=ConditionState.SUCCEEDED, since_s=task.start_time_s)
    elif failed:
        started = Condition(
            type="Started",
            state=ConditionState.FAILED,
            since_s=end_s,
            message=message,
            reason=reason,
            execution_reason=execution_reason,
        )
    else:
        started = Condition(
            type="Started",
            state=ConditionState.PENDING,
            since_s=execution.create_time_s,
            message=texts.TASK_WAITING_TO_START,
        )
    if failed or task.state is TaskState.SUCCEEDED:
        state, since_s = ConditionState.FAILED if failed else ConditionState.SUCCEEDED, end_s
    else:
        waits = task.start_time_s is None
        state = ConditionState.PENDING if waits else ConditionState.RECONCILING
        since_s = execution.create_time_s if task.start_time_s is None else task.start_time_s
    completed = Condition(
        type="Completed",
        state=state,
        since_s=since_s,
        message=message,
        reason=reason,
        execution_reason=execution_reason,
    )
    return (started, completed)


def _task_end(task: Task, execution: Execution) -> tuple[str, str, str]:
    """(message, reason, execution reason) of `Completed`."""
    if task.state is TaskState.CANCELLED:
        cut = execution.cancel_reason == "max_failed_tasks"
        return (texts.CANCELLED_AFTER_FAILURES if cut else texts.CANCELLED), "", "CANCELLED"
    if task.state is TaskState.FAILED and task.result is not None:
        return (
            texts.failure_text(execution.name.execution, task.index, task.result),
            *_reasons(task.result.kind),
        )
    if task.state is TaskState.SUCCEEDED:
        return "", "", ""
    if not task.is_running and task.retried:
        return f"Waiting for retry {task.retried} of {execution.template.max_retries}.", "", ""
    return ("" if task.start_time_s is None else texts.TASK_WAITING_TO_COMPLETE), "", ""
