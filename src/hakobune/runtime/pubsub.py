"""The messages room: topics, subscriptions, messages. Each desk of it has a chapter of its own (`pubsub_*`).

The signatures here and of the desks are stable: what may change are docstrings and new keyword parameters with a
default. What users did wrong is an error of `core.errors`; Unavailable and ResourceExhausted mean that nothing
happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.pubsub.messages import new_message
from hakobune.core.pubsub.model import Delivery, NewMessage
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.outlet import Outlet
from hakobune.runtime.pubsub_cleaning import Cleaning
from hakobune.runtime.pubsub_push import Push
from hakobune.runtime.pubsub_schemas import Schemas
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.pubsub_snapshots import Snapshots
from hakobune.runtime.pubsub_subscriptions import Subscriptions
from hakobune.runtime.pubsub_topics import Topics
from hakobune.runtime.pubsub_traffic import SettledWatch, Taker, Traffic
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Wheel


class PubsubRoom:
    """Topics and subscriptions of all projects.

    `topics`, `subscriptions`, `snapshots` and `schemas` make, change, list and remove what they are called. The hot
    methods are here. All of them are durable when they return.
    """

    def __init__(self, wheel: Wheel, identifiers: Identifiers, threads: Threads, outlet: Outlet) -> None:
        self._store = wheel.store
        self._signals = signals = Signals()
        self.schemas = Schemas(wheel, identifiers, threads)
        self.topics = Topics(wheel, signals)
        self.subscriptions = Subscriptions(wheel, signals)
        self.snapshots = Snapshots(wheel, identifiers, signals)
        self._traffic = Traffic(wheel, signals, self.schemas)
        self.cleaning = Cleaning(wheel, signals, self._traffic)
        self._push = Push(wheel, self._traffic, signals, outlet)

    async def publish(self, topic: TopicName, messages: Sequence[NewMessage]) -> list[str]:
        """Store all messages or none; their ids, in order. Raises NotFound, InvalidArgument (none, too many, too large,
        not what the topic's schema wants)."""
        return await self._traffic.publish(topic, messages)

    async def pull(
        self,
        name: SubscriptionName,
        limit: int,
        *,
        wait_s: float = 0.0,
        lease_s: float | None = None,
        limit_bytes: int | None = None,
    ) -> list[Delivery]:
        """Lease up to `limit` messages; at least one, if one comes within `wait_s` (any length: a stream pulls again
        and again, and may be cancelled while it waits). Their bodies have `limit_bytes` together, or the first alone is
        larger. `lease_s` None: the subscription's ack deadline. Raises NotFound, InvalidArgument, FailedPrecondition
        (it is detached, or pushes), also while it waits."""
        return await self._traffic.pull(name, limit, wait_s=wait_s, lease_s=lease_s, limit_bytes=limit_bytes)

    async def take(self, name: SubscriptionName, limit: int, taker: Taker, *, wait_s: float) -> list[Delivery]:
        """As `pull`, but `taker` takes the messages over in the turn that leases and acknowledges them: they are never
        in both places, and never in none."""
        return await self._traffic.pull(name, limit, wait_s=wait_s, taker=taker)

    async def acknowledge(self, name: SubscriptionName, ack_ids: Sequence[str]) -> None:
        """These messages never come again. Ack ids of deliveries that are over count, too, or are passed by.
        Raises NotFound, InvalidArgument (malformed), AckFailure (exactly-once: `failures` by ack id, nothing done)."""
        await self._traffic.acknowledge(name, ack_ids)

    async def modify_ack_deadline(self, name: SubscriptionName, ack_ids: Sequence[str], deadline_s: int) -> None:
        """The deliveries end so many seconds from now; 0: they failed. Raises as `acknowledge`."""
        await self._traffic.modify_ack_deadline(name, ack_ids, deadline_s)

    def changed(self) -> None:
        """Another room has made or removed topics or subscriptions, in a turn of its own."""
        self._signals.use.wake()
        self._signals.all_changed()

    def watch_settled(self, watch: SettledWatch) -> None:
        """From now on `watch` hears of each acknowledgement and new deadline when it is durable, whoever sent it."""
        self._traffic.settled_watches.append(watch)

    async def run(self) -> None:
        """Push messages, expire what is too old, remove what nobody needs, until cancelled. A house without topics is
        left alone."""
        self._signals.use.arm()
        if not await self._is_used():
            await self._signals.use.wait(inf)
        async with anyio.create_task_group() as group:
            group.start_soon(self.cleaning.run)
            group.start_soon(self._push.run)

    async def _is_used(self) -> bool:
        try:
            return await self._store.read(lambda tx: tx.pubsub.is_used())
        except HakobuneError:
            return True  # the loops say what is wrong, and try again


class Publisher:
    """How other rooms publish: by the topic's name."""

    def __init__(self, room: PubsubRoom) -> None:
        self._room = room

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str = "") -> None:
        """Returns when the message is durable. `topic` is `projects/P/topics/T`.
        Raises NotFound, InvalidArgument, and Unavailable or ResourceExhausted to be asked again."""
        await self._room.publish(TopicName.parse(topic, field="topic"), [new_message(data, attributes, ordering_key)])
