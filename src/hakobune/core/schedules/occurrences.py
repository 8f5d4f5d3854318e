"""When a schedule is due next: a calendar on the clock of a zone.

Cloud Scheduler does not say what happens when that clock is put forward or back. Here (decision 0028): a time that
does not exist is left out; of a time that comes twice, a schedule with fixed hours takes the first, and one with a
time in each hour of the day takes both, so that its rhythm holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from hakobune.core.schedules.calendar import Calendar
from hakobune.core.schedules.cron import FIELDS, BadSchedule, parse_cron
from hakobune.core.schedules.limits import SCHEDULE_CHARACTERS, SEARCH_YEARS
from hakobune.core.schedules.phrases import ORDINALS, Interval, parse_phrase
from hakobune.core.schedules.zones import spans

_CRON_CHARACTERS = "0123456789*,/-"  # of its minutes and hours


class Occurrence(NamedTuple):
    """A due time: `instant_s` since the epoch, and what is special about it where clocks change."""

    instant_s: int
    offset_s: int
    is_repeated: bool = False  # the clock on the wall shows this time for the second time


@lru_cache(maxsize=4_096)
def parse_schedule(text: str) -> Calendar | Interval:
    """The meaning of a schedule, in either form. Raises BadSchedule."""
    if len(text) > SCHEDULE_CHARACTERS:
        raise BadSchedule(f"it has {len(text)} characters; at most {SCHEDULE_CHARACTERS} are allowed.")
    words = text.split()
    if not words:
        raise BadSchedule("it is empty: write five cron fields, such as '0 9 * * MON-FRI', or 'every 5 minutes'.")
    if words[0].startswith("@"):
        raise BadSchedule(f"'{words[0][:40]}' is not supported: write the five cron fields, such as '0 0 * * *'.")
    has_numbers_first = not words[0].strip(_CRON_CHARACTERS)
    if has_numbers_first and len(words) == len(FIELDS) and not words[1].strip(_CRON_CHARACTERS):
        return parse_cron(words)
    lower = [word.lower() for word in words]
    is_english = lower[0] == "every" or "of" in lower or lower[0].split(",")[0] in ORDINALS
    if not is_english and (len(words) == len(FIELDS) or words[0][0] in _CRON_CHARACTERS):
        return parse_cron(words)
    return parse_phrase(text)


def next_s(text: str, zone: str, after_s: float) -> float | None:
    """The first due time after an instant; None: there is none within eight years. `after_s` of an interval is the
    end of the run before. Raises BadSchedule."""
    parsed = parse_schedule(text)
    if isinstance(parsed, Interval):
        return after_s + parsed.interval_s
    found = _next(parsed, zone, int(after_s // 1))
    return None if found is None else float(found.instant_s)


def latest_s(text: str, zone: str, after_s: float, until_s: float) -> float | None:
    """The last due time after one instant and not after the other, if there is one. Raises BadSchedule."""
    step_s = 60.0
    parsed = parse_schedule(text)
    if isinstance(parsed, Interval):
        due_s = after_s + parsed.interval_s
        return due_s if due_s <= until_s else None
    # Backwards in growing steps: the last one is near the end, or there are few.
    while True:
        start_s = max(after_s, until_s - step_s)
        found = None
        for one in occurrences(parsed, zone, start_s):
            if one.instant_s > until_s:
                break
            found = float(one.instant_s)
        if found is not None or start_s <= after_s:
            return found
        step_s *= 8


def occurrences(calendar: Calendar, zone: str, after_s: float) -> Iterator[Occurrence]:
    """All due times after an instant, for eight years from each to the next."""
    while True:
        found = _next(calendar, zone, int(after_s // 1))
        if found is None:
            return
        yield found
        after_s = found.instant_s


def _next(calendar: Calendar, zone: str, after_s: int) -> Occurrence | None:
    for span in spans(zone, after_s + 1, SEARCH_YEARS):
        from_s = max(span.start_s, after_s + 1) + span.offset_s
        shown_before_s = span.start_s + span.offset_before_s  # until here, clocks showed these times already
        if from_s < shown_before_s and not calendar.is_cadence:
            from_s = shown_before_s
        wall_s = calendar.first(from_s, span.end_s + span.offset_s)
        if wall_s is not None:
            return Occurrence(wall_s - span.offset_s, span.offset_s, wall_s < shown_before_s)
    return None
