"""Instants and durations as text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core.instants import (
    duration_from_text,
    duration_to_text,
    elapsed_to_text,
    timestamp_from_text,
    timestamp_to_text,
)


def test_timestamps_have_six_decimals_always() -> None:
    assert timestamp_to_text(0) == "1970-01-01T00:00:00.000000Z"
    assert timestamp_to_text(1_764_000_006.716662) == "2025-11-24T16:00:06.716662Z"


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000_000_000))
def test_timestamps_come_back_to_the_microsecond(instant_us: int) -> None:
    text = timestamp_to_text(instant_us / 1e6)
    assert abs(timestamp_from_text(text) - instant_us / 1e6) < 2e-6
    assert timestamp_to_text(timestamp_from_text(text)) == text


@pytest.mark.parametrize(
    ("text", "instant_s"),
    [
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1970-01-01t00:00:01.5z", 1.5),
        ("1969-12-31 23:00:00-01:00", 0.0),
        ("1970-01-01T00:00:00.123456789Z", 0.123456789),
    ],
)
def test_timestamps_in_other_spellings(text: str, instant_s: float) -> None:
    assert timestamp_from_text(text) == pytest.approx(instant_s)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T05:00:00",
        "2026-13-23T05:00:00Z",
        "2026-11-23T05:00:61Z",
        "٢٠٢٦-11-23T05:00:00Z",
    ],
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"timestamp|month|second|isoformat"):
        timestamp_from_text(text)


@pytest.mark.parametrize(
    ("duration_s", "text"), [(600.0, "600s"), (1.5, "1.5s"), (0.0, "0s"), (0.000000001, "0.000000001s")]
)
def test_durations_both_ways(duration_s: float, text: str) -> None:
    assert duration_to_text(duration_s) == text
    assert duration_from_text(text) == duration_s


def test_negative_durations() -> None:
    assert duration_from_text("-1.5s") == -1.5


@pytest.mark.parametrize("text", ["", "5", "5m", "s", "1e3s", "+5s", "1.s", ".5s", "5s ", "٥s", "1" * 13 + "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration_from_text(text)


@pytest.mark.parametrize(
    ("elapsed_s", "text"),
    [
        (15.95, "15.95s"),
        (12.3, "12.3s"),
        (9.849, "9.84s"),
        (0.0, "0s"),
        (-1.0, "0s"),
        (63.6, "1m3.6s"),
        (60.0, "1m0s"),
        (3723.0, "1h2m3s"),
        (56.03, "56.03s"),
    ],
)
def test_elapsed_times_are_cut_to_hundredths(elapsed_s: float, text: str) -> None:
    assert elapsed_to_text(elapsed_s) == text
