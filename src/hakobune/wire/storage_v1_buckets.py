"""Buckets as JSON (https://cloud.google.com/storage/docs/json_api/v1/buckets)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from hakobune.core.names import project_number
from hakobune.core.objects.model import (
    DEFAULT_STORAGE_CLASS,
    Bucket,
    BucketSettings,
    BucketsPage,
    LifecycleRule,
)
from hakobune.wire.storage_v1_reading import Fields, Json
from hakobune.wire.storage_v1_times import time_to_text

# Fields that are kept and shown, and that nothing acts upon.
_KEPT = frozenset(
    {
        "acl", "autoclass", "billing", "cors", "customPlacementConfig", "defaultEventBasedHold", "defaultObjectAcl",
        "encryption", "hierarchicalNamespace", "iamConfiguration", "ipFilter", "logging", "objectRetention",
        "retentionPolicy", "rpo", "website",
    }
)  # fmt: skip
_ONLY_WHEN_FULL = frozenset({"acl", "defaultObjectAcl"})
_MULTI_REGIONS = frozenset({"US", "EU", "ASIA"})
_DUAL_REGIONS = frozenset({"NAM4", "EUR4", "ASIA1", "EUR5", "EUR7", "EUR8"})
_IAM_CONFIGURATION: Mapping[str, object] = {
    "publicAccessPrevention": "inherited",
    "uniformBucketLevelAccess": {"enabled": True},
}


def settings_from_json(body: Mapping[str, object]) -> BucketSettings:
    """The settings in a Bucket. Raises InvalidRequest."""
    fields = Fields(body)
    versioning = fields.child("versioning")
    soft_delete = fields.child("softDeletePolicy")
    lifecycle = fields.child("lifecycle")
    return BucketSettings(
        storage_class=fields.text("storageClass").upper() or DEFAULT_STORAGE_CLASS,
        is_versioned=versioning is not None and versioning.is_set("enabled"),
        soft_delete_s=(soft_delete.number("retentionDurationSeconds") or 0) if soft_delete is not None else 0,
        lifecycle=tuple(_rule(rule) for rule in lifecycle.children("rule")) if lifecycle is not None else (),
        labels=fields.texts("labels"),
        extra=fields.chosen(_KEPT),
    )


def _rule(rule: Fields) -> LifecycleRule:
    action = rule.child("action") or Fields({})
    condition = rule.child("condition") or Fields({})
    content = condition.content
    return LifecycleRule(
        action=action.text("type"),
        storage_class=action.text("storageClass"),
        age_days=condition.days("age"),
        created_before_s=condition.instant("createdBefore"),
        is_live=condition.is_set("isLive") if content.get("isLive") is not None else None,
        newer_versions=condition.days("numNewerVersions"),
        days_since_noncurrent=condition.days("daysSinceNoncurrentTime"),
        noncurrent_before_s=condition.instant("noncurrentTimeBefore"),
        days_since_custom_time=condition.days("daysSinceCustomTime"),
        custom_time_before_s=condition.instant("customTimeBefore"),
        prefixes=condition.names("matchesPrefix"),
        suffixes=condition.names("matchesSuffix"),
        storage_classes=condition.names("matchesStorageClass"),
    )


def settings_to_json(settings: BucketSettings) -> Json:
    """The part of a Bucket that callers may change."""
    found: Json = {**settings.extra, "storageClass": settings.storage_class}
    if settings.is_versioned:
        found["versioning"] = {"enabled": True}
    found["softDeletePolicy"] = {"retentionDurationSeconds": str(settings.soft_delete_s)}
    if settings.lifecycle:
        found["lifecycle"] = {"rule": [_rule_to_json(rule) for rule in settings.lifecycle]}
    if settings.labels:
        found["labels"] = dict(settings.labels)
    return found


def _rule_to_json(rule: LifecycleRule) -> Json:
    action: Json = {"type": rule.action}
    if rule.storage_class:
        action["storageClass"] = rule.storage_class
    condition: Json = {
        "age": rule.age_days,
        "createdBefore": _date(rule.created_before_s),
        "isLive": rule.is_live,
        "numNewerVersions": rule.newer_versions,
        "daysSinceNoncurrentTime": rule.days_since_noncurrent,
        "noncurrentTimeBefore": _date(rule.noncurrent_before_s),
        "daysSinceCustomTime": rule.days_since_custom_time,
        "customTimeBefore": _date(rule.custom_time_before_s),
        "matchesPrefix": list(rule.prefixes) or None,
        "matchesSuffix": list(rule.suffixes) or None,
        "matchesStorageClass": list(rule.storage_classes) or None,
    }
    return {"action": action, "condition": {name: value for name, value in condition.items() if value is not None}}


def _date(instant_s: float | None) -> str | None:
    return None if instant_s is None else time_to_text(instant_s)[:10]


def bucket_to_json(bucket: Bucket, root: str, *, is_full: bool = False) -> Json:
    """A Bucket. `root`: scheme and host of its links. Access lists only if `is_full`."""
    found = settings_to_json(bucket.settings)
    if not is_full:
        found = {name: value for name, value in found.items() if name not in _ONLY_WHEN_FULL}
    if bucket.settings.soft_delete_s:
        found["softDeletePolicy"] = {
            "retentionDurationSeconds": str(bucket.settings.soft_delete_s),
            "effectiveTime": time_to_text(bucket.settings.soft_delete_since_s or bucket.create_s),
        }
    found.setdefault("iamConfiguration", _IAM_CONFIGURATION)
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"{root}/storage/v1/b/{bucket.name}",
        "name": bucket.name,
        "projectNumber": project_number(bucket.project),
        "generation": str(int(bucket.create_s * 1_000_000)),
        "metageneration": str(bucket.metageneration),
        "etag": bucket_etag(bucket),
        "location": bucket.location,
        "locationType": location_type(bucket.location),
        "timeCreated": time_to_text(bucket.create_s),
        "updated": time_to_text(bucket.update_s),
        **found,
    }


def bucket_etag(bucket: Bucket) -> str:
    """Changes with the metageneration."""
    return base64.b64encode(b"\x08" + varint(bucket.metageneration)).decode()


def varint(value: int) -> bytes:
    """As protobuf writes a number."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def location_type(location: str) -> str:
    """`region`, `dual-region` or `multi-region`."""
    if location in _MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if location in _DUAL_REGIONS else "region"


def buckets_to_json(page: BucketsPage, root: str, *, is_full: bool = False) -> Json:
    """A page of buckets."""
    found: Json = {"kind": "storage#buckets"}
    if page.items:
        found["items"] = [bucket_to_json(bucket, root, is_full=is_full) for bucket in page.items]
    if page.next_page_token:
        found["nextPageToken"] = page.next_page_token
    return found


def layout_to_json(bucket: Bucket) -> Json:
    """What clients ask before they choose how to talk to a bucket."""
    namespace = Fields(bucket.settings.extra).child("hierarchicalNamespace")
    found: Json = {
        "kind": "storage#storageLayout",
        "bucket": bucket.name,
        "location": bucket.location,
        "locationType": location_type(bucket.location),
    }
    if namespace is not None and namespace.is_set("enabled"):
        found["hierarchicalNamespace"] = {"enabled": True}
    return found


def service_account_to_json(project: str) -> Json:
    """The account in whose name a project's notifications are sent."""
    number = project_number(project)
    return {
        "kind": "storage#serviceAccount",
        "email_address": f"service-{number}@gs-project-accounts.iam.gserviceaccount.com",
    }
