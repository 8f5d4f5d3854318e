"""Label selectors, in exactly the forms that gcloud sends: `key = value`, `key in (a,b)`, joined by commas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hakobune.core.errors import FieldViolation, InvalidArgument

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9._-]{0,63}"
_TERM = re.compile(
    rf"\s*({_KEY})\s*(?:=\s*({_VALUE})|\s+in\s*\(\s*({_VALUE}(?:\s*,\s*{_VALUE}){{0,63}})\s*\))\s*(?:,|\Z)", re.ASCII
)
_TERMS_MAX = 32  # ours: gcloud sends two at most
_LENGTH_MAX = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """For each key the values that are allowed. No keys: everything matches."""

    allowed: Mapping[str, frozenset[str]]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether all terms hold. A label that is missing has no value, not an empty one."""
        return all(key in labels and labels[key] in values for key, values in self.allowed.items())

    def value_of(self, key: str) -> str | None:
        """The one value that the key must have; None if it may have any or several."""
        values = self.allowed.get(key, frozenset())
        return next(iter(values)) if len(values) == 1 else None


def label_selector(text: str) -> Selector:
    """The selector in a `labelSelector` parameter; "" selects all. Raises InvalidArgument for any other form."""
    allowed: dict[str, frozenset[str]] = {}
    place = 0
    if len(text) > _LENGTH_MAX:
        raise _bad(f"has more than {_LENGTH_MAX} characters")
    for _ in range(_TERMS_MAX):
        if place == len(text):
            return Selector(allowed=allowed)
        match = _TERM.match(text, place)
        if match is None:
            raise _bad(f"expected `key = value` or `key in (a,b)`, joined by commas, at {text[place : place + 60]!r}")
        key, value, values = match.groups()
        found = frozenset({value} if values is None else (part.strip() for part in values.split(",")))
        allowed[key] = found & allowed.get(key, found)
        place = match.end()
        if text[place - 1] == "," and place == len(text):
            raise _bad("ends with a comma")
    raise _bad(f"has more than {_TERMS_MAX} terms")


def _bad(text: str) -> InvalidArgument:
    violation = FieldViolation(field="labelSelector", description=text)
    return InvalidArgument(f"labelSelector: {text}", violations=[violation])
