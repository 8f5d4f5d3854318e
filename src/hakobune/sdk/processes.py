"""Who a process is, so that what a dead one left behind can be told from what a living one still needs.

A pid alone does not say: it is reused, and another machine or container has its own. A mark therefore holds the place
(kernel boot and pid namespace), the pid, and the process's start. Where the place cannot be known, nobody is ever
called dead.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cache
from typing import Self

_PLACE_DIGITS = 12
_TEXT = re.compile(r"([0-9a-f]{12}|0)-([0-9]{1,10})-([0-9]{1,20})\Z")
_UNKNOWN = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMark:
    """One process of one machine. place: where its pid means something, "0" if unknown. started: kernel ticks."""

    place: str
    pid: int
    started: str

    @classmethod
    def of_this_process(cls) -> Self:
        """The mark of the calling process."""
        pid = os.getpid()
        return cls(place=_place(), pid=pid, started=_start(pid) or _UNKNOWN)

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """The mark that `to_text` wrote, or None."""
        match = _TEXT.match(text)
        return match and cls(place=match[1], pid=int(match[2]), started=match[3])

    def to_text(self) -> str:
        """The mark as text that fits in a file name."""
        return f"{self.place}-{self.pid}-{self.started}"

    def is_dead(self) -> bool:
        """True only if the process surely no longer runs. False for a process of another place."""
        if self.place == _UNKNOWN or self.place != _place():
            return False
        return _start(self.pid) != self.started


@cache
def _place() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
            identity = f"{boot.read().strip()} {os.readlink('/proc/self/ns/pid')} {os.uname().nodename}"
    except OSError:
        return _UNKNOWN
    return hashlib.sha256(identity.encode()).hexdigest()[:_PLACE_DIGITS]


def _start(pid: int) -> str | None:
    """The start of a living process in ticks since boot, None if there is none. Source: proc(5), /proc/pid/stat."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The second field is the program's name in brackets and may hold anything, brackets too.
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()
