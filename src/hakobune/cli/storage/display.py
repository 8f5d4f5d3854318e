"""How buckets and objects are shown: the fields of `describe` and `list`, the lines of `ls -L`, the JSON of `ls -j`.

The names of the fields, their order and the padding are gcloud's (compared with 528).
"""

from __future__ import annotations

import json

from hakobune.cli.document import Document, as_dict, at, is_dict, is_list, number_at, text_at
from hakobune.cli.storage.entries import BucketEntry, ObjectEntry

_TITLE_WIDTH = 26
_NONE = "None"
_UNITS = ("B", "kiB", "MiB", "GiB", "TiB", "PiB", "EiB")

# field of `describe`: path in the resource
_BUCKET_FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "default_storage_class": ("storageClass",),
    "location_type": ("locationType",),
    "location": ("location",),
    "data_locations": ("customPlacementConfig", "dataLocations"),
    "versioning_enabled": ("versioning", "enabled"),
    "logging_config": ("logging",),
    "website_config": ("website",),
    "cors_config": ("cors",),
    "lifecycle_config": ("lifecycle",),
    "requester_pays": ("billing", "requesterPays"),
    "per_object_retention": ("objectRetention",),
    "retention_policy": ("retentionPolicy",),
    "default_event_based_hold": ("defaultEventBasedHold",),
    "ip_filter_config": ("ipFilter",),
    "labels": ("labels",),
    "default_kms_key": ("encryption", "defaultKmsKeyName"),
    "creation_time": ("timeCreated",),
    "update_time": ("updated",),
    "soft_delete_time": ("softDeleteTime",),
    "hard_delete_time": ("hardDeleteTime",),
    "generation": ("generation",),
    "metageneration": ("metageneration",),
    "uniform_bucket_level_access": ("iamConfiguration", "uniformBucketLevelAccess", "enabled"),
    "public_access_prevention": ("iamConfiguration", "publicAccessPrevention"),
    "rpo": ("rpo",),
    "autoclass": ("autoclass",),
    "satisfies_pzs": ("satisfiesPZS",),
    "soft_delete_policy": ("softDeletePolicy",),
    "acl": ("acl",),
    "default_acl": ("defaultObjectAcl",),
}
_OBJECT_FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "bucket": ("bucket",),
    "creation_time": ("timeCreated",),
    "update_time": ("updated",),
    "soft_delete_time": ("softDeleteTime",),
    "hard_delete_time": ("hardDeleteTime",),
    "storage_class_update_time": ("timeStorageClassUpdated",),
    "storage_class": ("storageClass",),
    "temporary_hold": ("temporaryHold",),
    "event_based_hold": ("eventBasedHold",),
    "retention_expiration": ("retentionExpirationTime",),
    "retention_settings": ("retention",),
    "kms_key": ("kmsKeyName",),
    "cache_control": ("cacheControl",),
    "content_disposition": ("contentDisposition",),
    "content_encoding": ("contentEncoding",),
    "content_language": ("contentLanguage",),
    "size": ("size",),
    "content_type": ("contentType",),
    "component_count": ("componentCount",),
    "custom_time": ("customTime",),
    "noncurrent_time": ("timeDeleted",),
    "custom_fields": ("metadata",),
    "crc32c_hash": ("crc32c",),
    "md5_hash": ("md5Hash",),
    "etag": ("etag",),
    "generation": ("generation",),
    "metageneration": ("metageneration",),
    "acl": ("acl",),
}
_NUMBERS = frozenset({"size", "metageneration", "component_count"})
_TIMES = frozenset(name for name in (*_BUCKET_FIELDS, *_OBJECT_FIELDS) if name.endswith("_time"))
_HOLDS = frozenset({"temporary_hold", "event_based_hold", "default_event_based_hold"})

# title of `ls -L`: field, what is shown where it is missing
_BUCKET_LINES: tuple[tuple[str, str, str], ...] = (
    ("Storage Class", "default_storage_class", _NONE),
    ("Location Type", "location_type", ""),
    ("Location Constraint", "location", _NONE),
    ("Placement Locations", "data_locations", ""),
    ("Versioning Enabled", "versioning_enabled", _NONE),
    ("Logging Configuration", "logging_config", _NONE),
    ("Website Configuration", "website_config", _NONE),
    ("CORS Configuration", "cors_config", "[]"),
    ("Lifecycle Configuration", "lifecycle_config", _NONE),
    ("Requester Pays Enabled", "requester_pays", _NONE),
    ("Object Retention", "per_object_retention", ""),
    ("Retention Policy", "retention_policy", ""),
    ("Default Event-Based Hold", "default_event_based_hold", ""),
    ("Labels", "labels", ""),
    ("Default KMS Key", "default_kms_key", _NONE),
    ("Time Created", "creation_time", ""),
    ("Time Updated", "update_time", ""),
    ("Generation", "generation", ""),
    ("Metageneration", "metageneration", ""),
    ("Bucket Policy Only Enabled", "uniform_bucket_level_access", ""),
    ("Public Access Prevention", "public_access_prevention", ""),
    ("RPO", "rpo", ""),
    ("Soft Delete Policy", "soft_delete_policy", ""),
    ("ACL", "acl", "[]"),
    ("Default ACL", "default_acl", ""),
)
# Said to be there or not, instead of shown.
_PRESENT = frozenset({"logging_config", "website_config", "cors_config", "lifecycle_config", "retention_policy"})
_OBJECT_LINES: tuple[tuple[str, str, str], ...] = (
    ("Creation Time", "creation_time", ""),
    ("Update Time", "update_time", ""),
    ("Soft Delete Time", "soft_delete_time", ""),
    ("Hard Delete Time", "hard_delete_time", ""),
    ("Storage Class Update Time", "storage_class_update_time", ""),
    ("Storage Class", "storage_class", ""),
    ("Temporary Hold", "temporary_hold", ""),
    ("Event-Based Hold", "event_based_hold", ""),
    ("Retention Expiration", "retention_expiration", ""),
    ("Retention Settings", "retention_settings", ""),
    ("KMS Key", "kms_key", ""),
    ("Cache-Control", "cache_control", ""),
    ("Content-Disposition", "content_disposition", ""),
    ("Content-Encoding", "content_encoding", ""),
    ("Content-Language", "content_language", ""),
    ("Content-Length", "size", _NONE),
    ("Content-Type", "content_type", _NONE),
    ("Component-Count", "component_count", ""),
    ("Custom-Time", "custom_time", ""),
    ("Noncurrent Time", "noncurrent_time", ""),
    ("Additional Properties", "custom_fields", ""),
    ("Hash (CRC32C)", "crc32c_hash", ""),
    ("Hash (MD5)", "md5_hash", ""),
    ("ETag", "etag", _NONE),
    ("Generation", "generation", ""),
    ("Metageneration", "metageneration", ""),
    ("ACL", "acl", "[]"),
)


