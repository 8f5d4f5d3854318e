"""One runtime per data directory. The lock is the kernel's (flock), so it can never be stale."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hakobune.core.errors import DataDirectoryInUse


class DirectoryLock:
    """Holds `DIR/lock` for the life of the process. The file names the holder's pid for the error message only."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise DataDirectoryInUse(
                f"The data directory {directory} is in use by the runtime with pid {holder}. "
                "Stop it, or start this one with another --data.",
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the directory go."""
        os.close(self._fd)
