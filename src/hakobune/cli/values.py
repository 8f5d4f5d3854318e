"""Values of flags: lists and maps with gcloud's escapes, whole numbers, durations.

Sources: `gcloud topic escaping` for `^DELIM^`; texts were compared with gcloud 528.
"""

from __future__ import annotations

from hakobune.cli.errors import UsageError

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def whole_number(flag: str, text: str, at_least: int | None) -> int:
    """Parse a number such as `--tasks 5`. Raises UsageError."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise UsageError(f"argument {flag}: Value must be an integer; received: {text}")
    value = int(text)
    if at_least is not None and value < at_least:
        raise UsageError(f"argument {flag}: Value must be greater than or equal to {at_least}; received: {text}")
    return value


def decimal(flag: str, text: str, at_least: int | None) -> float:
    """Parse a number of seconds such as `--retry-backoff 0.5`. Raises UsageError."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1e9 or (at_least is not None and value < at_least):
        raise UsageError(f"argument {flag}: Value must be a number of seconds, 0 or more; received: {text}")
    return value


def words(text: str) -> list[str]:
    """`a,b` → two words; `^:^a,b:c` splits at `:` instead; the empty text is the empty list."""
    if not text:
        return []
    delimiter, rest = _delimiter(text)
    found = rest.split(delimiter)
    return found[:-1] if len(found) > 1 and not found[-1] else found


def pairs(flag: str, text: str) -> dict[str, str]:
    """`K=V,K2=V2`, with the same escape as `words`. Raises UsageError."""
    found: dict[str, str] = {}
    for word in words(text):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(
                f"argument {flag}: Bad syntax for dict arg: [{word}]. Write KEY=VALUE,KEY=VALUE; when a value contains"
                " a comma, choose another delimiter: ^;^KEY=a,b;KEY2=c"
            )
        found[key] = value
    return found


def fields(flag: str, text: str) -> dict[str, str]:
    """One structured value such as `name=N,type=nfs,mount-options="a;b"`: pairs, with double quotes kept together."""
    parts: list[str] = []
    quoted = False
    current = ""
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(current)
            current = ""
        else:
            current += character
    if quoted:
        raise UsageError(f"argument {flag}: A double quote is not closed: [{text}]")
    parts.append(current)
    found: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"argument {flag}: Bad syntax for dict arg: [{part}]. Write KEY=VALUE,KEY=VALUE")
        found[key.strip()] = value
    return found


def duration(flag: str, text: str, at_least_s: int | None) -> int:
    """Seconds of `605`, `90s`, `10m5s`, `1h30m`, `2d`. Raises UsageError."""
    seconds = _seconds(flag, text)
    if at_least_s is not None and seconds < at_least_s:
        raise UsageError(f"argument {flag}: value must be greater than or equal to {at_least_s}s; received: {text}")
    if seconds != int(seconds):
        raise UsageError(f"argument {flag}: value must be whole seconds; received: {text}")
    return int(seconds)


def _seconds(flag: str, text: str) -> float:
    total = 0.0
    number = ""
    for character in text.strip().lower():
        if character.isascii() and (character.isdigit() or character == "."):
            number += character
        elif character in _UNITS_S:
            total += _number(flag, text, number) * _UNITS_S[character]
            number = ""
        elif not character.isspace():
            raise UsageError(
                f"argument {flag}: Failed to parse duration: Unknown character '{character.upper()}' in duration;"
                " write 90, 90s, 10m5s or 1h30m"
            )
    if number or not text.strip():
        total += _number(flag, text, number)
    return total


def _number(flag: str, text: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        raise UsageError(
            f"argument {flag}: Failed to parse duration: [{text}]; write 90, 90s, 10m5s or 1h30m"
        ) from None


def _delimiter(text: str) -> tuple[str, str]:
    if text.startswith("^"):
        end = text.find("^", 1)
        if end > 1:
            return text[1:end], text[end + 1 :]
    return ",", text
