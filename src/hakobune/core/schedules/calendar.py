"""Which minutes of which days: a calendar as bit masks, and its first minute in a span of wall-clock time.

Wall-clock time is a number here: seconds since 1970-01-01T00:00 as the clock on the wall shows it, as if it were UTC.
`zones` knows how that clock runs.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import NamedTuple

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_S = 86_400
_HOURS = 24

ALL_DAYS = (1 << 31) - 1
ALL_MONTHS = ((1 << 12) - 1) << 1
ALL_WEEKDAYS = (1 << 7) - 1
_WEEKS = sum(1 << 7 * week for week in range(5))  # the first day of each week of a month


class Calendar(NamedTuple):
    """Times of the day on certain days. (A tuple: it is made faster than a dataclass.)

    `times`: bit m is minute m of the day. `months`: bits 1 to 12. `days`: bit 0 is the first of the month. `weekdays`:
    bit 0 is Sunday. `days_in`: days that weekdays may fall on, as `days`. A day counts if it is in `days` and a weekday
    of `weekdays`; with `is_either`, one of the two is enough.
    """

    times: int
    months: int = ALL_MONTHS
    days: int = ALL_DAYS
    weekdays: int = ALL_WEEKDAYS
    days_in: int = ALL_DAYS
    is_either: bool = False

    @property
    def is_cadence(self) -> bool:
        """It has a time in each hour of the day: what is meant is a rhythm, rather than an hour on the clock."""
        return all(self.times >> 60 * hour & ((1 << 60) - 1) for hour in range(_HOURS))

    def first(self, from_s: int, before_s: int) -> int | None:
        """The first minute of the calendar in this span of wall-clock time, if there is one."""
        from_s = -(-from_s // 60) * 60
        day, second = divmod(from_s, _DAY_S)
        start = date.fromordinal(day + _EPOCH)
        year, month = start.year, start.month
        days = self._days_of(year, month) >> start.day - 1
        if days & 1 and (times := self.times >> second // 60):
            found = from_s + 60 * _lowest(times)
            return found if found < before_s else None
        days &= ~1
        while not days:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            day = date(year, month, 1).toordinal() - _EPOCH
            if day * _DAY_S >= before_s:
                return None
            days = self._days_of(year, month)
        found = (day + _lowest(days)) * _DAY_S + 60 * _lowest(self.times)
        return found if found < before_s else None

    def _days_of(self, year: int, month: int) -> int:
        if not self.months >> month & 1:
            return 0
        first_weekday, existing = _month(year, month)
        turned = (self.weekdays << 7 | self.weekdays) >> first_weekday & ALL_WEEKDAYS
        by_weekday = turned * _WEEKS & self.days_in
        return (self.days | by_weekday if self.is_either else self.days & by_weekday) & existing


def times_of_day(hours: int, minutes: int) -> int:
    """The minutes of the day at which these hours (bits 0 to 23) meet these minutes (bits 0 to 59)."""
    return minutes * _beginnings(hours)


@lru_cache(maxsize=1_024)
def _beginnings(hours: int) -> int:
    """The minutes of the day at which these hours begin."""
    return sum(1 << 60 * hour for hour in range(_HOURS) if hours >> hour & 1)


@lru_cache(maxsize=4_096)
def _month(year: int, month: int) -> tuple[int, int]:
    """The weekday of its first day (0: Sunday), and a bit for each of its days."""
    first = date(year, month, 1)
    following = date(year, month + 1, 1) if month < 12 else date(year + 1, 1, 1)
    return first.toordinal() % 7, (1 << (following - first).days) - 1


def _lowest(bits: int) -> int:
    """The number of the lowest bit that is set."""
    return (bits & -bits).bit_length() - 1
