"""The objects room in SQLite: questions. Changes are in `objects_write`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from hakobune.core.objects import listing
from hakobune.core.objects.model import (
    Bucket,
    ListQuery,
    MultipartUpload,
    NotificationConfig,
    ObjectsPage,
    ObjectVersion,
    UploadPart,
    UploadSession,
)
from hakobune.store.documents import from_document
from hakobune.store.objects_api import StoredVersion
from hakobune.store.queries import queries
from hakobune.store.records import Page
from hakobune.store.sqlite.object_rows import (
    RowEntry,
    bucket_from_row,
    multipart_from_row,
    part_from_row,
    session_from_row,
    version_from_row,
)


class SqliteObjectsRead:
    """Questions about objects."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries("objects")

    def _one(self, query: str, /, **parameters: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(self._sql[query], parameters).fetchone()
        return row

    def _all(self, query: str, /, **parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(self._sql[query], parameters).fetchall()

    def _bucket_id(self, name: str) -> int:
        """The number of a bucket; 0 is no bucket's."""
        row = self._one("find_bucket", bucket=name)
        return 0 if row is None else int(row["id"])

    # -- buckets ------------------------------------------------------------------------------------------------

    def find_bucket(self, name: str) -> Bucket | None:
        row = self._one("find_bucket", bucket=name)
        return None if row is None else bucket_from_row(row)

    def list_buckets(self, project: str, prefix: str, page: Page) -> list[Bucket]:
        found = self._all("list_buckets", project=project, first=prefix, after=page.after, limit=page.limit)
        return [bucket for bucket in map(bucket_from_row, found) if bucket.name.startswith(prefix)]

    def all_buckets(self, page: Page) -> list[Bucket]:
        return [bucket_from_row(row) for row in self._all("all_buckets", after=page.after, limit=page.limit)]

    # -- versions -----------------------------------------------------------------------------------------------

    def find_live(self, bucket: str, name: str) -> ObjectVersion | None:
        row = self._one("find_live", bucket=bucket, name=name)
        return None if row is None else version_from_row(row)

    def find_version(self, bucket: str, name: str, generation: int) -> ObjectVersion | None:
        row = self._one("find_version", bucket=bucket, name=name, generation=generation)
        return None if row is None else version_from_row(row)

    def list_objects(self, bucket: str, query: ListQuery) -> ObjectsPage:
        name = "live_from"
        if query.is_soft_deleted:
            name = "soft_deleted_from"
        elif query.has_versions:
            name = "versions_from"
        bucket_id = self._bucket_id(bucket)

        def seek(position: listing.Position) -> Iterator[listing.Entry]:
            # Live names are unique, so what follows one begins with the least text after it.
            is_after_one = name == "live_from" and position.generation != listing.BEFORE_ALL
            parameters: dict[str, object] = {
                "id": bucket_id,
                "bucket": bucket,
                "name": position.name + "\0" if is_after_one else position.name,
                "generation": position.generation,
            }
            with closing(self._connection.execute(self._sql[name], parameters)) as rows:
                yield from map(RowEntry, rows)

        return listing.page(bucket, query, seek)

    def versions_after(self, bucket: str, name: str, generation: int, limit: int) -> list[ObjectVersion]:
        parameters = {"id": self._bucket_id(bucket), "bucket": bucket, "name": name, "generation": generation}
        with closing(self._connection.execute(self._sql["versions_from"], parameters)) as rows:
            return [version_from_row(row) for row in rows.fetchmany(limit)]

    def newer_versions(self, version: ObjectVersion) -> int:
        row = self._one(
            "newer_versions",
            bucket_id=self._bucket_id(version.bucket),
            name=version.name,
            generation=version.generation,
        )
        return int(row[0]) if row else 0

    def walk(self, page: Page) -> list[StoredVersion]:
        found = self._all("after_id", after=int(page.after or 0), limit=page.limit)
        return [StoredVersion(version=version_from_row(row), cursor=str(row["id"])) for row in found]

    def hard_due(self, now_s: float, limit: int) -> list[ObjectVersion]:
        return [version_from_row(row) for row in self._all("hard_due", now_s=now_s, limit=limit)]

    # -- contents -----------------------------------------------------------------------------------------------

    def unused_contents(self, limit: int) -> list[str]:
        return [row["content"] for row in self._all("unused_contents", limit=limit)]

    def knows_content(self, content: str) -> bool:
        return self._one("knows_content", content=content) is not None

    def has_contents(self) -> bool:
        return self._one("any_content") is not None

    def unfinished_contents(self) -> set[str]:
        return {row["content"] for row in self._all("unfinished_contents")}

    # -- uploads ------------------------------------------------------------------------------------------------

    def find_session(self, session_id: str) -> UploadSession | None:
        row = self._one("find_session", session=session_id)
        return None if row is None else session_from_row(row)

    def expired_sessions(self, now_s: float, limit: int) -> list[UploadSession]:
        return [session_from_row(row) for row in self._all("expired_sessions", now_s=now_s, limit=limit)]

    def find_multipart(self, upload_id: str) -> MultipartUpload | None:
        row = self._one("find_multipart", upload=upload_id)
        return None if row is None else multipart_from_row(row)

    def list_multiparts(
        self, bucket: str, prefix: str, after_name: str, after_id: str, limit: int
    ) -> list[MultipartUpload]:
        found = self._all(
            "list_multiparts",
            id=self._bucket_id(bucket),
            prefix=prefix,
            after_name=after_name,
            after_id=after_id,
            limit=limit,
        )
        return [upload for upload in map(multipart_from_row, found) if upload.target.name.startswith(prefix)]

    def expired_multiparts(self, now_s: float, limit: int) -> list[MultipartUpload]:
        return [multipart_from_row(row) for row in self._all("expired_multiparts", now_s=now_s, limit=limit)]

    def list_parts(self, upload_id: str, after: int, limit: int) -> list[UploadPart]:
        return [part_from_row(row) for row in self._all("list_parts", upload=upload_id, after=after, limit=limit)]

    # -- notification configs -----------------------------------------------------------------------------------

    def list_configs(self, bucket: str) -> list[NotificationConfig]:
        found = self._all("list_configs", bucket_id=self._bucket_id(bucket))
        return [from_document(NotificationConfig, row["doc"]) for row in found]
