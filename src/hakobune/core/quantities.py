"""Kubernetes quantities (`500m`, `512Mi`, `1.5G`) as whole numbers of bytes or thousandths of a CPU.

Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. Fractions of a byte or of a
thousandth round up, as Kubernetes rounds.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"\+?(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:([eE])([+-]?\d{1,2})|(n|u|m|k|Ki|[MGTPE]i?))?\Z", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def bytes_from_quantity(text: str) -> int:
    """Bytes: `512Mi` is 536870912. Raises ValueError for what is no quantity; negative ones are none here."""
    return math.ceil(_parse(text))


def millicores_from_quantity(text: str) -> int:
    """Thousandths of a CPU: `1` and `1000m` are 1000, `.5` is 500. Raises ValueError for what is no quantity."""
    return math.ceil(_parse(text) * 1000)


def _parse(text: str) -> Fraction:
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError(f"not a quantity such as 1, 500m, 512Mi or 2G: {text[:60]!r}")
    number, exponent_mark, exponent, suffix = match.groups()
    value = Fraction(number)
    if exponent_mark:
        return value * _ten_to(int(exponent))
    if suffix in _BINARY:
        return value * (1 << _BINARY[suffix])
    return value * _ten_to(_DECIMAL.get(suffix, 0))


def _ten_to(power: int) -> Fraction:
    return Fraction(10**power) if power >= 0 else Fraction(1, 10**-power)
