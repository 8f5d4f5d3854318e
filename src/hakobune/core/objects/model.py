"""Buckets, versions of objects, uploads and notification configs: what is stored and shown.

Source: Cloud Storage JSON API v1, resources Bucket, Object and Notification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_CONTENT_TYPE = "application/octet-stream"
DEFAULT_LOCATION = "US"
DEFAULT_STORAGE_CLASS = "STANDARD"


class ObjectState(StrEnum):
    """Which of the versions of a name a version is."""

    LIVE = "live"
    NONCURRENT = "noncurrent"  # replaced or deleted in a bucket with versioning
    SOFT_DELETED = "soft_deleted"  # removed, and kept until its hard delete instant


class EventType(StrEnum):
    """What happened to an object, in the words of notifications."""

    FINALIZE = "OBJECT_FINALIZE"
    METADATA_UPDATE = "OBJECT_METADATA_UPDATE"
    DELETE = "OBJECT_DELETE"
    ARCHIVE = "OBJECT_ARCHIVE"


class PayloadFormat(StrEnum):
    """What the data of a notification holds."""

    JSON_API_V1 = "JSON_API_V1"
    NONE = "NONE"


class UploadState(StrEnum):
    """How far a resumable upload has come."""

    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"  # all bytes came, and the object could not be made of them


# -- buckets --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleRule:
    """One rule: what to do with the versions that meet every condition that is set. Instants are seconds."""

    action: str  # Delete or SetStorageClass
    storage_class: str = ""  # of SetStorageClass
    age_days: int | None = None
    created_before_s: float | None = None
    is_live: bool | None = None
    newer_versions: int | None = None
    days_since_noncurrent: int | None = None
    noncurrent_before_s: float | None = None
    days_since_custom_time: int | None = None
    custom_time_before_s: float | None = None
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    storage_classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSettings:
    """What callers may change of a bucket. `extra` holds fields of the API that nothing here acts upon (cors, website,
    iamConfiguration…), as JSON values: kept and shown."""

    storage_class: str = DEFAULT_STORAGE_CLASS
    is_versioned: bool = False
    soft_delete_s: int = 0  # retention of removed objects in seconds; 0: they are gone at once
    soft_delete_since_s: float = 0.0  # when the retention came into force; the room sets it
    lifecycle: tuple[LifecycleRule, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket. Its name is unique in the house, whatever its project."""

    name: str
    project: str
    create_s: float
    update_s: float
    metageneration: int = 1
    location: str = DEFAULT_LOCATION  # upper case
    settings: BucketSettings = field(default_factory=BucketSettings)
    origin: str = ""  # the name of the bucket that this one is a fork of


