"""Deliveries of events to triggers: when they are tried, and when they are given up.

Source: https://cloud.google.com/eventarc/docs/retry-events. What rules is the subscription of the trigger, as there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from hakobune.core.triggers.limits import ACK_DEADLINE_DEFAULT_S, BACKOFF_MAX_S, BACKOFF_MIN_S, RETENTION_S
from hakobune.core.triggers.model import Mischief
from hakobune.core.triggers.states import DeliveryState, Signal, next_state


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """How a trigger's deliveries are tried. `attempts_max` 0: until the event is too old. `dead_letter_topic` "": what
    is given up is dropped."""

    ack_deadline_s: float = ACK_DEADLINE_DEFAULT_S
    backoff_min_s: float = BACKOFF_MIN_S
    backoff_max_s: float = BACKOFF_MAX_S
    retention_s: float = RETENTION_S
    attempts_max: int = 0
    dead_letter_topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """How an attempt ended. `status` is that of HTTP, 0 without an answer; `started` what it began, if that is ours."""

    is_accepted: bool
    status: int = 0
    message: str = ""
    started: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event to one trigger. `attempts` are those that have ended, `try_s` is when the next one begins, None while
    one is under way. `repeats`: how often a user asked for it to be begun anew."""

    uid: str
    event: int
    trigger_uid: str
    create_s: float
    since_s: float  # what its age is counted from
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    failures: int = 0  # since it was begun, or asked for again
    try_s: float | None = None
    settle_s: float | None = None
    last: Attempted | None = None
    repeats: int = 0


def planned(event: int, trigger_uid: str, mischief: Mischief, now_s: float) -> list[Delivery]:
    """The deliveries of an event that a trigger wants: one, unless it is to be disturbed on purpose."""
    found: list[Delivery] = []
    for copy in range(1 + mischief.duplicates):
        uid = f"{event}-{trigger_uid}" + (f"-{copy}" if copy else "")
        wait_s = mischief.delay_s + mischief.reorder_s * _share(f"{mischief.seed}/{event}/{copy}")
        try_s = now_s + wait_s if wait_s else None
        found.append(
            Delivery(uid=uid, event=event, trigger_uid=trigger_uid, create_s=now_s, since_s=now_s, try_s=try_s)
        )
    return found


def _share(text: str) -> float:
    """A number from 0 to 1 that looks like chance."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def backoff_s(failures: int, rules: DeliveryRules) -> float:
    """The wait after so many failures (from 1 on): doubled with each, 10 s, 20 s, … 600 s. Inferred: no jitter."""
    return min(rules.backoff_max_s, rules.backoff_min_s * 2.0 ** min(failures - 1, 60))


def answered(delivery: Delivery, attempted: Attempted, rules: DeliveryRules, now_s: float) -> Delivery:
    """An attempt has ended: the delivery is over, or it is tried again at its `try_s`."""
    failures = delivery.failures if attempted.is_accepted else delivery.failures + 1
    after = replace(delivery, attempts=delivery.attempts + 1, failures=failures, last=attempted)
    if attempted.is_accepted:
        return _settled(after, Signal.ACCEPT, now_s)
    try_s = now_s + backoff_s(failures, rules)
    is_last = 0 < rules.attempts_max <= failures
    if is_last or try_s - delivery.since_s > rules.retention_s:
        return _settled(after, Signal.DEAD_LETTER if rules.dead_letter_topic else Signal.DROP, now_s)
    return replace(after, state=next_state(after.state, Signal.RETRY), try_s=try_s)


def _settled(delivery: Delivery, signal: Signal, now_s: float) -> Delivery:
    return replace(delivery, state=next_state(delivery.state, signal), settle_s=now_s, try_s=None)


def again(delivery: Delivery) -> Delivery:
    """The wait before an attempt is over."""
    return replace(delivery, try_s=None)


def redelivered(delivery: Delivery, now_s: float, *, is_anew: bool) -> Delivery:
    """A user asks for it once more. `is_anew`: what it started before does not count."""
    return replace(
        delivery,
        state=next_state(delivery.state, Signal.REDELIVER),
        since_s=now_s,
        failures=0,
        try_s=None,
        settle_s=None,
        repeats=delivery.repeats + is_anew,
    )
