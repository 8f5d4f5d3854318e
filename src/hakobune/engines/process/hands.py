"""The life of attempts: from their turn in the lane to the report of their end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hakobune.engines.process import memory as limits
from hakobune.engines.process.attempt import (
    ENDED,
    ENDING,
    FOREVER_S,
    RUNNING,
    STARTING,
    WAITING,
    Attempt,
    Lane,
    OutputPipe,
)
from hakobune.engines.process.lanes import Lanes
from hakobune.engines.process.launch import CannotStartError, ExhaustedError, enter, find_program, spawn
from hakobune.engines.process.loop import Loop
from hakobune.engines.process.memory import MemoryGuard
from hakobune.engines.process.reports import Reports
from hakobune.engines.process.slots import Slots
from hakobune.engines.process.strays import Strays, marked, send, send_group
from hakobune.engines.process.wireformat import ATTEMPT_MARK
from hakobune.engines.process.workdirs import WorkDirs
from hakobune.engines.process.zygotes import Zygotes

# End kinds, spelt as in `hakobune.engines.api.EndKind`, which is too dear to load here.
EXITED = "exited"
SIGNALED = "signaled"
TIMED_OUT = "timed_out"
OUT_OF_MEMORY = "out_of_memory"
STOPPED = "stopped"
NOT_STARTED = "not_started"
LOST = "lost"

_STARTS_PER_TURN = 16  # a spawn takes about 0.3 ms: pipes, exits and deadlines are looked at in between
_REPEAT_KILL_S = 1.0
_GONE_WITHIN_S = 5.0  # after SIGKILL; what is left then may not be killed, or waits for a dead device
_EXHAUSTED_PAUSE_S = 0.25
_EXHAUSTED_STARTS_MAX = 40  # 10 s without room for another process is no passing trouble
_MARK = ATTEMPT_MARK.encode()


class Hands:
    """All attempts of this supervisor, and the processes that run them."""

    def __init__(
        self,
        *,
        loop: Loop,
        capacity: int,
        workdirs: WorkDirs,
        strays: Strays,
        memory: MemoryGuard,
        log: Callable[[str], None],
    ) -> None:
        self.capacity = capacity
        self.lanes = Lanes()
        self.slots = Slots()
        self.attempts: dict[str, Attempt] = {}  # all that are not ended, by uid
        self._loop = loop
        self._workdirs = workdirs
        self._strays = strays
        self._memory = memory
        self._log = log
        self._zygotes = Zygotes(loop, self)
        self._reports: Reports | None = None
        self._running: dict[str, Attempt] = {}  # started (or being started), not ended
        self._children: dict[int, Attempt | None] = {}  # our own children by pid; None: a zygote
        self._ending: list[Attempt] = []
        self._limited: dict[str, Attempt] = {}
        self._touched: set[Lane] = set()  # output waits to be flushed
        self._unsynced: set[Lane] = set()  # output of attempts that ended must be synced before they are reported
        self._next_deadline_s = FOREVER_S
        self._next_memory_check_s = FOREVER_S
        self._paused_until_s = 0.0
        self._may_have_more = False
        self._lost_bytes = 0  # output of lanes that are gone which could not be written

    @property
    def lost_bytes(self) -> int:
        """Output that could not be written to the disk since this supervisor began."""
        return self._lost_bytes + sum(lane.log.lost_bytes for lane in self.lanes.all())

    def report_to(self, reports: Reports) -> None:
        """Where starts and ends are reported."""
        self._reports = reports

    # -- what the control plane asks for ---------------------------------------------------------------------------

    def accept(self, lane: Lane, attempts: Iterable[Attempt]) -> None:
        """Take attempts; none of them may be known."""
        for attempt in attempts:
            self.attempts[attempt.uid] = attempt
            lane.held += 1
            self.lanes.enqueue(attempt)

    def stop(self, lane_uid: str, uids: Sequence[str] | None) -> None:
        """End these attempts (None: all) of a lane as STOPPED."""
        if uids is None:
            doomed = [attempt for attempt in self.attempts.values() if attempt.lane.uid == lane_uid]
        else:
            found = [self.attempts.get(uid) for uid in uids]
            doomed = [attempt for attempt in found if attempt is not None and attempt.lane.uid == lane_uid]
        now_s = time.monotonic()
        for attempt in doomed:
            self._end(attempt, STOPPED, now_s, attempt.lane.grace_s)

    def signal(self, uid: str, number: int) -> None:
        """Signal all processes of a running attempt: its group, and those that left it."""
        attempt = self.attempts.get(uid)
        if attempt is None or attempt.state != RUNNING:
            return
        entry = f"{ATTEMPT_MARK}={uid}".encode()
        for pid in marked(entry):
            try:
                is_in_group = os.getpgid(pid) == attempt.pid
            except ProcessLookupError:
                continue
            if not is_in_group:
                send(pid, number)
        self._signal_group(attempt, number)

    def end_all(self, grace_max_s: float) -> None:
        """End every attempt as LOST, within `grace_max_s`."""
        now_s = time.monotonic()
        for attempt in list(self.attempts.values()):
            self._end(attempt, LOST, now_s, min(attempt.lane.grace_s, grace_max_s))
            attempt.kill_at_s = min(attempt.kill_at_s, now_s + grace_max_s)
        self._next_deadline_s = now_s

    def kill_all(self) -> None:
        """Kill everything at once, and wait until it is gone; nothing is reported. The zygotes go, too."""
        self._zygotes.kill_all()
        for attempt in self._running.values():
            if attempt.pid:
                send_group(attempt.pid, signal.SIGKILL)
        deadline_s = time.monotonic() + _GONE_WITHIN_S
        while time.monotonic() < deadline_s:
            self._strays.look(self._children, {}, ())
            self._strays.kill_all()
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid:
                self._children.pop(pid, None)
            else:
                time.sleep(0.002)
        self._log("processes of attempts are left that cannot be killed")

    # -- turns of the loop -----------------------------------------------------------------------------------------

    def turn(self, now_s: float, *, has_dead_children: bool) -> None:
        """Do all that is due, after the descriptors were served."""
        if has_dead_children:
            self._reap()
        if self._ending:
            self._settle()
        if now_s >= self._next_deadline_s:
            self._enforce_deadlines(now_s)
        if now_s >= self._next_memory_check_s:
            self._enforce_memory(now_s)
        self._fill(now_s)
        for lane in self._touched:
            lane.log.flush()
        self._touched.clear()

    def wake_at_s(self, now_s: float) -> float:
        """When `turn` must be called again (monotonic) if nothing happens."""
        if self._may_have_more:
            return max(now_s, self._paused_until_s)
        return min(self._next_deadline_s, self._next_memory_check_s)

    def sync_logs(self) -> None:
        """Make the output of attempts that ended durable."""
        for lane in self._unsynced:
            lane.log.sync()
        self._unsynced.clear()

    def tidy(self, now_s: float) -> None:
        """Every few seconds."""
        self._zygotes.retire_idle(now_s)

    # -- starting --------------------------------------------------------------------------------------------------

    def _fill(self, now_s: float) -> None:
        self._may_have_more = False
        for _ in range(_STARTS_PER_TURN):
            if len(self._running) >= self.capacity:
                return
            if now_s < self._paused_until_s:
                break
            attempt = self.lanes.next()
            if attempt is None:
                return
            self._start(attempt, now_s)
        self._may_have_more = True

    def _start(self, attempt: Attempt, now_s: float) -> None:
        lane = attempt.lane
        attempt.state = STARTING
        self._running[attempt.uid] = attempt
        attempt.deadline_s = now_s + lane.timeout_s
        self._next_deadline_s = min(self._next_deadline_s, attempt.deadline_s)
        slot_env = self.slots.take(attempt)
        writers: tuple[int, ...] = ()
        try:
            env = self._environment(attempt, slot_env)
            if lane.working_dir is None:
                attempt.directory = self._take_directory(lane)
                enter(attempt.directory)
            else:
                enter(lane.working_dir)
            program = self._program(lane, env)
            writers = self._make_pipes(attempt)
            if lane.warm_modules:
                zygote_pid = self._zygotes.start(attempt, program, env, (writers[0], writers[1]))
                writers = ()
                if zygote_pid is not None:
                    self._children[zygote_pid] = None
                return
            attempt.started_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
            pid = spawn(program, lane.argv, env, ((writers[0], 1), (writers[1], 2)))
        except CannotStartError as error:
            lane.program = None
            self._finish(attempt, NOT_STARTED, str(error))
            return
        except (ExhaustedError, OSError) as error:
            self._put_back(attempt, now_s, str(error))
            return
        finally:
            for writer in writers:
                os.close(writer)
        self._children[pid] = attempt
        self._run(attempt, pid)

    def _take_directory(self, lane: Lane) -> bytes:
        """Raises CannotStartError or OSError."""
        source = lane.links_from
        if source is not None and not os.path.isdir(source):
            raise CannotStartError(f"The source directory {os.fsdecode(source)!r} does not exist.")
        return self._workdirs.take(lane.uid, source)

    def _run(self, attempt: Attempt, pid: int) -> None:
        """The main process exists."""
        attempt.pid = pid
        attempt.state = RUNNING
        attempt.started_at_s = time.time()
        if attempt.lane.memory_limit_bytes is not None:
            self._limit_memory(attempt)
        assert self._reports is not None
        self._reports.add_started(attempt)

    def _environment(self, attempt: Attempt, slot_env: Any) -> dict[bytes, bytes]:
        lane = attempt.lane
        env = lane.env  # of the lane alone: the few entries that differ are written into it each time
        if slot_env or attempt.extra_env:
            env = env.copy()
            if slot_env:
                env.update((name, slot_env[name]) for name in lane.slot_variables if name in slot_env)
            if attempt.extra_env:
                env.update(attempt.extra_env)
        env[lane.index_variable] = b"%d" % attempt.index
        env[lane.attempt_variable] = b"%d" % attempt.number
        env[_MARK] = attempt.uid.encode()
        return env

    def _program(self, lane: Lane, env: dict[bytes, bytes]) -> bytes:
        if env is not lane.env:
            return find_program(lane.argv[0], env.get(b"PATH"))
        if lane.program is None:
            lane.program = find_program(lane.argv[0], env.get(b"PATH"))
        return lane.program

    def _make_pipes(self, attempt: Attempt) -> tuple[int, int]:
        """Watch two new pipes for an attempt's output; the ends to write to. Raises OSError."""
        out_read, out_write = os.pipe()
        try:
            err_read, err_write = os.pipe()
        except OSError:
            os.close(out_read)
            os.close(out_write)
            raise
        pipes = (
            OutputPipe(out_read, 1, attempt, self._touched, self._loop),
            OutputPipe(err_read, 2, attempt, self._touched, self._loop),
        )
        for pipe in pipes:
            os.set_blocking(pipe.fd, False)
            self._loop.watch(pipe.fd, pipe.read)
        attempt.pipes = pipes
        return out_write, err_write

    def _put_back(self, attempt: Attempt, now_s: float, detail: str) -> None:
        """The machine has no room for another process now: try again soon, but not for ever."""
        attempt.failed_starts += 1
        if attempt.failed_starts >= _EXHAUSTED_STARTS_MAX:
            self._finish(attempt, NOT_STARTED, detail)
            return
        if attempt.failed_starts == 1:
            self._log(f"attempt {attempt.uid} must wait: {detail}")
        self._release(attempt)
        self.lanes.free(attempt)
        self.lanes.enqueue(attempt, is_first=True)
        attempt.slot = None
        self._paused_until_s = now_s + _EXHAUSTED_PAUSE_S

    # -- ending ----------------------------------------------------------------------------------------------------

    def _end(self, attempt: Attempt, cause: str, now_s: float, grace_s: float) -> None:
        """End an attempt for a cause of ours, unless it is on its way already."""
        if attempt.state == WAITING:
            self.lanes.drop_waiting(attempt)
            self._report_end(attempt, cause)
        elif attempt.state in (STARTING, RUNNING) and not attempt.cause:
            attempt.cause = cause
            attempt.kill_at_s = now_s + grace_s
            self._next_deadline_s = min(self._next_deadline_s, attempt.kill_at_s)
            if attempt.state == RUNNING:
                self._ask_to_end(attempt)

    def _ask_to_end(self, attempt: Attempt) -> None:
        self._signal_group(attempt, signal.SIGTERM)
        self._signal_group(attempt, signal.SIGCONT)  # one that stands still could not hear it

    def _signal_group(self, attempt: Attempt, number: int) -> None:
        """Only while nobody has waited for the main process: its pid cannot belong to anybody else."""
        try:
            os.killpg(attempt.pid, number)
        except ProcessLookupError:
            send(attempt.pid, number)  # forked by a zygote a moment ago, and not yet the leader of a group
        except PermissionError:
            self._log(f"the processes of attempt {attempt.uid} may not be signalled")

    def _enforce_deadlines(self, now_s: float) -> None:
        next_s = FOREVER_S
        for attempt in list(self._running.values()):
            if attempt.state == ENDING:
                continue
            if now_s >= attempt.deadline_s and not attempt.cause:
                self._end(attempt, TIMED_OUT, now_s, attempt.lane.grace_s)
            if now_s >= attempt.kill_at_s:
                attempt.kill_at_s = now_s + _REPEAT_KILL_S
                if attempt.state == RUNNING:
                    self._signal_group(attempt, signal.SIGKILL)
                else:
                    self._zygotes.abandon(attempt)
            next_s = min(next_s, attempt.kill_at_s if attempt.cause else attempt.deadline_s)
        self._next_deadline_s = next_s

    def _reap(self) -> None:
        """Wait for all children that are dead."""
        while True:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if dead is None:
                return
            pid = dead.si_pid
            attempt = self._children.pop(pid, None) or self._warm_orphan(pid)
            if attempt is not None:
                send_group(pid, signal.SIGKILL)  # before the wait: the group cannot belong to anybody else yet
            _, status, usage = os.wait4(pid, 0)
            if attempt is not None:
                self._exited(attempt, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
            elif self._zygotes.is_zygote(pid):
                self._zygotes.ended(pid)

    def _warm_orphan(self, pid: int) -> Attempt | None:
        """The attempt whose main process this is, if its zygote died a moment ago."""
        return next((one for one in self._running.values() if one.pid == pid and one.state == RUNNING), None)

    def _exited(self, attempt: Attempt, status: int, cpu_s: float, max_rss_bytes: int) -> None:
        attempt.state = ENDING
        attempt.ended_at_s = time.time()
        if os.WIFEXITED(status):
            attempt.exit_code = os.WEXITSTATUS(status)
        else:
            attempt.signal = os.WTERMSIG(status)
        attempt.cpu_s = cpu_s
        attempt.max_rss_bytes = max_rss_bytes
        self._ending.append(attempt)

    def _settle(self) -> None:
        """Finish the attempts of which no process is left; kill what is left of the others."""
        self._strays.look(self._children, self.attempts, self._running.values())
        ending, self._ending = self._ending, []
        for attempt in ending:
            if self._strays.kill_of(attempt):
                self._ending.append(attempt)  # the death of a stray wakes us
                continue
            used = self._memory.used_over_limit(attempt, ()) if attempt.cgroup is not None else None
            if used is not None and not attempt.cause:
                self._blame_memory(attempt, used)
            kind = attempt.cause or (EXITED if attempt.exit_code is not None else SIGNALED)
            self._finish(attempt, kind, attempt.detail)

    def _finish(self, attempt: Attempt, kind: str, detail: str) -> None:
        """An attempt that had its turn is over, and no process of it is left."""
        attempt.detail = detail
        self._release(attempt)
        if attempt.has_written:
            attempt.lane.log.end_attempt(attempt.index, attempt.uid_tail)
            self._unsynced.add(attempt.lane)
        attempt.state = ENDED
        self.lanes.free(attempt)
        self._report_end(attempt, kind)

    def _release(self, attempt: Attempt) -> None:
        """Give back all that an attempt had while it ran."""
        for pipe in attempt.pipes:
            pipe.finish()
        attempt.pipes = ()
        self._memory.release(attempt)
        self._limited.pop(attempt.uid, None)
        if not self._limited:
            self._next_memory_check_s = FOREVER_S
        self.slots.release(attempt)
        if attempt.directory is not None:
            self._workdirs.give_back(attempt.lane.uid, attempt.directory)
            attempt.directory = None
        self._running.pop(attempt.uid, None)

    def _report_end(self, attempt: Attempt, kind: str) -> None:
        del self.attempts[attempt.uid]
        assert self._reports is not None
        self._reports.add_ended(attempt, attempt.ended_at_s or time.time(), kind)
        lane = attempt.lane
        lane.held -= 1
        if not lane.held:
            self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        self.lanes.forget(lane)
        self._workdirs.forget(lane.uid)
        if lane in self._unsynced:
            self._unsynced.remove(lane)
            lane.log.sync()
        self._touched.discard(lane)
        lane.log.close()
        self._lost_bytes += lane.log.lost_bytes

    # -- memory ----------------------------------------------------------------------------------------------------

    def _limit_memory(self, attempt: Attempt) -> None:
        self._memory.attach(attempt)
        self._limited[attempt.uid] = attempt
        self._next_memory_check_s = min(self._next_memory_check_s, time.monotonic() + limits.CHECK_EVERY_S)

    def _enforce_memory(self, now_s: float) -> None:
        self._strays.look(self._children, self.attempts, self._running.values())
        for attempt in list(self._limited.values()):
            if attempt.state != RUNNING:
                continue
            others = self._strays.pids_of(attempt)
            self._memory.gather(attempt, others)
            used = self._memory.used_over_limit(attempt, others)
            if used is not None:
                if not attempt.cause:
                    self._blame_memory(attempt, used)
                attempt.kill_at_s = now_s + _REPEAT_KILL_S
                self._next_deadline_s = min(self._next_deadline_s, attempt.kill_at_s)
                self._signal_group(attempt, signal.SIGKILL)
        self._next_memory_check_s = now_s + limits.CHECK_EVERY_S if self._limited else FOREVER_S

    def _blame_memory(self, attempt: Attempt, used_bytes: int) -> None:
        attempt.cause = OUT_OF_MEMORY
        attempt.detail = limits.excess_text(attempt.lane.memory_limit_bytes or 0, used_bytes)

    # -- what zygotes tell -----------------------------------------------------------------------------------------

    def warm_started(self, attempt: Attempt, pid: int) -> None:
        """A zygote forked it."""
        attempt.started_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        attempt.deadline_s = time.monotonic() + attempt.lane.timeout_s
        self._run(attempt, pid)
        if attempt.cause:
            self._ask_to_end(attempt)

    def warm_ended(self, attempt: Attempt, status: int, cpu_s: float, max_rss_bytes: int) -> None:
        """Its zygote waited for it."""
        self._exited(attempt, status, cpu_s, max_rss_bytes)

    def warm_failed(self, attempt: Attempt, detail: str) -> None:
        """Its zygote could not load the modules, or not take it."""
        self._finish(attempt, attempt.cause or NOT_STARTED, detail)

    def warm_orphaned(self, attempt: Attempt) -> None:
        """Its zygote died: we wait for it ourselves, if it is there."""
        if attempt.state == RUNNING:
            try:
                os.waitid(os.P_PID, attempt.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                attempt.detail = "The preloaded interpreter that ran it died before it told how it ended."
            else:
                self._children[attempt.pid] = attempt
                return
        else:
            attempt.detail = "The preloaded interpreter died before it started it."
        attempt.cause = attempt.cause or LOST
        attempt.state = ENDING
        attempt.ended_at_s = time.time()
        self._ending.append(attempt)
