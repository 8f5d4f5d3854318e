"""Watching task processes from outside, through /proc: who runs, and who ran. Nothing is asked of the runtime."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Self

EVERY_S = 0.02
# A process this young may still show the variables of the program that started it: it is looked at again.
YOUNG_S = 2.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """A process that is one attempt of a task. `started` (ticks since boot) tells a pid that was given out twice."""

    index: int
    number: int
    pid: int
    started: int

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return _start(self.pid) == self.started


class Watch:
    """Sees every attempt of the executions that carry a variable with a value of ours, while the block is entered."""

    def __init__(self, variable: str, value: str) -> None:
        self._mark = f"{variable}={value}"
        self._lock = threading.Lock()
        self._seen: dict[tuple[int, int], Attempt | None] = {}  # by pid and start; None: not an attempt of ours
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on_looking)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def attempts(self) -> list[Attempt]:
        """All attempts that were ever seen, by task and number."""
        self._look()
        with self._lock:
            return sorted(attempt for attempt in self._seen.values() if attempt is not None)

    def alive(self) -> list[Attempt]:
        """Those that run now."""
        return [attempt for attempt in self.attempts() if attempt.is_alive()]

    def _go_on_looking(self) -> None:
        while not self._over.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            pid = int(entry)
            started = _start(pid)
            if started is None or (pid, started) in self._seen:
                continue
            attempt = self._attempt(pid, started)
            if attempt is not None or time.clock_gettime(time.CLOCK_BOOTTIME) - started / TICKS_PER_S > YOUNG_S:
                with self._lock:
                    self._seen[pid, started] = attempt

    def _attempt(self, pid: int, started: int) -> Attempt | None:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                variables = os.fsdecode(file.read()).split("\0")
            # The task's own process leads a session; processes that it starts have the variables, too.
            if self._mark not in variables or os.getsid(pid) != pid:
                return None
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return None
        values = dict(variable.split("=", 1) for variable in variables if "=" in variable)
        return Attempt(
            index=int(values["CLOUD_RUN_TASK_INDEX"]),
            number=int(values["CLOUD_RUN_TASK_ATTEMPT"]),
            pid=pid,
            started=started,
        )


def _start(pid: int) -> int | None:
    """When a living process started, in ticks since boot; None if there is none. Source: proc(5), /proc/pid/stat."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
