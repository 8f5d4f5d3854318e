"""Bounds of the objects room. Sources: Cloud Storage documentation, "Quotas and limits" and "Object naming"; `ours`
where nothing is documented."""

from __future__ import annotations

OBJECT_NAME_BYTES = 1_024
OBJECT_BYTES = 5 * 1024**4
BUCKET_NAME_CHARS = 63
BUCKET_NAME_DOTTED_CHARS = 222
CUSTOM_METADATA_BYTES = 8 * 1024  # keys and values of the custom metadata of one object
HEADER_VALUE_CHARS = 2_048  # ours: content type, disposition, …
DOCUMENT_BYTES = 64 * 1024  # ours: the stored text of the metadata of one object, of a bucket's settings
LABELS = 64
LIFECYCLE_RULES = 100
COMPOSE_SOURCES = 32
NOTIFICATION_CONFIGS = 100  # of a bucket
CONFIGS_OF_AN_EVENT = 10  # of a bucket; both: https://cloud.google.com/storage/quotas
NOTIFICATION_ATTRIBUTES = 5  # custom ones
PAGE_ITEMS = 1_000
PAGE_SCANNED = 20_000  # ours: names that one page of a filtered list looks at, found or not
PARTS = 10_000  # of an XML multipart upload
SESSION_S = 7 * 24 * 3_600.0  # a resumable upload can be gone on with for a week; multipart uploads, too (ours)
SOFT_DELETE_MIN_S = 7 * 24 * 3_600
SOFT_DELETE_MAX_S = 90 * 24 * 3_600
GENERATION_MAX = (1 << 63) - 1
