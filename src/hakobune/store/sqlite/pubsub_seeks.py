"""Seeks and snapshots, in SQLite. A seek begins a new lane: what was delivered before counts for nothing any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

from hakobune.core.errors import AlreadyExists, FailedPrecondition, NotFound
from hakobune.core.pubsub.deliveries import replayed_s
from hakobune.core.pubsub.limits import SNAPSHOT_LIFE_MIN_S, SNAPSHOT_LIFE_S
from hakobune.core.pubsub.model import Snapshot, Subscription
from hakobune.core.pubsub.names import SnapshotName, SubscriptionName
from hakobune.core.pubsub.ordering import WAITING_S
from hakobune.store.documents import to_document
from hakobune.store.sqlite.pubsub_counters import next_lane, next_message
from hakobune.store.sqlite.pubsub_lanes import Lanes

_HALF_A_MICROSECOND = 5e-7  # instants are whole microseconds, and floats a little off


def first_since(lanes: Lanes, topic_id: int, at_s: float) -> int:
    """The id of a topic's first message that was published at an instant or later; if there is none, the one that the
    next message will have."""
    found = lanes.blocks.first_since(topic_id, at_s)
    return next_message(lanes.connection) if found is None else found


class SqliteSeeks:
    """Seeks and snapshots."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._lanes = Lanes(connection)

    def _run(self, query: str, **parameters: object) -> int:
        return self._lanes.connection.execute(self._lanes.sql[query], parameters).rowcount

    def seek_to_time(self, name: SubscriptionName, at_s: float, now_s: float) -> int:
        row, subscription = self._lanes.attached(name)
        cut = first_since(self._lanes, row["topic_id"], at_s - _HALF_A_MICROSECOND)
        kept_s = replayed_s(subscription)
        replayed = first_since(self._lanes, row["topic_id"], now_s - kept_s) if kept_s else row["frontier"]
        frontier = max(cut, min(replayed, row["frontier"]))
        lane = self._new_lane(row, frontier)
        # Not acknowledged, and older than all that is replayed.
        self._run(
            "carry_rows",
            new_lane=lane,
            lane=row["lane"],
            first=cut,
            last=frontier,
            now_s=now_s,
            waiting_s=WAITING_S,
        )
        self._free_heads(lane, now_s)
        return int(row["id"])

    def seek_to_snapshot(self, name: SubscriptionName, snapshot: SnapshotName, now_s: float) -> int:
        row, subscription = self._lanes.attached(name)
        found = self._snapshot_row(snapshot)
        if found is None:
            raise NotFound(f"Snapshot does not exist: {snapshot}.")
        if found["topic_id"] != row["topic_id"]:
            raise FailedPrecondition(f"The snapshot {snapshot} is of another topic than the subscription {name}.")
        lane = self._new_lane(row, found["frontier"])
        self._lanes.many("insert_delivery", self._restored(found, subscription, lane, now_s))
        self._free_heads(lane, now_s)
        return int(row["id"])

    def _restored(
        self, snapshot: sqlite3.Row, subscription: Subscription, lane: int, now_s: float
    ) -> Iterator[tuple[object, ...]]:
        """Rows of a lane for the messages of a snapshot. Those with a key wait, where the subscription orders."""
        lanes = self._lanes.fresh()
        for (message_id,) in lanes.tuples("snapshot_ids", (snapshot["id"],)).fetchall():
            message = lanes.blocks.find(snapshot["topic_id"], message_id)
            if message is not None:
                key = message[2] if subscription.enable_message_ordering else None
                yield lane, message_id, now_s if key is None else WAITING_S, 0, 0, key

    def _new_lane(self, row: sqlite3.Row, frontier: int) -> int:
        lane = next_lane(self._lanes.connection)
        self._lanes.many("leave_lane", [(row["lane"],)])
        self._run("start_lane", id=row["id"], lane=lane, frontier=frontier)
        return lane

    def _free_heads(self, lane: int, now_s: float) -> None:
        self._run("free_heads", lane=lane, now_s=now_s, waiting_s=WAITING_S)

    def _snapshot_row(self, name: SnapshotName) -> sqlite3.Row | None:
        parameters = {"project": name.project, "snapshot": name.id}
        row: sqlite3.Row | None = self._lanes.connection.execute(
            self._lanes.sql["find_snapshot"], parameters
        ).fetchone()
        return row

    def add_snapshot(
        self, name: SnapshotName, subscription: SubscriptionName, labels: Mapping[str, str], now_s: float
    ) -> Snapshot:
        row, found = self._lanes.attached(subscription)
        oldest_s = self._oldest_s(row)
        expire_s = now_s + SNAPSHOT_LIFE_S if oldest_s is None else oldest_s + SNAPSHOT_LIFE_S
        if expire_s < now_s + SNAPSHOT_LIFE_MIN_S:
            raise FailedPrecondition(
                f"The oldest message of {subscription} that is not acknowledged is so old that a snapshot would expire "
                "within an hour."
            )
        snapshot = Snapshot(name=name, topic=found.topic, expire_s=expire_s, labels=labels)
        try:
            self._run(
                "insert_snapshot",
                project=name.project,
                snapshot=name.id,
                topic_id=row["topic_id"],
                frontier=row["frontier"],
                expire_s=expire_s,
                doc=to_document(snapshot),
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Snapshot already exists: {name}.") from None
        stored = self._snapshot_row(name)
        assert stored is not None  # written just now
        self._run("keep_rows", snapshot_id=stored["id"], lane=row["lane"])
        return snapshot

    def _oldest_s(self, row: sqlite3.Row) -> float | None:
        """When the oldest message that is not acknowledged was published; None: there is none."""
        passed = self._lanes.tuples("oldest_unacked", (row["lane"],)).fetchone()[0]
        blocks = self._lanes.fresh().blocks
        message = None if passed is None else blocks.find(row["topic_id"], passed)
        if message is None:
            message = blocks.first_from(row["topic_id"], row["frontier"])
        return None if message is None else message[1]
