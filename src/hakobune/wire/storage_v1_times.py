"""Instants as Cloud Storage writes them: in JSON with milliseconds, in headers as HTTP dates."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

from hakobune.core.instants import timestamp_to_text


def time_to_text(instant_s: float) -> str:
    """`2026-06-01T00:00:00.123Z`."""
    text = timestamp_to_text(instant_s)
    return f"{text[:-4]}Z"


def exact_time_to_text(instant_s: float) -> str:
    """As `time_to_text`, with microseconds if there are any: what a caller has set comes back as it was."""
    text = timestamp_to_text(instant_s)
    return f"{text[:-4]}Z" if text[-4:-1] == "000" else text


def http_date(instant_s: float) -> str:
    """`Mon, 01 Jun 2026 00:00:00 GMT`."""
    return formatdate(int(instant_s), usegmt=True)


def compact_time_from_text(text: str) -> float:
    """`20260601T000000Z`, as signed URLs write it. Raises ValueError."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
