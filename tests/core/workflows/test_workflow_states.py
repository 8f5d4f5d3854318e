"""The state machine of executions of workflows."""

from __future__ import annotations

import itertools

import pytest

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.model import FINAL_STATES, ExecutionState
from hakobune.core.workflows.states import TRANSITIONS, ExecutionSignal, next_state


@pytest.mark.parametrize(("state", "signal"), list(itertools.product(ExecutionState, ExecutionSignal)))
def test_executions_move_where_the_table_has_a_row_and_nowhere_else(
    state: ExecutionState, signal: ExecutionSignal
) -> None:
    if (state, signal) in TRANSITIONS:
        assert next_state(state, signal) is TRANSITIONS[state, signal]
    else:
        with pytest.raises(IllegalTransition, match="workflow execution: no transition"):
            next_state(state, signal)


def test_given_a_final_state_then_nothing_leads_out_of_it_and_from_every_other_one_there_is_a_way_to_each() -> None:
    assert not [state for state, _ in TRANSITIONS if state in FINAL_STATES]
    for state in set(ExecutionState) - FINAL_STATES:
        reached, before = {state}, set[ExecutionState]()
        while reached != before:
            before = set(reached)
            reached |= {to for (start, _), to in TRANSITIONS.items() if start in before}
        assert reached >= FINAL_STATES
