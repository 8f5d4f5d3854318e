"""How schedules are paused and resumed: the only table that changes a state."""

from __future__ import annotations

from enum import StrEnum

from hakobune.core.errors import FailedPrecondition
from hakobune.core.schedules.model import ScheduleName, ScheduleState


class Switch(StrEnum):
    """What a user asks for."""

    PAUSE = "pause"
    RESUME = "resume"


SCHEDULE_TRANSITIONS: dict[tuple[ScheduleState, Switch], ScheduleState] = {
    (ScheduleState.ENABLED, Switch.PAUSE): ScheduleState.PAUSED,
    (ScheduleState.PAUSED, Switch.RESUME): ScheduleState.ENABLED,
}


def switched(name: ScheduleName, state: ScheduleState, switch: Switch) -> ScheduleState:
    """The state after a switch. Raises FailedPrecondition: only an enabled schedule can be paused, only a paused one
    resumed."""
    new = SCHEDULE_TRANSITIONS.get((state, switch))
    if new is None:
        needed = next(before for before, one in SCHEDULE_TRANSITIONS if one is switch)
        raise FailedPrecondition(f"Job {name.job} is {state}; only one that is {needed} can be {switch}d.")
    return new
