"""`time.*`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import call, refused

from hakobune.core.workflows.values import Value


@pytest.mark.parametrize(
    ("seconds", "zone", "text"),
    [
        (1720788633, None, "2024-07-12T12:50:33.000000Z"),
        (1720788633, "", "2024-07-12T12:50:33.000000Z"),
        (1720788633, "GMT", "2024-07-12T12:50:33.000000Z"),
        (1720788633, "UTC", "2024-07-12T12:50:33.000000Z"),
        (1720788633, "Europe/Paris", "2024-07-12T14:50:33.000000+02:00"),
        (946684800, None, "2000-01-01T00:00:00.000000Z"),
        (1720788633.25, "America/New_York", "2024-07-12T08:50:33.250000-04:00"),
        (1720788633, "Asia/Kolkata", "2024-07-12T18:20:33.000000+05:30"),
        (0, "America/St_Johns", "1969-12-31T20:30:00.000000-03:30"),
        (1704067200, "Europe/London", "2024-01-01T00:00:00.000000Z"),
        (-1.5, None, "1969-12-31T23:59:58.500000Z"),
        (-62135596800, None, "0001-01-01T00:00:00.000000Z"),
        (253402300799, None, "9999-12-31T23:59:59.000000Z"),
        (-3000000000, "Europe/Paris", "1874-12-07T18:49:21.000000+00:09"),  # an offset of 9 minutes and 21 seconds
    ],
)
def test_format(seconds: Value, zone: Value, text: str) -> None:
    assert call("time.format", seconds, zone) == text


@pytest.mark.parametrize(
    "zone",
    [
        *("Mars/Base", "europe/paris", "America", "localtime", "posixrules", "Factory", "+09:00", "JST-9"),
        *("../../etc/passwd", "/etc/localtime", "zone.tab", "a" * 300, "Europe/Paris\0", "日本"),
    ],
)
def test_format_in_an_unknown_zone(zone: str) -> None:
    assert refused("time.format", 0, zone).startswith("ValueError: time.format: unknown time zone ")


@pytest.mark.parametrize("seconds", [1e12, -1e12, 10**18, math.nan, math.inf, 253402300800])
def test_format_beyond_years_of_four_digits(seconds: Value) -> None:
    assert refused("time.format", seconds).startswith("ValueError: time.format: no year of four digits")


def test_format_at_the_edge_in_a_zone_that_crosses_it() -> None:
    assert refused("time.format", 253402300799, "Asia/Tokyo").startswith("ValueError: ")


@pytest.mark.parametrize("value", [None, True, "0", [], b""])
def test_format_takes_numbers(value: Value) -> None:
    assert refused("time.format", value).startswith("TypeError: time.format: argument 'seconds'")


def test_format_takes_the_name_of_a_zone() -> None:
    assert refused("time.format", 0, 9).startswith("TypeError: time.format: argument 'timezone'")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2024-05-08T12:01:00.000000Z", 1715169660.0),
        ("2024-05-08T12:01:00Z", 1715169660.0),
        ("2024-05-08T14:01:00.5+02:00", 1715169660.5),
        ("1970-01-01T00:00:00.123456789Z", 0.123457),
        ("1970-01-01t00:00:00z", 0.0),
        ("0001-01-01T00:00:00+01:00", -62135600400.0),
    ],
)
def test_parse_gives_a_double(value: str, seconds: float) -> None:
    result = call("time.parse", value)
    assert type(result) is float
    assert result == seconds


def test_the_documented_result_of_parse_prints_without_a_fraction() -> None:
    assert call("string", call("time.parse", "2024-05-08T12:01:00.000000Z")) == "1715169660"


@pytest.mark.parametrize(
    "value",
    [
        *("", "2024-05-08", "2024-05-08T12:01:00", "12:01:00Z", "2024-13-08T12:01:00Z", "2024-02-30T12:01:00Z"),
        *(
            "2024-05-08T25:01:00Z",
            "20240508T120100Z",
            "2024-05-08T12:01:00+99:00",
            "2024-05-08T12:01:00Z ",
            "1715169660",
        ),
    ],
)
def test_parse_refuses_what_is_not_rfc_3339(value: str) -> None:
    assert refused("time.parse", value).startswith("ValueError: time.parse: not an RFC 3339 timestamp")


@pytest.mark.parametrize("value", [None, 0, True, b"", []])
def test_parse_takes_a_string(value: Value) -> None:
    assert refused("time.parse", value).startswith("TypeError: time.parse: argument 'value'")


@given(
    st.integers(-62135510400, 253402214399), st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Paris", "America/St_Johns"])
)
def test_format_and_parse_there_and_back(seconds: int, zone: str) -> None:
    text = call("time.format", seconds, zone)
    assert isinstance(text, str)
    back = call("time.parse", text)
    assert isinstance(back, float)
    assert abs(back - seconds) < 60  # an offset of before 1900 may have seconds, which the format has no place for
    if seconds > 0:
        assert back == seconds
