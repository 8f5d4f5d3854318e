"""CPU time and memory of processes, from /proc and from what `wait4` says of a child."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took: wall and CPU time, in seconds, its children included."""

    wall_s: float
    cpu_s: float


def cost(argv: Sequence[str], *, env: Mapping[str, str] | None = None, feed: bytes = b"") -> Cost:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    started_s = time.perf_counter()
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env
    )
    assert process.stdin is not None  # asked for above
    process.stdin.write(feed)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime)


def own_cpu_s(pid: int) -> float:
    """CPU seconds of a process alone, of threads that ended too."""
    return time.clock_gettime(~pid << 3 | 2)  # the clock of another process: CPUCLOCK_SCHED of clock_getcpuclockid(3)


class ThreadTime(NamedTuple):
    """Of one thread, in seconds."""

    cpu_s: float
    waiting_s: float  # it could have run, and no processor was free


def thread_times(pid: int) -> dict[str, ThreadTime]:
    """The threads of a process by their numbers; those that have ended are left out.
    Source: /proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst of Linux."""
    found: dict[str, ThreadTime] = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                cpu_ns, waiting_ns, _ = file.read().split()
        except FileNotFoundError:
            continue
        found[thread] = ThreadTime(int(cpu_ns) / 1e9, int(waiting_ns) / 1e9)
    return found


def busiest_since(before: Mapping[str, ThreadTime], now: Mapping[str, ThreadTime]) -> ThreadTime:
    """What the thread that worked most since then has used, and waited."""
    nothing = ThreadTime(0.0, 0.0)
    times = [
        ThreadTime(used.cpu_s - start.cpu_s, used.waiting_s - start.waiting_s)
        for thread, used in now.items()
        for start in (before.get(thread, nothing),)
    ]
    return max(times)


def tree_cpu_s(root: int) -> float:
    """CPU seconds of a process, of all below it, and of all that these have waited for (the last in steps of 10 ms)."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))):
            parents[int(name)] = int(fields[1])
            used[int(name)] = (int(fields[13]) + int(fields[14])) * _TICK_S
    below = [pid for pid in used if _is_below(pid, root, parents)]
    return sum(used[pid] + _living_cpu_s(pid) for pid in below)


def _living_cpu_s(pid: int) -> float:
    try:
        return own_cpu_s(pid)
    except OSError:
        return 0.0  # it ended a moment ago: its parent has it


def _is_below(pid: int, root: int, parents: Mapping[int, int]) -> bool:
    while pid:
        if pid == root:
            return True
        pid = parents.get(pid, 0)
    return False


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the name (proc(5): number 3 and up); none if it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def peak_rss_mib(pid: int) -> float:
    """The most resident memory that a process has had, in MiB."""
    return _memory_mib(pid, "VmHWM:")


def rss_mib(pid: int) -> float:
    """The resident memory that a process has now, in MiB."""
    return _memory_mib(pid, "VmRSS:")


def _memory_mib(pid: int, field: str) -> float:
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    raise LookupError(f"process {pid} has no {field}")
