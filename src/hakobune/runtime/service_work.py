"""Whether a worker is at work: a lock (flock) that it holds on a file of its own says so."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_busy(path: Path) -> bool:
    """Whether somebody holds the lock. A worker that does not use the file is never busy. The look is over before
    anybody could wait for it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the machine is short of something: nobody is stopped on a guess
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
