"""The schedules room: what callers ask of it, its timers, and its attempts.

A schedule and each of its runs that waits for a retry has one timer of the wheel; each attempt is one command of the
outbox, with the run as its subject. A crash repeats an attempt that was not answered, with the same slot and key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hakobune.core.errors import Code, NotFound
from hakobune.core.schedules import decide
from hakobune.core.schedules.model import Outcome, Overlap, Run, Schedule, ScheduleName
from hakobune.core.schedules.states import Switch, switched
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.schedule_attempts import ScheduleAttempts, Unknown
from hakobune.runtime.schedule_logs import ScheduleLog
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand, Page, ReadTx, WriteTx

ROOM = "schedules"
_ATTEMPT = "ATTEMPT"
_RUN = "run:"  # the timers of runs; those of schedules are their uids
_READ_TOGETHER = 20  # schedules: of a megabyte each at most
_PAGE_BYTES = 8 * 1024 * 1024  # ours: https://google.aip.dev/158 allows a page to end early
_TOGETHER = 250  # timers of one turn: many schedules are due at the same minute


class SchedulesRoom:
    """Schedules of all projects."""

    def __init__(self, wheel: Wheel, identifiers: Identifiers, attempts: ScheduleAttempts, log: ScheduleLog) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._attempts = attempts
        self._log = log
        self._fired: set[str] = set()  # timers that were fired with another one, and that the wheel still comes to

    # -- what callers ask -----------------------------------------------------------------------------------------

    def new_id(self) -> str:
        """A job id for a caller that gives none."""
        return f"job-{self._identifiers.uid()}"

    async def create(self, name: ScheduleName, make: Callable[[str, ScheduleName], Schedule]) -> Schedule:
        """A new schedule; `make` gives it, from its uid and its name. Raises AlreadyExists."""
        uid = self._identifiers.uid()

        def unit(turn: Turn) -> Schedule:
            made = decide.planned(_stamped(make(uid, name), turn.now_s), turn.now_s)
            turn.tx.schedules.add_schedule(made)
            _wake(turn, made)
            return made

        return await self._wheel.turn(unit)

    async def get(self, name: ScheduleName) -> tuple[Schedule, float | None]:
        """The schedule, and when its next run or retry begins. Raises NotFound."""
        return await self._wheel.store.read(lambda tx: _with_next(tx, _found(tx, name)))

    async def list_schedules(
        self, project: str, location: str | None, page: Page
    ) -> tuple[list[tuple[Schedule, float | None]], bool]:
        """By job id, each as `get` gives it; and whether more follow. A page of large ones ends early."""

        def unit(tx: ReadTx) -> tuple[list[tuple[Schedule, float | None]], bool]:
            found: list[Schedule] = []
            after, size_bytes = page.after, 0
            while size_bytes <= _PAGE_BYTES:
                part = Page(limit=min(_READ_TOGETHER, page.limit - len(found)), after=after)
                some = tx.schedules.list_schedules(project, location, part)
                found += some
                if len(some) < part.limit or len(found) == page.limit:
                    break
                after = place_of(some[-1])
                size_bytes += sum(schedule.size_bytes for schedule in some)
            has_more = len(found) == page.limit or size_bytes > _PAGE_BYTES
            return [_with_next(tx, one) for one in found[: page.limit - 1]], has_more

        return await self._wheel.store.read(unit)

    async def patch(self, name: ScheduleName, change: Callable[[Schedule], Schedule]) -> Schedule:
        """Change a schedule; its next due time is planned anew. Raises NotFound, and what `change` raises."""

        def unit(turn: Turn) -> Schedule:
            changed = _stamped(change(_found(turn.tx, name)), turn.now_s)
            return _replan(turn, changed)

        return await self._wheel.turn(unit)

    async def switch(self, name: ScheduleName, switch: Switch) -> Schedule:
        """Pause or resume. A retry of a due time that is waited for is given up at a pause. Raises NotFound,
        FailedPrecondition."""

        def unit(turn: Turn) -> Schedule:
            found = _found(turn.tx, name)
            changed = replace(found, state=switched(name, found.state, switch))
            waiting = turn.tx.schedules.open_run(found.uid)
            if switch is Switch.PAUSE and waiting is not None and waiting.retry_s is not None:
                _drop(turn, waiting)
            return _replan(turn, _stamped(changed, turn.now_s))

        return await self._wheel.turn(unit)

    async def run(self, name: ScheduleName) -> Schedule:
        """Run now, whatever the state, and whatever is under way. Raises NotFound."""
        uid = self._identifiers.uid()

        def unit(turn: Turn) -> Schedule:
            return _follow(turn, decide.force(_found(turn.tx, name), turn.now_s, uid))

        return await self._wheel.turn(unit)

    async def delete(self, name: ScheduleName) -> None:
        """A run that is under way ends with the attempt that was sent. Raises NotFound."""

        def unit(turn: Turn) -> None:
            schedule = _found(turn.tx, name)
            for run in turn.tx.schedules.runs_of(schedule.uid):
                _drop(turn, run)
            turn.tx.timers.clear(ROOM, schedule.uid)
            turn.tx.schedules.remove_schedule(schedule.uid)

        await self._wheel.turn(unit)

    # -- what the wheel asks --------------------------------------------------------------------------------------

    async def wake(self, subject: str) -> None:
        """A schedule is due, or the wait before a retry is over. Others that are due are fired in the same turn."""
        if subject in self._fired:
            self._fired.remove(subject)
            return
        now_s = self._wheel.clock.now_s()
        timers = await self._wheel.store.read(lambda tx: tx.timers_due(now_s, _TOGETHER))
        others = [timer.subject for timer in timers if timer.room == ROOM and timer.subject != subject]
        try:
            await self._fire_all(subject, *others)
        except (ValueError, KeyError):  # what cannot be planned any more: a schedule or a zone of an older version
            await self._fire_all(subject)
        else:
            self._fired.update(others)

    async def _fire_all(self, *subjects: str) -> None:
        def unit(turn: Turn) -> None:
            for subject in subjects:
                self._fire(turn, subject)

        await self._wheel.turn(unit)

    def _fire(self, turn: Turn, subject: str) -> None:
        if subject.startswith(_RUN):
            _again(turn, subject.removeprefix(_RUN))
        else:
            _fall_due(turn, subject, self._identifiers.uid())

    async def perform(self, command: OutboxCommand) -> None:
        """Make one attempt of a run."""

        def unit(tx: ReadTx) -> tuple[Schedule, Run] | None:
            return _run_of(tx, command)

        found = await self._wheel.store.read(unit)
        if found is None:
            return  # deleted meanwhile, or answered before a crash
        schedule, run = found
        if decide.looks_first(schedule, run) and not await self._is_free(command, schedule):
            return
        self._log.started(schedule, run, self._wheel.clock.now_s())
        await self._settle(command, await self._attempts.make(schedule, run))

    async def _is_free(self, command: OutboxCommand, schedule: Schedule) -> bool:
        """Whether none of the executions that the schedule started is under way, as its policy wants it. Else what
        becomes of the run is settled."""
        try:
            look = decide.Look(executions=schedule.executions, under_way=await self._attempts.under_way(schedule))
            if look.under_way and schedule.extension.overlap is Overlap.REPLACE:
                await self._attempts.cancel(schedule, look.under_way)
        except Unknown as unknown:
            await self._settle(command, unknown.outcome)
            return False
        uid = self._identifiers.uid()

        def unit(turn: Turn) -> None:
            found = _run_of(turn.tx, command)
            if found is not None and look.under_way:
                _follow(turn, decide.met(*found, look, turn.now_s, uid))
            elif found is not None:
                turn.tx.schedules.save_schedule(decide.cleared(found[0], look, turn.now_s))

        await self._wheel.persist(unit)
        return not look.under_way

    async def give_up(self, command: OutboxCommand, reason: str) -> bool:
        """An attempt that cannot be made has failed."""
        await self._settle(command, Outcome(code=Code.INTERNAL, message=reason))
        return True

    async def _settle(self, command: OutboxCommand, outcome: Outcome) -> None:
        uid = self._identifiers.uid()

        def unit(turn: Turn) -> tuple[Schedule, Run] | None:
            found = _run_of(turn.tx, command)
            if found is not None:
                _follow(turn, decide.answer(*found, outcome, turn.now_s, uid))
            return found

        found = await self._wheel.persist(unit)
        if found is not None:
            self._log.finished(*found, outcome, self._wheel.clock.now_s())


def place_of(schedule: Schedule) -> str:
    """Its place in a list of all locations, and of one."""
    return f"{schedule.name.job}/{schedule.name.location}"


def _run_of(tx: ReadTx | WriteTx, command: OutboxCommand) -> tuple[Schedule, Run] | None:
    """The run whose attempt a command stands for. None: it was deleted, or that attempt has ended."""
    run = tx.schedules.find_run(command.subject)
    schedule = None if run is None else tx.schedules.schedule_by_uid(run.schedule_uid)
    if run is None or schedule is None or run.attempts != int(command.payload):
        return None
    return schedule, run


def _fall_due(turn: Turn, uid: str, run_uid: str) -> None:
    schedule = turn.tx.schedules.schedule_by_uid(uid)
    due_s = None if schedule is None else decide.wake_s(schedule)
    if schedule is None or due_s is None:
        turn.tx.timers.clear(ROOM, uid)
    elif due_s > turn.now_s:
        turn.wake_at(ROOM, uid, due_s)
    else:
        _follow(turn, decide.fall_due(schedule, turn.tx.schedules.open_run(uid), turn.now_s, run_uid))


def _again(turn: Turn, run_uid: str) -> None:
    run = turn.tx.schedules.find_run(run_uid)
    schedule = None if run is None else turn.tx.schedules.schedule_by_uid(run.schedule_uid)
    if run is None or schedule is None or run.retry_s is None:
        turn.tx.timers.clear(ROOM, _RUN + run_uid)
    elif run.retry_s > turn.now_s:
        turn.wake_at(ROOM, _RUN + run_uid, run.retry_s)
    else:
        turn.tx.timers.clear(ROOM, _RUN + run_uid)
        _follow(turn, decide.again(schedule, run, turn.now_s))


def _follow(turn: Turn, step: decide.Step) -> Schedule:
    """Store what a decision changed, and do what it asks for."""
    if step.over is not None:
        _drop(turn, step.over)
    turn.tx.schedules.save_schedule(step.schedule)
    _wake(turn, step.schedule)
    if step.run is not None:
        turn.tx.schedules.save_run(step.run)
        if step.run.retry_s is None:
            turn.emit(ROOM, step.run.uid, _ATTEMPT, str(step.run.attempts))
        else:
            turn.wake_at(ROOM, _RUN + step.run.uid, step.run.retry_s)
    return step.schedule


def _replan(turn: Turn, schedule: Schedule) -> Schedule:
    planned = decide.planned(schedule, turn.now_s)
    turn.tx.schedules.save_schedule(planned)
    _wake(turn, planned)
    return planned


def _wake(turn: Turn, schedule: Schedule) -> None:
    due_s = decide.wake_s(schedule)
    if due_s is None:
        turn.tx.timers.clear(ROOM, schedule.uid)
    else:
        turn.wake_at(ROOM, schedule.uid, due_s)


def _drop(turn: Turn, run: Run) -> None:
    turn.tx.timers.clear(ROOM, _RUN + run.uid)
    turn.tx.schedules.remove_run(run.uid)


def _stamped(schedule: Schedule, now_s: float) -> Schedule:
    return replace(schedule, user_update_s=now_s)


def _found(tx: ReadTx | WriteTx, name: ScheduleName) -> Schedule:
    schedule = tx.schedules.find_schedule(name)
    if schedule is None:
        raise NotFound(f"Job not found: {name}.")
    return schedule


def _with_next(tx: ReadTx, schedule: Schedule) -> tuple[Schedule, float | None]:
    """The time of a retry counts as well. Source: Cloud Scheduler API v1, `Job.scheduleTime`."""
    run = tx.schedules.open_run(schedule.uid)
    retry_s = None if run is None or run.is_held else run.retry_s
    instants = [at_s for at_s in (schedule.next_s, retry_s) if at_s is not None]
    return schedule, min(instants, default=None)
