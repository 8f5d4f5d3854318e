"""Instants as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# A duration of ISO 8601 from now, as `gcloud topic datetimes` has it: -PT10M, -P1DT2H.
_DURATION = re.compile(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z", re.IGNORECASE)
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


def instant_of(text: str) -> str | None:
    """`2026-01-31T09:00:00.000000Z` of an instant (local time where no zone is named) or of a duration from now; None:
    it is neither."""
    found = _DURATION.match(text)
    try:
        if found is not None and any(found.groups()[1:]):
            return _moved(found).strftime(_FORM)
        return datetime.fromisoformat(text).astimezone(UTC).strftime(_FORM)
    except (ValueError, OverflowError):
        return None


def _moved(found: re.Match[str]) -> datetime:
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return datetime.now(UTC) + (-length if found[1] == "-" else length)
