"""The two state machines of residents, as tables. Nothing else assigns a state."""

from __future__ import annotations

from enum import StrEnum

from hakobune.core.errors import IllegalTransition
from hakobune.core.services.model import InstanceState, RevisionState


class RevisionSignal(StrEnum):
    """What can happen to a revision."""

    SHOWN = "SHOWN"  # its first instance is ready, or none is wanted
    FAIL = "FAIL"  # its source cannot be prepared, or its first instance did not come
    RETIRE = "RETIRE"  # nothing leads to it any more
    SERVE = "SERVE"  # something leads to it again


class InstanceSignal(StrEnum):
    """What can happen to an instance."""

    ANSWERED = "ANSWERED"  # its startup probe
    DRAIN = "DRAIN"  # it is not wanted any more
    STOP = "STOP"  # it must end now
    EXIT = "EXIT"  # it ended, and nobody wanted that
    RESTART = "RESTART"  # its backoff is over


REVISION_TRANSITIONS: dict[tuple[RevisionState, RevisionSignal], RevisionState] = {
    (RevisionState.DEPLOYING, RevisionSignal.SHOWN): RevisionState.READY,
    (RevisionState.DEPLOYING, RevisionSignal.FAIL): RevisionState.FAILED,
    (RevisionState.DEPLOYING, RevisionSignal.RETIRE): RevisionState.RETIRED,  # a later declaration replaced it
    (RevisionState.READY, RevisionSignal.RETIRE): RevisionState.RETIRED,
    (RevisionState.RETIRED, RevisionSignal.SERVE): RevisionState.READY,
}

INSTANCE_TRANSITIONS: dict[tuple[InstanceState, InstanceSignal], InstanceState] = {
    (InstanceState.STARTING, InstanceSignal.ANSWERED): InstanceState.READY,
    (InstanceState.STARTING, InstanceSignal.DRAIN): InstanceState.DRAINING,
    (InstanceState.STARTING, InstanceSignal.STOP): InstanceState.STOPPING,
    (InstanceState.STARTING, InstanceSignal.EXIT): InstanceState.RESTING,
    (InstanceState.READY, InstanceSignal.DRAIN): InstanceState.DRAINING,
    (InstanceState.READY, InstanceSignal.STOP): InstanceState.STOPPING,
    (InstanceState.READY, InstanceSignal.EXIT): InstanceState.RESTING,
    (InstanceState.DRAINING, InstanceSignal.STOP): InstanceState.STOPPING,
    (InstanceState.RESTING, InstanceSignal.RESTART): InstanceState.STARTING,
}


def next_revision_state(state: RevisionState, signal: RevisionSignal) -> RevisionState:
    """The state after a signal. Raises IllegalTransition."""
    try:
        return REVISION_TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition(f"a revision that is {state} cannot take {signal}") from None


def next_instance_state(state: InstanceState, signal: InstanceSignal) -> InstanceState:
    """The state after a signal. Raises IllegalTransition."""
    try:
        return INSTANCE_TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition(f"an instance that is {state} cannot take {signal}") from None
