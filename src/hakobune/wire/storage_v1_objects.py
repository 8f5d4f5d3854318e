"""Objects as JSON (https://cloud.google.com/storage/docs/json_api/v1/objects), and their metadata back again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from hakobune.core.objects.checksums import crc32c_from_text, crc32c_to_text, md5_from_text, md5_to_text
from hakobune.core.objects.model import (
    Destination,
    GivenChecksums,
    ObjectMetadata,
    ObjectsPage,
    ObjectState,
    ObjectVersion,
)
from hakobune.wire.storage_v1_buckets import varint
from hakobune.wire.storage_v1_reading import Fields, Json
from hakobune.wire.storage_v1_times import exact_time_to_text, time_to_text

# Fields that are kept and shown, and that nothing acts upon.
_KEPT = frozenset({"acl", "contexts", "retention"})
_WRITABLE = _KEPT | {
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime",
    "eventBasedHold", "metadata", "storageClass", "temporaryHold",
}  # fmt: skip


def metadata_from_json(body: Mapping[str, object]) -> ObjectMetadata:
    """What a caller may set, in an Object. Raises InvalidRequest."""
    fields = Fields(body)
    return ObjectMetadata(
        content_type=fields.text("contentType"),
        content_encoding=fields.text("contentEncoding"),
        content_disposition=fields.text("contentDisposition"),
        content_language=fields.text("contentLanguage"),
        cache_control=fields.text("cacheControl"),
        storage_class=fields.text("storageClass").upper(),
        custom_time_s=fields.instant("customTime"),
        has_temporary_hold=fields.is_set("temporaryHold"),
        has_event_based_hold=fields.is_set("eventBasedHold"),
        custom=fields.texts("metadata"),
        extra=fields.chosen(_KEPT),
    )


def metadata_to_json(metadata: ObjectMetadata) -> Json:
    """What a caller may set; what is not set is left out."""
    found: Json = {
        "contentType": metadata.content_type,
        "contentEncoding": metadata.content_encoding,
        "contentDisposition": metadata.content_disposition,
        "contentLanguage": metadata.content_language,
        "cacheControl": metadata.cache_control,
        "storageClass": metadata.storage_class,
        "temporaryHold": metadata.has_temporary_hold,
        "eventBasedHold": metadata.has_event_based_hold,
        "metadata": dict(metadata.custom),
    }
    if metadata.custom_time_s is not None:
        found["customTime"] = exact_time_to_text(metadata.custom_time_s)
    return {name: value for name, value in found.items() if value} | dict(metadata.extra)


def has_metadata(body: Mapping[str, object]) -> bool:
    """Whether a body says anything that a destination would get instead of its source's metadata."""
    return any(name in _WRITABLE and value is not None for name, value in body.items())


def is_class_alone(body: Mapping[str, object]) -> bool:
    """Whether the storage class is all that a destination gets: the rest of the metadata is kept then. (Ours: the
    clients' `update_storage_class` sends no more, and nobody who calls it wants to lose the content type.)"""
    return {name for name, value in body.items() if name in _WRITABLE and value is not None} == {"storageClass"}


def with_class(destination: Destination, source: ObjectVersion, storage_class: str) -> Destination:
    """The destination gets its source's metadata and another storage class."""
    return replace(destination, metadata=replace(source.metadata, storage_class=storage_class.upper()))


def given_from_json(body: Mapping[str, object]) -> GivenChecksums:
    """The checksums that an Object names. Raises InvalidRequest."""
    fields = Fields(body)
    crc32c, md5 = fields.text("crc32c"), fields.text("md5Hash")
    return GivenChecksums(crc32c=crc32c_from_text(crc32c) if crc32c else None, md5=md5_from_text(md5) if md5 else None)


def given_from_headers(headers: Mapping[str, str]) -> GivenChecksums:
    """The checksums in `x-goog-hash` and `Content-MD5`. Raises InvalidRequest."""
    named = {"md5": headers.get("content-md5", "")}
    for part in headers.get("x-goog-hash", "").split(","):
        name, _, value = part.strip().partition("=")
        named[name.lower()] = value or named.get(name.lower(), "")
    crc32c, md5 = named.get("crc32c", ""), named["md5"]
    return GivenChecksums(crc32c=crc32c_from_text(crc32c) if crc32c else None, md5=md5_from_text(md5) if md5 else None)


def object_etag(version: ObjectVersion) -> str:
    """Changes with the generation and the metageneration."""
    content = b"\x08" + varint(version.generation) + b"\x10" + varint(version.metageneration)
    return base64.b64encode(content).decode()


def object_to_json(version: ObjectVersion, root: str, *, is_full: bool = False) -> Json:
    """An Object. `root`: scheme and host of its links. Access lists only if `is_full`."""
    path = f"storage/v1/b/{version.bucket}/o/{quote(version.name, safe='')}"
    found: Json = {
        "kind": "storage#object",
        "id": f"{version.bucket}/{version.name}/{version.generation}",
        "selfLink": f"{root}/{path}",
        "mediaLink": f"{root}/download/{path}?generation={version.generation}&alt=media",
        "name": version.name,
        "bucket": version.bucket,
        "generation": str(version.generation),
        "metageneration": str(version.metageneration),
        "size": str(version.size_bytes),
        "crc32c": crc32c_to_text(version.checksums.crc32c),
        "etag": object_etag(version),
        "timeCreated": time_to_text(version.create_s),
        "updated": time_to_text(version.update_s),
        "timeStorageClassUpdated": time_to_text(version.class_update_s),
        "timeFinalized": time_to_text(version.create_s),
        **metadata_to_json(version.metadata),
    }
    if not is_full:
        found.pop("acl", None)
    if version.checksums.md5:
        found["md5Hash"] = md5_to_text(version.checksums.md5)
    if version.component_count is not None:
        found["componentCount"] = version.component_count
    for name, instant_s in (
        ("timeDeleted", version.delete_s),
        ("softDeleteTime", version.soft_delete_s),
        ("hardDeleteTime", version.hard_delete_s),
    ):
        if instant_s is not None:
            found[name] = time_to_text(instant_s)
    if version.state is ObjectState.SOFT_DELETED:
        found.pop("mediaLink")
    return found


def objects_to_json(page: ObjectsPage, root: str, *, is_full: bool = False) -> Json:
    """A page of objects. Empty lists are left out."""
    found: Json = {"kind": "storage#objects"}
    if page.next_page_token:
        found["nextPageToken"] = page.next_page_token
    if page.prefixes:
        found["prefixes"] = list(page.prefixes)
    if page.items:
        found["items"] = [object_to_json(version, root, is_full=is_full) for version in page.items]
    return found


def rewrite_to_json(version: ObjectVersion, root: str, *, is_full: bool = False) -> Json:
    """The answer to a rewrite, which is always done at once."""
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(version.size_bytes),
        "objectSize": str(version.size_bytes),
        "done": True,
        "resource": object_to_json(version, root, is_full=is_full),
    }
