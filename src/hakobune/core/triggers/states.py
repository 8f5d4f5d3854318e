"""How far a delivery has come: the only table that changes its state."""

from __future__ import annotations

from enum import StrEnum

from hakobune.core.errors import IllegalTransition


class DeliveryState(StrEnum):
    """Of one event to one trigger."""

    PENDING = "PENDING"  # an attempt is under way, or waited for
    DELIVERED = "DELIVERED"
    DEAD_LETTERED = "DEAD_LETTERED"  # given up, and told to the dead letter topic
    DROPPED = "DROPPED"  # given up


class Signal(StrEnum):
    """What happens to a delivery."""

    ACCEPT = "accept"  # the destination took it
    RETRY = "retry"
    DROP = "drop"
    DEAD_LETTER = "dead_letter"
    REDELIVER = "redeliver"  # a user asks for it


DELIVERY_TRANSITIONS: dict[tuple[DeliveryState, Signal], DeliveryState] = {
    (DeliveryState.PENDING, Signal.ACCEPT): DeliveryState.DELIVERED,
    (DeliveryState.PENDING, Signal.RETRY): DeliveryState.PENDING,
    (DeliveryState.PENDING, Signal.DROP): DeliveryState.DROPPED,
    (DeliveryState.PENDING, Signal.DEAD_LETTER): DeliveryState.DEAD_LETTERED,
    (DeliveryState.PENDING, Signal.REDELIVER): DeliveryState.PENDING,
    (DeliveryState.DELIVERED, Signal.REDELIVER): DeliveryState.PENDING,
    (DeliveryState.DEAD_LETTERED, Signal.REDELIVER): DeliveryState.PENDING,
    (DeliveryState.DROPPED, Signal.REDELIVER): DeliveryState.PENDING,
}


def next_state(state: DeliveryState, signal: Signal) -> DeliveryState:
    """The state after a signal. Raises IllegalTransition."""
    found = DELIVERY_TRANSITIONS.get((state, signal))
    if found is None:
        raise IllegalTransition(f"A delivery that is {state} cannot take the signal {signal}.")
    return found
