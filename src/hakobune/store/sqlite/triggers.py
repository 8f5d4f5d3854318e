"""Triggers, channels, events and deliveries in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hakobune.core.errors import AlreadyExists
from hakobune.core.triggers.deliveries import Delivery
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Channel, ChannelName, Trigger, TriggerName
from hakobune.store.documents import from_document, to_document
from hakobune.store.records import Page
from hakobune.store.sqlite.document_rows import DocumentRows
from hakobune.store.triggers_api import DeliveryQuery

_NEWEST = 1 << 62  # above every number of an event


class SqliteTriggersRead(DocumentRows):
    """Questions about triggers."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, "triggers")

    def find_trigger(self, name: TriggerName) -> Trigger | None:
        return self._one(Trigger, "find_trigger", project=name.project, location=name.location, id=name.id)

    def trigger_by_uid(self, uid: str) -> Trigger | None:
        return self._one(Trigger, "trigger_by_uid", uid=uid)

    def list_triggers(self, project: str, location: str | None, page: Page) -> list[Trigger]:
        return self._page(Trigger, "list_triggers", location, page, project=project)

    def count_triggers(self, project: str) -> int:
        return int(str(self._first("count_triggers", project=project)))

    def all_triggers(self) -> list[Trigger]:
        return self._all(Trigger, "all_triggers")

    def find_channel(self, name: ChannelName) -> Channel | None:
        return self._one(Channel, "find_channel", project=name.project, location=name.location, id=name.id)

    def list_channels(self, project: str, location: str | None, page: Page) -> list[Channel]:
        return self._page(Channel, "list_channels", location, page, project=project)

    def find_event(self, number: int) -> CloudEvent | None:
        return self._one(CloudEvent, "find_event", number=number)

    def find_delivery(self, uid: str) -> Delivery | None:
        return self._one(Delivery, "find_delivery", uid=uid)

    def list_deliveries(self, query: DeliveryQuery, page: Page) -> list[tuple[Delivery, Trigger]]:
        parameters: dict[str, object] = {
            "project": query.project,
            "location": query.location,
            "trigger_uid": query.trigger_uid,
            "is_open": query.is_open,
            "place_event": int(page.after.partition("-")[0]) if page.after else _NEWEST,
            "place_uid": page.after,
            "limit": page.limit,
        }
        rows = self._connection.execute(self._sql["list_deliveries"], parameters).fetchall()
        return [(from_document(Delivery, row[0]), from_document(Trigger, row[1])) for row in rows]

    def has_settled(self, before_s: float, keep: int) -> bool:
        parameters = {"before_s": self._settled_before_s(before_s, keep), "limit": 1}
        return self._connection.execute(self._sql["settled_before"], parameters).fetchone() is not None

    def _settled_before_s(self, before_s: float, keep: int) -> float:
        """The instant before which those were over that may go."""
        beyond = self._connection.execute(self._sql["settled_beyond"], {"keep": keep}).fetchone()
        return before_s if beyond is None else max(before_s, float(beyond[0]))

    def failing(self, trigger_uid: str) -> Delivery | None:
        return self._one(Delivery, "failing", trigger_uid=trigger_uid)


class SqliteTriggersWrite(SqliteTriggersRead):
    """Changes of triggers."""

    def add_trigger(self, trigger: Trigger) -> None:
        name = trigger.name
        if self.find_trigger(name) is not None:
            raise AlreadyExists(f"Resource '{name}' already exists.")
        self._do(
            "add_trigger",
            uid=trigger.uid,
            project=name.project,
            location=name.location,
            id=name.id,
            doc=to_document(trigger),
        )

    def save_trigger(self, trigger: Trigger) -> None:
        self._do("save_trigger", uid=trigger.uid, doc=to_document(trigger))

    def remove_trigger(self, uid: str) -> list[str]:
        found = self._connection.execute(self._sql["deliveries_of"], {"trigger_uid": uid}).fetchall()
        self._remove_deliveries([(row["uid"], row["event"]) for row in found])
        self._do("remove_trigger_policy", uid=uid)
        self._do("remove_trigger", uid=uid)
        return [row["uid"] for row in found if row["settle_s"] is None]

    def add_channel(self, channel: Channel) -> None:
        name = channel.name
        if self.find_channel(name) is not None:
            raise AlreadyExists(f"Resource '{name}' already exists.")
        self._do(
            "add_channel",
            uid=channel.uid,
            project=name.project,
            location=name.location,
            id=name.id,
            doc=to_document(channel),
        )

    def save_channel(self, channel: Channel) -> None:
        self._do("save_channel", uid=channel.uid, doc=to_document(channel))

    def remove_channel(self, uid: str) -> None:
        self._do("remove_channel_policy", uid=uid)
        self._do("remove_channel", uid=uid)

    def next_event(self, now_s: float) -> int:
        newest = self._connection.execute(self._sql["newest_event"]).fetchone()[0]
        return max(int(now_s * 1_000_000), 0 if newest is None else newest + 1)

    def add_event(self, number: int, event: CloudEvent) -> None:
        self._do("add_event", number=number, doc=to_document(event))

    def save_delivery(self, delivery: Delivery) -> None:
        self._do(
            "save_delivery",
            uid=delivery.uid,
            event=delivery.event,
            trigger_uid=delivery.trigger_uid,
            settle_s=delivery.settle_s,
            has_failed=delivery.settle_s is None and delivery.failures > 0,
            doc=to_document(delivery),
        )

    def forget_settled(self, before_s: float, keep: int, limit: int) -> Sequence[str]:
        parameters = {"before_s": self._settled_before_s(before_s, keep), "limit": limit}
        rows = self._connection.execute(self._sql["settled_before"], parameters).fetchall()
        self._remove_deliveries([(row["uid"], row["event"]) for row in rows])
        return [row["uid"] for row in rows]

    def _remove_deliveries(self, found: Sequence[tuple[str, int]]) -> None:
        for uid, _ in found:
            self._do("remove_delivery", uid=uid)
        for number in {event for _, event in found}:
            self._do("remove_event", number=number)
