"""The objects room in SQLite: changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.objects.failures import Conflicts, no_bucket
from hakobune.core.objects.model import (
    Bucket,
    MultipartUpload,
    NotificationConfig,
    ObjectState,
    ObjectVersion,
    UploadPart,
    UploadSession,
    UploadState,
)
from hakobune.store.documents import to_document
from hakobune.store.queries import queries
from hakobune.store.sqlite import feed
from hakobune.store.sqlite.object_rows import (
    bucket_name,
    multipart_from_row,
    object_name,
    session_from_row,
    session_text,
    version_columns,
    version_from_row,
)
from hakobune.store.sqlite.objects import SqliteObjectsRead

_GENERATION = "objects_generation"  # the newest one given
_CONFIG = "objects_config"  # the newest id of a notification config
_PARTS_MAX = 1 << 31
_MICROSECONDS = 1_000_000


class SqliteObjectsWrite(SqliteObjectsRead):
    """Changes of objects."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        super().__init__(connection)
        self._seq = seq

    def _run(self, query: str, /, **parameters: object) -> int:
        return self._connection.execute(self._sql[query], parameters).rowcount

    def _next(self, counter: str, least: int) -> int:
        """A number above all that this counter gave, and not below `least`."""
        sql = queries("changes")
        row = self._connection.execute(sql["get_meta"], {"key": counter}).fetchone()
        number = max(int(row[0]) + 1 if row else 1, least)
        self._connection.execute(sql["set_meta"], {"key": counter, "value": str(number)})
        return number

    def _known_bucket_id(self, name: str) -> int:
        found = self._bucket_id(name)
        if not found:
            raise no_bucket()
        return found

    # -- buckets ------------------------------------------------------------------------------------------------

    def add_bucket(self, bucket: Bucket) -> None:
        try:
            self._run(
                "insert_bucket", bucket=bucket.name, project=bucket.project, doc=to_document(bucket), seq=self._seq
            )
        except sqlite3.IntegrityError:
            raise Conflicts(
                "Your previous request to create the named bucket succeeded and you already own it."
            ) from None

    def replace_bucket(self, bucket: Bucket) -> None:
        self._run("update_bucket", bucket=bucket.name, doc=to_document(bucket), seq=self._seq)

    def has_objects(self, bucket: str) -> bool:
        return self._one("has_objects", id=self._bucket_id(bucket)) is not None

    def remove_bucket(self, bucket: Bucket) -> None:
        bucket_id = self._bucket_id(bucket.name)
        for row in self._all("soft_deleted_of", id=bucket_id, bucket=bucket.name):
            self.remove_version(version_from_row(row))
        for row in self._all("sessions_of", id=bucket_id):
            self.remove_session(session_from_row(row))
        for row in self._all("multiparts_of", id=bucket_id):
            self.remove_multipart(multipart_from_row(row))
        self._run("delete_configs", bucket_id=bucket_id)
        self._run("delete_bucket", id=bucket_id)
        feed.bury(self._connection, self._seq, bucket.project, bucket_name(bucket.name))
        self._connection.execute(queries("changes")["delete_policy"], {"resource": f"buckets/{bucket.name}"})

    # -- versions -----------------------------------------------------------------------------------------------

    def next_generation(self, now_s: float) -> int:
        return self._next(_GENERATION, int(now_s * _MICROSECONDS))

    def add_version(self, version: ObjectVersion) -> None:
        bucket_id = self._known_bucket_id(version.bucket)
        self._run("insert_object", bucket_id=bucket_id, seq=self._seq, **version_columns(version))
        self.keep_content(version.content)

    def replace_version(self, version: ObjectVersion) -> None:
        bucket_id = self._known_bucket_id(version.bucket)
        self._run("update_object", bucket_id=bucket_id, seq=self._seq, **version_columns(version))
        if version.state is not ObjectState.LIVE:
            self._bury(version)

    def remove_version(self, version: ObjectVersion) -> None:
        bucket_id = self._known_bucket_id(version.bucket)
        removed = self._run("delete_object", bucket_id=bucket_id, name=version.name, generation=version.generation)
        if removed:
            self.drop_content(version.content)
            if version.state is ObjectState.LIVE:
                self._bury(version)

    def _bury(self, version: ObjectVersion) -> None:
        """A live version went; if another follows in the same commit, the feed tells that after this."""
        bucket = self.find_bucket(version.bucket)
        if bucket is not None:
            name = object_name(version.bucket, version.name)
            feed.bury(self._connection, self._seq, bucket.project, name)

    # -- contents -----------------------------------------------------------------------------------------------

    def keep_content(self, content: str) -> None:
        self._run("keep_content", content=content)

    def drop_content(self, content: str) -> None:
        self._run("drop_content", content=content)

    def forget_contents(self, contents: Sequence[str]) -> None:
        self._connection.executemany(self._sql["forget_content"], [{"content": content} for content in contents])

    # -- uploads ------------------------------------------------------------------------------------------------

    def add_session(self, session: UploadSession) -> None:
        self._run(
            "insert_session",
            session=session.id,
            bucket_id=self._known_bucket_id(session.target.bucket),
            content=session.content,
            received_bytes=session.received_bytes,
            expire_s=session.expire_s,
            doc=session_text(session),
        )
        self.keep_content(session.content)

    def save_session(self, session: UploadSession) -> None:
        self._run(
            "update_session",
            session=session.id,
            received_bytes=session.received_bytes,
            doc=session_text(session),
            result=None if session.result is None else to_document(session.result),
        )

    def remove_session(self, session: UploadSession) -> None:
        if self._run("delete_session", session=session.id) and session.state is UploadState.OPEN:
            self.drop_content(session.content)

    def add_multipart(self, upload: MultipartUpload) -> None:
        self._run(
            "insert_multipart",
            upload=upload.id,
            bucket_id=self._known_bucket_id(upload.target.bucket),
            name=upload.target.name,
            expire_s=upload.expire_s,
            doc=to_document(upload),
        )

    def put_part(self, upload_id: str, part: UploadPart) -> None:
        old = self._one("find_part", upload=upload_id, number=part.number)
        if old is not None:
            self.drop_content(old["content"])
        self._run(
            "put_part",
            upload=upload_id,
            number=part.number,
            size_bytes=part.size_bytes,
            crc32c=part.checksums.crc32c,
            md5=part.checksums.md5,
            content=part.content,
            update_s=part.update_s,
        )
        self.keep_content(part.content)

    def remove_multipart(self, upload: MultipartUpload) -> None:
        for part in self.list_parts(upload.id, 0, _PARTS_MAX):
            self.drop_content(part.content)
        self._run("delete_parts", upload=upload.id)
        self._run("delete_multipart", upload=upload.id)

    # -- notification configs -----------------------------------------------------------------------------------

    def add_config(self, bucket: str, config: NotificationConfig) -> NotificationConfig:
        number = self._next(_CONFIG, 1)
        stored = replace(config, id=str(number))
        self._run("insert_config", bucket_id=self._known_bucket_id(bucket), config=number, doc=to_document(stored))
        return stored

    def remove_config(self, bucket: str, config_id: str) -> bool:
        if not (config_id.isascii() and config_id.isdigit() and len(config_id) < 18):
            return False
        return bool(self._run("delete_config", bucket_id=self._bucket_id(bucket), config=int(config_id)))
