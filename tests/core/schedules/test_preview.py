"""The next due times as they are shown, where clocks change and elsewhere."""

from __future__ import annotations

from datetime import datetime

import pytest

from hakobune.core.schedules.cron import BadSchedule
from hakobune.core.schedules.preview import preview

GAP = "2026-03-29 02:30 does not exist (clocks go forward) and is left out"
FIRST = "the clock shows this time twice (clocks go back): this is the first"
SECOND = "the clock shows this time for the second time (clocks went back)"


def shown(text: str, zone: str, after: str, count: int) -> list[tuple[str, str]]:
    after_s = datetime.fromisoformat(after).timestamp()
    return [(one.local, one.note) for one in preview(text, zone, after_s, count)]


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00+00:00",
            [("2026-03-28T02:30:00+01:00", ""), ("2026-03-30T02:30:00+02:00", GAP), ("2026-03-31T02:30:00+02:00", "")],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00+00:00",
            [("2026-10-25T02:30:00+02:00", FIRST), ("2026-10-26T02:30:00+01:00", "")],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:00:00+00:00",
            [
                ("2026-10-25T01:30:00+02:00", ""),
                ("2026-10-25T02:30:00+02:00", FIRST),
                ("2026-10-25T02:30:00+01:00", SECOND),
                ("2026-10-25T03:30:00+01:00", ""),
            ],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00+00:00",
            [("2026-03-29T01:30:00+01:00", ""), ("2026-03-29T03:30:00+02:00", GAP)],
        ),
        ("0 9 * * *", "America/New_York", "2026-01-01T00:00:00+00:00", [("2026-01-01T09:00:00-05:00", "")]),
        (
            "every 90 minutes",
            "Asia/Tokyo",
            "2026-01-01T00:00:00+00:00",
            [
                ("2026-01-01T10:30:00+09:00", "counted from the end of the run before"),
                ("2026-01-01T12:00:00+09:00", "counted from the end of the run before"),
            ],
        ),
        ("0 0 31 2 *", "utc", "2026-01-01T00:00:00+00:00", []),
    ],
)
def test_given_a_schedule_when_its_next_times_are_shown_then_changes_of_clocks_are_told(
    text: str, zone: str, after: str, expected: list[tuple[str, str]]
) -> None:
    assert shown(text, zone, after, max(1, len(expected))) == expected


def test_given_a_time_when_it_is_shown_then_it_is_in_utc_too() -> None:
    (one,) = preview("0 9 * * *", "Asia/Tokyo", 0, 1)
    assert (one.utc, one.local) == ("1970-01-02T00:00:00Z", "1970-01-02T09:00:00+09:00")


@pytest.mark.parametrize(("text", "zone"), [("x", "Etc/UTC"), ("* * * * *", "Nowhere")])
def test_given_what_is_no_schedule_or_zone_when_it_is_shown_then_the_reason_is_told(text: str, zone: str) -> None:
    with pytest.raises((BadSchedule, ValueError)):
        preview(text, zone, 0, 1)
