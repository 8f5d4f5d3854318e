"""One runtime per data directory. The lock is the kernel's (flock), so it can never be stale."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hakobune.core.errors import DataDirectoryInUse

_held: set[int] = set()  # descriptors of this process's locks


def _drop_in_child() -> None:
    """A forked child shares the lock with its parent: it must not keep it when the parent is gone."""
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_drop_in_child)


class DirectoryLock:
    """Holds `DIR/lock` for the life of the process. The file names the holder's pid, for the error message only."""

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).partition(b"\n")[0].decode("ascii", "replace") or "unknown"
            os.close(self._fd)
            raise DataDirectoryInUse(
                f"The data directory {directory} is in use by the runtime with pid {holder}. "
                "Stop it, or start this one with another --data.",
            ) from None
        _held.add(self._fd)
        # Written over, then cut: a start on a full disk needs no new block, and a reader always finds a pid.
        text = f"{os.getpid()}\n".encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))

    def release(self) -> None:
        """Let the directory go. A second call does nothing."""
        if self._fd in _held:
            _held.discard(self._fd)
            os.close(self._fd)
