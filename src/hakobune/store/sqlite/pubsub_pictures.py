"""Snapshots, forks and digests of a project's topics, subscriptions and messages.

A digest has what each subscription has not acknowledged, and what each snapshot holds, whatever the order in which it
was published: publishers that work at once have no order. A fork has new numbers for everything. Its leases are over,
and it pushes nothing: the endpoints belong to the original.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import groupby, islice
from typing import TypeVar

from hakobune.core.pubsub.filters import filter_from_text
from hakobune.core.pubsub.messages import decode_body
from hakobune.core.pubsub.model import Schema, Snapshot, Subscription, Topic
from hakobune.core.pubsub.ordering import WAITING_S
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite.pubsub_blocks import Blocks, Message
from hakobune.store.sqlite.pubsub_counters import next_lane, next_message, take_messages
from hakobune.store.sqlite.pubsub_rows import subscription_from_row, subscription_text
from hakobune.store.sqlite.workflow_pictures import Insert, Part, Row

Named = TypeVar("Named", Schema, Topic)

_AT_ONCE = 1_000  # messages of one part
_BODY_TEXT = "latin-1"  # a body is bytes: each as one character, for the JSON of a snapshot
_NO_INSTANT = "CloudPubSubDeadLetterSourceTopicPublishTime"
_SUM_MODULUS = 1 << 256


def _rows(connection: sqlite3.Connection, name: str, **parameters: object) -> list[sqlite3.Row]:
    return connection.execute(queries("pubsub")[name], parameters).fetchall()


def has_topics(connection: sqlite3.Connection, project: str) -> bool:
    """Whether a project has topics, subscriptions, snapshots or schemas."""
    names = ("project_topics", "project_subscriptions", "project_snapshots", "project_schemas")
    return any(_rows(connection, name, project=project) for name in names)


# -- digests --------------------------------------------------------------------------------------------------------


def digest_lines(connection: sqlite3.Connection, project: str) -> Iterator[str]:
    """What the project's topics and subscriptions have come to."""
    for row in _rows(connection, "project_schemas", project=project):
        schema = from_document(Schema, row["doc"])
        yield f"schema {row['schema']} {row['ordinal']} {schema.type} {schema.definition}\n"
    for row in _rows(connection, "project_topics", project=project):
        if not row["is_deleted"]:
            yield f"topic {row['topic']} {_nameless(row['doc'], project)}\n"
    for row in _rows(connection, "project_subscriptions", project=project):
        subscription = subscription_from_row(row)
        numbers = _numbers(connection, "lane_ids", row["lane"])
        count, total = _sum(_unacked(connection, row, numbers), subscription.filter)
        document = _nameless(subscription_text(replace(subscription, push=None)), project)
        yield f"subscription {row['subscription']} {document} {count} {total:x}\n"
    for row in _rows(connection, "project_snapshots", project=project):
        snapshot = replace(from_document(Snapshot, row["doc"]), expire_s=0.0)
        count, total = _sum(_unacked(connection, row, _numbers(connection, "snapshot_ids", row["id"])), "")
        yield f"snapshot {row['snapshot']} {_nameless(to_document(snapshot), project)} {count} {total:x}\n"


def _nameless(doc: str, project: str) -> str:
    """A document without the project that it is in."""
    return doc.replace(f"projects/{project}/", "projects//").replace(f'"project":"{project}"', '"project":""')


def _numbers(connection: sqlite3.Connection, query: str, of: int) -> list[int]:
    """The messages of a lane or a snapshot."""
    return [number for (number,) in connection.execute(queries("pubsub")[query], (of,)).fetchall()]


def _unacked(connection: sqlite3.Connection, row: sqlite3.Row, numbers: Iterable[int]) -> Iterator[Message]:
    """The messages before a frontier that have a row, and all that are behind it."""
    blocks = Blocks(connection)
    for number in numbers:
        message = blocks.find(row["topic_id"], number)
        if message is not None:
            yield message
    yield from blocks.onward(row["topic_id"], row["frontier"])


