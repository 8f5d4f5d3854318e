"""`Range` and `Content-Range`: which bytes are asked for, and which are sent. Source: RFC 9110, section 14."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hakobune.core.objects.failures import InvalidRequest, ObjectsError

CHUNK_UNIT_BYTES = 256 * 1024  # sizes of chunks are multiples of it. Source: documentation, "Resumable uploads"
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*\Z", re.ASCII | re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d{1,19})-(\d{1,19})|\*)/(\d{1,19}|\*)\s*\Z", re.ASCII | re.IGNORECASE)


class RangeNotSatisfiable(ObjectsError):
    """416: the range begins at or after the end of the content, whose size is `size_bytes`."""

    status = 416
    reason = "requestedRangeNotSatisfiable"
    location = "Range"
    location_type = "header"

    def __init__(self, size_bytes: int) -> None:
        super().__init__("The requested range cannot be satisfied.")
        self.size_bytes = size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes `first` to `first + size_bytes - 1`."""

    first: int
    size_bytes: int

    def content_range(self, total_bytes: int) -> str:
        """The header that goes with these bytes."""
        return f"bytes {self.first}-{self.first + self.size_bytes - 1}/{total_bytes}"


def span_from_range(text: str, size_bytes: int) -> Span | None:
    """The part of a content that a `Range` header asks for. None: all of it (no header, one that cannot be read, or
    several ranges: those are ignored, as the standard allows). Raises RangeNotSatisfiable."""
    match = _RANGE.match(text.strip())
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        count = min(int(last), size_bytes)
        if not count:
            raise RangeNotSatisfiable(size_bytes)
        return Span(first=size_bytes - count, size_bytes=count)
    begin = int(first)
    end = int(last) if last else size_bytes - 1
    if last and end < begin:
        return None
    if begin >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return Span(first=begin, size_bytes=min(end, size_bytes - 1) - begin + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRange:
    """What a request of a resumable upload holds: `span` of a content of `total_bytes` (None: not known yet). No span:
    it only asks, or ends the upload."""

    span: Span | None
    total_bytes: int | None


def content_range_from_text(text: str) -> ContentRange:
    """`bytes 0-262143/*`, `bytes 0-99/100`, `bytes */100`, `bytes */*`. Raises InvalidRequest."""
    match = _CONTENT_RANGE.match(text.strip())
    if match is None:
        raise InvalidRequest(f"Failed to parse Content-Range header: {text[:80]!r}.")
    first, last, total = match.groups()
    total_bytes = None if total == "*" else int(total)
    if first is None:
        return ContentRange(span=None, total_bytes=total_bytes)
    begin, end = int(first), int(last)
    if end < begin or (total_bytes is not None and end >= total_bytes):
        raise InvalidRequest(f"The Content-Range {text[:80]!r} contradicts itself.")
    is_last = total_bytes is not None and end == total_bytes - 1
    size_bytes = end - begin + 1
    if not is_last and size_bytes % CHUNK_UNIT_BYTES and (end + 1) % CHUNK_UNIT_BYTES:
        raise InvalidRequest(
            f"A chunk that is not the last one has a multiple of {CHUNK_UNIT_BYTES} bytes; this one has {size_bytes}."
        )
    return ContentRange(span=Span(first=begin, size_bytes=size_bytes), total_bytes=total_bytes)
