"""Lengths of time as people write them in a test: `90`, `1.5`, `20ms`, `2h`, `365d`."""

from __future__ import annotations

import re
from typing import Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LONG_MS: Final = 120_000  # up to here in seconds alone
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def seconds(value: object) -> float | None:
    """Seconds of a number, or of a text such as `1h30m`; None if it is neither, or negative."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value >= 0 else None
    if not isinstance(value, str) or not value:
        return None
    total_s, at = 0.0, 0
    while at < len(value):
        part = _PART.match(value, at)
        if part is None:
            return None
        total_s += float(part[1]) * _UNITS_S[part[2]]
        at = part.end()
    return total_s


def length_text(length_s: float) -> str:
    """A length of time as people say it, to a millisecond: `2.5 s`, `1 h 30 min`, `30 d 5 s`."""
    left_ms = round(length_s * 1_000)  # the clock moves on by microseconds when it is read: those are nobody's
    if left_ms < _LONG_MS:
        return f"{left_ms / 1_000:g} s"
    told: list[str] = []
    for unit, size_ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        count, left_ms = divmod(left_ms, size_ms)
        if count:
            told.append(f"{count} {unit}")
    if left_ms:
        told.append(f"{left_ms / 1_000:g} s")
    return " ".join(told)
