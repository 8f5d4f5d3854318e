"""Instants and durations as text. Instants are seconds since the epoch (float, UTC), durations are seconds.

Formats: RFC 3339 timestamps and protobuf's JSON durations (`"1.5s"`), https://protobuf.dev/programming-guides/json/.
Execution messages print durations the way the service does (`9.84s`, `1m3.6s`): cut to hundredths, no trailing zeros.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s\Z", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)\Z",
    re.ASCII,
)


def timestamp_to_text(instant_s: float) -> str:
    """`2026-11-23T05:00:06.716662Z`: always six decimals, so that texts sort as instants do."""
    return datetime.fromtimestamp(round(instant_s, 6), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def timestamp_from_text(text: str) -> float:
    """Parse RFC 3339. Raises ValueError."""
    match = _TIMESTAMP.match(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 timestamp: {text[:60]!r}")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    offset = "+00:00" if zone in "Zz" else zone
    whole = datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset}")
    return whole.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def duration_to_text(duration_s: float) -> str:
    """`600s`, `1.5s`."""
    text = f"{duration_s:.9f}".rstrip("0").rstrip(".")
    return f"{text}s"


def duration_from_text(text: str) -> float:
    """Parse a JSON duration such as `"3.5s"`. Raises ValueError."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f'not a duration such as "600s" or "1.5s": {text[:60]!r}')
    sign, whole, fraction = match.groups()
    value = float(f"{whole}.{fraction or 0}")
    return -value if sign else value


def elapsed_to_text(duration_s: float) -> str:
    """`15.95s`, `12.3s`, `1m3.6s`, `1h2m3s`: as execution conditions print it."""
    hundredths = max(0, int(duration_s * 100 + 1e-6))
    seconds = f"{hundredths % 6000 / 100:.2f}".rstrip("0").rstrip(".")
    minutes = hundredths // 6000
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
