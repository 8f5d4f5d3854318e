"""Lanes: the rows of deliveries of a subscription, and where its dead letters go.

A lane belongs to one subscription until a seek, which begins a new one: what was delivered before names the old lane,
and its rows are removed bit by bit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from hakobune.core.errors import FailedPrecondition, NotFound
from hakobune.core.pubsub.deliveries import dead_letter_attributes, is_dead
from hakobune.core.pubsub.limits import PULL_MESSAGES
from hakobune.core.pubsub.messages import decode_body, encode_body
from hakobune.core.pubsub.model import NewMessage, Subscription
from hakobune.core.pubsub.names import DELETED_TOPIC, SubscriptionName, TopicName
from hakobune.core.pubsub.ordering import WAITING_S, Row, settled
from hakobune.store.queries import queries
from hakobune.store.sqlite.pubsub_blocks import Blocks
from hakobune.store.sqlite.pubsub_counters import take_messages
from hakobune.store.sqlite.pubsub_rows import subscription_from_row

# All that is not waiting is among the first rows of a key: at most one batch is leased.
KEY_ROWS = 2 * PULL_MESSAGES


class Lanes:
    """What pulls, acknowledgements and the rest have in common: rows of deliveries, and where dead letters go."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.sql = queries("pubsub")
        self.blocks = Blocks(connection)
        self.woken: list[int] = []  # topics that got dead letters

    def fresh(self) -> Lanes:
        """For the next unit: nobody was woken yet."""
        return Lanes(self.connection)

    def tuples(self, query: str, parameters: Sequence[object]) -> sqlite3.Cursor:
        """Plain tuples, as they come."""
        cursor = self.connection.cursor()
        cursor.row_factory = None
        return cursor.execute(self.sql[query], parameters)

    def many(self, query: str, rows: Iterable[Sequence[object]]) -> int:
        """Run a change for each row; how many rows changed."""
        return self.connection.executemany(self.sql[query], rows).rowcount

    def subscription(self, name: SubscriptionName) -> tuple[sqlite3.Row, Subscription]:
        """Raises NotFound."""
        row: sqlite3.Row | None = self.connection.execute(
            self.sql["find_subscription"], (name.project, name.id)
        ).fetchone()
        if row is None:
            raise NotFound(f"Subscription does not exist: {name}.")
        return row, subscription_from_row(row)

    def attached(self, name: SubscriptionName) -> tuple[sqlite3.Row, Subscription]:
        """Raises NotFound, FailedPrecondition (detached)."""
        row, found = self.subscription(name)
        if found.detached:
            raise FailedPrecondition(f"The subscription is detached from its topic: {name}.")
        return row, found

    # -- publishing ---------------------------------------------------------------------------------------------

    def topic_row(self, topic: TopicName) -> sqlite3.Row | None:
        """The row of a topic that is not deleted."""
        row: sqlite3.Row | None = self.connection.execute(
            self.sql["find_topic"], {"project": topic.project, "topic": topic.id}
        ).fetchone()
        return row

    def store(self, topic: sqlite3.Row, messages: Sequence[NewMessage], now_s: float) -> int:
        """Give messages their ids; the first one. They are kept if anybody can ever get them."""
        first, publish_s = take_messages(self.connection, len(messages), now_s)
        topic_id = topic["id"]
        if topic["retention_s"] is not None or self._is_wanted(topic_id):
            numbered = enumerate(messages, first)
            self.blocks.add(topic_id, [(number, publish_s, key or None, body) for number, (body, key) in numbered])
        return first

    def _is_wanted(self, topic_id: int) -> bool:
        row = self.connection.execute(self.sql["is_wanted"], {"topic_id": topic_id}).fetchone()
        return bool(row[0])

    def next_due_s(self, lane: int) -> float | None:
        """When the next message of a lane may come again by itself; None: there is none."""
        due_s: float | None = self.tuples("next_due", (lane,)).fetchone()[0]
        return due_s if due_s is not None and due_s < WAITING_S else None

    # -- rows of keys -------------------------------------------------------------------------------------------

    def key_rows(self, lane: int, key: str) -> tuple[list[Row], dict[int, int]]:
        """The first rows of a key, and their attempts by message."""
        rows: list[Row] = []
        attempts: dict[int, int] = {}
        for message_id, due_s, tries, is_leased in self.tuples("key_deliveries", (lane, key, KEY_ROWS)):
            rows.append(Row(message_id, due_s, bool(is_leased)))
            attempts[message_id] = tries
        return rows, attempts

    def settle_key(self, lane: int, key: str, now_s: float) -> None:
        """Bring the rows of a key in order after some of them changed."""
        rows, attempts = self.key_rows(lane, key)
        self.write_rows(lane, rows, settled(rows, now_s), attempts)

    def write_rows(self, lane: int, old: Sequence[Row], new: Sequence[Row], attempts: Mapping[int, int]) -> None:
        """Store what differs."""
        self.many(
            "set_delivery",
            [
                (row.due_s, attempts[row.message_id], row.is_leased, lane, row.message_id)
                for row, before in zip(new, old, strict=True)
                if row != before
            ],
        )

    # -- dead letters -------------------------------------------------------------------------------------------

    def is_buried(
        self, row: sqlite3.Row, subscription: Subscription, message_id: int, attempts: int, now_s: float
    ) -> bool:
        """Send a message that failed too often to the dead letter topic, and forget it in the lane of the
        subscription's row. False: it may come again, or there is no such topic."""
        policy = subscription.dead_letter
        if policy is None or not is_dead(subscription, attempts):
            return False
        topic = None if policy.topic == DELETED_TOPIC else self.topic_row(TopicName.parse(policy.topic))
        if topic is None:
            return False
        message = self.blocks.find(row["topic_id"], message_id)
        if message is not None:
            _, publish_s, key, body = message
            data, attributes = decode_body(body)
            attributes.update(dead_letter_attributes(subscription, publish_s, attempts))
            self.store(topic, [NewMessage(encode_body(data, attributes), key or "")], now_s)
            self.woken.append(topic["id"])
        self.many("delete_delivery", [(row["lane"], message_id)])
        return True
