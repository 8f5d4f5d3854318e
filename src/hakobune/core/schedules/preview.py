"""The next due times of a schedule, with a word where clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from hakobune.core.schedules.calendar import Calendar
from hakobune.core.schedules.limits import SEARCH_YEARS
from hakobune.core.schedules.occurrences import Occurrence, occurrences, parse_schedule
from hakobune.core.schedules.phrases import Interval
from hakobune.core.schedules.zones import Span, check_zone, offset_at, spans

_OF_INTERVALS = "counted from the end of the run before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A due time: `instant_s` since the epoch, what the clock on the wall adds to UTC, and what is special about it."""

    instant_s: int
    offset_s: int
    note: str = ""

    @property
    def local(self) -> str:
        """`2026-03-29T03:30:00+02:00`."""
        wall = datetime.fromtimestamp(self.instant_s + self.offset_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        sign, offset_s = ("-", -self.offset_s) if self.offset_s < 0 else ("+", self.offset_s)
        return f"{wall}{sign}{offset_s // 3_600:02d}:{offset_s % 3_600 // 60:02d}"

    @property
    def utc(self) -> str:
        """`2026-03-29T01:30:00Z`."""
        return datetime.fromtimestamp(self.instant_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def preview(text: str, zone: str, after_s: float, count: int) -> list[Preview]:
    """The next due times after an instant, at most so many. Raises BadSchedule, ValueError (of the zone)."""
    parsed, zone = parse_schedule(text), check_zone(zone)
    if isinstance(parsed, Interval):
        instants = (int(after_s + parsed.interval_s * number) for number in range(1, count + 1))
        return [
            Preview(instant_s=instant_s, offset_s=offset_at(zone, instant_s), note=_OF_INTERVALS)
            for instant_s in instants
        ]
    return list(islice(_noted(parsed, zone, int(after_s)), count))


def _noted(calendar: Calendar, zone: str, after_s: int) -> Iterator[Preview]:
    for found in occurrences(calendar, zone, after_s):
        notes = [*_left_out(calendar, zone, after_s, found.instant_s), *_doubled(zone, found)]
        yield Preview(instant_s=found.instant_s, offset_s=found.offset_s, note="; ".join(notes))
        after_s = found.instant_s


def _left_out(calendar: Calendar, zone: str, after_s: int, until_s: int) -> Iterator[str]:
    """Times between two instants that clocks jumped over."""
    for span in _changes(zone, after_s, until_s):
        wall_s = calendar.first(span.start_s + span.offset_before_s, span.start_s + span.offset_s)
        if wall_s is not None:
            when = datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d %H:%M")
            yield f"{when} does not exist (clocks go forward) and is left out"


def _doubled(zone: str, found: Occurrence) -> Iterator[str]:
    if found.is_repeated:
        yield "the clock shows this time for the second time (clocks went back)"
        return
    wall_s = found.instant_s + found.offset_s
    for span in _changes(zone, found.instant_s, found.instant_s + 86_400):
        if span.start_s + span.offset_s <= wall_s:
            yield "the clock shows this time twice (clocks go back): this is the first"
        return


def _changes(zone: str, after_s: int, until_s: int) -> Iterator[Span]:
    """The spans that begin with another offset, after an instant and not after the other."""
    for span in spans(zone, after_s, SEARCH_YEARS):
        if span.start_s > until_s:
            return
        if span.start_s > after_s and span.offset_s != span.offset_before_s:
            yield span
