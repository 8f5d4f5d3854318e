"""Builders and a watcher for the tests of engines: each case names only what it is about."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

import anyio

from hakobune.core.errors import Unavailable
from hakobune.engines.api import Attempt, Ended, Engine, Lane, Report, ReportBatch, Slot, Started
from hakobune.engines.logs.reader import LogReader
from hakobune.engines.process.engine import ProcessEngine

PATH = "/usr/local/bin:/usr/bin:/bin"
PYTHON = sys.executable
MIB = 1024 * 1024


def a_lane(*argv: str, uid: str = "lane", **changes: object) -> Lane:
    """A lane that runs `argv`; a shell that does nothing if there is none."""
    fields: dict[str, object] = {
        "uid": uid,
        "width": 4,
        "argv": argv or ("/bin/sh", "-c", ":"),
        "env": {"PATH": PATH},
        "working_dir": None,
        "timeout_s": 60.0,
        "grace_s": 0.5,
        "memory_limit_bytes": None,
        "log_limit_bytes": 4 * MIB,
    }
    return Lane(**(fields | changes))  # pyright: ignore[reportArgumentType]


def a_shell(script: str, **changes: object) -> Lane:
    """A lane that runs a shell script."""
    return a_lane("/bin/sh", "-c", script, **changes)


def a_python(code: str, *arguments: str, **changes: object) -> Lane:
    """A lane that runs Python code with an interpreter that starts quickly."""
    return a_lane(PYTHON, "-I", "-S", "-c", code, *arguments, **changes)


def attempts(count: int, *, first: int = 0, lane: str = "lane", number: int = 0) -> list[Attempt]:
    """Attempts of `count` tasks, from task `first` on."""
    return [Attempt(uid=f"{lane}.{i}.{number + 1}", index=i, number=number) for i in range(first, first + count)]


def an_attempt(index: int = 0, *, lane: str = "lane", env: Mapping[str, str] | None = None) -> Attempt:
    return Attempt(uid=f"{lane}.{index}.1", index=index, number=0, env=env or {})


EngineFactory = Callable[[], "Watch"]


class Watch:
    """An engine and all that it has reported. Acknowledges as it goes, unless told not to."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reports: list[Report] = []
        self.batches: list[ReportBatch] = []
        self.acknowledges = True

    @property
    def started(self) -> dict[str, Started]:
        return {report.attempt_uid: report for report in self.reports if isinstance(report, Started)}

    @property
    def ended(self) -> dict[str, Ended]:
        return {report.attempt_uid: report for report in self.reports if isinstance(report, Ended)}

    async def until(self, is_so: Callable[[], bool], *, within_s: float = 15.0) -> None:
        """Take reports until it is so."""
        with anyio.fail_after(within_s):
            while not is_so():
                async with aclosing(self.engine.reports()) as batches:  # type: ignore[type-var]
                    async for batch in batches:
                        self.batches.append(batch)
                        self.reports.extend(batch.reports)
                        if self.acknowledges:
                            await self.engine.acknowledge(batch.cursor)
                        break

    async def start_of(self, attempt: Attempt) -> Started:
        await self.until(lambda: attempt.uid in self.started)
        return self.started[attempt.uid]

    async def end_of(self, attempt: Attempt, *, within_s: float = 15.0) -> Ended:
        await self.until(lambda: attempt.uid in self.ended, within_s=within_s)
        return self.ended[attempt.uid]

    async def all_ended(self, wanted: Sequence[Attempt], *, within_s: float = 30.0) -> list[Ended]:
        await self.until(lambda: all(attempt.uid in self.ended for attempt in wanted), within_s=within_s)
        return [self.ended[attempt.uid] for attempt in wanted]

    async def run(self, lane: Lane, *wanted: Attempt) -> Ended:
        """Run attempts (one, if none is named) and return how the first ended."""
        wanted = wanted or (an_attempt(lane=lane.uid),)
        await self.engine.start(lane, wanted)
        return (await self.all_ended(wanted))[0]