# -- objects --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksums:
    """CRC-32C as a number, MD5 as 16 bytes in hexadecimal digits. "" : there is none (composed objects)."""

    crc32c: int
    md5: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenChecksums:
    """What the caller says the content has. None: not said."""

    crc32c: int | None = None
    md5: str | None = None  # hexadecimal

    def merged(self, other: GivenChecksums) -> GivenChecksums:
        """These, and where they say nothing, `other`."""
        return GivenChecksums(
            crc32c=other.crc32c if self.crc32c is None else self.crc32c,
            md5=other.md5 if self.md5 is None else self.md5,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMetadata:
    """What callers may set of an object. "" is not set. `extra` holds fields that nothing here acts upon (acl,
    retention, contexts…), as JSON values."""

    content_type: str = ""
    content_encoding: str = ""
    content_disposition: str = ""
    content_language: str = ""
    cache_control: str = ""
    storage_class: str = ""  # "": the bucket's, when the object is made
    custom_time_s: float | None = None
    has_temporary_hold: bool = False
    has_event_based_hold: bool = False
    custom: Mapping[str, str] = field(default_factory=dict[str, str])  # the API's `metadata`
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One generation of a name: content that never changes, and metadata that may. Instants are seconds."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    state: ObjectState
    size_bytes: int
    checksums: Checksums
    content: str  # uid of the content file
    create_s: float
    update_s: float
    metadata: ObjectMetadata
    class_update_s: float  # when the storage class was set
    component_count: int | None = None  # of composed objects
    delete_s: float | None = None  # when it became noncurrent
    soft_delete_s: float | None = None
    hard_delete_s: float | None = None  # when a soft-deleted version goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """What must hold of an object for a call to be done: `ifGenerationMatch` and its like. None: not asked.
    `generation_match=0`: there is no live object."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None


NO_CONDITIONS = Preconditions()
NOTHING_GIVEN = GivenChecksums()


# -- uploads --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTarget:
    """Where an upload goes, with what metadata, under which conditions, and what its content must be."""

    bucket: str
    name: str
    metadata: ObjectMetadata = field(default_factory=ObjectMetadata)
    conditions: Preconditions = NO_CONDITIONS
    given: GivenChecksums = NOTHING_GIVEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the end of an upload was refused: a reason of `failures`, and its message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """A resumable upload. `received_bytes` are durable. `result` is the object as it was made, `refusal` why it was
    not: whoever asks again, after a lost answer, hears the same."""

    id: str  # also the secret of its URL: nobody can guess it
    target: UploadTarget
    state: UploadState
    content: str  # uid of the content file
    received_bytes: int
    total_bytes: int | None  # None: not known yet
    create_s: float
    expire_s: float
    result: ObjectVersion | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """An XML API multipart upload."""

    id: str
    target: UploadTarget
    create_s: float
    expire_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """One part of a multipart upload. Its ETag is the MD5 in hexadecimal digits, quoted."""

    number: int
    size_bytes: int
    checksums: Checksums
    content: str
    update_s: float


# -- notifications --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationConfig:
    """Who is told of changes. `topic` is `projects/P/topics/T`. No event types: all of them."""

    id: str  # "1", "2", … within its bucket
    topic: str
    payload_format: PayloadFormat = PayloadFormat.JSON_API_V1
    event_types: tuple[EventType, ...] = ()
    object_name_prefix: str = ""
    custom_attributes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent:
    """A change of an object, with the version it is about as it was then."""

    type: EventType
    version: ObjectVersion
    at_s: float
    overwrote_generation: int | None = None  # of FINALIZE
    overwritten_by_generation: int | None = None  # of DELETE and ARCHIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the outbox holds: tell the topic of this config of this event."""

    config: NotificationConfig
    event: ObjectEvent


# -- questions and calls --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which objects a list shows. Offsets: from `start_offset` (with it) to `end_offset` (without); "" is no bound."""

    prefix: str = ""
    delimiter: str = ""
    start_offset: str = ""
    end_offset: str = ""
    match_glob: str = ""
    has_versions: bool = False
    includes_trailing_delimiter: bool = False
    is_soft_deleted: bool = False
    max_results: int = 0  # 0: as many as a page holds (1,000); items and prefixes together
    page_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsPage:
    """A page of a list. No token: it is the last one."""

    items: tuple[ObjectVersion, ...]
    prefixes: tuple[str, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketsPage:
    """A page of the buckets of a project, by name."""

    items: tuple[Bucket, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVersion:
    """A version to read: the live one unless a generation is named."""

    bucket: str
    name: str
    generation: int | None = None
    conditions: Preconditions = NO_CONDITIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A name to write. `metadata` None: the source's is kept."""

    bucket: str
    name: str
    conditions: Preconditions = NO_CONDITIONS
    metadata: ObjectMetadata | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRequest:
    """Sources of one bucket, one after the other, become an object. Whatever the sources' `bucket` says, it is the
    destination's. Without metadata, or without a content type in it, the first source's content type is taken."""

    sources: tuple[SourceVersion, ...]
    destination: Destination
    given: GivenChecksums = NOTHING_GIVEN
    deletes_sources: bool = False
