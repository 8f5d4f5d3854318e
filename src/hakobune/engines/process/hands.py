"""All attempts of a supervisor: what the control plane asks for, what is due each turn, and what zygotes tell."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence

from hakobune.engines.process.attempt import RUNNING, Attempt, Lane
from hakobune.engines.process.endings import LOST, NOT_STARTED, STOPPED, Endings
from hakobune.engines.process.lanes import Lanes
from hakobune.engines.process.loop import Loop
from hakobune.engines.process.memory import MemoryGuard
from hakobune.engines.process.output import Outputs
from hakobune.engines.process.reports import Reports
from hakobune.engines.process.roster import Roster
from hakobune.engines.process.slots import Slots
from hakobune.engines.process.starts import Starts
from hakobune.engines.process.strays import Strays, send
from hakobune.engines.process.workdirs import WorkDirs
from hakobune.engines.process.zygotes import Zygotes


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
        self._strays = strays
        self._roster = Roster()
        self._outputs = Outputs(loop, self.lanes)
        self._zygotes = Zygotes(loop, self)
        self._endings = Endings(
            roster=self._roster,
            lanes=self.lanes,
            slots=self.slots,
            outputs=self._outputs,
            workdirs=workdirs,
            zygotes=self._zygotes,
            strays=strays,
            memory=memory,
            log=log,
        )
        self._starts = Starts(
            roster=self._roster,
            lanes=self.lanes,
            slots=self.slots,
            outputs=self._outputs,
            workdirs=workdirs,
            zygotes=self._zygotes,
            endings=self._endings,
            log=log,
        )

    @property
    def attempts(self) -> dict[str, Attempt]:
        """All that are not ended, by uid."""
        return self._roster.attempts

    @property
    def lost_bytes(self) -> int:
        """Output that could not be written to the disk since this supervisor began."""
        return self._outputs.lost_bytes

    def report_to(self, reports: Reports) -> None:
        """Where starts and ends are reported."""
        self._starts.report_to(reports)
        self._endings.report_to(reports)

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
            self._endings.end(attempt, STOPPED, now_s, attempt.lane.grace_s)

    def signal(self, uid: str, number: int) -> None:
        """Signal all processes of a running attempt: its group, and those that left it."""
        attempt = self.attempts.get(uid)
        if attempt is None or attempt.state != RUNNING:
            return
        for pid in self._strays.marked(uid):
            try:
                is_in_group = os.getpgid(pid) == attempt.pid
            except ProcessLookupError:
                continue
            if not is_in_group:
                send(pid, number)
        self._endings.signal_group(attempt, number)

    def end_all(self, grace_max_s: float) -> None:
        """End every attempt as LOST, within `grace_max_s`."""
        now_s = time.monotonic()
        for attempt in list(self.attempts.values()):
            self._endings.end(attempt, LOST, now_s, min(attempt.lane.grace_s, grace_max_s))
            attempt.kill_at_s = min(attempt.kill_at_s, now_s + grace_max_s)
        self._roster.next_deadline_s = now_s

    def kill_all(self) -> None:
        """Kill everything at once, and wait until it is gone; nothing is reported. The zygotes go, too."""
        self._endings.kill_all()

    # -- turns of the loop -----------------------------------------------------------------------------------------

    def turn(self, now_s: float, *, has_dead_children: bool) -> None:
        """Do all that is due, after the descriptors were served."""
        self._endings.turn(now_s, has_dead_children=has_dead_children)
        self._starts.fill(now_s, self.capacity)
        self._outputs.flush()

    def wake_at_s(self, now_s: float) -> float:
        """When `turn` must be called again (monotonic) if nothing happens."""
        return min(self._starts.due_s(now_s), self._endings.due_s)

    def sync_logs(self) -> None:
        """Make the output of attempts that ended durable."""
        self._outputs.sync()

    def tidy(self, now_s: float) -> None:
        """Every few seconds."""
        self._zygotes.retire_idle(now_s)

    # -- what zygotes tell -----------------------------------------------------------------------------------------

    def warm_started(self, attempt: Attempt, pid: int) -> None:
        """A zygote forked it."""
        attempt.started_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        attempt.deadline_s = time.monotonic() + attempt.lane.timeout_s
        self._starts.run(attempt, pid)
        if attempt.cause:
            self._endings.ask_to_end(attempt)

    def warm_ended(self, attempt: Attempt, status: int, cpu_s: float, max_rss_bytes: int) -> None:
        """Its zygote waited for it."""
        self._endings.exited(attempt, status, cpu_s, max_rss_bytes)

    def warm_failed(self, attempt: Attempt, detail: str) -> None:
        """Its zygote could not load the modules, or not take it."""
        self._endings.finish(attempt, attempt.cause or NOT_STARTED, detail)

    def warm_orphaned(self, attempt: Attempt) -> None:
        """Its zygote died: we wait for it ourselves, if it is there."""
        self._endings.orphaned(attempt)
