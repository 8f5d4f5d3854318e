"""Lengths of time as people write them in a test: `90`, `1.5`, `20ms`, `2h`, `365d`."""

from __future__ import annotations

import re
from typing import Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
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
    """A length of time as people say it: `2.5 s`, `90 min`, `30 d`."""
    for unit, size_s in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if length_s >= 2 * size_s:
            return f"{length_s / size_s:.4g} {unit}"
    return f"{length_s:.4g} s"
