"""Messages on their way, in SQLite: publish, pull, acknowledge, new deadlines, dead letters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from hakobune.core.errors import Aborted, FailedPrecondition, NotFound
from hakobune.core.pubsub.ack_ids import AckId, parse_ack_ids
from hakobune.core.pubsub.deliveries import backoff_s
from hakobune.core.pubsub.limits import PULL_MESSAGES
from hakobune.core.pubsub.model import NewMessage, SchemaSettings, Subscription
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.store.pubsub_api import Published, Pulled, PullWish, Settled
from hakobune.store.sqlite.pubsub_cleaning import SqlitePubsubCleaning
from hakobune.store.sqlite.pubsub_lanes import Lanes
from hakobune.store.sqlite.pubsub_pull import Pull
from hakobune.store.sqlite.pubsub_rows import topic_from_text
from hakobune.store.sqlite.pubsub_seeks import SqliteSeeks

# What clients look for in the details of a failed acknowledgement.
# Source: google-cloud-pubsub, subscriber/_protocol/streaming_pull_manager.py.
INVALID_ACK_ID = "PERMANENT_FAILURE_INVALID_ACK_ID"
# Ours: another ack id of the request was refused; try again without it. Google's libraries look for TRANSIENT_ at the
# start, gcloud 528 for TEMPORARY_FAILURE.
NOTHING_DONE = "TRANSIENT_TEMPORARY_FAILURE"


class SqliteMessages(SqliteSeeks, SqlitePubsubCleaning):
    """Messages on their way."""

    def publish(
        self, topic: TopicName, messages: Sequence[NewMessage], schema: SchemaSettings | None, now_s: float
    ) -> Published | SchemaSettings:
        lanes = self._lanes.fresh()
        row = lanes.topic_row(topic)
        if row is None:
            raise NotFound(f"Topic not found: {topic}.")
        if row["schema"] is not None:
            wanted = topic_from_text(row["doc"]).schema_settings
            if wanted is not None and wanted != schema:
                return wanted
        return Published(lanes.store(row, messages, now_s), row["id"])

    def pull(self, name: SubscriptionName, wish: PullWish, now_s: float) -> Pulled:
        lanes = self._lanes.fresh()
        row, subscription = lanes.attached(name)
        if wish.known is not None and wish.known != subscription:
            raise Aborted(f"The subscription {name} was changed.")
        if wish.known is None and subscription.push is not None:
            raise FailedPrecondition(f"This method is not supported for push subscriptions: {name} is one.")
        return Pull(lanes, row, subscription, wish, now_s).run()

    def acknowledge(self, name: SubscriptionName, ack_ids: Sequence[str], now_s: float) -> Settled:
        lanes = self._lanes.fresh()
        row, subscription = lanes.subscription(name)
        lane = row["lane"]
        found = parse_ack_ids(ack_ids, row["id"])
        failures = _failures(lanes, subscription, lane, ack_ids, found, now_s)
        if not failures:
            message_ids = [ack.message_id for ack in found if ack.era == lane]
            keys = _keys(lanes, lane, message_ids) if subscription.enable_message_ordering else ()
            lanes.tuples("delete_deliveries", (lane, json.dumps(message_ids)))
            for key in keys:
                lanes.settle_key(lane, key, now_s)
        return _settled(lanes, row, failures, may_free=subscription.enable_message_ordering)

    def modify_deadlines(
        self, name: SubscriptionName, ack_ids: Sequence[str], deadline_s: float, now_s: float
    ) -> Settled:
        lanes = self._lanes.fresh()
        row, subscription = lanes.subscription(name)
        lane = row["lane"]
        found = parse_ack_ids(ack_ids, row["id"])
        failures = _failures(lanes, subscription, lane, ack_ids, found, now_s)
        if failures:
            return _settled(lanes, row, failures, may_free=False)
        alive = [ack for ack in found if ack.era == lane]
        if deadline_s > 0:
            due_s = now_s + deadline_s
            lanes.many("set_due", [(due_s, 1, lane, ack.message_id, ack.attempt) for ack in alive])
        else:
            _fail(lanes, row, subscription, alive, now_s)
        return _settled(lanes, row, {}, may_free=deadline_s <= 0)

    def settle_overdue(self, name: SubscriptionName, now_s: float) -> Sequence[int]:
        lanes = self._lanes.fresh()
        row, subscription = lanes.subscription(name)
        overdue = lanes.tuples("due_deliveries", (row["lane"], now_s, PULL_MESSAGES)).fetchall()
        for message_id, _, attempts, _, key in overdue:
            is_gone = lanes.is_buried(row, subscription, message_id, attempts, now_s)
            if is_gone and key is not None:
                lanes.settle_key(row["lane"], key, now_s)
        return lanes.woken

    def release_pushed(self, now_s: float) -> None:
        self._lanes.connection.execute(self._lanes.sql["release_pushed"], {"now_s": now_s})


def _settled(lanes: Lanes, row: sqlite3.Row, failures: Mapping[str, str], *, may_free: bool) -> Settled:
    next_due_s = lanes.next_due_s(row["lane"])
    return Settled(row["id"], row["topic_id"], failures, lanes.woken, may_free, next_due_s)


def _fail(lanes: Lanes, row: sqlite3.Row, subscription: Subscription, acks: Sequence[AckId], now_s: float) -> None:
    """These deliveries failed: they may come again after their backoff, or are dead letters now."""
    lane = row["lane"]
    waits = {attempt: now_s + backoff_s(subscription, attempt) for attempt in {ack.attempt for ack in acks}}
    lanes.many("set_due", [(waits[ack.attempt], 0, lane, ack.message_id, ack.attempt) for ack in acks])
    is_ordered = subscription.enable_message_ordering
    keys = _keys(lanes, lane, [ack.message_id for ack in acks]) if is_ordered else ()
    if subscription.dead_letter is not None:
        for ack in acks:
            found = lanes.tuples("find_delivery", (lane, ack.message_id)).fetchone()
            if found is not None and found[1] == ack.attempt:
                lanes.is_buried(row, subscription, ack.message_id, ack.attempt, now_s)
    for key in keys:
        lanes.settle_key(lane, key, now_s)


def _keys(lanes: Lanes, lane: int, message_ids: Sequence[int]) -> Sequence[str]:
    """The ordering keys of messages that are not acknowledged."""
    found: set[str] = set()
    for message_id in message_ids:
        row = lanes.tuples("find_delivery", (lane, message_id)).fetchone()
        if row is not None and row[3] is not None:
            found.add(row[3])
    return sorted(found)


def _failures(
    lanes: Lanes,
    subscription: Subscription,
    lane: int,
    texts: Sequence[str],
    acks: Sequence[AckId],
    now_s: float,
) -> dict[str, str]:
    """With exactly-once delivery only the newest ack id of a message counts, and only within its lease. If one does
    not, nothing is done: clients are told to send the others again, since they take an error for the whole request."""
    if not subscription.enable_exactly_once_delivery:
        return {}
    invalid: set[str] = set()
    for text, ack in zip(texts, acks, strict=True):
        row = lanes.tuples("find_delivery", (lane, ack.message_id)).fetchone()
        is_valid = ack.era == lane and row is not None and row[1] == ack.attempt and row[2] and row[0] > now_s
        if not is_valid:
            invalid.add(text)
    if not invalid:
        return {}
    return {text: INVALID_ACK_ID if text in invalid else NOTHING_DONE for text in texts}
