"""Time zones as spans of one offset: how the clock on the wall runs beside UTC.

From zoneinfo, a year at a time: each day's offset is looked at, and where two differ, the instant of the change is
found to the second. A zone changes its offset at most once a day.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

_DAY_S = 86_400
_YEAR_MIN, _YEAR_MAX = 1900, 9990

UTC_NAME = "Etc/UTC"  # Cloud Scheduler's default


class Span(NamedTuple):
    """From `start_s` until before `end_s` (seconds since the epoch), wall clocks show UTC + `offset_s`. Before it,
    they showed UTC + `offset_before_s`."""

    start_s: int
    end_s: int
    offset_s: int
    offset_before_s: int


def check_zone(name: str) -> str:
    """The name of a zone that exists. Raises ValueError."""
    if name.lower() == "utc":
        return UTC_NAME if name != "UTC" else name
    known = _known()
    if name in known:
        return name
    by_lower = {zone.lower(): zone for zone in known}
    near = difflib.get_close_matches(name.lower()[:80], by_lower, n=1)
    remedy = f"Did you mean {by_lower[near[0]]}?" if near else "Give a name of the IANA time zone database."
    raise ValueError(f"No time zone is called {name[:80]!r}. {remedy}")


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def spans(zone: str, from_s: int, years: int) -> Iterator[Span]:
    """The spans of a zone from an instant on, for so many years. Raises ValueError: there is no such zone."""
    year = datetime.fromtimestamp(from_s, UTC).year
    for number in range(max(year, _YEAR_MIN), min(year + years, _YEAR_MAX) + 1):
        for span in _year(zone, number):
            if span.end_s > from_s:
                yield span


def offset_at(zone: str, instant_s: int) -> int:
    """What is added to UTC at an instant, in seconds. Raises ValueError: there is no such zone."""
    return _offset(ZoneInfo(zone), instant_s)


@lru_cache(maxsize=4_096)
def _year(zone: str, year: int) -> tuple[Span, ...]:
    info = ZoneInfo(zone)
    start_s = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    end_s = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    found: list[Span] = []
    before = offset = _offset(info, start_s - 1)
    begun_s = seen_s = start_s - 1
    while seen_s < end_s - 1:
        next_s = min(seen_s + _DAY_S, end_s - 1)
        new = _offset(info, next_s)
        if new != offset:
            change_s = _change(info, seen_s, next_s)
            if change_s > start_s:
                found.append(Span(max(begun_s, start_s), change_s, offset, before))
            before, offset, begun_s = offset, new, change_s
        seen_s = next_s
    found.append(Span(max(begun_s, start_s), end_s, offset, before))
    return tuple(found)


def _change(info: ZoneInfo, low_s: int, high_s: int) -> int:
    """The first instant with the offset of `high_s`; the offset of `low_s` is another one."""
    new = _offset(info, high_s)
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if _offset(info, middle_s) == new:
            high_s = middle_s
        else:
            low_s = middle_s
    return high_s


def _offset(info: ZoneInfo, instant_s: int) -> int:
    offset = datetime.fromtimestamp(instant_s, info).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
