"""The XML API's documents: lists, multipart uploads, copies.

Source: Cloud Storage documentation, "XML API". Names of the S3 kind stand in the namespace that S3's clients expect.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from hakobune.core.objects.checksums import crc32c_to_text
from hakobune.core.objects.model import (
    Bucket,
    ListQuery,
    MultipartUpload,
    ObjectsPage,
    ObjectVersion,
    UploadPart,
)
from hakobune.wire.storage_v1_errors import XmlRefusal
from hakobune.wire.storage_v1_objects import object_etag
from hakobune.wire.storage_v1_times import time_to_text

COMPLETE_MAX_BYTES = 4 * 1024 * 1024  # ours: 10,000 parts of 200 bytes, twice
_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"
_NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"
_NAMESPACE_OF_UPLOADS = "http://s3.amazonaws.com/doc/2006-03-01/"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_PART_NUMBER_DIGITS = 6
_REMOVALS_MAX = 1_000  # of one request
_GENERATION = re.compile("[0-9]{1,18}\\Z")

Tree = tuple[str, "str | int | bool | Sequence[Tree]"]


def xml_etag(version: ObjectVersion) -> str:
    """Quoted: the MD5 in hexadecimal digits, or for composed objects what the JSON API says."""
    return f'"{version.checksums.md5 or object_etag(version)}"'


def _document(name: str, content: Sequence[Tree], namespace: str) -> bytes:
    inner = "".join(_element(item) for item in content)
    return f"{_DECLARATION}<{name} xmlns='{namespace}'>{inner}</{name}>".encode()


def _element(tree: Tree) -> str:
    name, value = tree
    if isinstance(value, bool):
        inner = "true" if value else "false"
    elif isinstance(value, (str, int)):
        # XML 1.0 has no such characters, also not escaped: a name that holds them is listed with a stand-in.
        inner = escape(_CONTROL.sub("\ufffd", str(value)))
    else:
        inner = "".join(_element(item) for item in value)
    return f"<{name}>{inner}</{name}>"


def objects_to_xml(
    bucket: str, query: ListQuery, page: ObjectsPage, *, after: str, is_v2: bool, is_url_encoded: bool
) -> bytes:
    """A list of objects after the name `after`, as version 1 (marker) or 2 (continuation token)."""

    def said(text: str) -> str:
        return quote(text, safe="/") if is_url_encoded else text

    content: list[Tree] = [("Name", bucket), ("Prefix", said(query.prefix))]
    if query.delimiter:
        content.append(("Delimiter", said(query.delimiter)))
    content.append(("MaxKeys", query.max_results or 1_000))
    if is_url_encoded:
        content.append(("EncodingType", "url"))
    content.append(("IsTruncated", bool(page.next_page_token)))
    if is_v2:
        content.append(("KeyCount", len(page.items) + len(page.prefixes)))
        if query.page_token:
            content.append(("ContinuationToken", query.page_token))
        if page.next_page_token:
            content.append(("NextContinuationToken", page.next_page_token))
    else:
        content.append(("Marker", said(after)))
        if page.next_page_token:
            last = max([version.name for version in page.items] + list(page.prefixes), default="")
            content.append(("NextMarker", said(last)))
    content += [("Contents", _listed(version, said(version.name))) for version in page.items]
    content += [("CommonPrefixes", [("Prefix", said(prefix))]) for prefix in page.prefixes]
    return _document("ListBucketResult", content, _NAMESPACE)


def _listed(version: ObjectVersion, name: str) -> list[Tree]:
    return [
        ("Key", name),
        ("Generation", version.generation),
        ("MetaGeneration", version.metageneration),
        ("LastModified", time_to_text(version.update_s)),
        ("ETag", xml_etag(version)),
        ("Size", version.size_bytes),
        ("StorageClass", version.metadata.storage_class),
    ]


def buckets_to_xml(buckets: Sequence[Bucket]) -> bytes:
    """The buckets of a project."""
    items: list[Tree] = [
        ("Bucket", [("Name", bucket.name), ("CreationDate", time_to_text(bucket.create_s))]) for bucket in buckets
    ]
    return _document("ListAllMyBucketsResult", [("Buckets", items)], _NAMESPACE)


def location_to_xml(bucket: Bucket) -> bytes:
    """Where a bucket lies."""
    return f"{_DECLARATION}<LocationConstraint>{escape(bucket.location)}</LocationConstraint>".encode()


def copy_to_xml(version: ObjectVersion) -> bytes:
    """The answer to a copy."""
    content: list[Tree] = [("LastModified", time_to_text(version.update_s)), ("ETag", xml_etag(version))]
    return _document("CopyObjectResult", content, _NAMESPACE)


def initiated_to_xml(upload: MultipartUpload) -> bytes:
    """A multipart upload has begun."""
    content: list[Tree] = [("Bucket", upload.target.bucket), ("Key", upload.target.name), ("UploadId", upload.id)]
    return _document("InitiateMultipartUploadResult", content, _NAMESPACE_OF_UPLOADS)


def completed_to_xml(version: ObjectVersion, root: str) -> bytes:
    """A multipart upload has become an object."""
    content: list[Tree] = [
        ("Location", f"{root}/{version.bucket}/{quote(version.name, safe='/~')}"),
        ("Bucket", version.bucket),
        ("Key", version.name),
        ("ETag", xml_etag(version)),
        ("ChecksumCRC32C", crc32c_to_text(version.checksums.crc32c)),
    ]
    return _document("CompleteMultipartUploadResult", content, _NAMESPACE_OF_UPLOADS)


def parts_to_xml(
    bucket: str, name: str, upload_id: str, parts: Sequence[UploadPart], *, after: int, limit: int, is_cut: bool
) -> bytes:
    """The parts of an upload that have come."""
    content: list[Tree] = [("Bucket", bucket), ("Key", name), ("UploadId", upload_id), ("StorageClass", "STANDARD")]
    content += [("PartNumberMarker", after), ("MaxParts", limit), ("IsTruncated", is_cut)]
    if is_cut:
        content.append(("NextPartNumberMarker", parts[-1].number))
    for part in parts:
        fields: list[Tree] = [
            ("PartNumber", part.number),
            ("LastModified", time_to_text(part.update_s)),
            ("ETag", f'"{part.checksums.md5}"'),
            ("Size", part.size_bytes),
        ]
        content.append(("Part", fields))
    return _document("ListPartsResult", content, _NAMESPACE_OF_UPLOADS)


def uploads_to_xml(bucket: str, prefix: str, uploads: Sequence[MultipartUpload], *, limit: int, is_cut: bool) -> bytes:
    """The uploads of a bucket that are under way."""
    content: list[Tree] = [("Bucket", bucket), ("Prefix", prefix), ("MaxUploads", limit), ("IsTruncated", is_cut)]
    if is_cut:
        content += [("NextKeyMarker", uploads[-1].target.name), ("NextUploadIdMarker", uploads[-1].id)]
    for upload in uploads:
        fields: list[Tree] = [
            ("Key", upload.target.name),
            ("UploadId", upload.id),
            ("StorageClass", upload.target.metadata.storage_class or "STANDARD"),
            ("Initiated", time_to_text(upload.create_s)),
        ]
        content.append(("Upload", fields))
    return _document("ListMultipartUploadsResult", content, _NAMESPACE_OF_UPLOADS)


def parts_from_xml(body: bytes) -> list[tuple[int, str]]:
    """(number, MD5 in hexadecimal digits) of the parts that shall be joined. Raises XmlRefusal."""
    found: list[tuple[int, str]] = []
    for part in _root(body, "CompleteMultipartUpload"):
        fields = _fields(part)
        number = fields.get("PartNumber", "").strip()
        if not number.isascii() or not number.isdigit() or len(number) > _PART_NUMBER_DIGITS:
            raise _malformed("a part has no number")
        found.append((int(number), fields.get("ETag", "").strip().strip('"').lower()))
    return found


def removals_from_xml(body: bytes) -> tuple[list[tuple[str, int | None]], bool]:
    """The objects that shall be removed: their names and generations, None for the live one; and whether only what goes
    wrong shall be told. Raises XmlRefusal."""
    found: list[tuple[str, int | None]] = []
    is_quiet = False
    for item in _root(body, "Delete"):
        if _local(item.tag) == "Quiet":
            is_quiet = (item.text or "").strip().lower() == "true"
        elif _local(item.tag) == "Object":
            fields = _fields(item)
            name, version = fields.get("Key", ""), fields.get("VersionId", "").strip()
            if not name or (version and not _GENERATION.match(version)):
                raise _malformed("an object has no key, or a version that is no generation")
            found.append((name, int(version) if version else None))
    if not 0 < len(found) <= _REMOVALS_MAX:
        raise _malformed(f"it must name 1 to {_REMOVALS_MAX} objects")
    return found, is_quiet


def removed_to_xml(
    removed: Sequence[tuple[str, int | None]], refused: Sequence[tuple[str, int | None, str, str]]
) -> bytes:
    """What was removed, and what was not: with code and message."""
    content: list[Tree] = [("Deleted", _removed(name, generation)) for name, generation in removed]
    for name, generation, code, message in refused:
        content.append(("Error", [*_removed(name, generation), ("Code", code), ("Message", message)]))
    return _document("DeleteResult", content, _NAMESPACE_OF_UPLOADS)


def _removed(name: str, generation: int | None) -> list[Tree]:
    return [("Key", name)] if generation is None else [("Key", name), ("VersionId", generation)]


def _root(body: bytes, name: str) -> ET.Element:
    if b"<!" in body:  # declarations have no place here, and entities can grow
        raise _malformed("it holds a declaration")
    try:
        # The checks above leave nothing that could grow: no entities, and a bounded body.
        root = ET.fromstring(body)  # noqa: S314
    except (ET.ParseError, ValueError) as error:
        raise _malformed(f"{error}") from error
    if _local(root.tag) != name:
        raise _malformed(f"its root is not {name}")
    return root


def _fields(element: ET.Element) -> dict[str, str]:
    return {_local(child.tag): child.text or "" for child in element}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _malformed(why: str) -> XmlRefusal:
    return XmlRefusal(
        400, "MalformedXML", f"The XML you provided was not well-formed or did not validate: {why[:200]}."
    )
