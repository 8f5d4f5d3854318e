"""`time.format` and `time.parse`. Instants are seconds since the epoch, to the microsecond.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/time/format, …/time/parse
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from hakobune.core.instants import timestamp_from_text
from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import given, number, text
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.values import Value, number_text

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)
_ZONE_CHARACTERS_MAX = 64  # the longest name of the database has 32
# Files that stand beside the zones of the database and depend on the machine.
_NO_ZONES: Final = frozenset({"localtime", "posixrules", "Factory"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(seconds: Value, timezone: Value | Missing) -> Value:
    """`2024-07-12T12:50:33.000000Z`: ISO 8601 with six decimals in a zone of the tz database, UTC by default.

    Where the offset is zero it is written `Z`. Raises Failure (TypeError, ValueError).
    """
    instant_s = number("time.format", "seconds", seconds)
    zone = _zone(text("time.format", "timezone", given(timezone, "")))
    try:
        local = (_EPOCH + timedelta(seconds=instant_s)).astimezone(zone)
    except (OverflowError, ValueError) as error:
        raise value_error(f"time.format: no year of four digits: {number_text(instant_s)}") from error
    return local.replace(tzinfo=None).isoformat(timespec="microseconds") + _offset_text(local)


def _offset_text(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds() / 60)
    if minutes == 0:
        return "Z"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _zone(name: str) -> tzinfo:
    if not name:
        return UTC
    if len(name) > _ZONE_CHARACTERS_MAX or not _ZONE.fullmatch(name) or name in _NO_ZONES:
        raise value_error(f'time.format: unknown time zone "{name[:60]}"')
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # no such file; a file that is no zone; a directory
        raise value_error(f'time.format: unknown time zone "{name}"') from error


def parse(value: Value) -> Value:
    """The instant that an RFC 3339 timestamp says, a double. Raises Failure (TypeError, ValueError)."""
    return instant("time.parse", text("time.parse", "value", value))


def instant(function: str, timestamp: str) -> float:
    """Seconds since the epoch. Raises Failure (ValueError)."""
    try:
        return round(timestamp_from_text(timestamp), 6)
    except ValueError as error:
        raise value_error(f'{function}: not an RFC 3339 timestamp: "{timestamp[:60]}"') from error


FUNCTIONS = (
    LibraryFunction(
        name="time.format",
        parameters=(LibraryParameter("seconds"), LibraryParameter("timezone", is_required=False, default="")),
        kind=Kind.PURE,
        run=format_time,
    ),
    LibraryFunction(name="time.parse", parameters=(LibraryParameter("value"),), kind=Kind.PURE, run=parse),
)
