"""The English form of a schedule: `every 5 minutes`, `1st monday of month 10:00`, `1,15 of jan,july 00:00`.

Grammar: https://cloud.google.com/appengine/docs/standard/scheduling-jobs-with-cron-yaml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hakobune.core.schedules.calendar import ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, Calendar
from hakobune.core.schedules.cron import BadSchedule

_DAY_MINUTES = 1_440
_UNITS = {"minute": 1, "minutes": 1, "min": 1, "mins": 1, "hour": 60, "hours": 60}
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
ORDINALS = ("1st", "2nd", "3rd", "4th", "5th", "first", "second", "third", "fourth", "fifth")
_QUARTERS = sum(1 << month for month in (1, 4, 7, 10))
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)\Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,5}\Z", re.ASCII)
_COMMA = re.compile(r"\s*,\s*")
_EXAMPLES = "such as 'every 5 minutes', 'every day 09:00', '1st monday of month 10:00' or '1,15 of month 00:00'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """So long after the end of the run before."""

    interval_s: float


def parse_phrase(text: str) -> Calendar | Interval:
    """What an English schedule means. Raises BadSchedule."""
    words = _COMMA.sub(",", text.strip().lower()).split()
    if len(words) >= 3 and words[0] == "every" and words[2] in _UNITS:
        return _interval(words)
    if words == ["every", "minute"] or words == ["every", "hour"]:
        raise BadSchedule(f"a number is missing after 'every': write 'every 1 {words[1]}s'.")
    return _custom(words)


def _interval(words: list[str]) -> Calendar | Interval:
    if not _NUMBER.match(words[1]) or int(words[1]) == 0:
        raise BadSchedule(f"'{words[1][:40]}' is not a whole number from 1 on; it says every how many {words[2]}.")
    every = int(words[1]) * _UNITS[words[2]]
    match words[3:]:
        case []:
            return Interval(interval_s=every * 60.0)
        case ["synchronized"]:
            if _DAY_MINUTES % every:
                raise BadSchedule(
                    f"'synchronized' needs an interval that divides 24 hours, and {words[1]} {words[2]} does not: "
                    "choose another one, or leave the word out."
                )
            return Calendar(times=_times(0, _DAY_MINUTES - 1, every))
        case ["from", start, "to", end]:
            first, last = _clock(start), _clock(end)
            return Calendar(times=_times(first, last if last >= first else last + _DAY_MINUTES, every))
        case rest:
            raise BadSchedule(
                f"'{' '.join(rest)[:80]}' cannot follow '{' '.join(words[:3])}': only 'from HH:MM to HH:MM' or "
                "'synchronized' can."
            )


def _times(first: int, last: int, every: int) -> int:
    return sum({1 << minute % _DAY_MINUTES for minute in range(first, last + 1, every)})


def _custom(words: list[str]) -> Calendar:
    """`(every|ORDINALS) DAYS [of MONTHS] HH:MM`, or `N,N of MONTHS HH:MM`."""
    if len(words) < 3 or len(words) > 5:
        raise BadSchedule(f"it is neither five cron fields nor an English schedule, {_EXAMPLES}.")
    times = 1 << _clock(words[-1])
    months = ALL_MONTHS
    head = words[:-1]
    if "of" in head:
        place = head.index("of")
        if place != len(head) - 2:
            raise BadSchedule("'of' is followed by one word or list: 'month', 'quarter', or names such as jan,july.")
        months, head = _months(head[-1]), head[:place]
    if len(head) == 1 and all(_NUMBER.match(part) for part in head[0].split(",")):
        return Calendar(times=times, months=months, days=_month_days(head[0]))
    if len(head) != 2:
        raise BadSchedule(f"it is no English schedule, {_EXAMPLES}.")
    return _by_weekday(head[0], head[1], times, months)


def _by_weekday(which: str, days: str, times: int, months: int) -> Calendar:
    numbers = None if which == "every" else [_ordinal(word) for word in which.split(",")]
    if days == "day":
        chosen = ALL_DAYS if numbers is None else sum({1 << number for number in numbers})
        return Calendar(times=times, months=months, days=chosen)
    weekdays = sum({1 << _named(word, _WEEKDAYS, "a weekday, or 'day'") for word in days.split(",")})
    weeks = ALL_DAYS if numbers is None else sum({0b1111111 << 7 * number for number in numbers}) & ALL_DAYS
    return Calendar(times=times, months=months, weekdays=weekdays & ALL_WEEKDAYS, days_in=weeks)


def _months(word: str) -> int:
    if word == "month":
        return ALL_MONTHS
    if word == "quarter":
        return _QUARTERS
    return sum({2 << _named(part, _MONTHS, "a month, 'month' or 'quarter'") for part in word.split(",")})


def _month_days(text: str) -> int:
    days = {int(part) for part in text.split(",")}
    bad = next((day for day in sorted(days) if not 1 <= day <= 31), None)
    if bad is not None:
        raise BadSchedule(f"{bad} is no day of a month: days are 1 to 31.")
    return sum(1 << day - 1 for day in days)


def _ordinal(word: str) -> int:
    if word not in ORDINALS:
        raise BadSchedule(f"'{word[:40]}' is not 'every' or one of {', '.join(ORDINALS)}.")
    return ORDINALS.index(word) % 5


def _named(word: str, names: tuple[str, ...], what: str) -> int:
    """The place of a full name, or of one cut to three letters."""
    for place, name in enumerate(names):
        if word in (name, name[:3]):
            return place
    raise BadSchedule(f"'{word[:40]}' is not {what}.")


def _clock(word: str) -> int:
    """The minute of the day."""
    match = _CLOCK.match(word)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise BadSchedule(f"'{word[:40]}' is not a time of day: write it as HH:MM, from 00:00 to 23:59.")
    return int(match[1]) * 60 + int(match[2])
