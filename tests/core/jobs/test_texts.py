"""The texts by which people and tools know how a job ended: character by character."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import EXIT_1, LOST, OK, an_execution, result

from hakobune.core.jobs.model import AttemptResult, Counts, Execution, Policy, ResultKind
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.jobs.texts import (
    attempt_status,
    completed_text,
    ended_text,
    failure_text,
    imported_text,
    operation_error,
    started_text,
)


def failed(outcome: AttemptResult, index: int = 1, **more: object) -> Execution:
    return replace(
        an_execution(task_count=3),
        state=ExecutionState.FAILED,
        failure=outcome,
        failure_index=index,
        **more,  # type: ignore[arg-type]
    )


_TASK = "Task thumbs-x7k2p-task1"

FAILURES = [
    (
        result(ResultKind.EXIT, exit_code=3),
        10,
        f"{_TASK} failed with exit code: 3 and message: The container exited with an error.",
    ),
    (
        result(ResultKind.TIMEOUT, exit_code=143),
        4,
        f"{_TASK} failed with exit code: 0 and message: The configured timeout was reached.",
    ),
    (
        result(ResultKind.MEMORY, signal=9, detail="used 517 MiB"),
        8,
        f"{_TASK} failed with exit code: 0 and message: The configured memory limit was reached.",
    ),
    (
        result(ResultKind.SIGNAL, signal=11),
        10,
        f"{_TASK} failed with exit code: 0 and message: A signal terminated the container.",
    ),
    (LOST, 13, f"{_TASK} failed with exit code: 0 and message: Internal error."),
    (
        result(ResultKind.START_FAILED, detail="No such file: ./gone"),
        9,
        f"{_TASK} could not be started: The container failed to start. No such file: ./gone",
    ),
    (result(ResultKind.START_FAILED), 9, f"{_TASK} could not be started: The container failed to start."),
]


@pytest.mark.parametrize(("outcome", "code", "text"), FAILURES, ids=[str(row[0].kind) for row in FAILURES])
def test_given_a_failed_task_when_the_execution_ends_then_code_and_text_are_those_of_the_service(
    outcome: AttemptResult, code: int, text: str
) -> None:
    assert failure_text("thumbs-x7k2p", 1, outcome) == text
    assert operation_error(failed(outcome)) == (code, text)
    assert ended_text(failed(outcome)) == text


@pytest.mark.parametrize("state", [ExecutionState.RUNNING, ExecutionState.SUCCEEDED, ExecutionState.CANCELLED])
def test_given_an_execution_that_did_not_fail_when_asked_then_its_operation_has_no_error(state: ExecutionState) -> None:
    assert operation_error(replace(an_execution(), state=state)) is None


def test_given_a_cut_after_failures_when_it_ends_then_the_standard_text_comes_first_and_the_reason_after() -> None:
    execution = failed(
        EXIT_1,
        cancel_reason="max_failed_tasks",
        policy=Policy(max_failed_tasks=0),
        counts=Counts(failed=1, cancelled=2),
    )
    assert operation_error(execution) == (
        10,
        (
            f"{_TASK} failed with exit code: 1 and message: The container exited with an error. "
            "1 of 3 tasks failed, more than the 0 that the job tolerates: 2 were cancelled."
        ),
    )


@pytest.mark.parametrize("kind", ResultKind)
def test_every_outcome_has_a_status(kind: ResultKind) -> None:
    status = attempt_status(result(kind))
    assert (status.message == "") is (kind is ResultKind.SUCCESS)
    assert (int(status.code) == 0) is (kind is ResultKind.SUCCESS)


def test_statuses_of_attempts() -> None:
    assert attempt_status(OK).code == 0
    assert attempt_status(result(ResultKind.CANCELLED)).message == "Cancelled by user."
    assert attempt_status(result(ResultKind.CANCELLED)).code == 1


def test_texts_with_times() -> None:
    assert imported_text(63.6) == "Imported container image in 1m3.6s."
    assert started_text(15.95) == "Started deployed execution in 15.95s."
    assert completed_text(12.3) == "Execution completed successfully in 12.3s."


def test_texts_of_an_execution_under_way() -> None:
    execution = an_execution()
    assert ended_text(execution) == ""
    assert ended_text(replace(execution, first_start_time_s=101.0)) == "Waiting for execution to complete."
    cancelling = replace(execution, state=ExecutionState.CANCELLING, cancel_reason="user")
    assert ended_text(cancelling) == "Waiting for execution to be cancelled."
    assert ended_text(replace(cancelling, cancel_reason="max_failed_tasks")).startswith("Too many tasks failed")
    assert ended_text(replace(execution, state=ExecutionState.CANCELLED)) == "Cancelled by user."
    done = replace(execution, state=ExecutionState.SUCCEEDED, completion_time_s=109.84)
    assert ended_text(done) == "Execution completed successfully in 9.84s."