def _sum(messages: Iterable[Message], wanted: str) -> tuple[int, int]:
    """(number, sum of the digests) of the messages that pass a filter."""
    matches = filter_from_text(wanted) if wanted else None
    count = total = 0
    for _, _, key, body in messages:
        data, attributes = decode_body(body)
        if matches is not None and not matches(attributes):
            continue
        attributes.pop(_NO_INSTANT, None)
        content = repr((key, data, sorted(attributes.items()))).encode()
        total = (total + int.from_bytes(hashlib.sha256(content).digest(), "big")) % _SUM_MODULUS
        count += 1
    return count, total


# -- snapshots ------------------------------------------------------------------------------------------------------


def snapshot_parts(connection: sqlite3.Connection, project: str) -> Iterator[Part]:
    """All rows, part by part: names first, then messages, then what is not acknowledged."""
    topics = _rows(connection, "project_topics", project=project)
    subscriptions = _rows(connection, "project_subscriptions", project=project)
    snapshots = _rows(connection, "project_snapshots", project=project)
    yield {
        "pubsub_schemas": [dict(row) for row in _rows(connection, "project_schemas", project=project)],
        "pubsub_topics": [dict(row) for row in topics],
        "pubsub_subscriptions": [dict(row) for row in subscriptions],
        "pubsub_snapshots": [dict(row) for row in snapshots],
        "pubsub_counters": [{"message": next_message(connection)}],
    }
    for row in topics:
        for messages in _messages(connection, row["id"]):
            yield {"pubsub_messages": messages}
    for row in subscriptions:
        for part in _pieces(connection, "delivery_rows", "message_id", lane=row["lane"]):
            yield {"pubsub_deliveries": [{**delivery, "lane": row["lane"]} for delivery in part]}
    for row in snapshots:
        for part in _pieces(connection, "snapshot_message_rows", "message_id", snapshot_id=row["id"]):
            yield {"pubsub_snapshot_messages": [{**message, "snapshot_id": row["id"]} for message in part]}


def _messages(connection: sqlite3.Connection, topic_id: int) -> Iterator[list[Row]]:
    """The messages of a topic by their number, some at a time."""
    after = 0
    while True:
        with closing(Blocks(connection).onward(topic_id, after + 1)) as messages:
            found = list(islice(messages, _AT_ONCE))
        if not found:
            return
        yield [
            {
                "id": message_id,
                "topic_id": topic_id,
                "publish_s": publish_s,
                "ordering_key": key,
                "body": body.decode(_BODY_TEXT),
            }
            for message_id, publish_s, key, body in found
        ]
        after = found[-1][0]


def _pieces(
    connection: sqlite3.Connection, query: str, number: str, **parameters: object
) -> Iterator[list[sqlite3.Row]]:
    """The rows of a query by their number, some at a time."""
    after = 0
    while part := _rows(connection, query, **parameters, after=after, limit=_AT_ONCE):
        yield part
        after = part[-1][number]


# -- forks ----------------------------------------------------------------------------------------------------------


