"""The supervisor: a small process of its own that owns attempts, and outlives the control plane.

    python -I -S -c "…; main()" DIRECTORY OPTIONS

One for each data directory (a lock says so). It ends with an orderly stop, by itself when its directory is gone, and
some time after its last attempt when no control plane came back. Single-threaded; standard library only, and few
modules of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sys
import time
from typing import Any, NoReturn

from hakobune.engines.process import memory, strays
from hakobune.engines.process.connection import Server
from hakobune.engines.process.hands import Hands
from hakobune.engines.process.loop import Loop
from hakobune.engines.process.reports import Reports
from hakobune.engines.process.spool import Spool
from hakobune.engines.process.strays import Strays
from hakobune.engines.process.wireformat import RUNTIME_MARK
from hakobune.engines.process.workdirs import WorkDirs

OPEN_FILES_MAX = 25_000  # of a task; source: container runtime contract, spec/run.md 4.7
STOP_GRACE_MAX_S = 12.0  # of an orderly stop, whatever the lanes say: `up` must end within 20 s
LEFTOVERS_GONE_WITHIN_S = 5.0  # after SIGKILL: what is left then waits for a dead device
EXIT_LOCKED = 3  # another supervisor has the directory
_TIDY_EVERY_S = 2.0
_WORKDIRS_BUDGET_S = 0.002
_LOG_BYTES_MAX = 1024 * 1024


class Supervisor:
    """One data directory's supervisor, between its start and its end."""

    def __init__(self, directory: str, lock_fd: int, options: dict[str, Any]) -> None:
        self._folder = f"{directory}/supervisor"
        self._lock_fd = lock_fd
        self._idle_s: float = options["idle_s"]
        self._is_stopping = False
        self._has_dead_children = True
        self._active_at_s = time.monotonic()
        self._next_tidy_s = 0.0
        self._loop = Loop()
        self._watch_signals()
        strays.become_subreaper()
        runtime_id = _runtime_id(self._folder)
        left = _kill_leftovers(f"{RUNTIME_MARK}={runtime_id}".encode())
        self._memory = memory.choose(runtime_id, log, is_watching_forced=options["is_memory_watched"])
        self._workdirs = WorkDirs(f"{directory}/work", log)
        self._workdirs.open()
        self._hands = Hands(
            loop=self._loop,
            capacity=options["capacity"],
            workdirs=self._workdirs,
            strays=Strays(runtime_id, log),
            memory=self._memory,
            log=log,
        )
        self._reports = Reports(Spool(self._folder), log, self._hands.sync_logs)
        self._hands.report_to(self._reports)
        facts = {"memory limits": self._memory.describe()}
        if left:
            facts["left behind"] = f"processes of a former supervisor that cannot be killed: {left}"
        self._server = Server(
            loop=self._loop,
            hands=self._hands,
            reports=self._reports,
            logs_folder=f"{directory}/logs",
            runtime_id=runtime_id,
            facts=facts,
            configure=self._configure,
            quit_in_order=self._stop,
            log=log,
        )

    def run(self) -> None:
        """Serve until it is time to end."""
        self._server.listen(self._folder)
        while True:
            now_s = time.monotonic()
            has_dead, self._has_dead_children = self._has_dead_children, False
            self._hands.turn(now_s, has_dead_children=has_dead)
            if self._workdirs.has_work:
                self._workdirs.work(_WORKDIRS_BUDGET_S)
            if self._is_stopping and not self._hands.attempts:
                break
            self._reports.flush(now_s)
            if now_s >= self._next_tidy_s:
                if self._is_abandoned():
                    self._die()
                if self._is_idle(now_s):
                    break
                self._hands.tidy(now_s)
                self._next_tidy_s = now_s + min(_TIDY_EVERY_S, self._idle_s / 2)
            due_s = min(self._hands.wake_at_s(now_s), self._reports.due_s, self._next_tidy_s)
            is_busy = self._workdirs.has_work or self._has_dead_children
            self._loop.run_once(0.0 if is_busy else max(0.0, due_s - time.monotonic()))
        self._end()

    def _end(self) -> None:
        """All attempts are over: leave everything in order."""
        self._reports.close()
        self._hands.kill_all()
        self._memory.close()
        self._server.close(self._folder)

    def _stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._server.is_quitting = True
            self._hands.end_all(STOP_GRACE_MAX_S)

    def _configure(self, options: dict[str, Any]) -> None:
        self._hands.capacity = options["capacity"]
        self._idle_s = options["idle_s"]
        self._next_tidy_s = 0.0

    def _is_idle(self, now_s: float) -> bool:
        if self._server.is_connected or self._hands.attempts:
            self._active_at_s = now_s
        return now_s - self._active_at_s >= self._idle_s

    def _is_abandoned(self) -> bool:
        """The data directory was removed, and the lock file with it."""
        return os.fstat(self._lock_fd).st_nlink == 0

    def _die(self) -> NoReturn:
        """Nobody can ever ask for the outcome of what runs here."""
        self._hands.kill_all()
        self._memory.close()
        os._exit(0)

    def _watch_signals(self) -> None:
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)

        def wake() -> None:
            try:
                numbers = os.read(wake_read, 4096)
            except BlockingIOError:
                return
            self._has_dead_children = True
            if signal.SIGTERM in numbers:
                self._stop()

        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)
        signal.signal(signal.SIGTERM, _ignore)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self._loop.watch(wake_read, wake)


