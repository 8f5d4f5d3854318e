"""Batches: several calls in one multipart/mixed body, and their answers in another.

Source: Cloud Storage documentation, "Batch requests". Lines end in CRLF or LF; a target is a path or an absolute URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hakobune.core.objects.failures import InvalidRequest

CALLS_MAX = 1_000  # the service says 100; the Python client allows 1,000
_HEADERS_MAX = 100
_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (\S{1,65536}?)(?: HTTP/\d\.\d)?\s*\Z")
_BLANK = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCall:
    """One call. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    content_id: str = ""


def calls_from_body(body: bytes, boundary: bytes) -> list[BatchCall]:
    """The calls of a batch, in order. Raises InvalidRequest."""
    parts = re.split(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)", body)
    if len(parts) < 3:
        raise InvalidRequest("Failed to parse batch request, error: the body has no parts.")
    # Between the delimiters are the parts; every second element says whether the delimiter was the last one.
    found: list[bytes] = []
    for place in range(2, len(parts), 2):
        if parts[place - 1]:
            break
        found.append(parts[place])
    else:
        raise InvalidRequest("Failed to parse batch request, error: the closing delimiter is missing.")
    if not found:
        raise InvalidRequest("Failed to parse batch request, error: the batch holds no calls.")
    if len(found) > CALLS_MAX:
        raise InvalidRequest(f"A batch has at most {CALLS_MAX} calls; this one has {len(found)}.")
    return [_call(part, place) for place, part in enumerate(found)]


def _call(part: bytes, place: int) -> BatchCall:
    outer, _, inner = _cut(part.lstrip(b"\r\n") if not _BLANK.match(part) else part)
    headers = _headers(outer, place)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/http":
        raise InvalidRequest(f"Part {place} of the batch is not of the type application/http.")
    head, _, body = _cut(inner.lstrip(b"\r\n"))
    line, _, rest = head.partition(b"\n")
    match = _REQUEST_LINE.match(line.decode("latin-1").strip("\r"))
    if match is None:
        raise InvalidRequest(f"Part {place} of the batch does not begin with a request line.")
    inner_headers = _headers(rest, place)
    length = inner_headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 10:
        body = body[: int(length)]
    return BatchCall(
        method=match.group(1),
        target=match.group(2),
        headers=inner_headers,
        body=body,
        content_id=headers.get("content-id", ""),
    )


def _cut(text: bytes) -> tuple[bytes, bytes, bytes]:
    """(before, the blank line, after)."""
    match = _BLANK.search(text)
    return (text, b"", b"") if match is None else (text[: match.start()], match.group(), text[match.end() :])


def _headers(text: bytes, place: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            if line.strip():
                raise InvalidRequest(f"Part {place} of the batch has a broken header line.")
            continue
        found[name.strip().lower()] = value.strip()
        if len(found) > _HEADERS_MAX:
            raise InvalidRequest(f"Part {place} of the batch has too many headers.")
    return found


def answer_part(
    boundary: str, call: BatchCall, status: int, phrase: str, headers: Sequence[tuple[str, str]], content: bytes
) -> bytes:
    """The part of the answer that belongs to a call."""
    lines = [f"--{boundary}", "Content-Type: application/http"]
    if call.content_id:
        inner = call.content_id.strip("<>")
        lines.append(f"Content-ID: <response-{inner}>")
    lines += ["", f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(content)}")
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return head + b"\r\n\r\n" + content + b"\r\n"


def answer_end(boundary: str) -> bytes:
    """What closes the answer."""
    return f"--{boundary}--\r\n".encode()
