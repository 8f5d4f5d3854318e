"""Messages on their way: publish, pull, acknowledge, filters, dead letters, seeks, snapshots, removal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pubsub_desk import START_S, SUB, TOPIC, Desk, snapshot_name, texts_of

from hakobune.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from hakobune.core.instants import timestamp_from_text, timestamp_to_text
from hakobune.core.pubsub.limits import RETENTION_DEFAULT_S, SCANNED_MESSAGES, WAITING_MESSAGES
from hakobune.core.pubsub.messages import decode_body
from hakobune.core.pubsub.model import (
    DeadLetterPolicy,
    PushConfig,
    RetryPolicy,
    Schema,
    SchemaSettings,
    SchemaType,
    Subscription,
    Topic,
)
from hakobune.core.pubsub.names import SchemaName, SubscriptionName, TopicName
from hakobune.store.api import Page
from hakobune.store.pubsub_api import Backlog, PullWish

OTHER = SubscriptionName(project="p", id="other")
DEAD = TopicName(project="p", id="dead")
DEAD_SUB = SubscriptionName(project="p", id="dead-sub")
RETRY = RetryPolicy(minimum_backoff_s=20, maximum_backoff_s=100)
DAY_S = 86_400.0


# -- publish, pull, acknowledge -------------------------------------------------------------------------------------


def test_given_messages_when_pulled_then_they_come_in_the_order_of_their_ids_with_all_they_had() -> None:
    desk = Desk()
    assert desk.publish("a", "b", k="v") == [1, 2]
    desk.publish("c", key="key")
    found = desk.pull()
    assert texts_of(found) == ["a", "b", "c"]
    assert decode_body(found[0].body)[1] == {"k": "v"}
    assert [(one.message_id, one.ordering_key, one.publish_s, one.attempt) for one in found] == [
        (1, "", START_S, 0),
        (2, "", START_S, 0),
        (3, "key", START_S, 0),
    ]


def test_given_a_clock_that_is_set_back_when_published_then_instants_do_not_fall() -> None:
    desk = Desk()
    desk.publish("a")
    desk.now_s -= 100
    desk.publish("b")
    assert [one.publish_s for one in desk.pull()] == [START_S, START_S]


def test_given_a_topic_that_is_not_there_when_published_then_it_is_not_found() -> None:
    with pytest.raises(NotFound, match="Topic not found"):
        Desk().publish("a", topic=TopicName(project="p", id="nope"))


def test_given_messages_before_a_subscription_when_it_pulls_then_it_gets_the_later_ones_alone() -> None:
    desk = Desk()
    desk.publish("early")
    desk.subscription(OTHER)
    desk.publish("late")
    assert desk.texts(name=OTHER) == ["late"]
    assert desk.texts() == ["early", "late"]


def test_given_leased_messages_when_pulled_again_then_they_come_after_their_deadline_under_new_ack_ids() -> None:
    desk = Desk(ack_deadline_s=10)
    desk.publish("a", "b")
    first = desk.pull(1)
    assert desk.texts() == ["b"]
    empty = desk.pulled()
    assert (empty.deliveries, empty.next_due_s) == ([], START_S + 10)
    desk.now_s += 10
    again = desk.pull()
    assert texts_of(again) == ["a", "b"]
    assert again[0].ack_id != first[0].ack_id


def test_given_acknowledged_messages_when_time_passes_then_they_never_come_again() -> None:
    desk = Desk()
    desk.publish("a", "b", "c")
    found = desk.pull()
    desk.ack(found[:2])
    desk.ack(found[:2])  # twice is once
    desk.now_s += 100
    assert desk.texts() == ["c"]


def test_given_an_ack_id_of_an_older_delivery_when_acknowledged_then_the_message_is() -> None:
    desk = Desk()
    desk.publish("a")
    old = desk.pull()
    desk.now_s += 20
    assert desk.texts() == ["a"]
    desk.ack(old)
    desk.now_s += 20
    assert desk.pull() == []


def test_given_a_longer_deadline_when_modified_then_the_message_stays_with_its_subscriber() -> None:
    desk = Desk()
    desk.publish("a")
    found = desk.pull()
    desk.now_s += 5
    desk.modify(found, 60)
    desk.now_s += 59
    assert desk.pull() == []
    desk.now_s += 1
    assert desk.texts() == ["a"]


def test_given_a_nack_when_pulled_then_the_message_comes_at_once_and_an_old_nack_changes_nothing() -> None:
    desk = Desk()
    desk.publish("a")
    first = desk.pull()
    desk.modify(first)
    again = desk.pull()
    assert texts_of(again) == ["a"]
    desk.modify(first)
    assert desk.pull() == []


def test_given_a_limit_of_bytes_when_pulled_then_the_first_message_always_fits() -> None:
    desk = Desk()
    desk.publish("a" * 100, "b" * 100, "c")
    assert [len(text) for text in texts_of(desk.pulled(limit_bytes=150).deliveries)] == [100]
    assert [len(text) for text in texts_of(desk.pulled(limit_bytes=10).deliveries)] == [100]
    desk.now_s += 20
    assert [len(text) for text in texts_of(desk.pulled(limit_bytes=10).deliveries)] == [100]
    assert len(desk.pulled(limit_bytes=1_000).deliveries) == 2


def test_given_ack_ids_of_nobody_when_acknowledged_then_they_are_refused() -> None:
    desk = Desk()
    desk.subscription(OTHER)
    desk.publish("a")
    with pytest.raises(InvalidArgument):
        desk.unit(lambda tx: tx.messages.acknowledge(SUB, ["nonsense"], desk.now_s))
    with pytest.raises(InvalidArgument):
        desk.ack(desk.pull(name=OTHER))
    with pytest.raises(NotFound):
        desk.ack(desk.pull(), SubscriptionName(project="p", id="nope"))


def test_given_old_messages_when_pulled_then_those_beyond_the_retention_are_passed_by() -> None:
    desk = Desk(message_retention_s=600.0)
    desk.publish("taken", "old")
    desk.pull(1)
    desk.now_s += 601
    desk.publish("new")
    assert desk.texts() == ["new"]
    desk.now_s += 1
    assert desk.count("deliveries") == 1


# -- exactly once ---------------------------------------------------------------------------------------------------


def test_given_exactly_once_when_an_old_ack_id_is_used_then_it_fails_and_nothing_is_done() -> None:
    desk = Desk(enable_exactly_once_delivery=True)
    desk.publish("a", "b")
    old = desk.pull()
    desk.now_s += 20
    new = desk.pull()
    failed = desk.ack([old[0], new[1]]).failures
    assert failed == {
        old[0].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID",
        new[1].ack_id: "TRANSIENT_TEMPORARY_FAILURE",
    }
    assert desk.ack([new[1]]).failures == {}
    assert desk.ack([new[1]]).failures == {new[1].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    assert set(desk.modify([old[0]], 30).failures) == {old[0].ack_id}
    assert desk.modify([new[0]], 30).failures == {}
    desk.now_s += 31
    assert set(desk.ack([new[0]]).failures) == {new[0].ack_id}
    assert desk.texts() == ["a"]


# -- filters --------------------------------------------------------------------------------------------------------


def test_given_a_filter_when_pulled_then_other_messages_are_passed_for_ever() -> None:
    desk = Desk(filter='attributes.kind = "a"')
    for number in range(6):
        desk.publish(str(number), kind="a" if number % 3 == 0 else "b")
    found = desk.pull()
    assert texts_of(found) == ["0", "3"]
    desk.ack(found)
    desk.now_s += 100
    assert desk.pulled().next_due_s is None


def test_given_a_filter_and_a_long_run_of_others_when_pulled_then_a_unit_looks_at_a_bounded_number() -> None:
    desk = Desk(filter="attributes:wanted")
    for _ in range(SCANNED_MESSAGES // 500 + 1):
        desk.publish(*["x"] * 500)
    desk.publish("y", wanted="")
    first = desk.pulled()
    assert (first.deliveries, first.may_have_more) == ([], True)
    assert desk.texts() == ["y"]


# -- retry policy and dead letters ----------------------------------------------------------------------------------


def test_given_a_retry_policy_when_deliveries_fail_then_the_waits_double() -> None:
    desk = Desk(retry=RETRY, ack_deadline_s=10)
    desk.publish("a")
    desk.modify(desk.pull())
    assert desk.pulled().next_due_s == START_S + 20
    desk.now_s += 20
    assert desk.texts() == ["a"]
    desk.now_s += 10  # the lease ran out: 40 s from then on
    assert desk.pulled().next_due_s == START_S + 20 + 10 + 40
    desk.now_s += 40
    assert desk.texts() == ["a"]


def a_desk_with_dead_letters(**fields: object) -> Desk:
    desk = Desk(has_subscription=False)
    desk.topic(DEAD)
    desk.subscription(dead_letter=DeadLetterPolicy(topic=str(DEAD), max_delivery_attempts=5), **fields)
    desk.subscription(DEAD_SUB, DEAD)
    return desk


def test_given_nacks_when_the_last_attempt_failed_then_the_message_is_a_dead_letter() -> None:
    desk = a_desk_with_dead_letters()
    desk.publish("a", kind="k")
    attempts: list[int] = []
    for _ in range(5):
        found = desk.pull()
        attempts.append(found[0].attempt)
        woken = desk.modify(found).woken_topics
    assert attempts == [1, 2, 3, 4, 5]
    assert len(woken) == 1
    assert desk.pull() == []
    letter = desk.pull(name=DEAD_SUB)
    data, tells = decode_body(letter[0].body)
    assert data == b"a"
    assert tells["kind"] == "k"
    assert tells["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert tells["CloudPubSubDeadLetterSourceSubscription"] == "sub"


def test_given_leases_that_run_out_when_looked_after_then_dead_letters_leave_without_a_pull() -> None:
    desk = a_desk_with_dead_letters()
    desk.publish("a")
    for _ in range(5):
        assert desk.texts() == ["a"]
        assert desk.unit(lambda tx: tx.pubsub.dead_letter_dues()) == [(SUB, desk.now_s + 10)]
        desk.now_s += 10
    assert len(desk.unit(lambda tx: tx.messages.settle_overdue(SUB, desk.now_s))) == 1
    assert desk.pull() == []
    assert desk.texts(name=DEAD_SUB) == ["a"]


def test_given_a_pull_after_the_last_lease_ran_out_then_it_sends_the_dead_letter_itself() -> None:
    desk = a_desk_with_dead_letters(enable_message_ordering=True)
    desk.publish("a", "b", key="k")
    for _ in range(5):
        assert desk.texts(1) == ["a"]
        desk.now_s += 10
    found = desk.pulled()
    assert texts_of(found.deliveries) == ["b"]
    assert len(found.woken_topics) == 1
    assert desk.texts(name=DEAD_SUB) == ["a"]


def test_given_no_dead_letter_topic_when_attempts_are_used_up_then_the_message_goes_on_coming() -> None:
    desk = Desk(dead_letter=DeadLetterPolicy(topic=str(DEAD), max_delivery_attempts=5))
    desk.publish("a")
    for _ in range(7):
        desk.modify(desk.pull())
    assert desk.pull()[0].attempt == 8


# -- ordering -------------------------------------------------------------------------------------------------------


def test_given_a_batch_of_a_key_under_way_when_pulled_then_the_key_waits_and_others_do_not() -> None:
    desk = Desk(enable_message_ordering=True)
    desk.publish("0", "1", "2", "3", key="a")
    first = desk.pull(2)
    assert texts_of(first) == ["0", "1"]
    assert desk.pull(2) == []
    desk.publish("x", key="b")
    desk.publish("plain")
    assert desk.texts() == ["x", "plain"]
    desk.ack(first[:1])
    assert desk.pull() == []
    desk.ack(first[1:])
    assert desk.texts() == ["2", "3"]


def test_given_a_nack_in_a_batch_when_pulled_then_order_begins_again_there() -> None:
    desk = Desk(enable_message_ordering=True)
    desk.publish("0", "1", "2", "3", key="a")
    first = desk.pull(3)
    desk.ack(first[:1])
    desk.modify(first[1:2])
    again = desk.pull()
    assert texts_of(again) == ["1", "2", "3"]
    assert [one.ack_id for one in again[:2]] != [one.ack_id for one in first[1:]]


def test_given_a_nack_behind_a_live_lease_when_that_is_acknowledged_then_the_key_goes_on() -> None:
    desk = Desk(enable_message_ordering=True)
    desk.publish("0", "1", "2", key="a")
    first = desk.pull()
    desk.modify(first[1:2])
    assert desk.pull() == []
    desk.ack(first[:1])
    assert desk.texts() == ["1", "2"]


def test_given_leases_of_a_key_that_run_out_when_pulled_then_the_key_comes_again_in_order() -> None:
    desk = Desk(enable_message_ordering=True, retry=RETRY)
    desk.publish("0", "1", key="a")
    desk.pull()
    desk.publish("2", key="a")
    desk.now_s += 10
    assert desk.pulled().next_due_s == desk.now_s + 20
    desk.now_s += 20
    assert desk.texts() == ["0", "1", "2"]


def test_given_messages_of_a_key_that_got_too_old_when_pulled_then_the_later_ones_come() -> None:
    desk = Desk(enable_message_ordering=True, message_retention_s=600.0)
    desk.publish("0", "1", key="a")
    desk.pull(1)
    desk.now_s += 595
    desk.publish("2", key="a")
    desk.now_s += 10
    assert desk.texts() == ["2"]


def test_given_a_key_that_is_stuck_when_others_follow_then_the_look_ahead_is_bounded() -> None:
    desk = Desk(enable_message_ordering=True, ack_deadline_s=600)
    desk.publish("first", key="a")
    held = desk.pull()
    for _ in range(WAITING_MESSAGES // 1_000 + 2):
        desk.publish(*["x"] * 1_000, key="a")
    desk.publish("other", key="b")
    while (found := desk.pulled()).may_have_more:
        pass
    assert found.deliveries == []
    assert desk.count("deliveries") == WAITING_MESSAGES + 1
    desk.ack(held)
    seen: list[str] = []
    while batch := desk.pull(1_000):
        seen += texts_of(batch)
        desk.ack(batch)
    assert sorted(seen) == ["other"] + ["x"] * (WAITING_MESSAGES + 2_000)


# -- seeks and snapshots --------------------------------------------------------------------------------------------


def a_minute_apart(desk: Desk, *texts: str, key: str = "") -> list[float]:
    instants: list[float] = []
    for text in texts:
        desk.publish(text, key=key)
        instants.append(desk.now_s)
        desk.now_s += 60
    return instants


def test_given_a_seek_forward_when_pulled_then_older_messages_are_acknowledged() -> None:
    desk = Desk()
    instants = a_minute_apart(desk, "a", "b", "c")
    desk.pull(1)
    desk.seek(instants[1])
    assert desk.texts() == ["b", "c"]


def test_given_retained_messages_when_sought_back_then_they_come_again_and_old_ack_ids_count_for_nothing() -> None:
    desk = Desk(retain_acked_messages=True)
    instants = a_minute_apart(desk, "a", "b", "c")
    found = desk.pull()
    desk.ack(found)
    desk.clean()
    desk.seek(instants[1])
    desk.ack(found)
    again = desk.pull()
    assert texts_of(again) == ["b", "c"]
    desk.ack(again)
    desk.seek(0)
    assert desk.texts() == ["a", "b", "c"]


def test_given_nothing_retained_when_sought_back_then_acknowledged_messages_stay_acknowledged() -> None:
    desk = Desk()
    instants = a_minute_apart(desk, "a", "b", "c")
    desk.subscription(OTHER)  # it keeps nothing for the first one
    found = desk.pull()
    desk.ack(found[1:2])
    desk.seek(instants[0] - 1)
    assert desk.texts() == ["a", "c"]


def test_given_a_topic_that_retains_when_a_new_subscription_seeks_back_then_it_gets_what_came_before_it() -> None:
    desk = Desk(has_subscription=False)
    kept = TopicName(project="p", id="kept")
    desk.topic(kept, message_retention_s=600.0)
    desk.publish("a", topic=kept)
    desk.subscription(SUB, kept)
    assert desk.pull() == []
    desk.seek(START_S)
    assert desk.texts() == ["a"]


@given(st.floats(1.7e9, 1.9e9))
def test_given_the_instant_that_is_shown_of_a_message_when_sought_to_then_the_message_is_not_acknowledged(
    now_s: float,
) -> None:
    desk = Desk(retain_acked_messages=True)
    desk.now_s = now_s
    desk.publish("a")
    desk.now_s += 2e-6
    desk.publish("b")
    found = desk.pull()
    desk.ack(found)
    desk.seek(timestamp_from_text(timestamp_to_text(found[1].publish_s)))
    assert desk.texts() == ["b"]
    desk.seek(timestamp_from_text(timestamp_to_text(found[0].publish_s)))
    assert desk.texts() == ["a", "b"]


def test_given_a_seek_into_the_future_when_pulled_then_what_was_published_is_acknowledged() -> None:
    desk = Desk()
    desk.publish("a")
    desk.seek(desk.now_s + 1_000)
    assert desk.pull() == []
    desk.publish("b")
    assert desk.texts() == ["b"]


def test_given_an_ordered_subscription_when_sought_back_then_keys_come_in_order() -> None:
    desk = Desk(enable_message_ordering=True, retain_acked_messages=True)
    a_minute_apart(desk, "a", "b", "c", key="k")
    desk.ack(desk.pull(2))
    desk.pull()
    desk.seek(0)
    assert desk.texts(2) == ["a", "b"]
    assert desk.pull() == []


def test_given_a_snapshot_when_sought_to_then_what_was_not_acknowledged_then_is_not_now() -> None:
    desk = Desk()
    for text in ("a", "b", "c"):
        desk.publish(text)
    found = desk.pull(2)
    desk.ack(found[:1])
    desk.snapshot(snapshot_name())
    desk.ack(found[1:])
    desk.publish("d")
    desk.ack(desk.pull())
    desk.clean()
    assert desk.count("messages") == 3  # all but the one that was acknowledged before
    desk.seek_to(snapshot_name())
    assert sorted(desk.texts()) == ["b", "c", "d"]


def test_given_an_ordered_subscription_when_sought_to_a_snapshot_then_keys_come_in_order() -> None:
    desk = Desk(enable_message_ordering=True)
    desk.publish("a", "b", "c", key="k")
    found = desk.pull(2)
    desk.publish("x", key="j")
    desk.snapshot(snapshot_name())
    desk.ack(found)
    desk.seek_to(snapshot_name())
    texts = desk.texts()
    assert [text for text in texts if text != "x"] == ["a", "b", "c"]
    assert "x" in texts


def test_given_snapshots_then_their_names_are_unique_and_their_topic_is_checked() -> None:
    desk = Desk()
    desk.snapshot(snapshot_name())
    with pytest.raises(AlreadyExists):
        desk.snapshot(snapshot_name())
    with pytest.raises(NotFound):
        desk.seek_to(snapshot_name("nope"))
    desk.topic(DEAD)
    desk.subscription(DEAD_SUB, DEAD)
    with pytest.raises(FailedPrecondition, match="another topic"):
        desk.seek_to(snapshot_name(), DEAD_SUB)


def test_given_an_old_backlog_when_a_snapshot_is_made_then_it_expires_sooner_or_is_refused() -> None:
    desk = Desk()
    desk.publish("a")
    desk.now_s += 2 * DAY_S
    desk.snapshot(snapshot_name())
    kept = desk.unit(lambda tx: tx.pubsub.find_snapshot(snapshot_name()))
    assert kept is not None
    assert kept.expire_s == START_S + 7 * DAY_S
    desk.now_s = START_S + 7 * DAY_S - 3_000
    with pytest.raises(FailedPrecondition, match="within an hour"):
        desk.snapshot(snapshot_name("late"))
    desk.now_s += 3_000
    desk.unit(lambda tx: tx.pubsub.expire(desk.now_s, desk.now_s))
    assert desk.unit(lambda tx: tx.pubsub.find_snapshot(snapshot_name())) is None


# -- removal --------------------------------------------------------------------------------------------------------


def test_given_two_subscriptions_when_both_acknowledged_then_the_message_is_removed() -> None:
    desk = Desk()
    desk.subscription(OTHER)
    desk.publish("a", "b", "c")
    mine, others = desk.pull(), desk.pull(name=OTHER)
    desk.ack(mine[1:])
    desk.ack(others, OTHER)
    desk.clean()
    assert desk.count("messages") == 1
    desk.now_s += 100
    assert desk.texts() == ["a"]


def test_given_nobody_who_could_get_them_when_published_then_messages_are_not_stored() -> None:
    desk = Desk(has_subscription=False)
    assert desk.publish("a") == [1]
    assert desk.count("messages") == 0


def test_given_retention_when_its_time_is_over_then_messages_are_removed() -> None:
    desk = Desk(retain_acked_messages=True, message_retention_s=600.0)
    desk.publish("a", "b")
    desk.ack(desk.pull(1))
    desk.clean()
    assert desk.count("messages") == 2
    desk.now_s += 601
    desk.clean()
    assert (desk.count("messages"), desk.count("deliveries")) == (0, 0)
    desk.publish("c")
    assert desk.texts() == ["c"]


def test_given_a_long_backlog_when_cleaned_then_it_goes_stretch_by_stretch() -> None:
    desk = Desk()
    for _ in range(5):
        desk.publish(*["x"] * 1_000)
    held = desk.pull(1)
    while batch := desk.pull(1_000):
        desk.ack(batch)
    desk.clean()
    assert desk.count("messages") == 1
    desk.ack(held)
    desk.clean()
    assert desk.count("messages") == 0


def test_given_a_subscription_that_goes_when_cleaned_then_its_rows_go_too() -> None:
    desk = Desk()
    desk.publish(*["x"] * 1_000)
    desk.pull(1_000)
    assert desk.unit(lambda tx: tx.pubsub.remove_subscription(SUB))
    assert not desk.unit(lambda tx: tx.pubsub.remove_subscription(SUB))
    desk.clean()
    assert (desk.count("messages"), desk.count("deliveries"), desk.count("leavings")) == (0, 0, 0)
    with pytest.raises(NotFound):
        desk.pull()


def test_given_a_topic_that_goes_when_pulled_then_its_subscription_gives_what_it_has_and_then_the_row_goes() -> None:
    desk = Desk()
    desk.publish("a")
    assert desk.unit(lambda tx: tx.pubsub.remove_topic(TOPIC))
    found = desk.unit(lambda tx: tx.pubsub.find_subscription(SUB))
    assert found is not None
    assert found.topic is None
    desk.topic()  # the name is free, and the old subscription has nothing of it
    desk.publish("new")
    desk.clean()
    batch = desk.pull()
    assert texts_of(batch) == ["a"]
    desk.ack(batch)
    desk.unit(lambda tx: tx.pubsub.remove_subscription(SUB))
    desk.clean()
    assert (desk.count("messages"), desk.count("topics")) == (0, 1)


def test_given_a_detached_subscription_when_pulled_then_it_is_refused_and_has_lost_its_messages() -> None:
    desk = Desk()
    desk.publish("a")
    found = desk.unit(lambda tx: tx.pubsub.find_subscription(SUB))
    assert found is not None
    detached = Subscription(name=SUB, topic=TOPIC, detached=True)
    desk.unit(lambda tx: tx.pubsub.replace_subscription(detached))
    with pytest.raises(FailedPrecondition, match="detached"):
        desk.pull()
    desk.clean()
    assert desk.count("messages") == 0
    assert desk.unit(lambda tx: tx.pubsub.list_topic_subscriptions(TOPIC, Page(limit=10))) == []


def test_given_subscriptions_that_nobody_uses_when_their_time_is_over_then_they_go() -> None:
    desk = Desk(expiration_s=DAY_S)
    desk.subscription(OTHER, expiration_s=None)
    desk.now_s += DAY_S + 1
    assert desk.unit(lambda tx: tx.pubsub.expire(desk.now_s, desk.now_s - 10)) == []  # the runtime was away
    desk.unit(lambda tx: tx.pubsub.touch([SUB], desk.now_s))
    desk.now_s += DAY_S
    assert desk.unit(lambda tx: tx.pubsub.expire(desk.now_s, START_S)) == [SUB]
    assert desk.unit(lambda tx: tx.pubsub.find_subscription(OTHER)) is not None


def test_given_pushes_under_way_when_the_next_runtime_starts_then_they_may_be_pushed_again() -> None:
    desk = Desk(push=PushConfig(endpoint="https://a.example"))
    desk.subscription(OTHER)
    desk.publish("a")
    desk.pull()
    desk.pull(name=OTHER)
    desk.unit(lambda tx: tx.messages.release_pushed(desk.now_s))
    assert desk.texts() == ["a"]
    assert desk.pull(name=OTHER) == []


def test_given_a_subscription_that_pushes_then_nobody_pulls_but_who_knows_it() -> None:
    desk = Desk(push=PushConfig(endpoint="https://a.example"))
    desk.publish("a")
    with pytest.raises(FailedPrecondition, match="push subscriptions"):
        desk.unit(lambda tx: tx.messages.pull(SUB, PullWish(limit=1, limit_bytes=1 << 20), desk.now_s))
    assert desk.texts() == ["a"]


# -- names and lists ------------------------------------------------------------------------------------------------


def test_given_resources_then_they_are_found_listed_and_counted_by_project() -> None:
    desk = Desk(has_subscription=False)
    for name_id in ("bbb", "aaa"):
        desk.topic(TopicName(project="p", id=name_id))
        desk.subscription(SubscriptionName(project="p", id=name_id), TOPIC)
    desk.topic(TopicName(project="q", id="ccc"))
    with pytest.raises(AlreadyExists):
        desk.topic(TopicName(project="p", id="aaa"))
    with pytest.raises(AlreadyExists):
        desk.subscription(SubscriptionName(project="p", id="aaa"))
    with pytest.raises(NotFound):
        desk.subscription(OTHER, TopicName(project="p", id="nope"))
    tx_topics = desk.unit(lambda tx: tx.pubsub.list_topics("p", Page(limit=2)))
    assert [topic.name.id for topic in tx_topics] == ["aaa", "bbb"]
    assert [
        topic.name.id for topic in desk.unit(lambda tx: tx.pubsub.list_topics("p", Page(limit=2, after="bbb")))
    ] == ["topic"]
    assert desk.unit(lambda tx: (tx.pubsub.count_topics("p"), tx.pubsub.count_subscriptions("p"))) == (3, 2)
    names = desk.unit(lambda tx: tx.pubsub.list_topic_subscriptions(TOPIC, Page(limit=1)))
    assert [name.id for name in names] == ["aaa"]
    names = desk.unit(lambda tx: tx.pubsub.list_topic_subscriptions(TOPIC, Page(limit=5, after="p/aaa")))
    assert [name.id for name in names] == ["bbb"]
    with pytest.raises(NotFound):
        desk.unit(lambda tx: tx.pubsub.list_topic_snapshots(DEAD, Page(limit=5)))


def test_given_a_schema_when_it_goes_then_the_topics_that_use_it_are_told() -> None:
    desk = Desk()
    name = SchemaName(project="p", id="schema")
    for revision in ("00000001", "00000002"):
        schema = Schema(
            name=name, type=SchemaType.AVRO, definition=revision, revision_id=revision, revision_create_s=START_S
        )
        desk.unit(lambda tx, schema=schema: tx.pubsub.add_schema(schema))
    settings = SchemaSettings(schema=str(name))
    desk.unit(lambda tx: tx.pubsub.replace_topic(Topic(name=TOPIC, schema_settings=settings)))
    assert desk.unit(lambda tx: tx.messages.publish(TOPIC, [], None, desk.now_s)) == settings
    found = desk.unit(lambda tx: tx.pubsub.list_schema_revisions(name, Page(limit=5)))
    assert [one.revision_id for one in found] == ["00000002", "00000001"]
    older = desk.unit(lambda tx: tx.pubsub.list_schema_revisions(name, Page(limit=5, after="00000002")))
    assert [one.revision_id for one in older] == ["00000001"]
    newest = desk.unit(lambda tx: tx.pubsub.list_schemas("p", Page(limit=5)))
    assert [one.revision_id for one in newest] == ["00000002"]
    assert desk.unit(lambda tx: tx.pubsub.remove_schema_revision(name, "00000002"))
    assert desk.unit(lambda tx: tx.pubsub.find_schema(name)) == found[1]
    assert desk.unit(lambda tx: tx.pubsub.remove_schema(name)) == [TOPIC]
    assert desk.unit(lambda tx: tx.pubsub.find_schema(name)) is None


def test_given_the_default_retention_then_it_is_a_week() -> None:
    assert RETENTION_DEFAULT_S == 7 * DAY_S


def test_given_a_subscription_then_its_backlog_is_what_is_not_acknowledged() -> None:
    desk = Desk()
    assert desk.unit(lambda tx: tx.pubsub.backlog(SUB)) == Backlog(count=0)
    desk.publish("a", "b", "c")
    published_s = desk.now_s
    desk.now_s += 5
    desk.publish("d")
    assert desk.unit(lambda tx: tx.pubsub.backlog(SUB)) == Backlog(count=4, oldest_s=published_s)
    leased = desk.pull(2)
    assert desk.unit(lambda tx: tx.pubsub.backlog(SUB)) == Backlog(count=4, oldest_s=published_s)
    desk.ack(leased)
    assert desk.unit(lambda tx: tx.pubsub.backlog(SUB)) == Backlog(count=2, oldest_s=published_s)
    missing = SubscriptionName(project="p", id="nothing")
    assert desk.unit(lambda tx: tx.pubsub.backlog(missing)) is None