class PubsubFork:
    """Copies the parts of a snapshot into a project. Messages keep their distances, so frontiers stay where they are
    among them. Topics of other projects are shared with the original."""

    def __init__(self, connection: sqlite3.Connection, insert: Insert, original: str, project: str, seq: int) -> None:
        self._connection = connection
        self._insert = insert
        self._original = original
        self._project = project
        self._seq = seq
        self._shift = 0
        self._topics: dict[object, int] = {}
        self._lanes: dict[object, tuple[int, int]] = {}  # lane: the new one, and how far its messages are moved
        self._snapshots: dict[object, tuple[int, int]] = {}

    def add(self, part: Part) -> None:
        """Copy one part."""
        for row in part.get("pubsub_counters", []):
            self._shift = next_message(self._connection)
            take_messages(self._connection, _number(row["message"]), 0.0)
        for row in part.get("pubsub_schemas", []):
            document = self._moved_document(Schema, row["doc"])
            self._insert("pubsub_schemas", [{**row, "project": self._project, "doc": document}])
        for row in part.get("pubsub_topics", []):
            self._topic(row)
        for row in part.get("pubsub_subscriptions", []):
            self._subscription(row)
        for row in part.get("pubsub_snapshots", []):
            self._snapshot(row)
        for topic_id, rows in groupby(part.get("pubsub_messages", []), key=_topic_id):
            Blocks(self._connection).add(self._topics[topic_id], [self._message(row) for row in rows])
        self._deliveries(part.get("pubsub_deliveries", []))
        self._insert(
            "pubsub_snapshot_messages",
            [
                {
                    "snapshot_id": self._snapshots[row["snapshot_id"]][0],
                    "message_id": _number(row["message_id"]) + self._snapshots[row["snapshot_id"]][1],
                }
                for row in part.get("pubsub_snapshot_messages", [])
            ],
        )

    def _moved_document(self, kind: type[Named], doc: object) -> str:
        """The document of a resource under the fork's name."""
        found = from_document(kind, self._moved_text(str(doc)))
        return to_document(replace(found, name=replace(found.name, project=self._project)))

    def _moved_text(self, doc: str) -> str:
        """A document whose full names are in the fork's project. Names have no quotes, so nothing else is met."""
        return doc.replace(f'"projects/{self._original}/', f'"projects/{self._project}/')

    def _topic(self, row: Row) -> None:
        document = self._moved_document(Topic, row["doc"])
        schema = row["schema"] and self._moved_text(f'"{row["schema"]}"').strip('"')
        changed: Row = {"project": self._project, "doc": document, "schema": schema, "changed_seq": self._seq}
        self._topics[row["id"]] = self._insert("pubsub_topics", [{**row, **changed}], without="id")

    def _place(self, row: Row) -> tuple[int, int]:
        """(the number of its topic, how far its messages are moved)."""
        number = self._topics.get(row["topic_id"])
        return (_number(row["topic_id"]), 0) if number is None else (number, self._shift)

    def _subscription(self, row: Row) -> None:
        found = from_document(Subscription, self._moved_text(str(row["doc"])))
        topic = found.topic
        if topic is not None and topic.project == self._original:
            topic = replace(topic, project=self._project)
        found = replace(found, name=replace(found.name, project=self._project), topic=topic, push=None)
        number, shift = self._place(row)
        lane = next_lane(self._connection)
        self._lanes[row["lane"]] = (lane, shift)
        changed: Row = {
            "project": self._project,
            "topic_id": number,
            "lane": lane,
            "frontier": _number(row["frontier"]) + shift,
            "is_push": 0,
            "doc": subscription_text(found),
            "changed_seq": self._seq,
        }
        self._insert(
            "pubsub_subscriptions",
            [_without({**row, **changed}, "is_deleted", "retention_s", "topic_project")],
            without="id",
        )

    def _snapshot(self, row: Row) -> None:
        found = from_document(Snapshot, str(row["doc"]))
        topic = found.topic
        if topic is not None and topic.project == self._original:
            topic = replace(topic, project=self._project)
        number, shift = self._place(row)
        changed: Row = {
            "project": self._project,
            "topic_id": number,
            "frontier": _number(row["frontier"]) + shift,
            "doc": to_document(replace(found, name=replace(found.name, project=self._project), topic=topic)),
        }
        new_id = self._insert("pubsub_snapshots", [_without({**row, **changed}, "topic_project")], without="id")
        self._snapshots[row["id"]] = (new_id, shift)

    def _message(self, row: Row) -> Message:
        publish_s, key = row["publish_s"], row["ordering_key"]
        assert isinstance(publish_s, float)  # as our own schema says
        body = str(row["body"]).encode(_BODY_TEXT)
        return _number(row["id"]) + self._shift, publish_s, None if key is None else str(key), body

    def _deliveries(self, rows: list[Row]) -> None:
        if not rows:
            return
        lane, shift = self._lanes[rows[0]["lane"]]
        free: list[Row] = [
            {
                "lane": lane,
                "message_id": _number(row["message_id"]) + shift,
                "due_s": 0.0 if row["ordering_key"] is None else WAITING_S,
                "attempts": row["attempts"],
                "is_leased": 0,
                "ordering_key": row["ordering_key"],
            }
            for row in rows
        ]
        self._insert("pubsub_deliveries", free)
        parameters = {"lane": lane, "now_s": 0.0, "waiting_s": WAITING_S}
        self._connection.execute(queries("pubsub")["free_heads"], parameters)


def _topic_id(row: Row) -> int:
    return _number(row["topic_id"])


def _number(value: object) -> int:
    assert isinstance(value, int)  # as our own schema says
    return value


def _without(row: Mapping[str, object], *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
