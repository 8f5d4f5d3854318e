"""Processes of attempts that left their group: found through /proc, and told apart.

The supervisor is a child subreaper, so that a process whose parent is gone becomes its child. A child that is no
main process is a *stray*. Whose it is, is told by its session, by the mark in its environment, or by a pipe of an
attempt that it still holds; if all of these are gone, every attempt that ran when it was born is suspected.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Mapping

from hakobune.engines.process.attempt import RUNNING, Attempt
from hakobune.engines.process.wireformat import ATTEMPT_MARK, NOBODY, RUNTIME_MARK

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SHORT_READ_BYTES = 2048  # the kernel fills a page before it ends a read early


def become_subreaper() -> None:
    """Orphans among our descendants become our children. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Stray:
    """A child of ours that is no main process."""

    __slots__ = ("born_boot_s", "is_immortal", "owner", "suspects")

    def __init__(self, born_boot_s: float) -> None:
        self.born_boot_s = born_boot_s
        self.owner: Attempt | None = None
        self.suspects: tuple[Attempt, ...] = ()  # while there is no owner
        self.is_immortal = False  # we may not kill it (a set-user-id program)


class Strays:
    """Watches over the children of this process. `log` hears of what cannot be killed."""

    def __init__(self, runtime_id: str, log: Callable[[str], None]) -> None:
        self._runtime_entry = f"{RUNTIME_MARK}={runtime_id}".encode()
        self._log = log
        self._known: dict[int, Stray] = {}
        pid = os.getpid()
        try:
            self._children_fd = os.open(f"/proc/self/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._children_fd = -1  # a kernel without CONFIG_PROC_CHILDREN: every process is asked for its parent
        self._pid = pid

    def look(self, expected: Mapping[int, object], by_uid: Mapping[str, Attempt], alive: Iterable[Attempt]) -> None:
        """Find the strays. `expected`: pids of children that are none. `alive`: attempts not yet ended."""
        data = self._read_children()
        if data is not None and data.count(b" ") == len(expected):
            self._known.clear()
            return
        pids = [int(pid) for pid in data.split()] if data is not None else self._scan_children()
        found: dict[int, Stray] = {}
        for pid in pids:
            if pid in expected:
                continue
            stray = self._meet(pid)
            if stray is None:
                continue
            if stray.owner is None:
                self._attribute(pid, stray, by_uid, alive)
            found[pid] = stray
        self._known = found

    def kill_of(self, attempt: Attempt) -> bool:
        """Kill the strays of an attempt whose main process is gone. True if any is left for now."""
        is_any_left = False
        for pid, stray in self._known.items():
            if stray.is_immortal:
                continue
            is_doomed = stray.owner is attempt or (
                stray.owner is None
                and attempt in stray.suspects
                and not any(suspect.state == RUNNING for suspect in stray.suspects)
            )
            if is_doomed:
                is_any_left = True
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                except PermissionError:
                    self._log(f"process {pid}, left by attempt {attempt.uid}, may not be killed")
                    stray.is_immortal = True
        return is_any_left

    def pids_of(self, attempt: Attempt) -> list[int]:
        """The strays of an attempt that are known by now."""
        return [pid for pid, stray in self._known.items() if stray.owner is attempt]

    def marked(self, uid: str) -> list[int]:
        """Pids of all processes of an attempt, by the marks in their environment. Both count: another runtime may have
        an attempt of the same uid."""
        return [pid for pid in _pids() if pid != self._pid and self._uid_in_environment(pid) == uid]

    def kill_all(self) -> bool:
        """Kill every stray, whosever it is. True if there was one."""
        for pid in self._known:
            send(pid, signal.SIGKILL)
        return bool(self._known)

    def _meet(self, pid: int) -> Stray | None:
        """What is known of a child; None if nothing was, and it is dead already: the next wait takes it away."""
        fields = _stat(pid)
        if fields is None:
            return None
        born_boot_s = int(fields[19]) / _TICKS_PER_S
        known = self._known.get(pid)
        if known is not None and known.born_boot_s == born_boot_s:  # else that one died, and its pid is used again
            return known
        return None if fields[0] == b"Z" else Stray(born_boot_s)

    def _attribute(self, pid: int, stray: Stray, by_uid: Mapping[str, Attempt], alive: Iterable[Attempt]) -> None:
        attempts = list(alive)
        try:
            session = os.getsid(pid)
        except OSError:
            session = 0
        uid = self._uid_in_environment(pid)
        owner = by_uid.get(uid)
        if uid and owner is None and not uid.startswith(NOBODY):
            send(pid, signal.SIGKILL)  # its attempt is over
            return
        if owner is None:
            owner = next((attempt for attempt in attempts if attempt.pid == session), None)
        if owner is None:
            owner = _owner_by_pipe(pid, attempts)
        stray.owner = owner
        if owner is None:
            born = stray.born_boot_s + 1.5 / _TICKS_PER_S  # the birth is rounded down to a tick
            stray.suspects = tuple(attempt for attempt in attempts if attempt.started_boot_s <= born)
            if not stray.suspects:
                send(pid, signal.SIGKILL)  # its attempt is over

    def _uid_in_environment(self, pid: int) -> str:
        entries = _environment(pid)
        if self._runtime_entry not in entries:
            return ""
        prefix = f"{ATTEMPT_MARK}=".encode()
        for entry in entries:
            if entry.startswith(prefix):
                return os.fsdecode(entry[len(prefix) :])
        return ""

    def _read_children(self) -> bytes | None:
        if self._children_fd < 0:
            return None
        data = os.pread(self._children_fd, 65536, 0)
        if len(data) < _SHORT_READ_BYTES:
            return data
        while more := os.pread(self._children_fd, 65536, len(data)):
            data += more
        return data

    def _scan_children(self) -> list[int]:
        own = str(self._pid).encode()
        return [pid for pid in _pids() if (fields := _stat(pid)) is not None and fields[1] == own]


def marked(entry: bytes) -> list[int]:
    """Pids of all processes, but this one, whose environment holds the entry `NAME=value`."""
    own = os.getpid()
    return [pid for pid in _pids() if pid != own and entry in _environment(pid)]


def send(pid: int, number: int) -> None:
    """Signal a process that may be gone, or not ours to signal."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def send_group(pid: int, number: int) -> None:
    """Signal a process group that may be gone, or not ours to signal."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the third on: state, parent, …; number 19 is the time of birth in ticks."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _owner_by_pipe(pid: int, attempts: Iterable[Attempt]) -> Attempt | None:
    links: set[str] = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            links.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        if not links:
            return None
    for attempt in attempts:
        for pipe in attempt.pipes:
            if pipe.fd >= 0 and f"pipe:[{os.fstat(pipe.fd).st_ino}]" in links:
                return attempt
    return None
