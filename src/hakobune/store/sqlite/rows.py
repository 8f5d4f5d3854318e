"""Rows of SQLite to core types and back. Rows do not leave the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from typing import TypeVar

from hakobune.core.errors import CorruptStore
from hakobune.core.jobs.model import (
    AttemptRecord,
    AttemptResult,
    Cause,
    Counts,
    Execution,
    ExecutionReference,
    Job,
    Task,
)
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, ExecutionState, TaskState
from hakobune.store.documents import from_document, to_document

Parameters = dict[str, object]
N = TypeVar("N", bound=Enum)

TASK_COLUMNS = 14  # of `task_from_row`
_TASK_STATES = {state.value: state for state in TaskState}
_EXECUTION_STATES = {state.value: state for state in ExecutionState}
_CAUSES = {cause.value: cause for cause in Cause}


def attempt_uid(execution_uid: str, index: int, handed_over: int) -> str:
    """The uid of hand-over number `handed_over` (from 0), as core/jobs/decide makes it."""
    return f"{execution_uid}.{index}.{handed_over}"


def attempt_place(uid: str) -> tuple[int, int]:
    """(index, hand-over number) in an attempt uid."""
    _, index, handed_over = uid.rsplit(".", 2)
    return int(index), int(handed_over)


def job_parameters(job: Job, seq: int) -> Parameters:
    """What is stored of a job. Counts and the newest execution are columns of their own."""
    document = to_document(replace(job, execution_count=0, latest_execution=None))
    return {
        "uid": job.uid,
        "project": job.name.project,
        "location": job.name.location,
        "job": job.name.job,
        "etag": job.etag,
        "doc": document,
        "seq": seq,
    }


def job_from_row(row: sqlite3.Row) -> Job:
    """A job with its newest execution."""
    reference = None
    if row["e_execution"] is not None:
        reference = ExecutionReference(
            execution=row["e_execution"],
            create_time_s=row["e_create_s"],
            completion_time_s=row["e_completion_s"],
            state=_known(_EXECUTION_STATES, row["e_state"]),
        )
    job = from_document(Job, row["doc"])
    return replace(job, execution_count=row["execution_count"], latest_execution=reference)


def execution_parameters(execution: Execution, seq: int) -> Parameters:
    """The columns of an execution that change."""
    counts = execution.counts
    return {
        "uid": execution.uid,
        "state": execution.state.value,
        "generation": execution.generation,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "retried": counts.retried,
        "attempts_ended": counts.attempts_ended,
        "start_s": execution.start_time_s,
        "first_start_s": execution.first_start_time_s,
        "completion_s": execution.completion_time_s,
        "update_s": execution.update_time_s,
        "failure_index": execution.failure_index,
        "failure": result_text(execution.failure),
        "cancel_reason": execution.cancel_reason,
        "seq": seq,
    }


def execution_document(execution: Execution) -> str:
    """What never changes of an execution."""
    fixed = replace(
        execution,
        counts=Counts(),
        generation=1,
        state=ExecutionState.RUNNING,
        start_time_s=None,
        first_start_time_s=None,
        completion_time_s=None,
        update_time_s=execution.create_time_s,
        failure=None,
        failure_index=None,
        cancel_reason="",
        etag="",
    )
    return to_document(fixed)


def execution_from_row(row: sqlite3.Row, fixed: Execution) -> Execution:
    """An execution as it stands: what never changes of it, and the columns that do."""
    return replace(
        fixed,
        state=_known(_EXECUTION_STATES, row["state"]),
        generation=row["generation"],
        counts=Counts(
            running=row["running"],
            succeeded=row["succeeded"],
            failed=row["failed"],
            cancelled=row["cancelled"],
            retried=row["retried"],
            attempts_ended=row["attempts_ended"],
        ),
        start_time_s=row["start_s"],
        first_start_time_s=row["first_start_s"],
        completion_time_s=row["completion_s"],
        update_time_s=row["update_s"],
        failure=result_from_text(row["failure"]),
        failure_index=row["failure_index"],
        cancel_reason=row["cancel_reason"],
        operation_id=row["operation"],
        etag=f'"{row["uid"][:8]}-{row["changed_seq"]:x}"',
    )


def task_parameters(task: Task, execution_id: int, seq: int) -> tuple[object, ...]:
    """The row of a task, in the order of the query `upsert_task`."""
    return (
        execution_id,
        task.index,
        task.state.value,
        task.attempt,
        task.handed_over,
        task.retried,
        task.lost,
        task.not_before_s,
        int(task.is_running),
        task.cause.value,
        task.attempt_create_s,
        task.attempt_start_s,
        task.start_time_s,
        task.completion_time_s,
        result_text(task.result),
        seq,
    )


def task_from_row(row: sqlite3.Row, execution_uid: str) -> Task:
    """A task as it stands. The row begins with the columns of a task, in the order of `tasks_from`."""
    (
        index,
        state_name,
        attempt,
        handed_over,
        retried,
        lost,
        not_before_s,
        is_running,
        cause,
        attempt_create_s,
        attempt_start_s,
        start_s,
        completion_s,
        result,
    ) = row[:TASK_COLUMNS]
    state = _known(_TASK_STATES, state_name)
    return Task(
        index=index,
        state=state,
        attempt=attempt,
        attempt_uid=attempt_uid(execution_uid, index, handed_over - 1) if state is TaskState.RUNNING else "",
        attempt_create_s=attempt_create_s,
        attempt_start_s=attempt_start_s,
        handed_over=handed_over,
        retried=retried,
        lost=lost,
        not_before_s=not_before_s,
        is_running=bool(is_running),
        cause=_known(_CAUSES, cause),
        start_time_s=start_s,
        completion_time_s=completion_s,
        result=result_from_text(result),
    )


def _known(names: Mapping[str, N], name: str) -> N:
    """The member of an enumeration that a column names. (A table look-up costs a fifth of calling the class.)"""
    found = names.get(name)
    if found is None:
        raise CorruptStore(f"a stored row says {name!r}, which is none of {', '.join(names)}")
    return found


def unborn_task(execution: Execution, index: int) -> Task:
    """A task that was never handed over, and so has no row."""
    if execution.state is ExecutionState.RUNNING:
        return Task(index=index, state=TaskState.PENDING)
    ended_s = execution.completion_time_s if execution.state in FINAL_EXECUTION_STATES else execution.update_time_s
    return Task(index=index, state=TaskState.CANCELLED, completion_time_s=ended_s)


def attempt_parameters(attempt: AttemptRecord, execution_id: int) -> tuple[object, ...]:
    """The row of an ended attempt, in the order of the query `insert_attempt`."""
    index, handed_over = attempt_place(attempt.uid)
    return (
        execution_id,
        index,
        handed_over,
        attempt.number,
        attempt.cause.value,
        attempt.create_time_s,
        attempt.start_time_s,
        attempt.end_time_s,
        result_text(attempt.result),
        attempt.max_rss_bytes,
        attempt.cpu_s,
    )


def attempt_from_row(row: sqlite3.Row, execution_uid: str) -> AttemptRecord:
    """An ended attempt."""
    return AttemptRecord(
        uid=attempt_uid(execution_uid, row["idx"], row["handed_over"]),
        index=row["idx"],
        number=row["number"],
        cause=_known(_CAUSES, row["cause"]),
        create_time_s=row["create_s"],
        start_time_s=row["start_s"],
        end_time_s=row["end_s"],
        result=result_from_text(row["result"]),
        max_rss_bytes=row["max_rss_bytes"],
        cpu_s=row["cpu_s"],
    )


def present_attempt(task: Task) -> AttemptRecord:
    """The attempt that the engine holds: all of it follows from the task."""
    assert task.attempt_create_s is not None  # set by the hand-over
    return AttemptRecord(
        uid=task.attempt_uid,
        index=task.index,
        number=task.attempt,
        cause=task.cause,
        create_time_s=task.attempt_create_s,
        start_time_s=task.attempt_start_s,
    )


@lru_cache(maxsize=1024)
def _result_text(result: AttemptResult) -> str:
    return to_document(result)


def result_text(result: AttemptResult | None) -> str | None:
    """A result as a column."""
    return None if result is None else _result_text(result)


@lru_cache(maxsize=1024)
def _result_from_text(text: str) -> AttemptResult:
    return from_document(AttemptResult, text)


def result_from_text(text: str | None) -> AttemptResult | None:
    """A column as a result."""
    return None if text is None else _result_from_text(text)
