"""What happens to a schedule: it falls due, it is run by force, an attempt ends, it is paused or changed.

Two runs of a schedule never overlap, but for forced ones: what falls due meanwhile waits, and of several the earliest
does; besides it the latest of those that were missed while the runtime was down.
Source: https://cloud.google.com/scheduler/docs/overview, and decision 0028 where that is silent.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

from hakobune.core.errors import Code
from hakobune.core.schedules.limits import EXECUTIONS, HOLD_MAX_S, HOLD_MIN_S
from hakobune.core.schedules.model import CatchUp, Outcome, Overlap, Run, Schedule, ScheduleState
from hakobune.core.schedules.occurrences import latest_s, next_s, parse_schedule
from hakobune.core.schedules.phrases import Interval
from hakobune.core.schedules.retries import backoff_s, may_retry

_LATE_S = 30.0  # so much later than planned, a due time counts as missed while the runtime was down


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows. `run`: begun, or to be tried again at its `retry_s`. `over`: the run that is done."""

    schedule: Schedule
    run: Run | None = None
    over: Run | None = None


def planned(schedule: Schedule, now_s: float) -> Schedule:
    """As created, changed or resumed at this instant: the first due time after it is next, and nothing waits."""
    if schedule.state is not ScheduleState.ENABLED:
        return replace(schedule, next_s=None, waiting_s=None, missed_s=None)
    following_s = next_s(schedule.schedule, schedule.time_zone, now_s)
    return replace(schedule, next_s=following_s, waiting_s=None, missed_s=None)


def wake_s(schedule: Schedule) -> float | None:
    """When the schedule must be looked at: its next due time, and the part of its jitter that belongs to it."""
    if schedule.next_s is None:
        return None
    jitter_s = schedule.extension.jitter_s
    if not jitter_s:
        return schedule.next_s
    share = zlib.crc32(f"{schedule.uid}/{schedule.next_s:.0f}".encode()) / 0xFFFF_FFFF
    return schedule.next_s + share * jitter_s


def fall_due(schedule: Schedule, open_run: Run | None, now_s: float, run_uid: str) -> Step:
    """The instant `wake_s` has come. `open_run`: the run of an earlier due time that has not ended."""
    if schedule.state is not ScheduleState.ENABLED or schedule.next_s is None:
        return Step(schedule=schedule)
    due_s = latest_s(schedule.schedule, schedule.time_zone, schedule.next_s, now_s) or schedule.next_s
    following_s = None if _is_interval(schedule) else next_s(schedule.schedule, schedule.time_zone, max(due_s, now_s))
    schedule = replace(schedule, next_s=following_s)
    if _is_dropped(schedule, due_s, now_s):
        return Step(schedule=schedule if following_s is not None else planned(schedule, now_s))
    if open_run is None:
        return _begin(schedule, due_s, now_s, run_uid)
    if open_run.is_held:
        return Step(schedule=schedule)
    if _late_s(schedule, due_s, now_s) > _LATE_S:
        return Step(schedule=replace(schedule, missed_s=due_s))
    return Step(schedule=replace(schedule, waiting_s=due_s) if schedule.waiting_s is None else schedule)


def force(schedule: Schedule, now_s: float, run_uid: str) -> Step:
    """A run now, whatever else is under way. Its time is that of the call."""
    run = Run(uid=run_uid, schedule_uid=schedule.uid, slot_s=now_s, is_forced=True, begun_s=now_s)
    return Step(schedule=replace(schedule, last_attempt_s=now_s), run=run)


def answer(schedule: Schedule, run: Run, outcome: Outcome, now_s: float, run_uid: str) -> Step:
    """An attempt of a run has ended. `run_uid`: for the run that waited for this one."""
    schedule = replace(schedule, outcome=outcome, executions=_executions(schedule, outcome.execution))
    is_stopped = schedule.state is not ScheduleState.ENABLED and not run.is_forced
    if outcome.code is not Code.OK and not is_stopped and may_retry(schedule.retry, run.attempts, now_s - run.begun_s):
        wait_s = backoff_s(schedule.retry, run.attempts)
        return Step(
            schedule=schedule, run=replace(run, attempts=run.attempts + 1, retry_s=now_s + wait_s, is_held=False)
        )
    if run.is_forced:
        return Step(schedule=schedule, over=run)
    step = next_of(schedule, now_s, run_uid)
    return replace(step, over=run)


