"""Limits on the resident memory of an attempt: by the kernel's control groups where they may be written, else by
watching /proc.

Never a limit on the address space: ordinary programs reserve many times what they use.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterable

from hakobune.engines.process.attempt import Attempt

CHECK_EVERY_S = 0.1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MIB = 1024 * 1024
_BUSY_MAX_S = 1.0  # a group is busy until the dead processes in it have been waited for


class WatchedMemory:
    """Adds up the resident memory of all processes of an attempt, every 100 ms."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def describe(self) -> str:
        """Which way is in force, and why."""
        return f"by watching resident memory every {CHECK_EVERY_S * 1000:.0f} ms ({self._reason})"

    def attach(self, attempt: Attempt) -> None:
        """The attempt's process exists: limit it from now on."""

    def used_over_limit(self, attempt: Attempt, others: Iterable[int]) -> int | None:
        """Bytes that the attempt uses if that is more than its limit. `others`: its strays."""
        limit = attempt.lane.memory_limit_bytes
        if limit is None:
            return None
        pids = _descendants([attempt.pid, *others])
        if sum(_resident(pid) for pid in pids) <= limit:
            return None
        # Pages that processes share count once only: the exact sum is dearer, so it is asked for last.
        used = sum(_proportional(pid) for pid in pids)
        return used if used > limit else None

    def gather(self, attempt: Attempt, others: Iterable[int]) -> None:
        """Nothing is to be gathered: all are looked for each time."""

    def release(self, attempt: Attempt) -> None:
        """The attempt is over."""

    def close(self) -> None:
        """The supervisor ends."""


class CgroupMemory:
    """A control group for each limited attempt, below one of ours."""

    def __init__(self, parent: str, *, is_v2: bool, log: Callable[[str], None]) -> None:
        self._parent = parent
        self._is_v2 = is_v2
        self._log = log
        self._watched = WatchedMemory("its control group could not be made")
        self._serial = 0
        self._empty: list[str] = []  # groups to be removed; a group may be busy for a moment after its last process

    def describe(self) -> str:
        """Which way is in force, and why."""
        return f"by control groups (version {2 if self._is_v2 else 1}, {self._parent})"

    def attach(self, attempt: Attempt) -> None:
        """The attempt's process exists: limit it from now on."""
        try:
            self._attach(attempt, attempt.lane.memory_limit_bytes or 0)
        except OSError as error:
            self._log(f"the memory of attempt {attempt.uid} is watched, because its control group failed: {error}")
            self.release(attempt)

    def _attach(self, attempt: Attempt, limit: int) -> None:
        self._serial += 1
        group = f"{self._parent}/{self._serial}"
        os.mkdir(group)
        attempt.cgroup = group
        if self._is_v2:
            _write(f"{group}/memory.max", str(limit))
            _write_if_there(f"{group}/memory.swap.max", "0")
            _write_if_there(f"{group}/memory.oom.group", "1")
        else:
            _write(f"{group}/memory.limit_in_bytes", str(limit))
            _write_if_there(f"{group}/memory.memsw.limit_in_bytes", str(limit))
        _enter(group, attempt.pid)
        self.gather(attempt, ())

    def gather(self, attempt: Attempt, others: Iterable[int]) -> None:
        """Bring processes into the group that were forked before the main process was in it. Only while that lives."""
        group = attempt.cgroup
        if group is None:
            return
        inside = group.removeprefix(os.path.dirname(self._parent)).encode()
        for pid in _descendants([attempt.pid, *others]):
            found = _groups_of(pid)
            if inside + b"\n" not in found and inside + b"/" not in found:
                with contextlib.suppress(OSError):  # the next check tries again
                    _enter(group, pid)

    def used_over_limit(self, attempt: Attempt, others: Iterable[int]) -> int | None:
        """Bytes that the attempt used if the kernel killed a process of it for its limit."""
        group, limit = attempt.cgroup, attempt.lane.memory_limit_bytes
        if group is None or limit is None:
            return self._watched.used_over_limit(attempt, others)
        try:
            events = _read(f"{group}/memory.events" if self._is_v2 else f"{group}/memory.oom_control")
            kills = [line.split()[1] for line in events.splitlines() if line.startswith("oom_kill ")]
            if not kills or kills[0] == "0":
                return None
            peak = int(_read(f"{group}/{'memory.current' if self._is_v2 else 'memory.max_usage_in_bytes'}"))
        except (OSError, ValueError):
            return None
        return max(peak, limit)

    def release(self, attempt: Attempt) -> None:
        """The attempt is over."""
        if attempt.cgroup is not None:
            self._empty.append(attempt.cgroup)
            attempt.cgroup = None
        if self._empty:
            self._empty = [group for group in self._empty if not _remove_group(group)]

    def close(self) -> None:
        """The supervisor ends."""
        self._empty = [group for group in self._empty if not _remove_group(group)]
        if not _remove_group(self._parent):
            self._log(f"the control group {self._parent} is still busy")


