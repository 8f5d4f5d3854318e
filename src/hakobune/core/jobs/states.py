"""The two state machines of jobs, as tables. Nothing else assigns a state.

A task is PENDING from its creation, also while it waits for a retry; RUNNING from the moment the engine owns an
attempt of it. The diagram in docs/architecture.md is drawn from these tables.
"""

from __future__ import annotations

from enum import StrEnum

from hakobune.core.errors import IllegalTransition


class TaskState(StrEnum):
    """States of one index."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TaskSignal(StrEnum):
    """What can happen to a task."""

    START = "START"
    EXIT_OK = "EXIT_OK"
    EXIT_RETRY = "EXIT_RETRY"  # failed, retries left
    EXIT_FINAL = "EXIT_FINAL"  # failed, no retries left
    LOST = "LOST"  # the platform lost the attempt: goes back, uses no retry
    STOPPED = "STOPPED"  # ended because the execution is cancelled
    CANCEL = "CANCEL"  # never started, and never will


class ExecutionState(StrEnum):
    """States of one run."""

    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ExecutionSignal(StrEnum):
    """What can happen to an execution."""

    CANCEL = "CANCEL"
    ALL_SUCCEEDED = "ALL_SUCCEEDED"  # every task is final, all succeeded
    SOME_FAILED = "SOME_FAILED"  # every task is final, at least one failed, nobody cancelled
    ALL_STOPPED = "ALL_STOPPED"  # every task is final after a cancel
    TOO_MANY_FAILED = "TOO_MANY_FAILED"  # every task is final after the failure threshold cut the rest


TASK_TRANSITIONS: dict[tuple[TaskState, TaskSignal], TaskState] = {
    (TaskState.PENDING, TaskSignal.START): TaskState.RUNNING,
    (TaskState.PENDING, TaskSignal.CANCEL): TaskState.CANCELLED,
    (TaskState.RUNNING, TaskSignal.EXIT_OK): TaskState.SUCCEEDED,
    (TaskState.RUNNING, TaskSignal.EXIT_RETRY): TaskState.PENDING,
    (TaskState.RUNNING, TaskSignal.EXIT_FINAL): TaskState.FAILED,
    (TaskState.RUNNING, TaskSignal.LOST): TaskState.PENDING,
    (TaskState.RUNNING, TaskSignal.STOPPED): TaskState.CANCELLED,
}

EXECUTION_TRANSITIONS: dict[tuple[ExecutionState, ExecutionSignal], ExecutionState] = {
    (ExecutionState.RUNNING, ExecutionSignal.CANCEL): ExecutionState.CANCELLING,
    (ExecutionState.RUNNING, ExecutionSignal.ALL_SUCCEEDED): ExecutionState.SUCCEEDED,
    (ExecutionState.RUNNING, ExecutionSignal.SOME_FAILED): ExecutionState.FAILED,
    (ExecutionState.CANCELLING, ExecutionSignal.ALL_STOPPED): ExecutionState.CANCELLED,
    (ExecutionState.CANCELLING, ExecutionSignal.TOO_MANY_FAILED): ExecutionState.FAILED,
}

FINAL_TASK_STATES = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED})
FINAL_EXECUTION_STATES = frozenset({ExecutionState.SUCCEEDED, ExecutionState.FAILED, ExecutionState.CANCELLED})


def next_task_state(state: TaskState, signal: TaskSignal) -> TaskState:
    """The state after `signal`. Raises IllegalTransition where the table has no row."""
    try:
        return TASK_TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition(f"task: no transition from {state} on {signal}") from None


def next_execution_state(state: ExecutionState, signal: ExecutionSignal) -> ExecutionState:
    """The state after `signal`. Raises IllegalTransition where the table has no row."""
    try:
        return EXECUTION_TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition(f"execution: no transition from {state} on {signal}") from None
