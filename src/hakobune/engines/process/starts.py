"""How attempts start: from their turn in the lane to their main process, or back into the lane for a while."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from hakobune.engines.process.attempt import FOREVER_S, RUNNING, STARTING, Attempt, Lane
from hakobune.engines.process.copies import Copy
from hakobune.engines.process.endings import NOT_STARTED, Endings
from hakobune.engines.process.lanes import Lanes
from hakobune.engines.process.launch import CannotStartError, ExhaustedError, enter, find_program, spawn
from hakobune.engines.process.output import Outputs
from hakobune.engines.process.reports import Reports
from hakobune.engines.process.roster import Roster
from hakobune.engines.process.slots import Slots
from hakobune.engines.process.wireformat import ATTEMPT_MARK
from hakobune.engines.process.workdirs import WorkDirs
from hakobune.engines.process.zygotes import Zygotes

_STARTS_PER_TURN = 16  # a spawn takes about 0.3 ms: pipes, exits and deadlines are looked at in between
_EXHAUSTED_PAUSE_S = 0.25
_EXHAUSTED_STARTS_MAX = 40  # 10 s without room for another process is no passing trouble
_COPY_BUDGET_S = 0.002  # of a turn: as above
_SETTLE_LOOK_S = 0.0005
_MARK = ATTEMPT_MARK.encode()


class Starts:
    """Starts attempts whose turn it is, as long as there is room."""

    def __init__(
        self,
        *,
        roster: Roster,
        lanes: Lanes,
        slots: Slots,
        outputs: Outputs,
        workdirs: WorkDirs,
        zygotes: Zygotes,
        endings: Endings,
        log: Callable[[str], None],
    ) -> None:
        self._roster = roster
        self._lanes = lanes
        self._slots = slots
        self._outputs = outputs
        self._workdirs = workdirs
        self._zygotes = zygotes
        self._endings = endings
        self._log = log
        self._reports: Reports | None = None
        self._copying: deque[tuple[Attempt, Copy, Iterator[None]]] = deque()  # their directories are being filled
        self._settling: deque[tuple[Attempt, Copy]] = deque()  # they are full, and a tick too young
        self._paused_until_s = 0.0
        self._may_have_more = False

    def report_to(self, reports: Reports) -> None:
        """Where starts are reported."""
        self._reports = reports

    def fill(self, now_s: float, capacity: int) -> None:
        """Start what may start while fewer than `capacity` attempts run (residents are not counted), but not too many
        at once."""
        self._may_have_more = False
        if self._copying or self._settling:
            self._drop_ended()
            self._copy(now_s)
            self._settle(now_s)
        for _ in range(_STARTS_PER_TURN):
            if now_s < self._paused_until_s:
                break
            is_full = len(self._roster.running) - self._roster.residents >= capacity
            attempt = self._lanes.next(residents_only=is_full)
            if attempt is None:
                return
            self._start(attempt, now_s)
        self._may_have_more = True

    def due_s(self, now_s: float) -> float:
        """When `fill` may start more (monotonic) if nothing happens."""
        if self._copying:
            return now_s
        if self._settling:
            return now_s + _SETTLE_LOOK_S
        return max(now_s, self._paused_until_s) if self._may_have_more else FOREVER_S

    def run(self, attempt: Attempt, pid: int) -> None:
        """The main process exists."""
        attempt.pid = pid
        attempt.state = RUNNING
        attempt.started_at_s = time.time()
        if attempt.lane.memory_limit_bytes is not None:
            self._endings.limit_memory(attempt)
        assert self._reports is not None
        self._reports.add_started(attempt)

    def _start(self, attempt: Attempt, now_s: float) -> None:
        lane = attempt.lane
        attempt.state = STARTING
        self._roster.enter(attempt)
        attempt.deadline_s = now_s + lane.timeout_s
        self._roster.expect(attempt.deadline_s)
        if lane.working_dir is not None or lane.source is None:
            self._launch(attempt, now_s)
            return
        try:
            copy = self._workdirs.take_copy(lane.uid, lane.source)
        except OSError as error:
            self._put_back(attempt, now_s, str(error))
            return
        attempt.directory = copy.directory
        self._copying.append((attempt, copy, copy.fill()))

    def _drop_ended(self) -> None:
        """Attempts that were told to end before they were launched."""
        ended = [attempt for attempt, _, _ in self._copying if attempt.cause]
        ended += [attempt for attempt, _ in self._settling if attempt.cause]
        if ended:
            self._copying = deque(item for item in self._copying if not item[0].cause)
            self._settling = deque(item for item in self._settling if not item[0].cause)
        for attempt in ended:
            self._endings.finish(attempt, attempt.cause, attempt.detail)

    def _copy(self, now_s: float) -> None:
        """Go on with the copies, for a moment."""
        end_s = time.monotonic() + _COPY_BUDGET_S
        while self._copying and time.monotonic() < end_s:
            attempt, copy, steps = self._copying[0]
            try:
                if next(steps, self) is not self:
                    continue
            except FileNotFoundError as error:
                self._copying.popleft()
                self._endings.finish(attempt, NOT_STARTED, _missing(attempt.lane, error))
                continue
            except OSError as error:
                self._copying.popleft()
                self._put_back(attempt, now_s, str(error))
                continue
            self._copying.popleft()
            self._settling.append((attempt, copy))

    def _settle(self, now_s: float) -> None:
        """Launch the attempts whose copies are ready."""
        for _ in range(min(_STARTS_PER_TURN, len(self._settling))):
            attempt, copy = self._settling[0]
            if not copy.is_settled:
                return
            self._settling.popleft()
            attempt.deadline_s = time.monotonic() + attempt.lane.timeout_s
            self._launch(attempt, now_s)

    def _launch(self, attempt: Attempt, now_s: float) -> None:
        """Start the main process."""
        lane = attempt.lane
        slot_env = self._slots.take(attempt)
        writers: tuple[int, ...] = ()
        try:
            env = _environment(attempt, slot_env)
            if lane.working_dir is None and attempt.directory is None:
                attempt.directory = self._workdirs.take(lane.uid)
            enter(lane.working_dir or attempt.directory or b"")
            program = _program(lane, env)
            writers = self._outputs.make_pipes(attempt)
            if lane.warm_modules:
                zygote_pid = self._zygotes.start(attempt, program, env, (writers[0], writers[1]))
                writers = ()
                if zygote_pid is not None:
                    self._roster.children[zygote_pid] = None
                return
            attempt.started_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
            pid = spawn(program, lane.argv, env, ((writers[0], 1), (writers[1], 2)))
        except CannotStartError as error:
            lane.program = None
            self._endings.finish(attempt, NOT_STARTED, str(error))
            return
        except (ExhaustedError, OSError) as error:
            self._put_back(attempt, now_s, str(error))
            return
        finally:
            for writer in writers:
                os.close(writer)
        self._roster.children[pid] = attempt
        self.run(attempt, pid)

    def _put_back(self, attempt: Attempt, now_s: float, detail: str) -> None:
        """The machine has no room for another process now: try again soon, but not for ever."""
        attempt.failed_starts += 1
        if attempt.failed_starts >= _EXHAUSTED_STARTS_MAX:
            self._endings.finish(attempt, NOT_STARTED, detail)
            return
        if attempt.failed_starts == 1:
            self._log(f"attempt {attempt.uid} must wait: {detail}")
        self._endings.release(attempt)
        self._lanes.free(attempt)
        self._lanes.enqueue(attempt, is_first=True)
        attempt.slot = None
        self._paused_until_s = now_s + _EXHAUSTED_PAUSE_S


def _missing(lane: Lane, error: FileNotFoundError) -> str:
    source = lane.source or b""
    if not os.path.isdir(source):
        return f"The source directory {os.fsdecode(source)!r} does not exist."
    return f"The source directory {os.fsdecode(source)!r} is not whole any more: {error}."


def _environment(attempt: Attempt, slot_env: Mapping[bytes, bytes] | None) -> dict[bytes, bytes]:
    lane = attempt.lane
    env = lane.env  # of the lane alone: the few entries that differ are written into it each time
    if slot_env or attempt.extra_env:
        env = env.copy()
        if slot_env:
            env.update((name, slot_env[name]) for name in lane.slot_variables if name in slot_env)
        if attempt.extra_env:
            env.update(attempt.extra_env)
    if not lane.is_resident:
        env[lane.index_variable] = b"%d" % attempt.index
        env[lane.attempt_variable] = b"%d" % attempt.number
    env[_MARK] = attempt.uid.encode()
    return env


def _program(lane: Lane, env: dict[bytes, bytes]) -> bytes:
    """Where the lane's program is. Raises CannotStartError."""
    if env is not lane.env:
        return find_program(lane.argv[0], env.get(b"PATH"))
    if lane.program is None:
        lane.program = find_program(lane.argv[0], env.get(b"PATH"))
    return lane.program