class ProcessWorld:
    """A data directory of the process engine, and what can be seen of it from outside."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.options: dict[str, object] = {}

    def engine(self, **options: object) -> ProcessEngine:
        return ProcessEngine(self.directory, **(self.options | options))  # pyright: ignore[reportArgumentType]

    def output(self, lane_uid: str = "lane", *, stream: int | None = None) -> list[bytes]:
        """The lines of a lane, pieces of one line put together."""
        lines: list[bytes] = []
        is_mid_line = False
        for record in LogReader(self.directory / "logs").records(lane_uid):
            if stream is not None and record.stream != stream:
                continue
            if is_mid_line:
                lines[-1] += record.data
            else:
                lines.append(record.data)
            is_mid_line = record.is_partial
        return lines

    @property
    def supervisor_pid(self) -> int:
        return int((self.directory / "supervisor" / "lock").read_text())

    @property
    def supervisor_log(self) -> str:
        return (self.directory / "supervisor" / "log").read_text()

    @property
    def runtime_id(self) -> str:
        """What marks the processes of this directory. Raises OSError if there is none yet."""
        return (self.directory / "supervisor" / "id").read_text().split()[0]

    def marked_pids(self) -> list[int]:
        """Processes of attempts (and preloaded interpreters) of this directory."""
        try:
            entry = f"HAKOBUNE_RUNTIME={self.runtime_id}".encode()
        except OSError:
            return []
        return [pid for pid in all_pids() if entry in environment(pid)]

    def kill_supervisor(self) -> None:
        pid = self.supervisor_pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_running(pid))

    def clear_away(self) -> None:
        """Whatever a test did: nothing of it goes on."""
        try:
            pid = self.supervisor_pid
        except (OSError, ValueError):
            return
        if b"hakobune.engines.process.supervisor" in command_line(pid):
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not is_running(pid))
        for left in self.marked_pids():
            os.kill(left, signal.SIGKILL)
        self._remove_control_groups()

    def _remove_control_groups(self) -> None:
        """A killed supervisor leaves its group; only the next one of the same directory would remove it."""
        try:
            name = f"hakobune-{self.runtime_id}"
        except OSError:
            return
        for group in Path("/sys/fs/cgroup").rglob(name):
            wait_until(lambda group=group: _is_removed(group))


def _is_removed(group: Path) -> bool:
    try:
        for inner in [path for path in group.iterdir() if path.is_dir()]:
            inner.rmdir()
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # dead processes in it have not been waited for
    return True


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_running(pid: int) -> bool:
    """The process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pids_with(text: str) -> list[int]:
    """Running processes whose command line holds `text`."""
    return [pid for pid in all_pids() if text.encode() in command_line(pid) and is_running(pid) and pid != os.getpid()]


def has_signal(pid: int, field: str, number: int) -> bool:
    """A signal is among those of a field (SigCgt: caught, SigIgn: ignored) of the process's status."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith(f"{field}:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def field_of_stat(pid: int, number: int) -> str:
    """A field of /proc/PID/stat, counted from 3 (state), 4 (parent)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[number - 3]


def peak_rss_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def exists(pid: int) -> bool:
    """Also as a zombie."""
    return Path(f"/proc/{pid}").exists()


def wait_until(is_so: Callable[[], object], *, within_s: float = 15.0) -> None:
    """Look until it is so: for what a real process does in its own time."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not become so in time"
        time.sleep(0.005)


async def soon(is_so: Callable[[], object], *, within_s: float = 15.0) -> None:
    """As `wait_until`, with the event loop running."""
    with anyio.fail_after(within_s):
        while not is_so():  # noqa: ASYNC110 - it happens in another process
            await anyio.sleep(0.005)


async def until_lost(engine: Engine) -> None:
    """Return when the engine has noticed that its supervisor is gone."""
    with anyio.fail_after(15):
        try:
            async for _ in engine.reports():
                pass
        except Unavailable:
            return


def a_slot(number: int, **env: str) -> Slot:
    return Slot(number=number, env=env)
