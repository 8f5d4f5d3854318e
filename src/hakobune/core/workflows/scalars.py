"""What an unquoted scalar of a source means: the core schema of YAML 1.2, in 64 bits.

Loaders for YAML 1.1 read `yes` as a boolean, `010` as eight, `1:30` as ninety and dates as dates. Here all of these
are text or decimal numbers, as the service reads them. Source: YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import math
import re
from typing import Final

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**63 - 1

_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_DOUBLE: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NOT_A_NUMBER: Final = re.compile(r"\.(?:nan|NaN|NAN)")
_DIGITS_OF_64_BITS: Final = 22  # of 2**64 in octal: whatever has more digits than that needs no arithmetic


class NumberError(Exception):
    """A number that 64 bits cannot hold. The message says which bound."""


def resolve_plain(text: str) -> bool | int | float | str | None:
    """The value of an unquoted scalar.

    Raises NumberError for integers outside int64 and for decimal fractions beyond the largest double (inferred: the
    service's answer is not documented).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _DECIMAL.fullmatch(text):
        return _integer(text, 10)
    if _DOUBLE.fullmatch(text):
        return _double(text)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _INFINITE.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    if _NOT_A_NUMBER.fullmatch(text):
        return math.nan
    return text


def key_text(value: bool | float | str | None) -> str:
    """The text of a map key that is not text: keys of the language are strings (inferred: as `string()` writes it)."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


def _integer(digits: str, base: int) -> int:
    sign = -1 if digits[0] == "-" else 1
    significant = digits.lstrip("+-").lstrip("0") or "0"
    if len(significant) <= _DIGITS_OF_64_BITS:
        value = sign * int(significant, base)
        if INTEGER_MIN <= value <= INTEGER_MAX:
            return value
    raise NumberError(f"the integer does not fit into 64 bits ({INTEGER_MIN} to {INTEGER_MAX})")


def _double(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NumberError("the number is larger than the largest double (about 1.8e308)")
    return value
