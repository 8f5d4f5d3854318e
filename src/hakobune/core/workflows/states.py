"""The state machine of executions of workflows, as a table. Nothing else assigns a state.

An execution is QUEUED while the quota is used up, also for the instant before it begins; UNAVAILABLE while this version
cannot go on with it. The diagram in docs/architecture.md is drawn from this table.
"""

from __future__ import annotations

from enum import StrEnum

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.model import ExecutionState


class ExecutionSignal(StrEnum):
    """What can happen to an execution."""

    BEGIN = "BEGIN"  # there is room
    RETURN = "RETURN"  # main has returned
    RAISE = "RAISE"  # an error that nobody handled, or its longest time is over
    CANCEL = "CANCEL"
    SET_ASIDE = "SET_ASIDE"  # its journal or its revision cannot be read
    GO_ON = "GO_ON"  # at a start: tried again, after it had begun
    QUEUE_AGAIN = "QUEUE_AGAIN"  # at a start: tried again, before it has begun


TRANSITIONS: dict[tuple[ExecutionState, ExecutionSignal], ExecutionState] = {
    (ExecutionState.QUEUED, ExecutionSignal.BEGIN): ExecutionState.ACTIVE,
    (ExecutionState.QUEUED, ExecutionSignal.CANCEL): ExecutionState.CANCELLED,
    (ExecutionState.QUEUED, ExecutionSignal.SET_ASIDE): ExecutionState.UNAVAILABLE,
    (ExecutionState.ACTIVE, ExecutionSignal.RETURN): ExecutionState.SUCCEEDED,
    (ExecutionState.ACTIVE, ExecutionSignal.RAISE): ExecutionState.FAILED,
    (ExecutionState.ACTIVE, ExecutionSignal.CANCEL): ExecutionState.CANCELLED,
    (ExecutionState.ACTIVE, ExecutionSignal.SET_ASIDE): ExecutionState.UNAVAILABLE,
    (ExecutionState.UNAVAILABLE, ExecutionSignal.GO_ON): ExecutionState.ACTIVE,
    (ExecutionState.UNAVAILABLE, ExecutionSignal.QUEUE_AGAIN): ExecutionState.QUEUED,
    (ExecutionState.UNAVAILABLE, ExecutionSignal.CANCEL): ExecutionState.CANCELLED,
}


def next_state(state: ExecutionState, signal: ExecutionSignal) -> ExecutionState:
    """The state after the signal. Raises IllegalTransition: that is our bug."""
    try:
        return TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition(f"workflow execution: no transition from {state} on {signal}") from None
