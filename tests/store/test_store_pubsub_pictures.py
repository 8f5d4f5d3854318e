"""Snapshots, forks, digests and the change feed of topics, subscriptions and messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pubsub_desk import SUB, TOPIC, Desk, snapshot_name, texts_of

from hakobune.core.errors import NotFound
from hakobune.core.pubsub.model import DeadLetterPolicy, PushConfig, Schema, SchemaSettings, SchemaType, Topic
from hakobune.core.pubsub.names import SchemaName, SubscriptionName, TopicName
from hakobune.store.api import ChangeKind
from hakobune.store.sqlite.jobs import Declarations
from hakobune.store.sqlite.transaction import SqliteReadTx

ORDERED = SubscriptionName(project="p", id="ordered")
PICKY = SubscriptionName(project="p", id="picky")
FAR = TopicName(project="far", id="topic")


def digest(desk: Desk, project: str) -> str:
    return SqliteReadTx(desk.connection, Declarations()).digest(project)


def a_busy_desk() -> Desk:
    desk = Desk(push=PushConfig(endpoint="https://a.example"))
    name = SchemaName(project="p", id="schema")
    schema = Schema(name=name, type=SchemaType.AVRO, definition="d", revision_id="00000001", revision_create_s=1.0)
    desk.unit(lambda tx: tx.pubsub.add_schema(schema))
    desk.topic(TopicName(project="p", id="checked"), schema_settings=SchemaSettings(schema=str(name)))
    desk.topic(FAR)
    desk.subscription(ORDERED, enable_message_ordering=True)
    desk.subscription(PICKY, FAR, filter="attributes:wanted")
    desk.publish("a", "b", "c", "d", key="k")
    desk.publish("plain", k="é")
    desk.publish("far", topic=FAR, wanted="")
    desk.publish("unwanted", topic=FAR)
    desk.ack(desk.pull(2))
    desk.ack(desk.pull(1, ORDERED), ORDERED)
    desk.pull(2, ORDERED)
    desk.snapshot(snapshot_name(), ORDERED)
    return desk


def fork(desk: Desk, snapshot: str, project: str) -> None:
    desk.unit(lambda tx: tx.fork(snapshot, project))


def test_given_a_snapshot_when_forked_then_the_fork_has_the_same_digest_and_goes_its_own_way() -> None:
    desk = a_busy_desk()
    before = digest(desk, "p")
    desk.unit(lambda tx: tx.snapshot("s1", "p", desk.now_s))
    desk.ack(desk.pull(name=PICKY), PICKY)  # the topic is another project's, the subscription is not
    desk.publish("later")
    fork(desk, "s1", "copy")
    assert digest(desk, "copy") == before != digest(desk, "p")
    ordered = SubscriptionName(project="copy", id="ordered")
    batch = desk.pull(name=ordered)
    assert texts_of(batch) == ["plain", "b", "c", "d"] or texts_of(batch) == ["b", "c", "d", "plain"]
    desk.ack(batch, ordered)
    desk.unit(
        lambda tx: tx.messages.seek_to_snapshot(
            ordered, snapshot_name().__class__(project="copy", id="snap"), desk.now_s
        )
    )
    assert sorted(desk.texts(name=ordered)) == ["b", "c", "d", "plain"]
    assert desk.texts(name=SubscriptionName(project="copy", id="picky")) == ["far"]
    copied = desk.unit(lambda tx: tx.pubsub.find_subscription(SubscriptionName(project="copy", id="sub")))
    assert copied is not None
    assert (copied.push, copied.topic) == (None, TopicName(project="copy", id="topic"))
    checked = desk.unit(lambda tx: tx.pubsub.find_topic(TopicName(project="copy", id="checked")))
    assert checked is not None
    assert checked.schema_settings == SchemaSettings(schema="projects/copy/schemas/schema")
    number = desk.publish("new", topic=TopicName(project="copy", id="topic"))[0]
    assert number not in [one.message_id for one in batch]
    assert desk.texts(name=ordered) == ["new"]


def test_given_the_same_messages_in_another_order_then_the_digest_is_the_same() -> None:
    one, two = Desk(), Desk()
    one.publish("a")
    one.publish("b", k="v")
    two.publish("b", k="v")
    two.now_s += 5
    two.publish("a")
    two.publish("c")
    assert digest(one, "p") != digest(two, "p")
    two.ack([delivery for delivery in two.pull() if texts_of([delivery]) == ["c"]])
    assert digest(one, "p") == digest(two, "p")


def change(desk: Desk, what: str) -> None:
    """One change of a busy desk that users can see."""
    match what:
        case "publish":
            desk.publish("more")
        case "ack":
            desk.ack(desk.pull(1))
        case "ack of a filter":
            desk.ack(desk.pull(1, PICKY), PICKY)
        case "seek":
            desk.seek(desk.now_s + 1, ORDERED)
        case "labels of a topic":
            desk.unit(lambda tx: tx.pubsub.replace_topic(Topic(name=TOPIC, labels={"a": "b"})))
        case "a topic goes":
            desk.unit(lambda tx: tx.pubsub.remove_topic(TOPIC))
        case "a subscription goes":
            desk.unit(lambda tx: tx.pubsub.remove_subscription(ORDERED))
        case "a subscription is changed":
            found = desk.unit(lambda tx: tx.pubsub.find_subscription(SUB))
            assert found is not None
            desk.unit(lambda tx: tx.pubsub.replace_subscription(replace(found, ack_deadline_s=77)))
        case "a snapshot comes":
            desk.snapshot(snapshot_name("other"), SUB)
        case "a snapshot goes":
            desk.unit(lambda tx: tx.pubsub.remove_snapshot(snapshot_name()))
        case "a snapshot of another moment":
            desk.unit(lambda tx: tx.pubsub.remove_snapshot(snapshot_name()))
            desk.now_s += 60
            desk.ack(desk.pull(1, ORDERED), ORDERED)
            desk.snapshot(snapshot_name(), ORDERED)
            desk.seek_to(snapshot_name("before"), ORDERED)
        case "a revision of a schema":
            name = SchemaName(project="p", id="schema")
            schema = Schema(
                name=name, type=SchemaType.AVRO, definition="e", revision_id="00000002", revision_create_s=1.0
            )
            desk.unit(lambda tx: tx.pubsub.add_schema(schema))
        case _:
            raise AssertionError(what)


CHANGES = [
    "publish",
    "ack",
    "ack of a filter",
    "seek",
    "labels of a topic",
    "a topic goes",
    "a subscription goes",
    "a subscription is changed",
    "a snapshot comes",
    "a snapshot goes",
    "a snapshot of another moment",
    "a revision of a schema",
]


@pytest.mark.parametrize("what", CHANGES)
def test_given_a_change_that_users_see_when_digested_then_it_shows_and_a_fork_does_not_have_it(what: str) -> None:
    desk = a_busy_desk()
    desk.snapshot(snapshot_name("before"), ORDERED)
    before = digest(desk, "p")
    desk.unit(lambda tx: tx.snapshot("s1", "p", desk.now_s))
    change(desk, what)
    assert digest(desk, "p") != before
    fork(desk, "s1", "copy")
    assert digest(desk, "copy") == before
    desk.clean()
    assert digest(desk, "copy") == before


def test_given_a_fork_when_it_lives_on_then_the_original_stays_as_it_is_and_neither_needs_the_snapshot() -> None:
    desk = a_busy_desk()
    before = digest(desk, "p")
    desk.unit(lambda tx: tx.snapshot("s1", "p", desk.now_s))
    fork(desk, "s1", "copy")
    desk.unit(lambda tx: tx.forget_snapshot("s1"))
    ordered = SubscriptionName(project="copy", id="ordered")
    desk.ack(desk.pull(name=ordered), ordered)
    desk.publish("new", topic=TopicName(project="copy", id="topic"))
    desk.unit(lambda tx: tx.pubsub.remove_subscription(SubscriptionName(project="copy", id="sub")))
    desk.clean()
    assert digest(desk, "p") == before != digest(desk, "copy")
    assert desk.texts(name=ordered) == ["new"]
    with pytest.raises(NotFound, match="s1"):
        fork(desk, "s1", "again")


def test_given_leases_when_pictured_then_they_are_left_out_and_attempts_are_kept() -> None:
    desk = Desk(dead_letter=DeadLetterPolicy(topic=str(TOPIC), max_delivery_attempts=5))
    desk.publish("a")
    before = digest(desk, "p")
    desk.pull()
    assert digest(desk, "p") == before  # who holds a message just now is no fact of the work
    desk.unit(lambda tx: tx.snapshot("s1", "p", desk.now_s))
    fork(desk, "s1", "copy")
    assert digest(desk, "copy") == before
    (again,) = desk.pull(name=SubscriptionName(project="copy", id="sub"))
    assert again.attempt == 2


def test_given_changes_of_topics_and_subscriptions_when_the_feed_is_read_then_it_tells_them() -> None:
    desk = Desk()
    feed = SqliteReadTx(desk.connection, Declarations())
    kinds = frozenset({ChangeKind.TOPIC, ChangeKind.SUBSCRIPTION, ChangeKind.REMOVED})

    def told(since: int) -> list[tuple[str, str]]:
        return [(change.kind.value, change.name) for change in feed.changes(since, 100, "p", kinds)]

    assert told(0) == [("topic", str(TOPIC)), ("subscription", str(SUB))]
    desk.publish("a")
    desk.pull()
    assert told(2) == []  # traffic is no change of a resource
    since = desk.unit(lambda tx: tx.seq)
    desk.unit(lambda tx: tx.pubsub.replace_topic(Topic(name=TOPIC, labels={"a": "b"})))
    assert told(since) == [("topic", str(TOPIC))]
    since += 1
    desk.unit(lambda tx: tx.pubsub.remove_topic(TOPIC))
    assert told(since) == [("removed", str(TOPIC)), ("subscription", str(SUB))]
    desk.unit(lambda tx: tx.pubsub.remove_subscription(SUB))
    assert told(since + 1) == [("removed", str(SUB))]
