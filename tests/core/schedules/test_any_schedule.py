"""Any text is a schedule or a BadSchedule, and soon."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hakobune.core.schedules.cron import BadSchedule
from hakobune.core.schedules.occurrences import latest_s, next_s, parse_schedule

NOON = 1_780_315_200.0
WORDS = st.sampled_from(
    [
        *("*", "*/5", "0", "59", "1-5", "7", "MON", "fri-SUN", "1,2,3", "0-23/2", "L", "15W", "MON#2", "?", "@daily"),
        *("every", "5", "minutes", "hours", "from", "to", "09:00", "25:00", "synchronized", "day", "monday", "of"),
        *("month", "quarter", "jan,july", "1st", "2nd,third", "first", ",", "-", "/", "1-", "-1", "*/0", "9" * 30),
    ]
)


@given(text=st.text(max_size=60) | st.lists(WORDS, max_size=7).map(" ".join))
@example(text="0 0 29 2 *")
@example(text="0 0 31 2 *")
@example(text="٣ * * * *")
@example(text="every ٣ minutes")
@example(text="1 of month ١٠:00")
def test_given_any_text_when_it_is_parsed_then_it_is_a_schedule_or_a_bad_one(text: str) -> None:
    with suppress(BadSchedule):
        parse_schedule(text)
        found = next_s(text, "Asia/Tokyo", NOON)
        assert found is None or found > NOON
        latest = latest_s(text, "Asia/Tokyo", NOON, NOON + 86_400)
        assert latest is None or NOON < latest <= NOON + 86_400


@pytest.mark.parametrize(
    "text",
    [
        "*," * 500 + "* * * * *",
        "0-59/1," * 140 + "0 * * * *",
        "* * * * " + ",".join(["MON-SUN"[:3]] * 250),
        "x" * 1_000_000,
        "* " * 500_000,
        "every " * 100,
        ",".join(["monday"] * 140) + " 09:00",
        "0 0 31 2 *",
        "0 0 30 2 MON",
    ],
)
def test_given_a_schedule_made_to_take_long_when_it_is_parsed_then_it_takes_no_time(text: str) -> None:
    begin_s = time.process_time()
    with suppress(BadSchedule):
        parse_schedule(text)
        next_s(text, "America/New_York", NOON)
        latest_s(text, "America/New_York", NOON, NOON + 30 * 366 * 86_400)
    assert time.process_time() - begin_s < 0.5
