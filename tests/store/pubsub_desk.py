"""A messages room on a database in memory: short words for what tests do with it, and a clock that they turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from hakobune.core.pubsub.messages import decode_body, new_message
from hakobune.core.pubsub.model import Delivery, Subscription, Topic
from hakobune.core.pubsub.names import SnapshotName, SubscriptionName, TopicName
from hakobune.store.pubsub_api import Published, Pulled, PullWish, Settled
from hakobune.store.sqlite.database import SqliteStore
from hakobune.store.sqlite.jobs import Declarations
from hakobune.store.sqlite.transaction import SqliteWriteTx

T = TypeVar("T")

TOPIC = TopicName(project="p", id="topic")
SUB = SubscriptionName(project="p", id="sub")
START_S = 1_800_000_000.0


def snapshot_name(name_id: str = "snap") -> SnapshotName:
    return SnapshotName(project="p", id=name_id)


class Desk:
    """One unit of work for each word."""

    def __init__(self, **subscription: object) -> None:
        self.connection = sqlite3.connect(":memory:")
        SqliteStore.inline(self.connection)
        self.now_s = START_S
        self._seq = 0
        self.topic()
        if subscription.pop("has_subscription", True):
            self.subscription(**subscription)

    def unit(self, work: Callable[[SqliteWriteTx], T]) -> T:
        self._seq += 1
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            found = work(SqliteWriteTx(self.connection, Declarations(), self._seq))
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return found

    def topic(self, name: TopicName = TOPIC, **fields: object) -> None:
        self.unit(lambda tx: tx.pubsub.add_topic(Topic(name=name, **fields)))  # type: ignore[arg-type]

    def subscription(self, name: SubscriptionName = SUB, topic: TopicName = TOPIC, **fields: object) -> None:
        found = Subscription(name=name, topic=topic, **fields)  # type: ignore[arg-type]
        self.unit(lambda tx: tx.pubsub.add_subscription(found, self.now_s))

    def publish(self, *texts: str, key: str = "", topic: TopicName = TOPIC, **attributes: str) -> list[int]:
        messages = [new_message(text.encode(), attributes, key) for text in texts]
        found = self.unit(lambda tx: tx.messages.publish(topic, messages, None, self.now_s))
        assert isinstance(found, Published)
        return list(range(found.first, found.first + len(texts)))

    def pulled(self, limit: int = 100, name: SubscriptionName = SUB, limit_bytes: int = 1 << 30) -> Pulled:
        """As a client pulls, or (of a subscription that pushes) its pusher."""

        def work(tx: SqliteWriteTx) -> Pulled:
            found = tx.pubsub.find_subscription(name)
            known = found if found is not None and found.push is not None else None
            return tx.messages.pull(name, PullWish(limit=limit, limit_bytes=limit_bytes, known=known), self.now_s)

        return self.unit(work)

    def pull(self, limit: int = 100, name: SubscriptionName = SUB) -> list[Delivery]:
        return self.pulled(limit, name).deliveries

    def texts(self, limit: int = 100, name: SubscriptionName = SUB) -> list[str]:
        return texts_of(self.pull(limit, name))

    def ack(self, deliveries: Sequence[Delivery], name: SubscriptionName = SUB) -> Settled:
        ids = [delivery.ack_id for delivery in deliveries]
        return self.unit(lambda tx: tx.messages.acknowledge(name, ids, self.now_s))

    def modify(self, deliveries: Sequence[Delivery], deadline_s: float = 0, name: SubscriptionName = SUB) -> Settled:
        ids = [delivery.ack_id for delivery in deliveries]
        return self.unit(lambda tx: tx.messages.modify_deadlines(name, ids, deadline_s, self.now_s))

    def seek(self, at_s: float, name: SubscriptionName = SUB) -> None:
        self.unit(lambda tx: tx.messages.seek_to_time(name, at_s, self.now_s))

    def seek_to(self, snapshot: SnapshotName, name: SubscriptionName = SUB) -> None:
        self.unit(lambda tx: tx.messages.seek_to_snapshot(name, snapshot, self.now_s))

    def snapshot(self, name: SnapshotName, subscription: SubscriptionName = SUB) -> None:
        self.unit(lambda tx: tx.messages.add_snapshot(name, subscription, {}, self.now_s))

    def clean(self) -> None:
        """Remove all that nobody needs any more."""
        while self.unit(lambda tx: tx.messages.clean_leavings()):
            pass
        for topic_id in self.unit(lambda tx: tx.messages.topics_with_messages()):
            after: int | None = 0
            while after is not None:
                place = after
                after = self.unit(
                    lambda tx, topic_id=topic_id, place=place: tx.messages.clean_topic(topic_id, place, self.now_s)
                )

    def join(self) -> None:
        """Put what waits together."""
        for topic_id in self.unit(lambda tx: tx.messages.topics_with_messages()):
            place, may_have_more = 0, True
            while may_have_more:
                place, may_have_more = self.unit(
                    lambda tx, topic_id=topic_id, place=place: tx.messages.join_messages(topic_id, place)
                )

    def count(self, table: str) -> int:
        if table == "messages":
            return int(self.connection.execute("SELECT coalesce(sum(messages), 0) FROM pubsub_blocks").fetchone()[0])
        return int(self.connection.execute(f"SELECT count(*) FROM pubsub_{table}").fetchone()[0])


def texts_of(deliveries: Sequence[Delivery]) -> list[str]:
    return [decode_body(delivery.body)[0].decode() for delivery in deliveries]
