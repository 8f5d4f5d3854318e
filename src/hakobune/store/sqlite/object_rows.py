"""Rows of objects to core types and back. Rows do not leave the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hakobune.core.errors import CorruptStore
from hakobune.core.objects.model import (
    Bucket,
    Checksums,
    MultipartUpload,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    UploadPart,
    UploadSession,
    UploadState,
)
from hakobune.store.documents import from_document, to_document

Columns = dict[str, object]


def bucket_name(bucket: str) -> str:
    """A bucket as feeds and audits name it."""
    return f"projects/_/buckets/{bucket}"


def object_name(bucket: str, name: str) -> str:
    """An object as feeds and audits name it."""
    return f"{bucket_name(bucket)}/objects/{name}"


def bucket_from_row(row: sqlite3.Row) -> Bucket:
    """A bucket."""
    return from_document(Bucket, row["doc"])


def version_from_row(row: sqlite3.Row | Mapping[str, Any]) -> ObjectVersion:
    """A version; the row brings the name of its bucket."""
    try:
        state = ObjectState(row["state"])
    except ValueError as error:
        raise CorruptStore(f"a stored object says {row['state']!r}, which is no state") from error
    return ObjectVersion(
        bucket=row["bucket"],
        name=row["name"],
        generation=row["generation"],
        metageneration=row["metageneration"],
        state=state,
        size_bytes=row["size_bytes"],
        checksums=Checksums(crc32c=row["crc32c"], md5=row["md5"]),
        content=row["content"],
        component_count=row["components"],
        create_s=row["create_s"],
        update_s=row["update_s"],
        class_update_s=row["class_update_s"],
        delete_s=row["delete_s"],
        soft_delete_s=row["soft_delete_s"],
        hard_delete_s=row["hard_delete_s"],
        metadata=from_document(ObjectMetadata, row["doc"]),
    )


def version_columns(version: ObjectVersion) -> Columns:
    """What is stored of a version, but for its bucket."""
    return {
        "name": version.name,
        "generation": version.generation,
        "metageneration": version.metageneration,
        "state": version.state.value,
        "size_bytes": version.size_bytes,
        "crc32c": version.checksums.crc32c,
        "md5": version.checksums.md5,
        "content": version.content,
        "components": version.component_count,
        "create_s": version.create_s,
        "update_s": version.update_s,
        "class_update_s": version.class_update_s,
        "delete_s": version.delete_s,
        "soft_delete_s": version.soft_delete_s,
        "hard_delete_s": version.hard_delete_s,
        "doc": to_document(version.metadata),
    }


class RowEntry:
    """A row of a list: read whole only when it is shown."""

    def __init__(self, row: sqlite3.Row) -> None:
        self._row = row
        self.name: str = row["name"]
        self.generation: int = row["generation"]

    def version(self) -> ObjectVersion:
        """All of it."""
        return version_from_row(self._row)


def session_from_row(row: sqlite3.Row) -> UploadSession:
    """A resumable upload."""
    fixed = from_document(UploadSession, row["doc"])
    result = None if row["result"] is None else from_document(ObjectVersion, row["result"])
    state = UploadState.OPEN if result is None else UploadState.DONE
    if fixed.refusal is not None:
        state = UploadState.REFUSED
    return replace(fixed, state=state, received_bytes=row["received_bytes"], result=result)


def session_text(session: UploadSession) -> str:
    """A session but for what has columns of its own."""
    return to_document(replace(session, state=UploadState.OPEN, received_bytes=0, result=None))


def multipart_from_row(row: sqlite3.Row) -> MultipartUpload:
    """A multipart upload."""
    return from_document(MultipartUpload, row["doc"])


def part_from_row(row: sqlite3.Row) -> UploadPart:
    """A part."""
    return UploadPart(
        number=row["number"],
        size_bytes=row["size_bytes"],
        checksums=Checksums(crc32c=row["crc32c"], md5=row["md5"]),
        content=row["content"],
        update_s=row["update_s"],
    )
