"""Working directories of attempts that were given none: as new when an attempt begins, removed after it.

A new directory is empty, or a copy of the lane's source. An empty one serves the next attempt of its lane if it is
still empty and of the same mode, a copy once it is made whole again: making and removing one for each of 10,000 short
tasks costs more than looking. Others are removed little by little, so that a task which left a million files does not
hold up the deadlines of the rest. Everything happens below one root.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator

from hakobune.engines.process.copies import Copy
from hakobune.engines.process.removal import remove

_MODE = 0o755
_SPARES_MAX = 256
_USED_ENTRIES_MAX = 50_000  # files of copies that wait for the next attempt: each costs 200 bytes of memory


class WorkDirs:
    """Directories below `root`. Trouble with removing one is told to `log`, and hurts nobody."""

    def __init__(self, root: str, log: Callable[[str], None]) -> None:
        self._root = root
        self._log = log
        self._spares: dict[str, list[bytes]] = {}  # by lane uid
        self._copies: dict[bytes, Copy] = {}  # with attempts
        self._used: dict[str, list[Copy]] = {}  # given back; by lane uid
        self._used_entries = 0
        self._spare_count = 0
        self._doomed: deque[bytes] = deque()
        self._removal: Iterator[None] | None = None
        self._name = os.urandom(4).hex()  # other than that of any supervisor before
        self._serial = 0

    def open(self) -> None:
        """Make the root, and doom what attempts of a former supervisor left in it. Raises OSError."""
        os.makedirs(self._root, mode=0o711, exist_ok=True)
        self._doomed.extend(os.fsencode(f"{self._root}/{name}") for name in os.listdir(self._root))

    def take(self, lane_uid: str) -> bytes:
        """An empty directory. Raises OSError."""
        spares = self._spares.get(lane_uid)
        if spares:
            self._spare_count -= 1
            return spares.pop()
        return self._make()

    def take_copy(self, lane_uid: str, source: bytes) -> Copy:
        """A directory that is to be filled with a copy of `source`. Raises OSError."""
        used = self._used.get(lane_uid)
        if used:
            copy = used.pop()
            self._used_entries -= copy.entries
        else:
            copy = Copy(source, self._make())
        self._copies[copy.directory] = copy
        return copy

    def _make(self) -> bytes:
        self._serial += 1
        path = os.fsencode(f"{self._root}/{self._name}-{self._serial}")
        os.mkdir(path, _MODE)
        return path

    def give_back(self, lane_uid: str, directory: bytes) -> None:
        """The attempt is over, and no process of it is left."""
        copy = self._copies.pop(directory, None)
        if copy is not None:
            if copy.is_reusable and self._used_entries + copy.entries <= _USED_ENTRIES_MAX:
                self._used.setdefault(lane_uid, []).append(copy)
                self._used_entries += copy.entries
            else:
                self._doomed.append(directory)
        elif self._spare_count < _SPARES_MAX and _is_as_new(directory):
            self._spares.setdefault(lane_uid, []).append(directory)
            self._spare_count += 1
        else:
            self._doomed.append(directory)

    def forget(self, lane_uid: str) -> None:
        """The lane has no attempts any more."""
        spares = self._spares.pop(lane_uid, ())
        self._spare_count -= len(spares)
        self._doomed.extend(spares)
        for copy in self._used.pop(lane_uid, ()):
            self._used_entries -= copy.entries
            self._doomed.append(copy.directory)

    @property
    def has_work(self) -> bool:
        """Something waits to be removed."""
        return self._removal is not None or bool(self._doomed)

    def work(self, budget_s: float) -> None:
        """Remove what is doomed, for about `budget_s` seconds."""
        end_s = time.monotonic() + budget_s
        while self.has_work and time.monotonic() < end_s:
            if self._removal is None:
                self._removal = self._remove(self._doomed.popleft())
            if next(self._removal, self) is self:
                self._removal = None

    def _remove(self, path: bytes) -> Iterator[None]:
        try:
            yield from remove(path)
        except OSError as error:
            self._log(f"{os.fsdecode(path)!r} could not be removed: {error}")


def _is_as_new(path: bytes) -> bool:
    try:
        found = os.lstat(path)
        return stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == _MODE and not os.listdir(path)
    except OSError:
        return False
