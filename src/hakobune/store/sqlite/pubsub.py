"""Topics, subscriptions, snapshots and schemas in SQLite. Messages: `pubsub_messages`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.errors import AlreadyExists, NotFound
from hakobune.core.pubsub.limits import EXPIRATION_MIN_S
from hakobune.core.pubsub.model import Schema, Snapshot, Subscription, Topic
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.store.api import Page
from hakobune.store.documents import from_document, to_document
from hakobune.store.pubsub_api import Backlog
from hakobune.store.queries import queries
from hakobune.store.sqlite import feed
from hakobune.store.sqlite.pubsub_counters import next_lane, next_message
from hakobune.store.sqlite.pubsub_rows import (
    schema_from_row,
    snapshot_from_row,
    subscription_from_row,
    subscription_text,
    topic_from_row,
)

_NEWEST = 1 << 62  # above every ordinal
_EXPIRED_AT_ONCE = 100  # snapshots


class SqlitePubsubRead:
    """Questions about topics and subscriptions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries("pubsub")

    def _one(self, query: str, **parameters: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(self._sql[query], parameters).fetchone()
        return row

    def _all(self, query: str, **parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(self._sql[query], parameters).fetchall()

    def _count(self, query: str, **parameters: object) -> int:
        row = self._one(query, **parameters)
        return int(row[0]) if row else 0

    def is_used(self) -> bool:
        return bool(self._count("is_used"))

    # -- topics -------------------------------------------------------------------------------------------------

    def find_topic(self, name: TopicName) -> Topic | None:
        row = self._one("find_topic", project=name.project, topic=name.id)
        return None if row is None else topic_from_row(row)

    def list_topics(self, project: str, page: Page) -> list[Topic]:
        found = self._all("list_topics", project=project, after=page.after, limit=page.limit)
        return [topic_from_row(row) for row in found]

    def count_topics(self, project: str) -> int:
        return self._count("count_topics", project=project)

    def list_topic_subscriptions(self, name: TopicName, page: Page) -> list[SubscriptionName]:
        project, _, name_id = page.after.partition("/")
        found = self._all(
            "topic_subscriptions",
            topic_id=self._topic_id(name),
            after_project=project,
            after_id=name_id,
            limit=page.limit,
        )
        return [SubscriptionName(project=row["project"], id=row["subscription"]) for row in found]

    def count_topic_subscriptions(self, name: TopicName) -> int:
        return self._count("count_topic_subscriptions", topic_id=self._topic_id(name))

    def list_topic_snapshots(self, name: TopicName, page: Page) -> list[SnapshotName]:
        project, _, name_id = page.after.partition("/")
        found = self._all(
            "topic_snapshots",
            topic_id=self._topic_id(name),
            after_project=project,
            after_id=name_id,
            limit=page.limit,
        )
        return [SnapshotName(project=row["project"], id=row["snapshot"]) for row in found]

    def _topic_id(self, name: TopicName) -> int:
        row = self._one("find_topic", project=name.project, topic=name.id)
        if row is None:
            raise NotFound(f"Topic not found: {name}.")
        return int(row["id"])

    # -- subscriptions ------------------------------------------------------------------------------------------

    def _subscription_row(self, name: SubscriptionName) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(
            self._sql["find_subscription"], (name.project, name.id)
        ).fetchone()
        return row

    def find_subscription(self, name: SubscriptionName) -> Subscription | None:
        row = self._subscription_row(name)
        return None if row is None else subscription_from_row(row)

    def backlog(self, name: SubscriptionName) -> Backlog | None:
        row = self._subscription_row(name)
        if row is None:
            return None
        found = self._all("backlog", lane=row["lane"], topic_id=row["topic_id"], frontier=row["frontier"])[0]
        count = found["passed"] + (found["coming"] or 0) + (found["part"] or 0)
        instants = [at_s for at_s in (found["passed_s"], found["coming_s"]) if at_s is not None]
        return Backlog(count=count, oldest_s=min(instants, default=None) if count else None)

    def list_subscriptions(self, project: str, page: Page) -> list[Subscription]:
        found = self._all("list_subscriptions", project=project, after=page.after, limit=page.limit)
        return [subscription_from_row(row) for row in found]

    def count_subscriptions(self, project: str) -> int:
        return self._count("count_subscriptions", project=project)

    def push_subscriptions(self) -> list[Subscription]:
        return [subscription_from_row(row) for row in self._all("push_subscriptions")]

    def dead_letter_dues(self) -> list[tuple[SubscriptionName, float]]:
        return [
            (SubscriptionName(project=row["project"], id=row["subscription"]), row["due_s"])
            for row in self._all("dead_letter_dues")
            if row["due_s"] is not None
        ]

    # -- snapshots ----------------------------------------------------------------------------------------------

    def find_snapshot(self, name: SnapshotName) -> Snapshot | None:
        row = self._one("find_snapshot", project=name.project, snapshot=name.id)
        return None if row is None else snapshot_from_row(row)

    def list_snapshots(self, project: str, page: Page) -> list[Snapshot]:
        found = self._all("list_snapshots", project=project, after=page.after, limit=page.limit)
        return [snapshot_from_row(row) for row in found]

    def count_snapshots(self, project: str) -> int:
        return self._count("count_snapshots", project=project)

    # -- schemas ------------------------------------------------------------------------------------------------

    def _schema_row(self, name: SchemaName, revision: str) -> sqlite3.Row | None:
        if revision:
            return self._one("schema_revision", project=name.project, schema=name.id, revision=revision)
        return self._one("newest_schema", project=name.project, schema=name.id)

    def find_schema(self, name: SchemaName, revision: str = "") -> Schema | None:
        row = self._schema_row(name, revision)
        return None if row is None else schema_from_row(row)

    def list_schemas(self, project: str, page: Page) -> list[Schema]:
        found = self._all("list_schemas", project=project, after=page.after, limit=page.limit)
        return [schema_from_row(row) for row in found]

    def list_schema_revisions(self, name: SchemaName, page: Page) -> list[Schema]:
        last = self._schema_row(name, page.after) if page.after else None
        before = _NEWEST if last is None else last["ordinal"]
        found = self._all("schema_revisions", project=name.project, schema=name.id, before=before, limit=page.limit)
        return [schema_from_row(row) for row in found]

    def count_schemas(self, project: str) -> int:
        return self._count("count_schemas", project=project)


class SqlitePubsubWrite(SqlitePubsubRead):
    """Changes of topics and subscriptions."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        super().__init__(connection)
        self._seq = seq

    def _run(self, query: str, **parameters: object) -> int:
        return self._connection.execute(self._sql[query], parameters).rowcount

    def _bury(self, project: str, name: str) -> None:
        feed.bury(self._connection, self._seq, project, name)
        self._connection.execute(queries("changes")["delete_policy"], {"resource": name})

    # -- topics -------------------------------------------------------------------------------------------------

    def add_topic(self, topic: Topic) -> None:
        try:
            self._run("insert_topic", **self._topic_columns(topic))
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Topic already exists: {topic.name}.") from None

    def replace_topic(self, topic: Topic) -> None:
        self._run("update_topic", **self._topic_columns(topic))

    def _topic_columns(self, topic: Topic) -> dict[str, object]:
        return {
            "project": topic.name.project,
            "topic": topic.name.id,
            "retention_s": topic.message_retention_s,
            "schema": None if topic.schema_settings is None else topic.schema_settings.schema,
            "doc": to_document(topic),
            "seq": self._seq,
        }

    def remove_topic(self, name: TopicName) -> bool:
        row = self._one("find_topic", project=name.project, topic=name.id)
        if row is None:
            return False
        self._run("delete_topic", project=name.project, topic=name.id, seq=self._seq)
        self._run("topic_went", topic_id=row["id"], seq=self._seq)
        self._bury(name.project, str(name))
        return True

    # -- subscriptions ------------------------------------------------------------------------------------------

    def add_subscription(self, subscription: Subscription, now_s: float) -> None:
        if subscription.topic is None:
            raise NotFound("Subscription topic does not exist.")
        topic = self._one("find_topic", project=subscription.topic.project, topic=subscription.topic.id)
        if topic is None:
            raise NotFound(f"Subscription topic does not exist: {subscription.topic}.")
        try:
            self._run(
                "insert_subscription",
                topic_id=topic["id"],
                lane=next_lane(self._connection),
                frontier=next_message(self._connection),
                now_s=now_s,
                **self._subscription_columns(subscription),
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Subscription already exists: {subscription.name}.") from None

    def replace_subscription(self, subscription: Subscription) -> None:
        row = self._subscription_row(subscription.name)
        if row is None:
            return
        topic = subscription.topic
        if topic is None:  # its name is kept for the day when it is looked at again
            topic = from_document(Subscription, row["doc"]).topic
        if subscription.detached and not row["is_detached"]:
            self._leave_lane(row["lane"])
            lane = next_lane(self._connection)
            self._run("start_lane", id=row["id"], lane=lane, frontier=next_message(self._connection))
        self._run(
            "update_subscription",
            is_detached=subscription.detached,
            **self._subscription_columns(replace(subscription, topic=topic)),
        )

    def _subscription_columns(self, subscription: Subscription) -> dict[str, object]:
        return {
            "project": subscription.name.project,
            "subscription": subscription.name.id,
            "is_push": subscription.push is not None,
            "has_dead_letter": subscription.dead_letter is not None,
            "doc": subscription_text(subscription),
            "seq": self._seq,
        }

    def _leave_lane(self, lane: int) -> None:
        self._connection.execute(self._sql["leave_lane"], (lane,))

    def remove_subscription(self, name: SubscriptionName) -> bool:
        row = self._subscription_row(name)
        if row is None:
            return False
        self._leave_lane(row["lane"])
        self._run("delete_subscription", id=row["id"])
        self._bury(name.project, str(name))
        return True

    def touch(self, names: Sequence[SubscriptionName], now_s: float) -> None:
        for name in names:
            self._run("touch_subscription", project=name.project, subscription=name.id, now_s=now_s)

    def expire(self, now_s: float, running_since_s: float) -> list[SubscriptionName]:
        for row in self._all("expired_snapshots", now_s=now_s, limit=_EXPIRED_AT_ONCE):
            self.remove_snapshot(SnapshotName(project=row["project"], id=row["snapshot"]))
        gone: list[SubscriptionName] = []
        for row in self._all("idle_subscriptions", before_s=now_s - EXPIRATION_MIN_S):
            found = subscription_from_row(row)
            active_s = max(row["active_s"], running_since_s)
            if found.expiration_s is not None and active_s + found.expiration_s <= now_s:
                gone.append(found.name)
        for name in gone:
            self.remove_subscription(name)
        return gone

    # -- snapshots ----------------------------------------------------------------------------------------------

    def replace_snapshot(self, snapshot: Snapshot) -> None:
        self._run(
            "update_snapshot",
            project=snapshot.name.project,
            snapshot=snapshot.name.id,
            expire_s=snapshot.expire_s,
            doc=to_document(snapshot),
        )

    def remove_snapshot(self, name: SnapshotName) -> bool:
        row = self._one("find_snapshot", project=name.project, snapshot=name.id)
        if row is None:
            return False
        self._connection.execute(self._sql["leave_snapshot"], (row["id"],))
        self._run("delete_snapshot", project=name.project, snapshot=name.id)
        self._connection.execute(queries("changes")["delete_policy"], {"resource": str(name)})
        return True

    # -- schemas ------------------------------------------------------------------------------------------------

    def add_schema(self, schema: Schema) -> None:
        newest = self._schema_row(schema.name, "")
        if self._schema_row(schema.name, schema.revision_id) is not None:
            raise AlreadyExists(f"Schema revision already exists: {schema.name}@{schema.revision_id}.")
        self._run(
            "insert_schema",
            project=schema.name.project,
            schema=schema.name.id,
            ordinal=1 if newest is None else newest["ordinal"] + 1,
            revision=schema.revision_id,
            doc=to_document(schema),
        )

    def remove_schema(self, name: SchemaName) -> list[TopicName]:
        users = [topic_from_row(row).name for row in self._all("topics_of_schema", schema=str(name))]
        self._run("delete_schema", project=name.project, schema=name.id)
        self._connection.execute(queries("changes")["delete_policy"], {"resource": str(name)})
        return users

    def remove_schema_revision(self, name: SchemaName, revision: str) -> bool:
        return bool(self._run("delete_schema_revision", project=name.project, schema=name.id, revision=revision))
