"""Where time and identifiers come from. Nothing else in the house reads a clock or rolls dice."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from itertools import count
from typing import Protocol

_SEED_BYTES = 8
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


class Seeds:
    """Bits that nobody can guess, all from one identifier. To ask the system for each would give the interpreter's lock
    away, and cost as much as the step that needs it."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._key = identifiers.uid().encode()
        self._drawn = count()  # by the loop and by the store's thread

    def draw(self) -> int:
        """64 bits."""
        number = b"%d" % next(self._drawn)
        return int.from_bytes(hashlib.blake2b(number, key=self._key, digest_size=_SEED_BYTES).digest(), "big")
