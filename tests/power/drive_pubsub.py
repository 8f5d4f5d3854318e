"""Publishes, pulls, acknowledges, asks for more time and seeks through the messages room, and marks what is promised.
Runs under the recorder.

Argument: the recorded directory, the durability.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from marks import mark

from hakobune.core.pubsub.messages import new_message
from hakobune.core.pubsub.model import Subscription, Topic
from hakobune.core.pubsub.names import SnapshotName, SubscriptionName, TopicName
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.outlet import Outlet
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import Durability
from hakobune.store.sqlite import database

ROUNDS = 10
TOPIC = TopicName(project="p", id="topic")
SUBSCRIPTIONS = [SubscriptionName(project="p", id=name) for name in ("plain", "ordered")]
SEEKING = SubscriptionName(project="p", id="seeking")
HELD = SubscriptionName(project="p", id="held")
SNAPSHOT = SnapshotName(project="p", id="snapshot")
LEASE_S = 600


class NoOutlet:
    """Nothing is pushed."""

    async def send(self, request: HttpRequest) -> HttpResponse | NoResponse:
        raise AssertionError(request)

    async def id_token(self, account: str, audience: str) -> str:
        raise AssertionError((account, audience))


async def publish(room: PubsubRoom, key: str) -> None:
    """Batches of a key; the ids are marked when they are told."""
    for number in range(ROUNDS):
        messages = [new_message(f"{key}-{number}-{n}-{'x' * 200}".encode(), {}, key) for n in range(3)]
        for message_id in await room.publish(TOPIC, messages):
            mark(f"published {message_id}")


async def consume(room: PubsubRoom, name: SubscriptionName) -> None:
    """Acknowledge what comes, but for every fifth message."""
    while found := await room.pull(name, 4, wait_s=0.3):
        chosen = [delivery for delivery in found if delivery.message_id % 5]
        for delivery in chosen:
            mark(f"acking {name.id} {delivery.message_id}")
        if chosen:
            await room.acknowledge(name, [delivery.ack_id for delivery in chosen])
        for delivery in chosen:
            mark(f"acked {name.id} {delivery.message_id}")


async def take(room: PubsubRoom) -> None:
    """Some messages of the subscription that seeks: one is refused, the others are acknowledged."""
    found = await room.pull(SEEKING, 5, wait_s=0.3)
    if found:
        await room.modify_ack_deadline(SEEKING, [found[0].ack_id], 0)
        mark(f"refused seeking {found[0].message_id}")
    for delivery in found[1:]:
        mark(f"acking seeking {delivery.message_id}")
    if found[1:]:
        await room.acknowledge(SEEKING, [delivery.ack_id for delivery in found[1:]])
    for delivery in found[1:]:
        mark(f"acked seeking {delivery.message_id}")


async def go_back(room: PubsubRoom) -> None:
    """To the snapshot."""
    mark("returning")
    await room.subscriptions.seek_to_snapshot(SEEKING, SNAPSHOT)
    mark("returned")


async def replay(room: PubsubRoom) -> None:
    """A snapshot, and a way back to it, while others publish."""
    await take(room)
    mark("keeping")
    await room.snapshots.create(SNAPSHOT, SEEKING, {})
    mark("kept")
    for _ in range(3):
        await take(room)
        await go_back(room)
        await take(room)


async def purge(room: PubsubRoom) -> None:
    """When nobody publishes any more: all is acknowledged, and then it is not."""
    mark("purging")
    await room.subscriptions.seek_to_time(SEEKING, time.time() + 1_000)
    mark("purged")
    await room.cleaning.clean()
    await take(room)
    await go_back(room)
    await take(room)


async def hold(room: PubsubRoom) -> None:
    """Everything, for as long as may be."""
    while found := await room.pull(HELD, 4, wait_s=0.3):
        until_s = time.time() + LEASE_S
        await room.modify_ack_deadline(HELD, [delivery.ack_id for delivery in found], LEASE_S)
        for delivery in found:
            mark(f"extended {delivery.message_id} {until_s!r}")


async def main(directory: Path, durability: Durability) -> None:
    database._CHECKPOINT_PAGES = 40  # several checkpoints in a short recording
    store = await database.SqliteStore.open(directory / "data", durability=durability)
    identifiers = RandomIdentifiers()
    wheel = Wheel(store, SystemClock(), owner=identifiers.uid())
    room = PubsubRoom(wheel, identifiers, WorkerThreads(), Outlet(sender=NoOutlet(), tokens=NoOutlet()))
    await room.topics.create(Topic(name=TOPIC))
    for name in SUBSCRIPTIONS:
        is_ordered = name.id == "ordered"
        await room.subscriptions.create(Subscription(name=name, topic=TOPIC, enable_message_ordering=is_ordered))
    await room.subscriptions.create(Subscription(name=SEEKING, topic=TOPIC, retain_acked_messages=True))
    await room.subscriptions.create(Subscription(name=HELD, topic=TOPIC))
    mark("ready")
    publishers = [publish(room, f"key{n}") for n in range(3)]
    consumers = [consume(room, name) for name in SUBSCRIPTIONS]
    await asyncio.gather(*publishers, *consumers, replay(room), hold(room))
    await purge(room)
    await room.cleaning.clean()
    # No orderly end: the log is left as it is.
    sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1]), Durability(sys.argv[2])))
