"""Rows of the messages room to core types and back. Rows do not leave the store."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import lru_cache

from hakobune.core.pubsub.model import Schema, Snapshot, Subscription, Topic
from hakobune.store.documents import from_document, to_document

_KEPT = 1_024  # documents of what is used again and again: each pull and publish reads one


@lru_cache(maxsize=_KEPT)
def topic_from_text(doc: str) -> Topic:
    """A topic from its document."""
    return from_document(Topic, doc)


def topic_from_row(row: sqlite3.Row) -> Topic:
    """A topic."""
    return topic_from_text(row["doc"])


@lru_cache(maxsize=_KEPT)
def _subscription(doc: str, is_deleted: int, retention_s: float | None) -> Subscription:
    found = from_document(Subscription, doc)
    return replace(found, topic=None if is_deleted else found.topic, topic_message_retention_s=retention_s)


def subscription_from_row(row: sqlite3.Row) -> Subscription:
    """A subscription; the row brings what its topic adds."""
    return _subscription(row["doc"], row["is_deleted"], row["retention_s"])


def subscription_text(subscription: Subscription) -> str:
    """Its document. What comes from its topic is left out."""
    return to_document(replace(subscription, topic_message_retention_s=None))


def snapshot_from_row(row: sqlite3.Row) -> Snapshot:
    """A snapshot."""
    found = from_document(Snapshot, row["doc"])
    return replace(found, topic=None) if row["is_deleted"] else found


def schema_from_row(row: sqlite3.Row) -> Schema:
    """A revision of a schema."""
    return from_document(Schema, row["doc"])
