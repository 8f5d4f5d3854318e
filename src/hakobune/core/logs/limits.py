"""Bounds of logs, each with its source. Documented by Google: "Quotas and limits" of Cloud Logging
(https://cloud.google.com/logging/quotas) and the v2 API reference."""

from __future__ import annotations

ENTRY_MAX_BYTES = 256 * 1024  # of one entry; a longer line is split
QUERY_MAX_CHARS = 20_000
PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1_000
RESOURCE_NAMES_MAX = 100

# Ours.
QUERY_DEPTH_MAX = 50  # parentheses and negations within each other
QUERY_TERMS_MAX = 1_000
PATTERN_MAX_CHARS = 1_000  # of a regular expression
PATTERN_TEXT_MAX_CHARS = 64 * 1024  # of the text that a regular expression is tried on; the rest is not looked at
JSON_DEPTH_MAX = 100  # of a structured line; a deeper one is text (protobuf's parsers stop at the same depth)
WRITE_ENTRIES_MAX = 1_000  # of one call