def log(text: str) -> None:
    """A line in the supervisor's log (its stderr)."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        if os.fstat(2).st_size > _LOG_BYTES_MAX:
            os.ftruncate(2, 0)
        os.write(2, f"{stamp} {text}\n".encode(errors="replace"))
    except OSError:
        return  # the disk is full: there is no other place to say so


def main() -> None:
    """Run a supervisor: arguments are the data directory, and options as JSON."""
    directory, options = sys.argv[1], json.loads(sys.argv[2])
    _close_inherited()
    os.umask(0o022)
    os.chdir("/")
    _raise_open_files()
    lock_fd = os.open(f"{directory}/supervisor/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(EXIT_LOCKED)
    os.ftruncate(lock_fd, 0)
    os.write(lock_fd, f"{os.getpid()}\n".encode())
    try:
        Supervisor(directory, lock_fd, options).run()
    except BaseException as error:
        log(f"the supervisor fails: {error!r}")
        raise


def _ignore(*_: object) -> None:
    """A signal handler: the wake-up descriptor tells the loop."""


def _close_inherited() -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                continue  # the descriptor of the listing itself


def _raise_open_files() -> None:
    """For us and, by inheritance, for each attempt."""
    for limit in (OPEN_FILES_MAX, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except (OSError, ValueError):
            continue
        return


def _runtime_id(folder: str) -> str:
    """The random identity of this data directory. A copy of a directory is another one: its tasks are not those of the
    original, which may be alive. So the identity counts only in the folder that it was made in."""
    path = f"{folder}/id"
    found = os.stat(folder)
    place = f"{found.st_dev}:{found.st_ino}"
    try:
        with open(path) as file:
            words = file.read().split()
    except FileNotFoundError:
        words = []
    if words[1:] == [place]:
        return words[0]
    # One without a place was made by a version before, which may have left processes here.
    made = words[0] if len(words) == 1 else os.urandom(8).hex()
    with open(path + ".new", "w") as file:
        file.write(f"{made} {place}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
    return made


def _kill_leftovers(entry: bytes) -> list[int]:
    """End all processes of a supervisor that died. They must be gone before anybody is told that they are lost; but
    one that cannot die (it waits for a dead device) must not keep the runtime from starting. Returns the pids of those
    that are left after a while."""
    end_s = time.monotonic() + LEFTOVERS_GONE_WITHIN_S
    told: set[int] = set()
    while pids := strays.marked(entry):
        if not told.issuperset(pids):
            log(f"processes left by a dead supervisor are killed: {pids}")
            told.update(pids)
        if time.monotonic() >= end_s:
            log(f"processes left by a dead supervisor cannot be killed, and go on: {pids}")
            return pids
        for pid in pids:
            strays.send(pid, signal.SIGKILL)
        time.sleep(0.005)
    return []