def next_of(schedule: Schedule, now_s: float, run_uid: str) -> Step:
    """A run of a due time is over: begin the one that waits, or plan the next one of an interval."""
    waiting_s, missed_s = schedule.waiting_s, schedule.missed_s
    if waiting_s is not None and (missed_s is None or waiting_s < missed_s):
        return _begin(replace(schedule, waiting_s=None), waiting_s, now_s, run_uid)
    if missed_s is not None:
        return _begin(replace(schedule, missed_s=None), missed_s, now_s, run_uid)
    if schedule.next_s is None and _is_interval(schedule):
        return Step(schedule=planned(schedule, now_s))
    return Step(schedule=schedule)


def again(schedule: Schedule, run: Run, now_s: float) -> Step:
    """The wait before a retry is over, or that before another look at an execution."""
    run = replace(run, retry_s=None)
    return Step(schedule=schedule if looks_first(schedule, run) else replace(schedule, last_attempt_s=now_s), run=run)


def _begin(schedule: Schedule, slot_s: float, now_s: float, run_uid: str) -> Step:
    run = Run(uid=run_uid, schedule_uid=schedule.uid, slot_s=slot_s, is_forced=False, begun_s=now_s)
    return Step(schedule=schedule if looks_first(schedule, run) else replace(schedule, last_attempt_s=now_s), run=run)


# -- what earlier runs started ---------------------------------------------------------------------------------------


def looks_first(schedule: Schedule, run: Run) -> bool:
    """Whether an attempt depends on what became of executions that were started before. Forced runs never wait."""
    return schedule.extension.overlap is not Overlap.ALLOW and bool(schedule.executions) and not run.is_forced


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Executions that were looked at, and which of them are under way."""

    executions: tuple[str, ...]
    under_way: tuple[str, ...] = ()


def cleared(schedule: Schedule, look: Look, now_s: float) -> Schedule:
    """None of the executions is under way any more: an attempt begins."""
    return replace(schedule, executions=_without(schedule, look.executions), last_attempt_s=now_s)


def met(schedule: Schedule, run: Run, look: Look, now_s: float, run_uid: str) -> Step:
    """Some executions are still under way: with FORBID the due time is left out, otherwise it is held for a while. (A
    REPLACE has them cancelled before.) `run_uid`: for the run that waited for this one."""
    schedule = replace(schedule, executions=(*look.under_way, *_without(schedule, look.executions)))
    if schedule.extension.overlap is Overlap.FORBID or schedule.state is not ScheduleState.ENABLED:
        return replace(next_of(schedule, now_s, run_uid), over=run)
    wait_s = min(HOLD_MAX_S, max(HOLD_MIN_S, (now_s - run.begun_s) / 10))
    return Step(schedule=schedule, run=replace(run, is_held=True, retry_s=now_s + wait_s))


def _without(schedule: Schedule, looked_at: tuple[str, ...]) -> tuple[str, ...]:
    """What was started meanwhile."""
    return tuple(one for one in schedule.executions if one not in looked_at)


def _executions(schedule: Schedule, execution: str) -> tuple[str, ...]:
    """What may be under way. Without a policy only the newest is kept, for one that may be set later."""
    if not execution:
        return schedule.executions
    kept = EXECUTIONS if schedule.extension.overlap is not Overlap.ALLOW else 1
    return (*(one for one in schedule.executions if one != execution), execution)[-kept:]


def _is_dropped(schedule: Schedule, due_s: float, now_s: float) -> bool:
    late_s = _late_s(schedule, due_s, now_s)
    if schedule.extension.catch_up is CatchUp.NONE:
        return late_s > _LATE_S
    window_s = schedule.extension.catch_up_window_s
    return window_s is not None and late_s > max(window_s, _LATE_S)


def _late_s(schedule: Schedule, due_s: float, now_s: float) -> float:
    return now_s - due_s - schedule.extension.jitter_s


def _is_interval(schedule: Schedule) -> bool:
    return isinstance(parse_schedule(schedule.schedule), Interval)
