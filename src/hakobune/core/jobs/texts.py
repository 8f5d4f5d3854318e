"""The texts by which people and tools know how a job ended. Tools search for them: not one character may differ.

Sources: outputs of the real service quoted in public repositories, gathered in the project's notes on Cloud Run
(sections on failure texts and conditions). `exit code: 0` in failures without an exit code is what the service prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from hakobune.core.errors import Code
from hakobune.core.instants import elapsed_to_text
from hakobune.core.jobs.model import AttemptResult, Execution, ResultKind
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.names import task_id

WAITING_TO_START = "Waiting for execution to start."
WAITING_TO_COMPLETE = "Waiting for execution to complete."
WAITING_TO_BE_CANCELLED = "Waiting for execution to be cancelled."
CANCELLED = "Cancelled by user."
PROVISIONED = "Provisioned imported containers."

# Ours: the service's own texts for these are not known.
JOB_PREPARING = "Preparing the source of the job."
TASK_WAITING_TO_START = "Waiting for task to start."
TASK_WAITING_TO_COMPLETE = "Waiting for task to complete."
CANCELLED_AFTER_FAILURES = "Cancelled because too many tasks failed."
STOPPING_AFTER_FAILURES = "Too many tasks failed: waiting for the remaining tasks to stop."


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStatus:
    """How an attempt ended, as a google.rpc.Status: the code 0 and no message for success."""

    code: Code
    message: str


# Memory, signal and internal failures: the texts were seen, their codes are inferred. An exit code and a signal are
# both "the program ended by itself", hence one code; a memory limit is a resource used up.
_STATUSES: dict[ResultKind, AttemptStatus] = {
    ResultKind.SUCCESS: AttemptStatus(code=Code.OK, message=""),
    ResultKind.EXIT: AttemptStatus(code=Code.ABORTED, message="The container exited with an error."),
    ResultKind.SIGNAL: AttemptStatus(code=Code.ABORTED, message="A signal terminated the container."),
    ResultKind.TIMEOUT: AttemptStatus(code=Code.DEADLINE_EXCEEDED, message="The configured timeout was reached."),
    ResultKind.MEMORY: AttemptStatus(code=Code.RESOURCE_EXHAUSTED, message="The configured memory limit was reached."),
    ResultKind.CANCELLED: AttemptStatus(code=Code.CANCELLED, message=CANCELLED),
    ResultKind.START_FAILED: AttemptStatus(code=Code.FAILED_PRECONDITION, message="The container failed to start."),
    ResultKind.LOST: AttemptStatus(code=Code.INTERNAL, message="Internal error."),
}


def attempt_status(result: AttemptResult) -> AttemptStatus:
    """The status of one ended attempt. Only a failed start adds its detail: the other texts are searched for."""
    status = _STATUSES[result.kind]
    if result.kind is ResultKind.START_FAILED and result.detail:
        return AttemptStatus(code=status.code, message=f"{status.message} {result.detail}")
    return status


def failure_text(execution_id: str, index: int, result: AttemptResult) -> str:
    """What a failed task says: `Task thumbs-x7k2p-task1 failed with exit code: 3 and message: …`."""
    name = task_id(execution_id, index)
    message = attempt_status(result).message
    if result.kind is ResultKind.START_FAILED:
        return f"Task {name} could not be started: {message}"  # ours: there is no exit code to speak of
    exit_code = result.exit_code or 0 if result.kind is ResultKind.EXIT else 0
    return f"Task {name} failed with exit code: {exit_code} and message: {message}"


def operation_error(execution: Execution) -> tuple[int, str] | None:
    """The error of an ended execution's run operation as (google.rpc code, message), None if it succeeded.

    A cancelled execution is no error: its run operation answers the execution.
    """
    if execution.state is not ExecutionState.FAILED:
        return None
    # Both were set by the first failed task.
    assert execution.failure is not None
    assert execution.failure_index is not None
    text = failure_text(execution.name.execution, execution.failure_index, execution.failure)
    if execution.cancel_reason == "max_failed_tasks":
        text = f"{text} {_cut_text(execution)}"
    return int(attempt_status(execution.failure).code), text


def _cut_text(execution: Execution) -> str:
    counts = execution.counts
    return (
        f"{counts.failed} of {execution.task_count} tasks failed, more than the "
        f"{execution.policy.max_failed_tasks or 0} that the job tolerates: {counts.cancelled} were cancelled."
    )


def imported_text(elapsed_s: float) -> str:
    """ContainerReady succeeded."""
    return f"Imported container image in {elapsed_to_text(elapsed_s)}."


def started_text(elapsed_s: float) -> str:
    """Started succeeded."""
    return f"Started deployed execution in {elapsed_to_text(elapsed_s)}."


def completed_text(elapsed_s: float) -> str:
    """Completed succeeded."""
    return f"Execution completed successfully in {elapsed_to_text(elapsed_s)}."


def ended_text(execution: Execution) -> str:
    """The message of `Completed` for an execution in any state."""
    match execution.state:
        case ExecutionState.RUNNING:
            return "" if execution.first_start_time_s is None else WAITING_TO_COMPLETE
        case ExecutionState.CANCELLING:
            cut = execution.cancel_reason == "max_failed_tasks"
            return STOPPING_AFTER_FAILURES if cut else WAITING_TO_BE_CANCELLED
        case ExecutionState.SUCCEEDED:
            return completed_text((execution.completion_time_s or 0.0) - execution.create_time_s)
        case ExecutionState.CANCELLED:
            return CANCELLED
        case ExecutionState.FAILED:
            error = operation_error(execution)
            return error[1] if error else ""
        case _:
            assert_never(execution.state)
