"""What the house remembers of objects, in domain words: a part of the store's interface (`store/api.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
from hakobune.store.records import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A version in a walk over all of them; `cursor` is the `after` of the page that begins behind it."""

    version: ObjectVersion
    cursor: str


class ObjectsRead(Protocol):
    """Questions about objects."""

    def find_bucket(self, name: str) -> Bucket | None:
        """The bucket of this name."""
        ...

    def list_buckets(self, project: str, prefix: str, page: Page) -> list[Bucket]:
        """By name. `after` is the name of the last one seen."""
        ...

    def all_buckets(self, page: Page) -> list[Bucket]:
        """Of all projects, by name. `after` is the name of the last one seen."""
        ...

    def find_live(self, bucket: str, name: str) -> ObjectVersion | None:
        """The live version of a name."""
        ...

    def find_version(self, bucket: str, name: str, generation: int) -> ObjectVersion | None:
        """A version, whatever its state."""
        ...

    def list_objects(self, bucket: str, query: ListQuery) -> ObjectsPage:
        """A page of a bucket that exists. Raises as `core.objects.listing`."""
        ...

    def versions_after(self, bucket: str, name: str, generation: int, limit: int) -> list[ObjectVersion]:
        """Live and noncurrent versions of a bucket after (name, generation), in that order."""
        ...

    def newer_versions(self, version: ObjectVersion) -> int:
        """How many live and noncurrent versions of the name are newer."""
        ...

    def walk(self, page: Page) -> list[StoredVersion]:
        """All versions of all buckets, soft-deleted ones included, by age."""
        ...

    def hard_due(self, now_s: float, limit: int) -> list[ObjectVersion]:
        """Soft-deleted versions whose time is over."""
        ...

    def unused_contents(self, limit: int) -> list[str]:
        """Content files that nothing names any more."""
        ...

    def knows_content(self, content: str) -> bool:
        """Whether a content file has a row."""
        ...

    def has_contents(self) -> bool:
        """Whether any content file has a row."""
        ...

    def unfinished_contents(self) -> set[str]:
        """Content files of resumable uploads that are not done."""
        ...

    def find_session(self, session_id: str) -> UploadSession | None:
        """A resumable upload."""
        ...

    def expired_sessions(self, now_s: float, limit: int) -> list[UploadSession]:
        """Resumable uploads whose time is over."""
        ...

    def find_multipart(self, upload_id: str) -> MultipartUpload | None:
        """A multipart upload."""
        ...

    def list_multiparts(
        self, bucket: str, prefix: str, after_name: str, after_id: str, limit: int
    ) -> list[MultipartUpload]:
        """Multipart uploads of a bucket, by name, then id."""
        ...

    def expired_multiparts(self, now_s: float, limit: int) -> list[MultipartUpload]:
        """Multipart uploads whose time is over."""
        ...

    def list_parts(self, upload_id: str, after: int, limit: int) -> list[UploadPart]:
        """Parts by number."""
        ...

    def list_configs(self, bucket: str) -> list[NotificationConfig]:
        """The notification configs of a bucket, oldest first."""
        ...


class ObjectsWrite(ObjectsRead, Protocol):
    """Changes of objects. Whoever stores a row that names a content file says `keep_content`, whoever removes one
    `drop_content`, where it does not say otherwise."""

    def add_bucket(self, bucket: Bucket) -> None:
        """Raises Conflicts."""
        ...

    def replace_bucket(self, bucket: Bucket) -> None:
        """Store new settings."""
        ...

    def has_objects(self, bucket: str) -> bool:
        """Whether there is a live or noncurrent version."""
        ...

    def remove_bucket(self, bucket: Bucket) -> None:
        """Remove a bucket with its soft-deleted versions, uploads and configs, and drop what they name."""
        ...

    def next_generation(self, now_s: float) -> int:
        """A number above all given before: microseconds since the epoch where that is."""
        ...

    def add_version(self, version: ObjectVersion) -> None:
        """Store a version, and count its content as named."""
        ...

    def replace_version(self, version: ObjectVersion) -> None:
        """Store new metadata or another state of the same version."""
        ...

    def remove_version(self, version: ObjectVersion) -> None:
        """Remove a version, and drop its content."""
        ...

    def keep_content(self, content: str) -> None:
        """One more row names it."""
        ...

    def drop_content(self, content: str) -> None:
        """One row less names it."""
        ...

    def forget_contents(self, contents: Sequence[str]) -> None:
        """Their files are gone, and so are their rows."""
        ...

    def add_session(self, session: UploadSession) -> None:
        """Store a session, and count its content as named."""
        ...

    def save_session(self, session: UploadSession) -> None:
        """Store how far it has come. Its content stays counted as it is."""
        ...

    def remove_session(self, session: UploadSession) -> None:
        """Forget a session; an open one drops its content."""
        ...

    def add_multipart(self, upload: MultipartUpload) -> None:
        """Store an upload."""
        ...

    def put_part(self, upload_id: str, part: UploadPart) -> None:
        """Store a part and count its content as named; the content of an older one of its number is dropped."""
        ...

    def remove_multipart(self, upload: MultipartUpload) -> None:
        """Forget an upload and its parts, and drop their contents."""
        ...

    def add_config(self, bucket: str, config: NotificationConfig) -> NotificationConfig:
        """Store a config under the next id of its bucket."""
        ...

    def remove_config(self, bucket: str, config_id: str) -> bool:
        """False: there is none."""
        ...
