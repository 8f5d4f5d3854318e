"""How attempts end: by themselves, at their deadline, for their memory, or because they are told to.

An end has two halves. The main process is found dead; then, once no process of the attempt is left, the attempt gives
back what it had, and its end is reported.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from hakobune.engines.process import memory as limits
from hakobune.engines.process.attempt import ENDED, ENDING, FOREVER_S, RUNNING, STARTING, WAITING, Attempt
from hakobune.engines.process.lanes import Lanes
from hakobune.engines.process.memory import MemoryGuard
from hakobune.engines.process.output import Outputs
from hakobune.engines.process.reports import Reports
from hakobune.engines.process.roster import Roster
from hakobune.engines.process.slots import Slots
from hakobune.engines.process.strays import Strays, send, send_group
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

_REPEAT_KILL_S = 1.0
_GONE_WITHIN_S = 5.0  # after SIGKILL; what is left then may not be killed, or waits for a dead device


class Endings:
    """Ends attempts, and notices that they have ended."""

    def __init__(
        self,
        *,
        roster: Roster,
        lanes: Lanes,
        slots: Slots,
        outputs: Outputs,
        workdirs: WorkDirs,
        zygotes: Zygotes,
        strays: Strays,
        memory: MemoryGuard,
        log: Callable[[str], None],
    ) -> None:
        self._roster = roster
        self._lanes = lanes
        self._slots = slots
        self._outputs = outputs
        self._workdirs = workdirs
        self._zygotes = zygotes
        self._strays = strays
        self._memory = memory
        self._log = log
        self._reports: Reports | None = None
        self._ending: list[Attempt] = []  # the main process is gone; others may be left
        self._limited: dict[str, Attempt] = {}
        self._next_memory_check_s = FOREVER_S

    def report_to(self, reports: Reports) -> None:
        """Where ends are reported."""
        self._reports = reports

    # -- turns of the loop -----------------------------------------------------------------------------------------

    def turn(self, now_s: float, *, has_dead_children: bool) -> None:
        """Do all that is due."""
        if has_dead_children:
            self._reap()
        if self._ending:
            self._settle()
        if now_s >= self._roster.next_deadline_s:
            self._enforce_deadlines(now_s)
        if now_s >= self._next_memory_check_s:
            self._enforce_memory(now_s)

    @property
    def due_s(self) -> float:
        """When `turn` must be called again (monotonic) if nothing happens."""
        return min(self._roster.next_deadline_s, self._next_memory_check_s)

    # -- for a cause of ours ---------------------------------------------------------------------------------------

    def end(self, attempt: Attempt, cause: str, now_s: float, grace_s: float) -> None:
        """End an attempt for a cause of ours, unless it is on its way already."""
        if attempt.state == WAITING:
            self._lanes.drop_waiting(attempt)
            self._report_end(attempt, cause)
        elif attempt.state in (STARTING, RUNNING) and not attempt.cause:
            attempt.cause = cause
            attempt.kill_at_s = now_s + grace_s
            self._roster.expect(attempt.kill_at_s)
            if attempt.state == RUNNING:
                self.ask_to_end(attempt)

    def ask_to_end(self, attempt: Attempt) -> None:
        """SIGTERM to a running attempt."""
        self.signal_group(attempt, signal.SIGTERM)
        self.signal_group(attempt, signal.SIGCONT)  # one that stands still could not hear it

    def signal_group(self, attempt: Attempt, number: int) -> None:
        """Signal the process group of a running attempt. Only while nobody has waited for the main process: its pid
        cannot belong to anybody else."""
        try:
            os.killpg(attempt.pid, number)
        except ProcessLookupError:
            send(attempt.pid, number)  # forked by a zygote a moment ago, and not yet the leader of a group
        except PermissionError:
            self._log(f"the processes of attempt {attempt.uid} may not be signalled")

    def kill_all(self) -> None:
        """Kill everything at once, and wait until it is gone; nothing is reported. The zygotes go, too."""
        self._zygotes.kill_all()
        for attempt in self._roster.running.values():
            if attempt.pid:
                send_group(attempt.pid, signal.SIGKILL)
        deadline_s = time.monotonic() + _GONE_WITHIN_S
        while time.monotonic() < deadline_s:
            self._strays.look(self._roster.children, {}, ())
            self._strays.kill_all()
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid:
                self._roster.children.pop(pid, None)
            else:
                time.sleep(0.002)
        self._log("processes of attempts are left that cannot be killed")

    def _enforce_deadlines(self, now_s: float) -> None:
        next_s = FOREVER_S
        for attempt in list(self._roster.running.values()):
            if attempt.state == ENDING:
                continue
            if now_s >= attempt.deadline_s and not attempt.cause:
                self.end(attempt, TIMED_OUT, now_s, attempt.lane.grace_s)
            if now_s >= attempt.kill_at_s:
                attempt.kill_at_s = now_s + _REPEAT_KILL_S
                if attempt.state == RUNNING:
                    self.signal_group(attempt, signal.SIGKILL)
                else:
                    self._zygotes.abandon(attempt)
            next_s = min(next_s, attempt.kill_at_s if attempt.cause else attempt.deadline_s)
        self._roster.next_deadline_s = next_s

    # -- for its memory --------------------------------------------------------------------------------------------

    def limit_memory(self, attempt: Attempt) -> None:
        """Hold a running attempt to the memory limit of its lane."""
        self._memory.attach(attempt)
        self._limited[attempt.uid] = attempt
        self._next_memory_check_s = min(self._next_memory_check_s, time.monotonic() + limits.CHECK_EVERY_S)

    def _enforce_memory(self, now_s: float) -> None:
        self._look_for_strays()
        for attempt in list(self._limited.values()):
            if attempt.state != RUNNING:
                continue
            others = self._strays.pids_of(attempt)
            self._memory.gather(attempt, others)
            used = self._memory.used_over_limit(attempt, others)
            if used is not None:
                if not attempt.cause:
                    _blame_memory(attempt, used)
                attempt.kill_at_s = now_s + _REPEAT_KILL_S
                self._roster.expect(attempt.kill_at_s)
                self.signal_group(attempt, signal.SIGKILL)
        self._next_memory_check_s = now_s + limits.CHECK_EVERY_S if self._limited else FOREVER_S

    # -- the main process is gone ----------------------------------------------------------------------------------

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
            attempt = self._roster.children.pop(pid, None) or self._warm_orphan(pid)
            if attempt is not None:
                send_group(pid, signal.SIGKILL)  # before the wait: the group cannot belong to anybody else yet
            _, status, usage = os.wait4(pid, 0)
            if attempt is not None:
                self.exited(attempt, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
            elif self._zygotes.is_zygote(pid):
                self._zygotes.ended(pid)

    def _warm_orphan(self, pid: int) -> Attempt | None:
        """The attempt whose main process this is, if its zygote died a moment ago."""
        running = self._roster.running.values()
        return next((one for one in running if one.pid == pid and one.state == RUNNING), None)

    def exited(self, attempt: Attempt, status: int, cpu_s: float, max_rss_bytes: int) -> None:
        """Somebody has waited for the main process."""
        if os.WIFEXITED(status):
            attempt.exit_code = os.WEXITSTATUS(status)
        else:
            attempt.signal = os.WTERMSIG(status)
        attempt.cpu_s = cpu_s
        attempt.max_rss_bytes = max_rss_bytes
        self._gone(attempt)

    def orphaned(self, attempt: Attempt) -> None:
        """Its zygote died: we wait for it ourselves, if it is there."""
        if attempt.state == RUNNING:
            try:
                os.waitid(os.P_PID, attempt.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                attempt.detail = "The preloaded interpreter that ran it died before it told how it ended."
            else:
                self._roster.children[attempt.pid] = attempt
                return
        else:
            attempt.detail = "The preloaded interpreter died before it started it."
        attempt.cause = attempt.cause or LOST
        self._gone(attempt)

    def _gone(self, attempt: Attempt) -> None:
        attempt.state = ENDING
        attempt.ended_at_s = time.time()
        self._ending.append(attempt)

    # -- no process is left ----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Finish the attempts of which no process is left; kill what is left of the others."""
        self._look_for_strays()
        ending, self._ending = self._ending, []
        for attempt in ending:
            if self._strays.kill_of(attempt):
                self._ending.append(attempt)  # the death of a stray wakes us
                continue
            used = self._memory.used_over_limit(attempt, ()) if attempt.cgroup is not None else None
            if used is not None and not attempt.cause:
                _blame_memory(attempt, used)
            kind = attempt.cause or (EXITED if attempt.exit_code is not None else SIGNALED)
            self.finish(attempt, kind, attempt.detail)

    def _look_for_strays(self) -> None:
        self._strays.look(self._roster.children, self._roster.attempts, self._roster.running.values())

    def finish(self, attempt: Attempt, kind: str, detail: str) -> None:
        """An attempt that had its turn is over, and no process of it is left."""
        attempt.detail = detail
        self.release(attempt)
        self._outputs.end_attempt(attempt)
        attempt.state = ENDED
        self._lanes.free(attempt)
        self._report_end(attempt, kind)

    def release(self, attempt: Attempt) -> None:
        """Give back all that an attempt had while it ran."""
        self._outputs.drain(attempt)
        self._memory.release(attempt)
        self._limited.pop(attempt.uid, None)
        if not self._limited:
            self._next_memory_check_s = FOREVER_S
        self._slots.release(attempt)
        if attempt.directory is not None:
            self._workdirs.give_back(attempt.lane.uid, attempt.directory)
            attempt.directory = None
        self._roster.leave(attempt)

    def _report_end(self, attempt: Attempt, kind: str) -> None:
        del self._roster.attempts[attempt.uid]
        assert self._reports is not None
        self._reports.add_ended(attempt, attempt.ended_at_s or time.time(), kind)
        lane = attempt.lane
        lane.held -= 1
        if not lane.held:
            self._lanes.forget(lane)
            self._workdirs.forget(lane.uid)
            self._outputs.forget(lane)


def _blame_memory(attempt: Attempt, used_bytes: int) -> None:
    attempt.cause = OUT_OF_MEMORY
    attempt.detail = limits.excess_text(attempt.lane.memory_limit_bytes or 0, used_bytes)
