"""Snapshots, forks and digests of a project's buckets: their rows; contents are shared and counted.

Names of buckets are unique in the house, so the bucket `B` of a project that is forked into `P` is `B-P`, and remembers
its origin. A digest leaves out instants and generations, and names buckets by their origin. Uploads under way and
soft-deleted versions belong to the original alone.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from hakobune.core.errors import AlreadyExists
from hakobune.core.objects.limits import BUCKET_NAME_CHARS
from hakobune.core.objects.model import Bucket, NotificationConfig
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite.object_rows import bucket_from_row
from hakobune.store.sqlite.workflow_pictures import Insert, Part, Row

_AT_ONCE = 1_000
_DIGEST_CHARS = 8
_NO_NAME = re.compile(r"[^a-z0-9]+")


def _rows(connection: sqlite3.Connection, query: str, /, **parameters: object) -> list[sqlite3.Row]:
    return connection.execute(queries("objects")[query], parameters).fetchall()


def has_buckets(connection: sqlite3.Connection, project: str) -> bool:
    """Whether a project has any."""
    return bool(_rows(connection, "project_buckets", project=project))


def _objects(connection: sqlite3.Connection, bucket_id: int) -> Iterator[list[sqlite3.Row]]:
    """Live and noncurrent versions by name and generation, some at a time."""
    name, generation = "", -1
    while found := _rows(connection, "bucket_objects", id=bucket_id, name=name, generation=generation, limit=_AT_ONCE):
        yield found
        name, generation = found[-1]["name"], found[-1]["generation"]


def _policy(connection: sqlite3.Connection, bucket: str) -> list[Row]:
    found = connection.execute(queries("changes")["get_policy"], {"resource": f"buckets/{bucket}"}).fetchone()
    return [] if found is None else [{"doc": found[0]}]


# -- digests --------------------------------------------------------------------------------------------------------


def digest_lines(connection: sqlite3.Connection, project: str) -> Iterator[str]:
    """What the project's buckets have come to."""
    buckets = [(bucket_from_row(row), row["id"]) for row in _rows(connection, "project_buckets", project=project)]
    for bucket, bucket_id in sorted(buckets, key=lambda found: _origin(found[0])):
        yield _bucket_line(bucket)
        for row in _rows(connection, "bucket_configs", id=bucket_id):
            config = from_document(NotificationConfig, row["doc"])
            yield f"notification {to_document(replace(config, id='', topic=_moved_topic(config.topic, project, '')))}\n"
        for policy in _policy(connection, bucket.name):
            yield f"bucket policy {policy['doc']}\n"
        for rows in _objects(connection, bucket_id):
            yield from map(_object_line, rows)


def _origin(bucket: Bucket) -> str:
    return bucket.origin or bucket.name


def _bucket_line(bucket: Bucket) -> str:
    bare = replace(
        bucket,
        name=_origin(bucket),
        origin="",
        project="",
        metageneration=1,
        create_s=0.0,
        update_s=0.0,
        settings=replace(bucket.settings, soft_delete_since_s=0.0),
    )
    return f"bucket {to_document(bare)}\n"


def _object_line(row: sqlite3.Row) -> str:
    facts = [row[name] for name in ("name", "state", "size_bytes", "crc32c", "md5", "components", "doc")]
    return f"object {facts!r}\n"


# -- snapshots ------------------------------------------------------------------------------------------------------


def snapshot_parts(connection: sqlite3.Connection, project: str) -> Iterator[Part]:
    """All rows, part by part: a bucket, then its objects. Each row that goes into a part counts as naming its content:
    the file stays as long as the snapshot does."""
    keep = queries("objects")["keep_content"]
    for row in _rows(connection, "project_buckets", project=project):
        yield {
            "buckets": [dict(row)],
            "notification_configs": [dict(config) for config in _rows(connection, "bucket_configs", id=row["id"])],
            "bucket_policies": _policy(connection, row["bucket"]),
        }
        for found in _objects(connection, row["id"]):
            connection.executemany(keep, [{"content": version["content"]} for version in found])
            yield {"objects": [dict(version) for version in found]}


def forget(connection: sqlite3.Connection, part: Part) -> None:
    """A part of a snapshot goes: its rows name no content any more."""
    drop = queries("objects")["drop_content"]
    connection.executemany(drop, [{"content": version["content"]} for version in part.get("objects", [])])


# -- forks ----------------------------------------------------------------------------------------------------------


class ObjectFork:
    """Copies the parts of a snapshot into a project. Generations stay: they are of other names."""

    def __init__(self, connection: sqlite3.Connection, insert: Insert, original: str, project: str, seq: int) -> None:
        self._connection = connection
        self._insert = insert
        self._original = original
        self._project = project
        self._seq = seq
        self._bucket_id = 0  # of the bucket that was copied last: its objects follow it

    def add(self, part: Part) -> None:
        """Copy one part. Raises AlreadyExists: a bucket of the new name is there."""
        for row in part.get("buckets", []):
            self._bucket(row, part)
        objects = part.get("objects", [])
        changed: Row = {"bucket_id": self._bucket_id, "changed_seq": self._seq}
        self._insert("objects", [{**row, **changed} for row in objects], without="id")
        keep = queries("objects")["keep_content"]
        self._connection.executemany(keep, [{"content": row["content"]} for row in objects])

    def _bucket(self, row: Row, part: Part) -> None:
        bucket = from_document(Bucket, str(row["doc"]))
        name = _fork_name(bucket.name, self._project)
        forked = replace(bucket, name=name, project=self._project, origin=_origin(bucket))
        changed: Row = {
            "bucket": name,
            "project": self._project,
            "doc": to_document(forked),
            "changed_seq": self._seq,
        }
        try:
            self._bucket_id = self._insert("buckets", [{**row, **changed}], without="id")
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"Bucket '{name}' already exists.") from None
        for item in part["notification_configs"]:
            config = from_document(NotificationConfig, str(item["doc"]))
            moved = replace(config, topic=_moved_topic(config.topic, self._original, self._project))
            own: Row = {"bucket_id": self._bucket_id, "doc": to_document(moved)}
            self._insert("notification_configs", [{**item, **own}])
        for policy in part["bucket_policies"]:
            self._insert("iam_policies", [{"resource": f"buckets/{name}", "doc": policy["doc"]}])


def _fork_name(bucket: str, project: str) -> str:
    """`bucket-project`, as far as that is a name of a bucket."""
    whole = f"{bucket}-{_NO_NAME.sub('-', project)}".rstrip("-")
    if len(whole) <= BUCKET_NAME_CHARS:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{whole[: BUCKET_NAME_CHARS - _DIGEST_CHARS - 1].rstrip('-.')}-{digest}"


def _moved_topic(topic: str, project: str, other: str) -> str:
    """A topic of the project becomes one of the other; those of others stay."""
    prefix = f"projects/{project}/"
    return f"projects/{other}/{topic.removeprefix(prefix)}" if topic.startswith(prefix) else topic
