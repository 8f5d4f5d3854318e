"""The two state machines of jobs."""

from __future__ import annotations

import itertools

import pytest

from hakobune.core.errors import IllegalTransition
from hakobune.core.jobs.states import (
    EXECUTION_TRANSITIONS,
    FINAL_EXECUTION_STATES,
    FINAL_TASK_STATES,
    TASK_TRANSITIONS,
    ExecutionSignal,
    ExecutionState,
    TaskSignal,
    TaskState,
    next_execution_state,
    next_task_state,
)


@pytest.mark.parametrize(("state", "signal"), list(itertools.product(TaskState, TaskSignal)))
def test_tasks_move_where_the_table_has_a_row_and_nowhere_else(state: TaskState, signal: TaskSignal) -> None:
    if (state, signal) in TASK_TRANSITIONS:
        assert next_task_state(state, signal) is TASK_TRANSITIONS[state, signal]
    else:
        with pytest.raises(IllegalTransition, match="task: no transition"):
            next_task_state(state, signal)


@pytest.mark.parametrize(("state", "signal"), list(itertools.product(ExecutionState, ExecutionSignal)))
def test_executions_move_where_the_table_has_a_row_and_nowhere_else(
    state: ExecutionState, signal: ExecutionSignal
) -> None:
    if (state, signal) in EXECUTION_TRANSITIONS:
        assert next_execution_state(state, signal) is EXECUTION_TRANSITIONS[state, signal]
    else:
        with pytest.raises(IllegalTransition, match="execution: no transition"):
            next_execution_state(state, signal)


def test_nothing_leaves_a_final_state_and_every_other_state_can_be_left() -> None:
    assert {state for state, _ in TASK_TRANSITIONS} == set(TaskState) - FINAL_TASK_STATES
    assert {state for state, _ in EXECUTION_TRANSITIONS} == set(ExecutionState) - FINAL_EXECUTION_STATES


def test_every_state_and_every_signal_has_a_use() -> None:
    assert set(TASK_TRANSITIONS.values()) == set(TaskState)
    assert {signal for _, signal in TASK_TRANSITIONS} == set(TaskSignal)
    assert set(EXECUTION_TRANSITIONS.values()) | {ExecutionState.RUNNING} == set(ExecutionState)
    assert {signal for _, signal in EXECUTION_TRANSITIONS} == set(ExecutionSignal)
