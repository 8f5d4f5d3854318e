"""Messages that share rows: how much room they take, and that nobody can tell."""

from __future__ import annotations

import sqlite3

import pytest
from pubsub_desk import START_S, SUB, TOPIC, Desk, snapshot_name, texts_of

from hakobune.core.errors import CorruptStore
from hakobune.core.pubsub.messages import new_message
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.store.queries import migrations
from hakobune.store.sqlite.pubsub_blocks import BLOCK_BYTES
from hakobune.store.sqlite.schema import migrate

OTHER_TOPIC = TopicName(project="p", id="other")
OTHER = SubscriptionName(project="p", id="other")
BEYOND_BYTES = 200  # the bound: of each message that waits, beyond its payload


def used_bytes(desk: Desk) -> int:
    pages = desk.connection.execute(
        "SELECT (SELECT * FROM pragma_page_count()) - (SELECT * FROM pragma_freelist_count())"
    ).fetchone()[0]
    return int(pages) * int(desk.connection.execute("PRAGMA page_size").fetchone()[0])


def beyond(desk: Desk, payload_bytes: int, batch: int, count: int) -> float:
    """Bytes on disk of each message beyond its payload, in a backlog that was published in batches."""
    before = used_bytes(desk)
    messages = [new_message(b"x" * payload_bytes, {}) for _ in range(batch)]
    for _ in range(count // batch):
        desk.unit(lambda tx: tx.messages.publish(TOPIC, messages, None, desk.now_s))
        desk.now_s += 0.001
    desk.join()
    return (used_bytes(desk) - before) / count - payload_bytes


def rows(desk: Desk) -> list[tuple[int, int]]:
    """(messages, bytes of their bodies) of each row."""
    found = desk.connection.execute("SELECT messages, length(bodies) FROM pubsub_blocks ORDER BY id").fetchall()
    return [(row[0], row[1]) for row in found]


@pytest.mark.parametrize("payload_bytes", [100, 800, 1_000, 1_500, 2_100, 3_000, 4_000, 10_000])
@pytest.mark.parametrize("batch", [1, 100])
def test_given_a_backlog_when_it_waits_then_a_message_takes_little_beyond_its_payload(
    payload_bytes: int, batch: int
) -> None:
    assert 0 < beyond(Desk(), payload_bytes, batch, 3_000 if payload_bytes < 5_000 else 500) <= BEYOND_BYTES


def test_given_a_large_message_when_it_waits_then_all_but_a_page_is_its_own() -> None:
    assert beyond(Desk(), 100_000, 10, 50) <= 4_096


def test_given_messages_published_one_by_one_when_joined_then_nobody_can_tell() -> None:
    desk, plain = Desk(enable_message_ordering=True), Desk(enable_message_ordering=True)
    for each in (desk, plain):
        for number in range(300):
            each.now_s = START_S + number
            each.publish("x" * 300 + str(number), key=("", "a", "b")[number % 3], number=str(number))
    desk.join()
    assert len(rows(desk)) < len(rows(plain)) == 300
    for each in (desk, plain):
        each.subscription(OTHER)
    seeks = [
        (each, each.unit(lambda tx, each=each: tx.messages.seek_to_time(SUB, START_S + 33, each.now_s)))
        for each in (desk, plain)
    ]
    assert len(seeks) == 2
    found, expected = ([delivery[1:] for delivery in each.pull(1_000)] for each in (desk, plain))
    assert found == expected
    assert len(found) == 300 - 33


def test_given_messages_of_two_topics_in_turn_when_joined_then_each_keeps_its_own() -> None:
    desk = Desk()
    desk.topic(OTHER_TOPIC)
    desk.subscription(OTHER, OTHER_TOPIC)
    for number in range(200):
        desk.publish("x" * 1_000 + f"-{number}")
        desk.publish("y" * 1_000 + f"-{number}", topic=OTHER_TOPIC)
    desk.join()
    assert len(rows(desk)) < 30
    mine, others = desk.pull(1_000), desk.pull(1_000, OTHER)
    assert texts_of(mine) == ["x" * 1_000 + f"-{number}" for number in range(200)]
    assert texts_of(others) == ["y" * 1_000 + f"-{number}" for number in range(200)]
    desk.modify(mine[50:60])  # they come again, out of the middle
    assert texts_of(desk.pull()) == texts_of(mine[50:60])
    desk.ack(mine)
    desk.ack(others, OTHER)
    desk.clean()
    assert rows(desk) == []


def test_given_messages_under_way_when_joined_then_acks_redeliveries_and_snapshots_hold() -> None:
    desk = Desk()
    for number in range(150):
        desk.publish("x" * 500 + str(number))
    found = desk.pull(100)
    desk.ack(found[::2])
    desk.snapshot(snapshot_name())
    desk.join()
    assert len(rows(desk)) < 5
    desk.modify(found[1::2])
    again = desk.pull(1_000)
    assert texts_of(again) == [*texts_of(found[1::2]), *["x" * 500 + str(number) for number in range(100, 150)]]
    desk.ack(again)
    desk.clean()
    desk.unit(lambda tx: tx.messages.seek_to_snapshot(SUB, snapshot_name(), desk.now_s))
    assert sorted(texts_of(desk.pull(1_000))) == sorted(texts_of(again))


def test_given_few_that_are_needed_of_many_when_cleaned_then_the_others_take_no_room() -> None:
    desk = Desk()
    for _ in range(20):
        desk.publish(*["x" * 1_000] * 100)
    held = []
    while found := desk.pull(100):
        held.append(found[7])
        desk.ack([delivery for delivery in found if delivery is not found[7]])
    desk.clean()
    assert desk.count("messages") == len(held) == 20
    assert sum(size for _, size in rows(desk)) < 20 * 1_010
    desk.modify(held)
    assert texts_of(desk.pull()) == ["x" * 1_000] * 20


def test_given_rows_that_are_full_when_joined_then_they_stay_and_the_last_ones_wait_for_more() -> None:
    desk = Desk()
    desk.publish(*["x" * 1_000] * 100)
    full = rows(desk)
    assert all(size <= BLOCK_BYTES for _, size in full)
    desk.join()
    assert rows(desk) == full
    desk.publish("y")
    desk.publish("z")
    desk.join()
    assert rows(desk)[len(full) :] == [(1, 3), (1, 3)]
    assert desk.texts(1_000)[-2:] == ["y", "z"]


def test_given_a_row_that_does_not_fit_its_sizes_when_read_then_it_is_told() -> None:
    desk = Desk()
    desk.publish("abc", "def")
    desk.connection.execute("UPDATE pubsub_blocks SET bodies = substr(bodies, 2)")
    with pytest.raises(CorruptStore):
        desk.pull()


def test_given_messages_of_the_version_before_when_opened_then_they_are_delivered() -> None:
    ours = next(number for number, name, _ in migrations() if name.endswith("_pubsub_blocks.sql"))
    before = migrations()[: ours - 1]
    desk = Desk()
    desk.publish("a", "b", key="k", color="red")
    old = sqlite3.connect(":memory:", isolation_level=None)
    migrate(old, before)
    for table in ("pubsub_topics", "pubsub_subscriptions", "pubsub_counters"):
        for row in desk.connection.execute(f"SELECT * FROM {table}").fetchall():
            old.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", tuple(row))
    bodies = [new_message(b"a", {"color": "red"}).body, new_message(b"\x00\xff" * 3_000, {}).body]
    for number, (key, body) in enumerate(zip(("k", None), bodies, strict=True), 1):
        old.execute("INSERT INTO pubsub_messages VALUES (?, 1, ?, ?, ?)", (number, START_S + 0.123456, key, body))
    migrate(old)
    old.row_factory = sqlite3.Row
    desk.connection = old
    assert [delivery[1:5] for delivery in desk.pull()] == [
        (1, START_S + 0.123456, "k", bodies[0]),
        (2, START_S + 0.123456, "", bodies[1]),
    ]