MemoryGuard = WatchedMemory | CgroupMemory


def choose(runtime_id: str, log: Callable[[str], None], *, is_watching_forced: bool) -> MemoryGuard:
    """Control groups if they work here, else watching."""
    if is_watching_forced:
        return WatchedMemory("as asked for")
    try:
        folder, is_v2 = _own_group()
        parent = f"{folder}/hakobune-{runtime_id}"
        _clear(parent)
        os.mkdir(parent)
        try:
            _probe(parent, is_v2=is_v2)
        except OSError:
            _clear(parent)
            raise
    except (OSError, LookupError) as error:
        return WatchedMemory(f"control groups cannot be used: {error}")
    return CgroupMemory(parent, is_v2=is_v2, log=log)


def excess_text(limit_bytes: int, used_bytes: int) -> str:
    """What the user reads. Source of the words: the system log of Cloud Run."""
    return f"Memory limit of {limit_bytes // _MIB} MiB exceeded with {used_bytes // _MIB} MiB used."


def _own_group() -> tuple[str, bool]:
    """The folder of our own group in the hierarchy of the memory controller, and whether it is version 2.
    Raises OSError or LookupError."""
    paths: dict[str, str] = {}
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    for line in _read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mount = before.split(" ")[3:5]
        if kind == "cgroup" and "memory" in options.split(","):
            return _join(mount, root, paths.get("memory", "/")), False
        if kind == "cgroup2":
            folder = _join(mount, root, paths.get("", "/"))
            if "memory" in _read(f"{folder}/cgroup.controllers").split():
                if "memory" not in _read(f"{folder}/cgroup.subtree_control").split():
                    _write(f"{folder}/cgroup.subtree_control", "+memory")
                return folder, True
    raise LookupError("no memory controller is mounted")


def _join(mount: str, root: str, path: str) -> str:
    """Where the group `path` lies if the group `root` is mounted on `mount`."""
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    return f"{mount}/{inside.strip('/')}".rstrip("/")


def _probe(parent: str, *, is_v2: bool) -> None:
    """Raises OSError if groups below `parent` cannot be limited or take processes."""
    if is_v2:
        _write(f"{parent}/cgroup.subtree_control", "+memory")
    group = f"{parent}/probe"
    os.mkdir(group)
    _write(f"{group}/{'memory.max' if is_v2 else 'memory.limit_in_bytes'}", str(64 * _MIB))
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    try:
        _write(f"{group}/cgroup.procs", str(pid))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.rmdir(group)


def _clear(parent: str) -> None:
    """Remove our group and what is left in it from a supervisor before. Raises OSError."""
    try:
        names = os.listdir(parent)
    except FileNotFoundError:
        return
    for group in (*(f"{parent}/{name}" for name in names if os.path.isdir(f"{parent}/{name}")), parent):
        deadline_s = time.monotonic() + _BUSY_MAX_S
        while not _remove_group(group):
            if time.monotonic() > deadline_s:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), group)
            time.sleep(0.005)


def _enter(group: str, pid: int) -> None:
    """Raises OSError, but not if the process is over already."""
    with contextlib.suppress(ProcessLookupError):
        _write(f"{group}/cgroup.procs", str(pid))


def _groups_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _remove_group(group: str) -> bool:
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _write_if_there(path: str, text: str) -> None:
    """Some files are there only with swap, and some kernels refuse even then: the limit itself stands without."""
    if os.path.exists(path):
        with contextlib.suppress(OSError):
            _write(path, text)


def _descendants(pids: list[int]) -> list[int]:
    """These processes and all below them."""
    found = list(dict.fromkeys(pids))
    for pid in found:  # grows while it is walked
        found.extend(child for child in _children(pid) if child not in found)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            children.extend(int(child) for child in _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        return children  # it is gone
    return children


def _resident(pid: int) -> int:
    try:
        return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    """Resident bytes, each page divided by the number of processes that share it."""
    try:
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return _resident(pid)
    return 0
