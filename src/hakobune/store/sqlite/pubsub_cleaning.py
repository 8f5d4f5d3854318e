"""Removal of messages that nobody needs any more, and joining of those that stay, in SQLite: a stretch at a time."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from hakobune.core.pubsub.deliveries import retained_s
from hakobune.core.pubsub.ordering import WAITING_S
from hakobune.store.pubsub_api import Joined
from hakobune.store.sqlite.pubsub_blocks import BLOCK_BYTES, SMALL_BYTES, Blocks, Outline
from hakobune.store.sqlite.pubsub_counters import next_message
from hakobune.store.sqlite.pubsub_lanes import Lanes
from hakobune.store.sqlite.pubsub_rows import subscription_from_row
from hakobune.store.sqlite.pubsub_seeks import first_since

_STRETCH = 2_000  # rows of one unit: about 5 ms
_BEYOND = 1 << 62  # above every id


class SqlitePubsubCleaning:
    """Removes messages, and rows of what is gone."""

    _lanes: Lanes

    @property
    def _blocks(self) -> Blocks:
        return self._lanes.blocks

    def _do(self, query: str, **parameters: object) -> int:
        return self._lanes.connection.execute(self._lanes.sql[query], parameters).rowcount

    def _rows(self, query: str, **parameters: object) -> list[sqlite3.Row]:
        return self._lanes.connection.execute(self._lanes.sql[query], parameters).fetchall()

    def topics_with_messages(self) -> list[int]:
        return [row["topic_id"] for row in self._rows("topics_with_messages")]

    def clean_topic(self, topic_id: int, after: int, now_s: float) -> int | None:
        found = self._rows("topic_by_id", topic_id=topic_id)
        if not found:
            return None
        subscriptions = self._rows("subscriptions_of_topic", topic_id=topic_id)
        snapshots = self._rows("snapshots_of_topic", topic_id=topic_id)
        if not subscriptions and not snapshots and found[0]["retention_s"] is None:
            stretch, is_cut = self._blocks.stretch(topic_id, 0, _BEYOND)
            self._blocks.remove(stretch)
            self._do("forget_topic", topic_id=topic_id)
            return after if is_cut else None
        cuts = [self._drop_stale(topic_id, row, now_s) for row in subscriptions]
        has_stale = any(cuts)
        stop = self._stop(topic_id, found[0], subscriptions, snapshots, now_s)
        stretch, is_cut = self._blocks.stretch(topic_id, after + 1, stop)
        if not stretch:
            return after if has_stale else None
        self._remove_needless(topic_id, stretch)
        return stretch[-1].last_id if has_stale or is_cut else None

    def _remove_needless(self, topic_id: int, stretch: Sequence[Outline]) -> None:
        """Of blocks that everybody has passed, remove those of which no message is needed any more, and most of those
        of which few are."""
        rows = self._rows("needed_ids", topic_id=topic_id, first=stretch[0].id, last=stretch[-1].last_id)
        needed = [row[0] for row in rows]
        gone: list[Outline] = []
        for outline in stretch:
            kept = needed[bisect_left(needed, outline.id) : bisect_right(needed, outline.last_id)]
            if not kept:
                gone.append(outline)
            elif len(kept) * 2 <= outline.messages:
                self._blocks.rewrite(topic_id, [outline], frozenset(kept))
        self._blocks.remove(gone)

    def join_messages(self, topic_id: int, after: int) -> Joined:
        stretch, is_cut = self._blocks.stretch(topic_id, after + 1, _BEYOND)
        place = after
        group: list[Outline] = []
        size_bytes = 0
        for outline in stretch:
            is_small = outline.size_bytes < SMALL_BYTES
            if group and (not is_small or size_bytes + outline.size_bytes > BLOCK_BYTES):
                self._join(topic_id, group)
                group, size_bytes, place = [], 0, group[-1].last_id
            if is_small:
                group.append(outline)
                size_bytes += outline.size_bytes
            else:
                place = outline.last_id
        if stretch and (is_cut or size_bytes >= SMALL_BYTES):
            self._join(topic_id, group)
            place = stretch[-1].last_id
        return Joined(place, may_have_more=is_cut)

    def _join(self, topic_id: int, group: Sequence[Outline]) -> None:
        if len(group) > 1:
            self._blocks.rewrite(topic_id, group)

    def _stop(
        self,
        topic_id: int,
        topic: sqlite3.Row,
        subscriptions: list[sqlite3.Row],
        snapshots: list[sqlite3.Row],
        now_s: float,
    ) -> int:
        """The first message that must stay, acknowledged or not."""
        stops = [next_message(self._lanes.connection)]
        stops += [row["frontier"] for row in snapshots]
        kept_s = topic["retention_s"] or 0.0
        for row in subscriptions:
            found = subscription_from_row(row)
            stops.append(self._frontier(row))
            if found.retain_acked_messages:
                kept_s = max(kept_s, found.message_retention_s)
        if kept_s:
            stops.append(first_since(self._lanes, topic_id, now_s - kept_s))
        return min(stops)

    def _frontier(self, row: sqlite3.Row) -> int:
        """As it is now: `_drop_stale` may have moved it."""
        name = (row["project"], row["subscription"])
        return int(self._lanes.connection.execute(self._lanes.sql["find_subscription"], name).fetchone()["frontier"])

    def _drop_stale(self, topic_id: int, row: sqlite3.Row, now_s: float) -> bool:
        """Pass by messages that are older than the subscription keeps them. True: there are more."""
        subscription = subscription_from_row(row)
        first = first_since(self._lanes, topic_id, now_s - retained_s(subscription))
        if row["frontier"] < first:
            bounds = self._blocks.bounds(topic_id)
            if bounds is not None and row["frontier"] <= bounds[1] and bounds[0] < first:
                self._lanes.many("move_frontier", [(first, row["id"])])
        dropped = self._do("drop_stale_rows", lane=row["lane"], first=first, limit=_STRETCH)
        if dropped and subscription.enable_message_ordering:
            self._do("free_heads", lane=row["lane"], now_s=now_s, waiting_s=WAITING_S)
        return dropped == _STRETCH

    def clean_leavings(self) -> bool:
        found = self._rows("next_pubsub_leaving")
        if not found:
            return False
        leaving = found[0]
        if leaving["lane"] is not None:
            removed = self._do("sweep_lane", lane=leaving["lane"], limit=_STRETCH)
        else:
            removed = self._do("sweep_snapshot", snapshot_id=leaving["snapshot_id"], limit=_STRETCH)
        if removed < _STRETCH:
            self._do("pubsub_left", rowid=leaving["rowid"])
        return True