def bucket_fields(document: Document) -> Document:
    """A bucket as `buckets describe` and `buckets list` show it."""
    found: Document = {"storage_url": f"gs://{text_at(document, 'name')}/"}
    for name, path in _BUCKET_FIELDS.items():
        value = at(document, *path)
        if name == "generation" and value is not None:
            value = number_at(document, "generation")
        _put(found, name, value)
    return _in_order(found)


def object_fields(document: Document) -> Document:
    """An object as `objects describe` and `objects list` show it."""
    entry = ObjectEntry(document)
    found: Document = {"storage_url": str(entry.url)}
    for name, path in _OBJECT_FIELDS.items():
        _put(found, name, at(document, *path))
    return _in_order(found)


def _put(found: Document, name: str, value: object) -> None:
    if value is None or value in ([], {}) or (name in _HOLDS and not value):
        return
    if name in _TIMES:
        value = f"{str(value)[:19]}+0000"
    elif name in _NUMBERS:
        value = number_at(value)
    found[name] = value


def _in_order(found: Document) -> Document:
    return {name: found[name] for name in sorted(found)}


def full_text(entry: ObjectEntry | BucketEntry, *, with_generation: bool) -> str:
    """The lines of `ls -L` for one bucket or object, without a line end."""
    if isinstance(entry, BucketEntry):
        fields, rows = bucket_fields(entry.document), _BUCKET_LINES
        head = entry.url.plain
    else:
        fields, rows = object_fields(entry.document), _OBJECT_LINES
        head = str(entry.url) if with_generation else entry.url.plain
    lines = [f"{head}:"]
    for title, name, missing in rows:
        value = fields.get(name)
        if value is None:
            if missing:
                lines.append(_padded(title, missing))
        elif isinstance(entry, BucketEntry) and name in _PRESENT:
            lines.append(_padded(title, "Present"))
        elif is_dict(value) or is_list(value):
            lines.append(_section(title, value))
        elif name in _TIMES:
            lines.append(_padded(title, f"{str(value)[:19]}Z"))
        else:
            lines.append(_padded(title, str(value)))
    return "\n".join(lines)


def _padded(title: str, value: str) -> str:
    return f"  {title}:".ljust(_TITLE_WIDTH + 5) + value


def _section(title: str, value: object) -> str:
    text = json.dumps(value, indent=2)
    return f"  {title}:\n" + "\n".join(f"  {line}" for line in text.splitlines())


def json_text(entry: ObjectEntry | BucketEntry | None, url: str, prefix: str = "") -> str:
    """One element of the list of `ls --json`; `prefix` is that of a folder, which is no resource."""
    if isinstance(entry, ObjectEntry):
        kind, metadata = "cloud_object", _shown(entry.document)
    elif isinstance(entry, BucketEntry):
        kind, metadata = "cloud_bucket", _shown(entry.document)
    else:
        return json.dumps({"url": url, "type": "prefix"} | ({"metadata": {}} if not prefix else {}), indent=2)
    return json.dumps({"url": url, "type": kind, "metadata": metadata}, indent=2)


def raw_fields(document: Document) -> Document:
    """A bucket or object as the API names its fields, in order."""
    return _shown(document)


def _shown(document: Document) -> Document:
    """The resource with sorted keys and with instants in the form of ISO 8601 that gcloud writes."""
    found: Document = {}
    for name in sorted(document):
        value = document[name]
        is_time = isinstance(value, str) and (name.startswith("time") or name in ("updated", "customTime"))
        found[name] = _iso(str(value)) if is_time else _shown(as_dict(value)) if is_dict(value) else value
    return found


def _iso(text: str) -> str:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    micros = fraction.ljust(6, "0")[:6]
    return f"{seconds}+00:00" if not micros.strip("0") else f"{seconds}.{micros}+00:00"


def readable(size_bytes: float) -> str:
    """`12.00B`, `1.50kiB`: powers of 1024, two digits."""
    if not size_bytes:
        return "0B"
    unit = 0
    while size_bytes >= 1024 and unit + 1 < len(_UNITS):
        size_bytes /= 1024
        unit += 1
    return f"{size_bytes:.2f}{_UNITS[unit]}"
