"""The messages room over time: waits, leases, dead letters, removal, expiry."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from pubsub_world import SUB, TOPIC, World, texts_of

from hakobune.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from hakobune.core.pubsub.failures import AckFailure
from hakobune.core.pubsub.messages import decode_body
from hakobune.core.pubsub.model import DeadLetterPolicy, SchemaSettings, Snapshot, Subscription, Topic
from hakobune.core.pubsub.names import SnapshotName, SubscriptionName, TopicName
from hakobune.store.api import Page

pytestmark = pytest.mark.anyio
DEAD = TopicName(project="p", id="dead")
DEAD_SUB = SubscriptionName(project="p", id="dead-sub")
SNAPSHOT = SnapshotName(project="p", id="snap")


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, object]]) -> tuple[str, dict[str, object]]:
    return virtual_backend


async def test_given_a_waiting_pull_when_a_message_is_published_then_it_is_woken() -> None:
    world = World()
    async with world.up():
        await world.make()
        found: list[str] = []

        async def wait() -> None:
            found.extend(texts_of(await world.pull(wait_s=3_600)))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(10)
            await world.publish("a")
            started_s = anyio.current_time()
        assert found == ["a"]
        assert anyio.current_time() - started_s < 0.1


async def test_given_a_waiting_pull_when_a_lease_ends_or_is_given_back_then_it_is_woken() -> None:
    world = World()
    async with world.up():
        await world.make(ack_deadline_s=30)
        await world.publish("a")
        held = await world.pull()
        started_s = anyio.current_time()
        again = await world.pull(wait_s=3_600)
        assert texts_of(again) == ["a"]
        assert anyio.current_time() - started_s == pytest.approx(30, abs=0.1)
        async with anyio.create_task_group() as group:

            async def give_back() -> None:
                await anyio.sleep(3)
                await world.room.modify_ack_deadline(SUB, [again[0].ack_id], 0)

            group.start_soon(give_back)
            started_s = anyio.current_time()
            assert texts_of(await world.pull(wait_s=3_600)) == ["a"]
            assert anyio.current_time() - started_s == pytest.approx(3, abs=0.1)
        assert held


async def test_given_nothing_when_pulled_with_a_wait_then_the_answer_is_empty_when_it_is_over() -> None:
    world = World()
    async with world.up():
        await world.make()
        started_s = anyio.current_time()
        assert await world.pull(wait_s=2.0) == []
        assert anyio.current_time() - started_s == pytest.approx(2.0, abs=0.01)
        with pytest.raises(InvalidArgument):
            await world.pull(0)


async def test_given_a_waiting_pull_when_its_subscription_goes_then_it_is_told() -> None:
    world = World()
    async with world.up():
        await world.make()
        async with anyio.create_task_group() as group:

            async def remove() -> None:
                await anyio.sleep(1)
                await world.room.subscriptions.delete(SUB)

            group.start_soon(remove)
            with pytest.raises(NotFound):
                await world.pull(wait_s=3_600)


async def test_given_leases_that_end_when_nobody_pulls_then_dead_letters_are_sent_all_the_same() -> None:
    world = World()
    async with world.up():
        await world.room.topics.create(Topic(name=DEAD))
        await world.room.subscriptions.create(Subscription(name=DEAD_SUB, topic=DEAD))
        await world.make(dead_letter=DeadLetterPolicy(topic=str(DEAD), max_delivery_attempts=5), ack_deadline_s=10)
        await world.publish("a")
        for attempt in range(1, 6):
            assert [one.attempt for one in await world.pull(wait_s=60)] == [attempt]
        started_s = anyio.current_time()
        letters = await world.room.pull(DEAD_SUB, 10, wait_s=120)
        assert texts_of(letters) == ["a"]
        assert anyio.current_time() - started_s < 15
        assert await world.pull(wait_s=30) == []


async def test_given_acknowledged_messages_when_some_time_passes_then_they_are_removed() -> None:
    world = World()
    async with world.up():
        await world.make()
        await world.publish(*["x"] * 100)
        await world.room.acknowledge(SUB, [one.ack_id for one in await world.pull()])
        await anyio.sleep(5)
        assert (world.rows("messages"), world.rows("deliveries")) == (0, 0)


async def test_given_messages_that_got_too_old_when_some_time_passes_then_they_are_removed() -> None:
    world = World()
    async with world.up():
        await world.make(message_retention_s=600.0)
        await world.publish("x")
        await anyio.sleep(500)
        assert world.rows("messages") == 1
        await anyio.sleep(200)
        assert world.rows("messages") == 0


async def test_given_a_subscription_that_nobody_uses_when_its_time_is_over_then_it_goes_and_one_in_use_stays() -> None:
    world = World()
    used = SubscriptionName(project="p", id="used")
    async with world.up():
        await world.make(expiration_s=86_400.0)
        await world.room.subscriptions.create(Subscription(name=used, topic=TOPIC, expiration_s=86_400.0))
        for _ in range(50):
            await world.room.pull(used, 1)
            await anyio.sleep(3_600)
        with pytest.raises(NotFound):
            await world.room.subscriptions.get(SUB)
        await world.room.subscriptions.get(used)


async def test_given_a_watch_when_deliveries_are_settled_then_it_hears_of_them() -> None:
    world = World()
    heard: list[tuple[list[str], int]] = []
    async with world.up():
        await world.make(enable_exactly_once_delivery=True)
        world.room.watch_settled(lambda ack_ids, deadline_s: heard.append((list(ack_ids), deadline_s)))
        await world.publish("a")
        ids = [one.ack_id for one in await world.pull()]
        await world.room.modify_ack_deadline(SUB, ids, 30)
        await world.room.acknowledge(SUB, ids)
        with pytest.raises(AckFailure) as failed:
            await world.room.acknowledge(SUB, ids)
        assert list(failed.value.failures) == ids
    assert heard == [(ids, 30), (ids, 0)]


async def test_given_another_room_when_it_publishes_then_the_topic_has_its_message() -> None:
    world = World()
    async with world.up():
        await world.make()
        await world.publisher.publish(str(TOPIC), b"data", {"eventType": "x"}, "key")
        found = await world.pull()
        assert decode_body(found[0].body) == (b"data", {"eventType": "x"})
        assert found[0].ordering_key == "key"
        with pytest.raises(NotFound):
            await world.publisher.publish("projects/p/topics/nope", b"data", {})
        with pytest.raises(InvalidArgument):
            await world.publisher.publish("nope", b"data", {})


async def test_given_ack_ids_none_or_too_many_when_acknowledged_then_it_is_refused() -> None:
    world = World()
    async with world.up():
        await world.make()
        for ids in ([], ["1-1-1-1"] * 10_001):
            with pytest.raises(InvalidArgument):
                await world.room.acknowledge(SUB, ids)
        with pytest.raises(InvalidArgument):
            await world.room.modify_ack_deadline(SUB, ["1-1-1-1"], 601)
        with pytest.raises(NotFound):
            await world.room.acknowledge(replace(SUB, id="nope"), ["1-1-1-1"])


async def test_given_topics_subscriptions_and_snapshots_then_their_desks_make_change_list_and_remove_them() -> None:
    world = World()
    page = Page(limit=10)
    async with world.up():
        await world.make()
        room = world.room
        with pytest.raises(AlreadyExists):
            await room.topics.create(Topic(name=TOPIC))
        with pytest.raises(NotFound, match="Schema"):
            await room.topics.create(Topic(name=DEAD, schema_settings=SchemaSettings(schema="projects/p/schemas/none")))
        changed = await room.topics.patch(Topic(name=TOPIC, labels={"a": "b"}, kms_key_name="k"), frozenset({"labels"}))
        assert (changed.labels, changed.kms_key_name) == ({"a": "b"}, "")
        assert await room.topics.list("p", page) == [changed]
        snapshot = await room.snapshots.create(SNAPSHOT, SUB, {"c": "d"})
        unnamed = await room.snapshots.create(None, SUB, {})
        assert unnamed.name.id.startswith("snapshot-")
        assert await room.topics.snapshots(TOPIC, page) == sorted([snapshot.name, unnamed.name])
        later = Snapshot(name=SNAPSHOT, topic=None, expire_s=snapshot.expire_s + 5)
        moved = await room.snapshots.patch(later, frozenset({"expire_s"}))
        assert (moved.expire_s, moved.topic, moved.labels) == (later.expire_s, TOPIC, {"c": "d"})
        await room.snapshots.delete(SNAPSHOT)
        with pytest.raises(NotFound):
            await room.snapshots.get(SNAPSHOT)
        await room.topics.delete(TOPIC)
        assert (await room.subscriptions.get(SUB)).topic is None
        await room.subscriptions.patch(
            Subscription(name=SUB, topic=None, ack_deadline_s=77), frozenset({"ack_deadline_s"})
        )
        assert (await room.subscriptions.get(SUB)).ack_deadline_s == 77
        await room.subscriptions.detach(SUB)
        await room.subscriptions.detach(SUB)
        with pytest.raises(FailedPrecondition):
            await room.subscriptions.seek_to_time(SUB, 0)
        await room.subscriptions.delete(SUB)
        for missing in (room.subscriptions.get(SUB), room.topics.get(TOPIC), room.topics.delete(TOPIC)):
            with pytest.raises(NotFound):
                await missing
