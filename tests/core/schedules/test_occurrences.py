"""When schedules are due: every rule of the grammar, clocks put forward and back, a brute-force oracle."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hakobune.core.schedules.cron import BadSchedule, parse_cron
from hakobune.core.schedules.occurrences import latest_s, next_s, occurrences, parse_schedule
from hakobune.core.schedules.phrases import Interval
from hakobune.core.schedules.zones import check_zone

NEW_YORK = "America/New_York"  # put forward on 2026-03-08 at 02:00, back on 2026-11-01 at 02:00


def at(text: str, zone: str = "Etc/UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def walls(schedule: str, start: str, count: int, zone: str = "Etc/UTC") -> list[str]:
    """The first due times after `start`, as the clock of the zone shows them."""
    calendar = parse_schedule(schedule)
    assert not isinstance(calendar, Interval)
    found = itertools.islice(occurrences(calendar, zone, at(start, zone)), count)
    return [datetime.fromtimestamp(one.instant_s, ZoneInfo(zone)).strftime("%m-%dT%H:%M%z") for one in found]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", ["06-01T12:01", "06-01T12:02"]),
        ("*/15 * * * *", ["06-01T12:15", "06-01T12:30"]),
        ("7 13 * * *", ["06-01T13:07", "06-02T13:07"]),
        ("0 9-11 * * *", ["06-02T09:00", "06-02T10:00", "06-02T11:00"]),
        ("0 0-23/5 * * *", ["06-01T15:00", "06-01T20:00", "06-02T00:00"]),
        ("0 0 1,15,20-22 * *", ["06-15T00:00", "06-20T00:00", "06-21T00:00", "06-22T00:00", "07-01T00:00"]),
        ("0 0 * 8 *", ["08-01T00:00", "08-02T00:00"]),
        ("0 0 1 jan,AUG *", ["08-01T00:00", "01-01T00:00"]),
        ("0 0 * * SUN", ["06-07T00:00", "06-14T00:00"]),
        ("0 0 * * 7", ["06-07T00:00", "06-14T00:00"]),
        ("0 0 * * 5-7", ["06-05T00:00", "06-06T00:00", "06-07T00:00", "06-12T00:00"]),
        ("0 0 * * 1-5/2", ["06-03T00:00", "06-05T00:00", "06-08T00:00"]),
        ("0 0 1 * SAT", ["06-06T00:00", "06-13T00:00", "06-20T00:00", "06-27T00:00", "07-01T00:00"]),
        ("0 0 1 * *", ["07-01T00:00", "08-01T00:00"]),
        ("0 0 */10 * SAT", ["06-06T00:00", "06-11T00:00", "06-13T00:00"]),
        ("  5   4 * *   0 ", ["06-07T04:05"]),
        ("0 0 29 2 *", ["02-29T00:00"]),
        ("0 0 31 2 *", []),
        ("0 0 * * */7", ["06-07T00:00"]),
        ("every day 00:00", ["06-02T00:00", "06-03T00:00"]),
        ("every monday 9:00", ["06-08T09:00"]),
        ("Every Mon,Wed 09:30", ["06-03T09:30", "06-08T09:30"]),
        ("1st monday of month 10:00", ["07-06T10:00", "08-03T10:00"]),
        ("2nd,third mon, wed,thu of march 17:00", ["03-08T17:00", "03-10T17:00", "03-11T17:00", "03-15T17:00"]),
        ("fifth friday of month 08:00", ["07-31T08:00", "10-30T08:00"]),
        ("1 of jan,april,july,oct 00:00", ["07-01T00:00", "10-01T00:00"]),
        ("1,15 of month 06:00", ["06-15T06:00", "07-01T06:00"]),
        ("first day of quarter 00:30", ["07-01T00:30", "10-01T00:30"]),
        ("every tue of july 12:00", ["07-07T12:00"]),
        ("every 12 hours from 09:00 to 21:00", ["06-01T21:00", "06-02T09:00"]),
        ("every 40 mins from 23:00 to 00:30", ["06-01T23:00", "06-01T23:40", "06-02T00:20", "06-02T23:00"]),
        ("every 6 hours synchronized", ["06-01T18:00", "06-02T00:00"]),
    ],
)
def test_given_a_schedule_when_due_times_are_asked_for_then_they_follow_the_grammar(
    schedule: str, expected: list[str]
) -> None:
    found = walls(schedule, "2026-06-01T12:00", max(1, len(expected)))
    assert [text.removesuffix("+0000") for text in found] == expected


@pytest.mark.parametrize("schedule", ["every 5 minutes", "every 5 mins", "EVERY 300 minutes", "every 2 hours"])
def test_given_an_interval_when_the_next_time_is_asked_for_then_it_counts_from_the_end_of_the_run_before(
    schedule: str,
) -> None:
    words = schedule.lower().split()
    length_s = int(words[1]) * (3600 if words[2] == "hours" else 60)
    assert next_s(schedule, "Etc/UTC", 1000.5) == 1000.5 + length_s
    assert latest_s(schedule, "Etc/UTC", 0.0, length_s - 1.0) is None
    assert latest_s(schedule, "Etc/UTC", 0.0, length_s + 1.0) == length_s


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("60 * * * *", "minute '60': 60 is outside 0-59."),
        ("* 24 * * *", "hour '24': 24 is outside 0-23."),
        ("* * 0 * *", "day of month '0': 0 is outside 1-31."),
        ("* * L * *", "day of month 'L': 'L' is not a number from 1 to 31; the last day of a month cannot be named"),
        ("* * * 13 *", "month '13': 13 is outside 1-12."),
        ("* * * JANUARY *", "month 'JANUARY': 'JANUARY' is not a number from 1 to 12 or one of JAN, FEB"),
        ("* * * * 8", "day of week '8': 8 is outside 0-7."),
        ("* * * * MON#1", "write the English form instead"),
        ("* * * * FRI-MON", "the range FRI-MON runs backwards: write FRI-SAT,SUN-MON."),
        ("* * * * FRI-SUN", "the range FRI-SUN runs backwards: Sunday is also 7, write FRI-7."),
        ("50-10 * * * *", "the range 50-10 runs backwards: write 50-59,0-10."),
        ("5/10 * * * *", "a step follows a range: write 5-59/10, or */10."),
        ("*/0 * * * *", "the step '0' is not a whole number from 1 on."),
        ("*/x * * * *", "the step 'x' is not a whole number from 1 on."),
        ("1,,2 * * * *", "minute '1,,2': a value is missing."),
        ("1- * * * *", "minute '1-': a value is missing."),
        ("-1 * * * *", "minute '-1': a value is missing."),
        ("* * ? * *", "day of month '?': '?' is not a number from 1 to 31; write * for any value."),
        ("0 0 0 1 1 *", "a cron schedule has five fields"),
        ("0 0 0 1 1 *", "There is no field for seconds."),
        ("* * * *", "this one has 4."),
        ("@daily", "'@daily' is not supported: write the five cron fields"),
        ("", "it is empty"),
        ("* " * 600, "at most 1024 are allowed"),
        ("٣ * * * *", "minute '٣': '٣' is not a number from 0 to 59."),
        ("every 0 minutes", "'0' is not a whole number from 1 on"),
        ("every minute", "a number is missing after 'every': write 'every 1 minutes'."),
        ("every 7 hours synchronized", "needs an interval that divides 24 hours"),
        ("every 5 minutes at 10:00", "only 'from HH:MM to HH:MM' or 'synchronized' can"),
        ("every 5 minutes from 10 to 11:00", "'10' is not a time of day"),
        ("every day 24:00", "'24:00' is not a time of day"),
        ("every blursday 09:00", "'blursday' is not a weekday, or 'day'."),
        ("6th monday of month 09:00", "'6th' is not 'every' or one of 1st"),
        ("1 of smarch 09:00", "'smarch' is not a month, 'month' or 'quarter'."),
        ("32 of month 09:00", "32 is no day of a month"),
        ("1st monday of 09:00", "'of' is followed by"),
        ("tomorrow", "it is neither five cron fields nor an English schedule"),
    ],
)
def test_given_a_wrong_schedule_when_it_is_parsed_then_the_error_names_the_field_and_the_remedy(
    schedule: str, words: str
) -> None:
    with pytest.raises(BadSchedule) as caught:
        parse_schedule(schedule)
    assert words in str(caught.value)


def test_given_a_fixed_time_in_a_gap_when_clocks_go_forward_then_that_day_is_left_out() -> None:
    assert walls("30 2 * * *", "2026-03-06T12:00", 3, NEW_YORK) == [
        "03-07T02:30-0500",
        "03-09T02:30-0400",
        "03-10T02:30-0400",
    ]


def test_given_a_rhythm_when_clocks_go_forward_then_it_goes_on_at_the_next_time_that_exists() -> None:
    assert walls("*/30 * * * *", "2026-03-08T01:20", 3, NEW_YORK) == [
        "03-08T01:30-0500",
        "03-08T03:00-0400",
        "03-08T03:30-0400",
    ]


def test_given_a_fixed_time_that_comes_twice_when_clocks_go_back_then_the_first_one_counts() -> None:
    assert walls("30 1 * * *", "2026-10-31T12:00", 2, NEW_YORK) == ["11-01T01:30-0400", "11-02T01:30-0500"]


def test_given_a_rhythm_when_clocks_go_back_then_both_passes_count() -> None:
    assert walls("0 * * * *", "2026-11-01T00:30", 3, NEW_YORK) == [
        "11-01T01:00-0400",
        "11-01T01:00-0500",
        "11-01T02:00-0500",
    ]
    calendar = parse_cron(["0", "*", "*", "*", "*"])
    marks = [one.is_repeated for one in itertools.islice(occurrences(calendar, NEW_YORK, at("2026-11-01T04:30")), 3)]
    assert marks == [False, True, False]


def test_given_a_day_that_a_zone_left_out_when_due_times_are_asked_for_then_it_has_none() -> None:
    assert walls("0 12 * * *", "2011-12-29T00:00", 2, "Pacific/Apia") == ["12-29T12:00-1000", "12-31T12:00+1400"]


ZONES = ["Etc/UTC", "Asia/Tokyo", NEW_YORK, "Europe/London", "Australia/Lord_Howe", "Africa/Casablanca", "America/Nuuk"]


@pytest.mark.parametrize("zone", ZONES)
def test_given_random_schedules_when_due_times_are_asked_for_then_they_are_those_of_every_minute_looked_at(
    zone: str,
) -> None:
    rng = random.Random(zone)
    info = ZoneInfo(zone)
    for start in days_before_changes(info):
        end = start + 3 * 86_400
        minutes = [datetime.fromtimestamp(second, info) for second in range(start, end, 60)]
        for _ in range(8):
            fields = [
                rng.choice(["*", "0", "*/20", "7,37", str(rng.randrange(60))]),
                rng.choice(["*", "*", "1", "2", "23", "0-3", "*/6"]),
                rng.choice(["*", "*", "*", "8", "20-31"]),
                "*",
                rng.choice(["*", "*", "SUN", "6-7", "1-5"]),
            ]
            text = " ".join(fields)
            calendar = parse_cron(text.split())
            found = itertools.takewhile(
                lambda one: one.instant_s < end,  # noqa: B023 - used at once
                occurrences(calendar, zone, start - 1),
            )
            expected = [int(minute.timestamp()) for minute in minutes if matches(fields, minute)]
            assert [one.instant_s for one in found] == expected, f"{text} in {zone} from {minutes[0]}"


def days_before_changes(info: ZoneInfo) -> list[int]:
    """A day and a half before each change of the clocks in 2026; any day, where there is none."""
    first = int(datetime(2026, 1, 1, 11, 17, tzinfo=UTC).timestamp())
    days = range(first, first + 365 * 86_400, 86_400)
    offsets = [datetime.fromtimestamp(day, info).utcoffset() for day in days]
    found = [days[n] - 129_600 for n in range(1, 365) if offsets[n] != offsets[n - 1]]
    return found or [days[58]]


def matches(fields: list[str], minute: datetime) -> bool:
    """The rules, written plainly a second time."""
    in_hour = value_in(fields[1], minute.hour, range(24))
    if minute.fold and fields[1] != "*":
        return False
    by_day = value_in(fields[2], minute.day, range(1, 32))
    by_weekday = value_in(fields[4], minute.isoweekday() % 7, range(7)) or (
        minute.isoweekday() == 7 and value_in(fields[4], 7, range(8))
    )
    is_either = fields[2] != "*" and fields[4] != "*"
    on_day = by_day or by_weekday if is_either else by_day and by_weekday
    return value_in(fields[0], minute.minute, range(60)) and in_hour and on_day


def value_in(field: str, value: int, every: range) -> bool:
    for part in field.split(","):
        if part == "*" or (part.startswith("*/") and (value - every.start) % int(part[2:]) == 0):
            return True
        if part == "SUN" and value == 0:
            return True
        first, _, last = part.partition("-")
        if first.isdigit() and int(first) <= value <= int(last or first):
            return True
    return False


@pytest.mark.parametrize(
    ("schedule", "after", "until", "expected"),
    [
        ("*/5 * * * *", "2026-06-01T00:00", "2026-06-01T00:04", None),
        ("*/5 * * * *", "2026-06-01T00:00", "2026-06-01T00:05", "2026-06-01T00:05"),
        ("*/5 * * * *", "2026-06-01T00:00", "2026-07-01T00:09", "2026-07-01T00:05"),
        ("0 3 1 1 *", "2020-06-01T00:00", "2026-07-01T00:09", "2026-01-01T03:00"),
    ],
)
def test_given_a_span_when_the_last_due_time_in_it_is_asked_for_then_it_is_the_latest(
    schedule: str, after: str, until: str, expected: str | None
) -> None:
    found = latest_s(schedule, "Etc/UTC", at(after), at(until))
    assert found == (None if expected is None else at(expected))


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Asia/Tokio", "Did you mean Asia/Tokyo?"),
        ("../etc/passwd", "Give a name of the IANA time zone database."),
        ("America", "No time zone is called 'America'"),
        ("", "No time zone is called ''"),
        ("a\0b", "No time zone is called"),
    ],
)
def test_given_no_zone_when_it_is_checked_then_the_error_says_so(zone: str, words: str) -> None:
    with pytest.raises(ValueError, match="No time zone") as caught:
        check_zone(zone)
    assert words in str(caught.value)


@pytest.mark.parametrize(("zone", "meant"), [("utc", "Etc/UTC"), ("UTC", "UTC"), ("Asia/Tokyo", "Asia/Tokyo")])
def test_given_a_zone_when_it_is_checked_then_its_name_comes_back(zone: str, meant: str) -> None:
    assert check_zone(zone) == meant
