"""The five fields of a unix-cron schedule, read into a calendar; every mistake names its field.

Grammar: https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules. Where that page is silent (names in
lower case, ranges that run backwards, a step without a range, `*/n` beside a restricted day): decision 0028.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hakobune.core.schedules.calendar import ALL_WEEKDAYS, Calendar, times_of_day

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NUMBER = re.compile(r"\d{1,4}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the five: its name, its least and greatest value, and the names of values, from `first_named` on."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first_named: int = 0


FIELDS = (
    Field(name="minute", least=0, most=59),
    Field(name="hour", least=0, most=23),
    Field(name="day of month", least=1, most=31),
    Field(name="month", least=1, most=12, names=_MONTHS, first_named=1),
    Field(name="day of week", least=0, most=7, names=_WEEKDAYS),
)
_PLACES = range(len(FIELDS))
_FOREIGN = {
    "L": "the last day of a month cannot be named: give the days, such as 28-31, and let the target decide",
    "W": "the nearest weekday cannot be named",
    "#": "write the English form instead, such as 'first monday of month 09:00'",
    "?": "write * for any value",
}


class BadSchedule(ValueError):
    """What is wrong with a schedule, and where."""


def parse_cron(texts: Sequence[str]) -> Calendar:
    """The calendar of five fields. Raises BadSchedule."""
    if len(texts) != len(FIELDS):
        raise BadSchedule(_count_text(texts))
    minutes, hours, days, months, weekdays = map(_field, _PLACES, texts)
    return Calendar(
        times=times_of_day(hours, minutes),
        months=months,
        days=days >> 1,
        weekdays=(weekdays | weekdays >> 7) & ALL_WEEKDAYS,
        is_either=texts[2] != "*" and texts[4] != "*",
    )


def _count_text(texts: Sequence[str]) -> str:
    names = ", ".join(field.name for field in FIELDS)
    more = " There is no field for seconds." if len(texts) == len(FIELDS) + 1 else ""
    return f"a cron schedule has five fields ({names}), this one has {len(texts)}.{more}"


@lru_cache(maxsize=4_096)
def _field(place: int, text: str) -> int:
    """The values of a field, as bits."""
    field, values = FIELDS[place], 0
    for part in text.split(","):
        values |= _part(field, part, text)
    return values


def _part(field: Field, part: str, text: str) -> int:
    span, has_step, step_text = part.partition("/")
    step = 1
    if has_step:
        if not _NUMBER.match(step_text) or int(step_text) == 0:
            raise _bad(field, text, f"the step '{step_text}' is not a whole number from 1 on")
        step = int(step_text)
    if span == "*":
        first, last = field.least, field.most
        if field.names is _WEEKDAYS:
            last = 6  # 7 is Sunday again: a step must not count it twice
    elif "-" in span:
        first_text, _, last_text = span.partition("-")
        first, last = _value(field, first_text, text), _value(field, last_text, text)
        if first > last:
            raise _bad(field, text, f"the range {span} runs backwards: {_forwards(field, span, last)}")
    else:
        first = last = _value(field, span, text)
        if has_step:
            raise _bad(field, text, f"a step follows a range: write {span}-{field.most}/{step}, or */{step}")
    return sum(1 << value for value in range(first, last + 1, step))


def _value(field: Field, word: str, text: str) -> int:
    if _NUMBER.match(word):
        value = int(word)
        if field.least <= value <= field.most:
            return value
        raise _bad(field, text, f"{value} is outside {field.least}-{field.most}")
    name = word.upper()
    if name in field.names:
        return field.names.index(name) + field.first_named
    if not word:
        raise _bad(field, text, "a value is missing")
    allowed = f"a number from {field.least} to {field.most}"
    if field.names:
        allowed += f" or one of {', '.join(field.names)}"
    foreign = next((remedy for sign, remedy in _FOREIGN.items() if sign in name), "")
    raise _bad(field, text, f"'{word[:40]}' is not {allowed}{f'; {foreign}' if foreign else ''}")


def _forwards(field: Field, span: str, last: int) -> str:
    start, _, end = span.partition("-")
    if field.names is _WEEKDAYS and last == 0:
        return f"Sunday is also 7, write {start}-7"
    begin = field.names[0] if field.names else str(field.least)
    final = field.names[-1] if field.names else str(field.most)
    return f"write {start}-{final},{begin}-{end}"


def _bad(field: Field, text: str, reason: str) -> BadSchedule:
    return BadSchedule(f"{field.name} '{text[:80]}': {reason}.")
