"""Transforms of times, durations, sizes and numbers. Imported only when a format uses one."""

from __future__ import annotations

import time

from hakobune.cli.document import as_dict
from hakobune.cli.format.keys import get, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_DATE = "%Y-%m-%dT%H:%M:%S"
_SIZES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_SIZE_NAMES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
# Mean lengths of the Gregorian calendar, largest first; `calendar=false` uses hours and below only.
_DURATION_PARTS = (("Y", 31556952.0, True), ("M", 2629746.0, True), ("D", 86400.0, True))
_CLOCK_PARTS = (("H", 3600.0), ("M", 60.0), ("S", 1.0))


def instant(value: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 text or a number, or None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    text = str(value)
    if len(text) >= 20 and text[-1] in "Zz" and text[4] == text[7] == "-" and text[13] == text[16] == ":":
        parts = (text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])
        if all(part.isascii() and part.isdigit() for part in parts):
            year, month, day, hour, minute, second = (int(part) for part in parts)
            fraction = text[20:-1] if text[19] == "." else ""
            if 1 <= month <= 12 and (fraction.isdigit() or len(text) == 20):
                return _epoch_s(year, month, day, hour, minute, second) + float(f"0.{fraction or 0}")
    return _slow_instant(text)


def _slow_instant(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    from datetime import UTC, datetime  # only for other spellings than the server's own

    try:
        parsed = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _epoch_s(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float:
    """Proleptic Gregorian calendar, after Howard Hinnant's `days_from_civil`."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return float(days * 86400 + hour * 3600 + minute * 60 + second)


def _argument(arguments: list[str], named: dict[str, str], index: int, name: str, default: str) -> str:
    if name in named:
        return named[name]
    return arguments[index] if index < len(arguments) else default


def _date(value: object, arguments: list[str], named: dict[str, str]) -> object:
    undefined = _argument(arguments, named, 2, "undefined", "")
    pattern = _argument(arguments, named, 0, "format", "") or DEFAULT_DATE
    unit = _argument(arguments, named, 1, "unit", "1")
    zone = _argument(arguments, named, 3, "tz", "")
    seconds = instant(value)
    if seconds is None:
        return undefined
    if isinstance(value, int | float) and unit.replace(".", "", 1).isdigit():
        seconds /= float(unit) or 1.0
    numeric = isinstance(value, int | float)
    if zone or "%f" in pattern or (not numeric and not str(value).endswith(("Z", "z", "UTC"))):
        return _date_in_zone(value, seconds, pattern, zone)
    try:
        if numeric:
            return time.strftime(pattern, time.localtime(seconds))
        return time.strftime(pattern.replace("%Z", "UTC").replace("%z", "+0000"), time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return undefined


def _date_in_zone(value: object, seconds: float, pattern: str, zone: str) -> str:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromtimestamp(seconds, UTC) if zone or isinstance(value, int | float) else None
        moment = moment or datetime.fromisoformat(str(value))
        if zone and zone.upper() in ("LOCAL", "UTC"):
            moment = moment.astimezone(None if zone.upper() == "LOCAL" else UTC)
        elif zone:
            moment = moment.astimezone(ZoneInfo(zone))
    except (ValueError, OSError, KeyError):  # an unknown time zone is a KeyError
        return ""
    return moment.strftime(pattern)


def _iso(value: object, arguments: list[str], named: dict[str, str]) -> object:
    seconds = instant(value)
    if seconds is None:
        return _argument(arguments, named, 0, "undefined", "T")
    milliseconds = round(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}+00:00"


def _duration(value: object, arguments: list[str], named: dict[str, str]) -> object:
    undefined = _argument(arguments, named, 6, "undefined", "")
    start = _argument(arguments, named, 0, "start", "")
    end = _argument(arguments, named, 1, "end", "")
    calendar = _argument(arguments, named, 4, "calendar", "true").lower() not in ("false", "0", "")
    if start:
        begun = instant(get(as_dict(value), parse(start)))
        ended = instant(get(as_dict(value), parse(end))) if end else time.time()
        if begun is None:
            return undefined
        seconds = (time.time() if ended is None else ended) - begun
    else:
        seconds_of = _seconds(value)
        if seconds_of is None or seconds_of < 0:
            return undefined
        seconds = seconds_of / (float(_argument(arguments, named, 5, "unit", "1")) or 1.0)
    parts = int(_argument(arguments, named, 2, "parts", "3"))
    precision = int(_argument(arguments, named, 3, "precision", "3"))
    return _iso_duration(seconds, parts, precision, calendar=calendar)


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value)
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        begun = instant(text)
        return None if begun is None else time.time() - begun


def _iso_duration(seconds: float, parts: int, precision: int, *, calendar: bool) -> str:
    """`P1DT2H3M4.5S`; at most `parts` parts from the largest one on."""
    sign = "-" if seconds < 0 else ""
    rest = abs(round(seconds, precision))
    found = ""
    for unit, size, _ in _DURATION_PARTS if calendar else ():
        if parts > 0 and rest >= size:
            found += f"{int(rest // size)}{unit}"
            rest %= size
            parts -= 1
    clock = ""
    for unit, size in _CLOCK_PARTS:
        if parts <= 0 or rest <= 0:
            break
        if unit == "S":
            clock += f"{rest:.{precision}f}".rstrip("0").rstrip(".") + "S"
        elif rest >= size:
            clock += f"{int(rest // size)}{unit}"
            rest %= size
            parts -= 1
    if not found and not clock:
        return "P0"
    return f"{sign}P{found}{'T' + clock if clock else ''}"


def float_text(value: float, precision: int = 6) -> str:
    """A number with up to `precision` digits; large whole ones keep all their digits."""
    text = f"{value:.{precision}}"
    if "e+" in text and int(text.partition("e+")[2]) < 9:
        return f"{value:.1f}"
    return text


def _float(value: object, arguments: list[str], named: dict[str, str]) -> object:
    precision = int(_argument(arguments, named, 0, "precision", "6"))
    spec = _argument(arguments, named, 1, "spec", "")
    try:
        number = float(str(value))
    except ValueError:
        return _argument(arguments, named, 2, "undefined", "")
    if spec in ("e", "f", "g"):
        return format(number, f".{precision}{spec}")
    return float_text(number, precision)


def _size(value: object, arguments: list[str], named: dict[str, str]) -> object:
    zero = _argument(arguments, named, 0, "zero", "0")
    if not value:
        return zero
    precision = int(_argument(arguments, named, 1, "precision", "1"))
    try:
        size = float(str(value))
    except ValueError:
        size = 0.0
    size *= _unit(_argument(arguments, named, 2, "units_in", ""))
    out = _argument(arguments, named, 3, "units_out", "")
    if out[:1].upper() in _SIZES:
        return format(size / _unit(out), f".{precision}f")
    name = 0
    while size >= 1024 and name < len(_SIZE_NAMES) - 1:
        size /= 1024
        name += 1
    number = str(int(size)) if size == int(size) else format(size, f".{precision}f")
    return f"{number} {_SIZE_NAMES[name]}"


def _unit(text: str) -> float:
    if text[:1].upper() in _SIZES:
        return float(_SIZES[text[0].upper()])
    try:
        return float(text) or 1.0
    except ValueError:
        return 1.0


FUNCTIONS: dict[str, Callable[[object, list[str], dict[str, str]], object]] = {
    "date": _date,
    "duration": _duration,
    "float": _float,
    "iso": _iso,
    "size": _size,
}
