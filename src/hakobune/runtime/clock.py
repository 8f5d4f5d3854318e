"""Where time and identifiers come from. Nothing else in the house reads a clock or rolls dice."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Protocol

_SUFFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class Clock(Protocol):
    """The wall clock. It may jump: whoever waits for an instant looks again when it wakes."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return time.time()


class Identifiers(Protocol):
    """Names that nobody has used yet."""

    def uid(self) -> str:
        """Unique for ever (a UUID)."""
        ...

    def suffix(self) -> str:
        """Five characters of `[a-z0-9]`, the first a letter: the end of an execution's id."""
        ...


class RandomIdentifiers:
    """Identifiers from the system's randomness."""

    def uid(self) -> str:
        """A UUID4."""
        return str(uuid.uuid4())

    def suffix(self) -> str:
        """Five random characters."""
        first = secrets.choice(_SUFFIX_ALPHABET[:26])
        return first + "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(4))
