"""What is checked of metadata and settings before they are stored. Source: `limits`."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hakobune.core.objects import limits
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.lifecycle import DELETE, SET_STORAGE_CLASS
from hakobune.core.objects.model import DEFAULT_CONTENT_TYPE, BucketSettings, NotificationConfig, ObjectMetadata

STORAGE_CLASSES = frozenset(
    {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "REGIONAL", "MULTI_REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
)
_LABEL_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}\Z")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}\Z")


def check_metadata(metadata: ObjectMetadata) -> ObjectMetadata:
    """Return metadata that can be stored. Raises InvalidRequest."""
    for word, value in (
        ("contentType", metadata.content_type),
        ("contentEncoding", metadata.content_encoding),
        ("contentDisposition", metadata.content_disposition),
        ("contentLanguage", metadata.content_language),
        ("cacheControl", metadata.cache_control),
    ):
        _check_header(word, value)
    _check_class(metadata.storage_class)
    size_bytes = sum(
        _size(word, key) + _size(word, value)
        for word, (key, value) in (("metadata", item) for item in metadata.custom.items())
    )
    if size_bytes > limits.CUSTOM_METADATA_BYTES:
        raise InvalidRequest(
            f"The metadata of an object has at most {limits.CUSTOM_METADATA_BYTES} bytes; this one has {size_bytes}."
        )
    _check_document(metadata.extra)
    return metadata


def made(metadata: ObjectMetadata, bucket: BucketSettings) -> ObjectMetadata:
    """The metadata of a new object: what was not said comes from its bucket."""
    return replace(
        metadata,
        content_type=metadata.content_type or DEFAULT_CONTENT_TYPE,
        storage_class=metadata.storage_class or bucket.storage_class,
    )


def check_change(old: ObjectMetadata, new: ObjectMetadata) -> ObjectMetadata:
    """Return metadata that may follow `old`: custom times only rise. Raises InvalidRequest."""
    check_metadata(new)
    if old.custom_time_s is not None and (new.custom_time_s is None or new.custom_time_s < old.custom_time_s):
        raise InvalidRequest("customTime can be neither removed nor set to an earlier instant.")
    return replace(new, storage_class=new.storage_class or old.storage_class)


def check_settings(settings: BucketSettings) -> BucketSettings:
    """Return settings that can be stored. Raises InvalidRequest."""
    _check_class(settings.storage_class)
    if len(settings.labels) > limits.LABELS:
        raise InvalidRequest(f"A bucket has at most {limits.LABELS} labels.")
    for key, value in settings.labels.items():
        if not _LABEL_KEY.match(key) or not _LABEL_VALUE.match(value) or value.lower() != value or key.lower() != key:
            raise InvalidRequest(
                f"Invalid label {key[:80]!r}: keys and values have at most 63 lowercase letters, digits, dashes and "
                "underscores; keys begin with a letter."
            )
    kept_s = settings.soft_delete_s
    if kept_s and not limits.SOFT_DELETE_MIN_S <= kept_s <= limits.SOFT_DELETE_MAX_S:
        raise InvalidRequest("The soft delete retention is 0, or between 7 and 90 days.")
    if len(settings.lifecycle) > limits.LIFECYCLE_RULES:
        raise InvalidRequest(f"A bucket has at most {limits.LIFECYCLE_RULES} lifecycle rules.")
    for rule in settings.lifecycle:
        if rule.action not in {DELETE, SET_STORAGE_CLASS}:
            raise InvalidRequest(
                f"The lifecycle action {rule.action[:60]!r} is not offered: Delete or SetStorageClass."
            )
        _check_class(rule.storage_class)
        if rule.action == SET_STORAGE_CLASS and not rule.storage_class:
            raise InvalidRequest("The lifecycle action SetStorageClass needs a storage class.")
    _check_document(settings.extra)
    return settings


def check_notification(config: NotificationConfig) -> NotificationConfig:
    """Return a config that can be stored. Raises InvalidRequest."""
    if not re.fullmatch(r"projects/[^/\s]{1,100}/topics/[^/\s]{1,255}", config.topic):
        raise InvalidRequest("Invalid topic: expected //pubsub.googleapis.com/projects/PROJECT/topics/TOPIC.")
    if len(config.custom_attributes) > limits.NOTIFICATION_ATTRIBUTES:
        raise InvalidRequest(f"A notification has at most {limits.NOTIFICATION_ATTRIBUTES} custom attributes.")
    for key, value in config.custom_attributes.items():
        if not key or _size("custom_attributes", key) > 256 or _size("custom_attributes", value) > 1_024:
            raise InvalidRequest("Custom attributes have keys of 1 to 256 and values of at most 1,024 bytes.")
    _size("object_name_prefix", config.object_name_prefix)
    return config


def _check_header(word: str, value: str) -> None:
    if len(value) > limits.HEADER_VALUE_CHARS:
        raise InvalidRequest(f"{word} has at most {limits.HEADER_VALUE_CHARS} characters.")
    _size(word, value)
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise InvalidRequest(f"{word} must not contain control characters.")


def _check_class(storage_class: str) -> None:
    if storage_class and storage_class not in STORAGE_CLASSES:
        raise InvalidRequest(f"Invalid storage class: {storage_class[:60]!r}.")


def _size(word: str, text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{word} must be valid Unicode.") from error


def _check_document(extra: object) -> None:
    try:
        size = len(json.dumps(extra, allow_nan=False))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The request cannot be stored: {error}.") from error
    if size > limits.DOCUMENT_BYTES:
        raise InvalidRequest(f"The fields of a resource have at most {limits.DOCUMENT_BYTES} bytes together.")
