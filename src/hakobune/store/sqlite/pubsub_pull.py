"""One pull: what may come again, then what the frontier comes to, leased in one unit."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

from hakobune.core.pubsub.ack_ids import ack_id_prefix, ack_id_rest
from hakobune.core.pubsub.deliveries import backoff_s, retained_s
from hakobune.core.pubsub.filters import filter_from_text
from hakobune.core.pubsub.limits import PULL_MESSAGES, SCANNED_MESSAGES, WAITING_MESSAGES
from hakobune.core.pubsub.messages import attributes_of
from hakobune.core.pubsub.model import Delivery, Subscription
from hakobune.core.pubsub.ordering import WAITING_S, Row, may_be_delivered, settled
from hakobune.store.pubsub_api import Pulled, PullWish
from hakobune.store.sqlite.pubsub_blocks import Message
from hakobune.store.sqlite.pubsub_lanes import KEY_ROWS, Lanes

_NewRow = tuple[int, int, float, int, int, str | None]


@dataclass(slots=True)
class _Stretch:
    """What the frontier passed."""

    frontier: int
    leased: list[int] = field(default_factory=list[int])  # messages, where all that comes is leased
    rows: list[_NewRow] = field(default_factory=list[_NewRow])  # of messages that were leased or must wait


class Pull:
    """Leases messages of one subscription."""

    def __init__(
        self, lanes: Lanes, row: sqlite3.Row, subscription: Subscription, wish: PullWish, now_s: float
    ) -> None:
        self._lanes = lanes
        self._row = row
        self._subscription = subscription
        self._id, self._topic_id = row["id"], row["topic_id"]
        self._lane, self._frontier = row["lane"], row["frontier"]
        self._now_s = now_s
        lease_s = subscription.ack_deadline_s if wish.lease_s is None else wish.lease_s
        self._lease_end_s = now_s + lease_s
        self._kept_from_s = now_s - retained_s(subscription)
        self._left = min(wish.limit, PULL_MESSAGES)
        self._left_bytes = wish.limit_bytes
        self._prefix = ack_id_prefix(self._id, self._lane)
        self._tells_attempts = subscription.dead_letter is not None
        self._deliveries: list[Delivery] = []
        self._is_key_open: dict[str, bool] = {}  # whether what the frontier comes to of a key may be leased here
        self._may_have_more = False
        self._waiting: int | None = None  # rows that wait for their key; None: not counted yet

    def run(self) -> Pulled:
        """Lease what there is."""
        self._again()
        if self._left > 0:
            self._onward()
        return Pulled(
            deliveries=self._deliveries,
            subscription_id=self._id,
            topic_id=self._topic_id,
            may_have_more=self._may_have_more and not self._deliveries,
            next_due_s=None if self._deliveries else self._lanes.next_due_s(self._lane),
            woken_topics=self._lanes.woken,
        )

    def _deliver(self, message_id: int, publish_s: float, key: str | None, body: bytes, attempt: int) -> None:
        self._left -= 1
        self._left_bytes -= len(body)
        ack_id = self._prefix + ack_id_rest(message_id, attempt)
        shown = attempt if self._tells_attempts else 0
        self._deliveries.append(Delivery(ack_id, message_id, publish_s, key or "", body, shown))

    def _is_full(self, body: bytes) -> bool:
        """Whether a message has no room any more. The first one always has."""
        is_full = self._left <= 0 or (len(body) > self._left_bytes and bool(self._deliveries))
        if is_full:
            self._left = 0
        return is_full

    # -- what comes again ---------------------------------------------------------------------------------------

    def _again(self) -> None:
        limit = self._left
        due = self._lanes.tuples("due_deliveries", (self._lane, self._now_s, limit)).fetchall()
        leased: list[tuple[float, int, int, int, int]] = []
        for message_id, due_s, attempts, is_leased, key in due:
            if self._left <= 0:
                break
            if key is not None:
                if key not in self._is_key_open:
                    self._is_key_open[key] = self._key_again(key)
                continue
            message = self._kept_message(message_id, attempts)
            if message is None:
                continue
            again_s = due_s + backoff_s(self._subscription, attempts) if is_leased else due_s
            if again_s > self._now_s:
                self._lanes.many("set_delivery", [(again_s, attempts, 0, self._lane, message_id)])
                continue
            if self._is_full(message[3]):
                break
            self._deliver(*message, attempts + 1)
            leased.append((self._lease_end_s, attempts + 1, 1, self._lane, message_id))
        if leased:
            self._lanes.many("set_delivery", leased)
        self._may_have_more = len(due) == limit

    def _kept_message(self, message_id: int, attempts: int) -> Message | None:
        """A message that may come again; None: it became a dead letter, or is too old, and its row is gone."""
        if self._lanes.is_buried(self._row, self._subscription, message_id, attempts, self._now_s):
            return None
        message = self._lanes.blocks.find(self._topic_id, message_id)
        if message is not None and message[1] >= self._kept_from_s:
            return message
        self._lanes.many("delete_delivery", [(self._lane, message_id)])
        return None

    def _key_again(self, key: str) -> bool:
        """Deliver a key of which something is due, in order. Whether all that was passed of it is delivered."""
        old, attempts = self._lanes.key_rows(self._lane, key)
        alive = [row for row in old if not self._is_dead(row, attempts[row.message_id])]
        rows = settled([self._failed(row, attempts[row.message_id]) for row in alive], self._now_s)
        self._lanes.write_rows(self._lane, alive, rows, attempts)
        if not may_be_delivered(rows, self._now_s):
            return not rows and len(old) < KEY_ROWS
        leased: list[tuple[float, int, int, int, int]] = []
        is_cut = len(old) == KEY_ROWS
        has_lost = False
        for row in rows:
            message = self._kept_message(row.message_id, 0)
            if message is None:
                has_lost = True
                continue
            if self._is_full(message[3]):
                is_cut = True
                break
            attempt = attempts[row.message_id] + 1
            self._deliver(*message, attempt)
            leased.append((self._lease_end_s, attempt, 1, self._lane, row.message_id))
        self._lanes.many("set_delivery", leased)
        if has_lost:
            self._lanes.settle_key(self._lane, key, self._now_s)
        return not is_cut

    def _is_dead(self, row: Row, attempts: int) -> bool:
        is_over = row.due_s <= self._now_s
        return is_over and self._lanes.is_buried(self._row, self._subscription, row.message_id, attempts, self._now_s)

    def _failed(self, row: Row, attempts: int) -> Row:
        """A row whose lease ran out is free after its backoff."""
        if not row.is_leased or row.due_s > self._now_s:
            return row
        return Row(row.message_id, row.due_s + backoff_s(self._subscription, attempts), False)

    # -- what is new --------------------------------------------------------------------------------------------

    def _onward(self) -> None:
        """Move the frontier over messages that were never looked at."""
        if self._subscription.filter or self._subscription.enable_message_ordering:
            stretch = self._picked()
            if stretch.rows:
                self._lanes.many("insert_delivery", stretch.rows)
        else:
            stretch = self._plain()
            if stretch.leased:
                self._lanes.tuples("lease_new", (self._lane, self._lease_end_s, json.dumps(stretch.leased)))
        if stretch.frontier != self._frontier:
            self._lanes.connection.execute(self._lanes.sql["move_frontier"], (stretch.frontier, self._id))

    def _plain(self) -> _Stretch:
        """Everything that comes is delivered."""
        stretch = _Stretch(self._frontier)
        scanned = 0
        with closing(self._lanes.blocks.onward(self._topic_id, self._frontier)) as messages:
            for message_id, publish_s, key, body in messages:
                if publish_s < self._kept_from_s:
                    stretch.frontier = message_id + 1
                    scanned += 1
                    if scanned >= SCANNED_MESSAGES:
                        self._may_have_more = True
                        break
                    continue
                if self._is_full(body):
                    break
                self._deliver(message_id, publish_s, key, body, 1)
                stretch.leased.append(message_id)
                stretch.frontier = message_id + 1
                if not self._left:
                    break
        return stretch

    def _picked(self) -> _Stretch:
        """Messages that a filter or their key keeps back are passed."""
        stretch = _Stretch(self._frontier)
        matches = filter_from_text(self._subscription.filter) if self._subscription.filter else None
        is_ordered = self._subscription.enable_message_ordering
        with closing(self._lanes.blocks.onward(self._topic_id, self._frontier)) as messages:
            for scanned, (message_id, publish_s, key, body) in enumerate(messages):
                if self._left <= 0:
                    break
                if scanned >= SCANNED_MESSAGES:
                    self._may_have_more = True
                    break
                is_wanted = publish_s >= self._kept_from_s and (matches is None or matches(attributes_of(body)))
                if is_wanted:
                    own_key = key if is_ordered else None
                    if own_key is not None and not self._may_lease(own_key):
                        if not self._may_wait():
                            break
                        stretch.rows.append((self._lane, message_id, WAITING_S, 0, 0, own_key))
                    elif self._is_full(body):
                        break
                    else:
                        self._deliver(message_id, publish_s, key, body, 1)
                        stretch.rows.append((self._lane, message_id, self._lease_end_s, 1, 1, own_key))
                stretch.frontier = message_id + 1
        return stretch

    def _may_lease(self, key: str) -> bool:
        """Whether all messages of a key before this one are acknowledged, or are delivered with it."""
        is_open = self._is_key_open.get(key)
        if is_open is None:
            is_open = self._lanes.tuples("has_key", (self._lane, key)).fetchone() is None
            self._is_key_open[key] = is_open
        return is_open

    def _may_wait(self) -> bool:
        """Whether one more message may wait for its key: the look-ahead is bounded."""
        if self._waiting is None:
            parameters = (self._lane, WAITING_S, WAITING_MESSAGES)
            self._waiting = int(self._lanes.tuples("count_waiting", parameters).fetchone()[0])
        self._waiting += 1
        return self._waiting <= WAITING_MESSAGES
