"""When deliveries are tried, and when they are given up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hakobune.core.errors import IllegalTransition
from hakobune.core.triggers.deliveries import (
    Attempted,
    Delivery,
    DeliveryRules,
    again,
    answered,
    backoff_s,
    planned,
    redelivered,
)
from hakobune.core.triggers.model import Mischief
from hakobune.core.triggers.states import DeliveryState, Signal, next_state

OK = Attempted(is_accepted=True, status=204)
BAD = Attempted(is_accepted=False, status=500, message="it answered 500")
RULES = DeliveryRules()


def a_delivery(**fields: object) -> Delivery:
    return replace(planned(7, "t", Mischief(), 100.0)[0], **fields)  # type: ignore[arg-type]


def test_the_waits_are_doubled_from_10_to_600_seconds() -> None:
    assert [backoff_s(failures, RULES) for failures in range(1, 10)] == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert backoff_s(5_000, RULES) == 600


def test_an_event_has_one_delivery_that_is_tried_at_once() -> None:
    (delivery,) = planned(7, "t", Mischief(), 100.0)
    assert delivery == Delivery(uid="7-t", event=7, trigger_uid="t", create_s=100.0, since_s=100.0)


def test_an_accepted_attempt_ends_a_delivery() -> None:
    after = answered(a_delivery(), OK, RULES, 101.0)
    assert (after.state, after.attempts, after.failures, after.settle_s) == (DeliveryState.DELIVERED, 1, 0, 101.0)
    assert after.last == OK


def test_a_failed_attempt_is_repeated_after_its_wait() -> None:
    after = answered(a_delivery(), BAD, RULES, 101.0)
    assert (after.state, after.attempts, after.failures, after.try_s) == (DeliveryState.PENDING, 1, 1, 111.0)
    due = again(after)
    assert due.try_s is None
    assert answered(due, BAD, RULES, 111.0).try_s == 131.0


def test_a_delivery_is_given_up_when_its_next_attempt_would_come_after_the_retention() -> None:
    late_s = 100.0 + RULES.retention_s
    assert answered(a_delivery(), BAD, RULES, late_s - 10.0).state is DeliveryState.PENDING
    after = answered(a_delivery(), BAD, RULES, late_s - 9.0)
    assert (after.state, after.settle_s, after.try_s) == (DeliveryState.DROPPED, late_s - 9.0, None)


def test_given_a_dead_letter_topic_what_is_given_up_goes_there() -> None:
    rules = DeliveryRules(attempts_max=2, dead_letter_topic="projects/p/topics/dead")
    first = answered(a_delivery(), BAD, rules, 101.0)
    assert first.state is DeliveryState.PENDING
    assert answered(again(first), BAD, rules, 111.0).state is DeliveryState.DEAD_LETTERED


def test_given_one_attempt_at_most_then_the_first_failure_is_the_last() -> None:
    assert answered(a_delivery(), BAD, DeliveryRules(attempts_max=1), 101.0).state is DeliveryState.DROPPED


def test_a_delivery_that_is_asked_for_again_begins_anew() -> None:
    dropped = answered(a_delivery(), BAD, DeliveryRules(attempts_max=1), 101.0)
    after = redelivered(dropped, 9_000.0, is_anew=False)
    assert (after.state, after.failures, after.attempts, after.since_s) == (DeliveryState.PENDING, 0, 1, 9_000.0)
    assert (after.settle_s, after.try_s, after.repeats) == (None, None, 0)
    assert redelivered(after, 9_001.0, is_anew=True).repeats == 1


def test_an_answer_to_a_delivery_that_is_over_is_a_bug_of_ours() -> None:
    with pytest.raises(IllegalTransition):
        answered(answered(a_delivery(), OK, RULES, 101.0), OK, RULES, 102.0)
    with pytest.raises(IllegalTransition):
        next_state(DeliveryState.DROPPED, Signal.RETRY)


# -- the test mode ---------------------------------------------------------------------------------------------------


def test_duplicates_are_deliveries_of_their_own() -> None:
    found = planned(7, "t", Mischief(duplicates=2), 100.0)
    assert [one.uid for one in found] == ["7-t", "7-t-1", "7-t-2"]
    assert {one.try_s for one in found} == {None}


def test_a_delay_is_the_same_for_all() -> None:
    assert [one.try_s for event in (1, 2) for one in planned(event, "t", Mischief(delay_s=5.0), 100.0)] == [105.0] * 2


def test_another_order_is_drawn_from_the_seed_and_comes_again_with_it() -> None:
    def order(seed: int) -> list[int]:
        found = [planned(event, "t", Mischief(reorder_s=10.0, seed=seed), 100.0)[0] for event in range(20)]
        assert all(one.try_s is not None and 100.0 <= one.try_s <= 110.0 for one in found)
        return [one.event for one in sorted(found, key=lambda one: one.try_s or 0.0)]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1) != sorted(order(1))
