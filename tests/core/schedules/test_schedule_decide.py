"""What becomes of schedules and their runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from hakobune.core.errors import Code, FailedPrecondition
from hakobune.core.schedules.decide import (
    Look,
    again,
    answer,
    cleared,
    fall_due,
    force,
    looks_first,
    met,
    next_of,
    planned,
    wake_s,
)
from hakobune.core.schedules.model import (
    CatchUp,
    Extension,
    HttpMethod,
    HttpTarget,
    OAuthToken,
    Outcome,
    Overlap,
    RetryConfig,
    Run,
    Schedule,
    ScheduleName,
    ScheduleState,
)
from hakobune.core.schedules.retries import backoff_s, may_retry
from hakobune.core.schedules.sending import idempotency_key, outcome_of, request_headers, slot_text
from hakobune.core.schedules.states import Switch, switched

NOON = datetime.fromisoformat("2026-06-01T12:00:00+00:00").timestamp()
OK = Outcome(code=Code.OK)
FAILED = Outcome(code=Code.UNAVAILABLE, message="no")


def a_schedule(**changes: object) -> Schedule:
    base = Schedule(
        name=ScheduleName.make("p", "l", "j"),
        uid="u",
        schedule="*/5 * * * *",
        time_zone="Etc/UTC",
        http=HttpTarget(uri="http://127.0.0.1/"),
        next_s=NOON,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def a_run(**changes: object) -> Run:
    return replace(Run(uid="r", schedule_uid="u", slot_s=NOON, is_forced=False, begun_s=NOON), **changes)  # type: ignore[arg-type]


# -- falling due ----------------------------------------------------------------------------------------------------


def test_given_a_due_time_when_it_comes_then_a_run_begins_and_the_next_is_planned() -> None:
    step = fall_due(a_schedule(), None, NOON + 0.2, "r")
    assert step.run == a_run(begun_s=NOON + 0.2)
    assert (step.schedule.next_s, step.schedule.last_attempt_s) == (NOON + 300, NOON + 0.2)


def test_given_several_due_times_missed_when_the_runtime_is_back_then_the_latest_is_run_once() -> None:
    step = fall_due(a_schedule(), None, NOON + 3_700, "r")
    assert step.run is not None
    assert (step.run.slot_s, step.schedule.next_s) == (NOON + 3_600, NOON + 3_900)


@pytest.mark.parametrize(("late_s", "runs"), [(20, True), (40, False)])
def test_given_no_catching_up_when_a_due_time_is_late_then_it_is_left_out(late_s: float, runs: bool) -> None:
    schedule = a_schedule(extension=Extension(catch_up=CatchUp.NONE))
    step = fall_due(schedule, None, NOON + late_s, "r")
    assert (step.run is not None, step.schedule.next_s) == (runs, NOON + 300)


@pytest.mark.parametrize(("window_s", "runs"), [(50.0, False), (150.0, True)])
def test_given_a_window_when_a_due_time_is_later_then_it_is_left_out(window_s: float, runs: bool) -> None:
    step = fall_due(a_schedule(extension=Extension(catch_up_window_s=window_s)), None, NOON + 100, "r")
    assert (step.run is not None) is runs


def test_given_a_run_under_way_when_times_fall_due_then_the_earliest_waits_and_is_run_next() -> None:
    run = a_run(slot_s=NOON - 300)
    step = fall_due(a_schedule(), run, NOON, "x")
    assert (step.run, step.schedule.waiting_s, step.schedule.next_s) == (None, NOON, NOON + 300)
    step = fall_due(step.schedule, run, NOON + 300, "x")
    assert (step.run, step.schedule.waiting_s, step.schedule.next_s) == (None, NOON, NOON + 600)
    step = answer(step.schedule, run, OK, NOON + 310, "r")
    assert step.over == run
    assert step.run == a_run(begun_s=NOON + 310)
    assert step.schedule.waiting_s is None


def test_given_a_run_in_doubt_when_times_were_missed_then_the_latest_waits_beside_the_one_that_waited() -> None:
    run = a_run(slot_s=NOON - 600)
    step = fall_due(a_schedule(waiting_s=NOON - 300), run, NOON + 650, "x")
    assert (step.schedule.waiting_s, step.schedule.missed_s) == (NOON - 300, NOON + 600)
    step = fall_due(step.schedule, run, NOON + 1_250, "x")
    assert (step.schedule.waiting_s, step.schedule.missed_s) == (NOON - 300, NOON + 1_200)
    step = answer(step.schedule, run, OK, NOON + 1_260, "r")
    assert (step.run.slot_s if step.run else None) == NOON - 300
    assert step.run is not None
    step = answer(step.schedule, step.run, OK, NOON + 1_270, "r")
    assert step.run == a_run(slot_s=NOON + 1_200, begun_s=NOON + 1_270)
    assert (step.schedule.waiting_s, step.schedule.missed_s) == (None, None)
    assert planned(a_schedule(missed_s=NOON), NOON).missed_s is None


def test_given_a_paused_schedule_when_its_timer_comes_then_nothing_happens() -> None:
    schedule = a_schedule(state=ScheduleState.PAUSED)
    assert fall_due(schedule, None, NOON, "r").run is None


def test_given_an_interval_when_its_run_ends_then_the_next_counts_from_there() -> None:
    schedule = planned(a_schedule(schedule="every 5 minutes"), NOON)
    assert schedule.next_s == NOON + 300
    step = fall_due(schedule, None, NOON + 300, "r")
    assert step.run is not None
    assert step.schedule.next_s is None
    assert answer(step.schedule, step.run, OK, NOON + 420, "x").schedule.next_s == NOON + 720


def test_given_an_interval_that_is_not_caught_up_when_it_is_late_then_it_is_planned_anew() -> None:
    schedule = a_schedule(schedule="every 5 minutes", extension=Extension(catch_up=CatchUp.NONE))
    step = fall_due(schedule, None, NOON + 1_000, "r")
    assert (step.run, step.schedule.next_s) == (None, NOON + 1_300)


def test_given_jitter_when_a_schedule_waits_then_it_wakes_at_the_same_moment_each_time_it_is_asked() -> None:
    schedule = a_schedule(extension=Extension(jitter_s=60.0))
    found = wake_s(schedule)
    assert found is not None
    assert NOON < found < NOON + 60
    assert wake_s(schedule) == found
    assert wake_s(replace(schedule, next_s=NOON + 300)) != found + 300
    assert wake_s(replace(schedule, next_s=None)) is None


# -- attempts -------------------------------------------------------------------------------------------------------


def test_given_retries_left_when_an_attempt_fails_then_it_is_repeated_after_the_backoff() -> None:
    schedule = a_schedule(retry=RetryConfig(retry_count=2, min_backoff_s=10.0))
    first = answer(schedule, a_run(), FAILED, NOON + 1, "x")
    assert first.over is None
    assert first.run == a_run(attempts=1, retry_s=NOON + 11)
    assert first.schedule.outcome == FAILED
    assert first.run is not None
    waited = again(first.schedule, first.run, NOON + 11)
    assert waited.run == a_run(attempts=1)
    assert waited.schedule.last_attempt_s == NOON + 11
    assert waited.run is not None
    second = answer(waited.schedule, waited.run, FAILED, NOON + 12, "x")
    assert second.run == a_run(attempts=2, retry_s=NOON + 32)
    assert second.run is not None
    third = answer(second.schedule, replace(second.run, retry_s=None), FAILED, NOON + 33, "x")
    assert (third.run, third.over is not None) == (None, True)


def test_given_a_schedule_that_was_paused_when_its_attempt_fails_then_it_is_not_repeated_but_a_forced_one_is() -> None:
    schedule = a_schedule(state=ScheduleState.PAUSED, retry=RetryConfig(retry_count=2))
    assert answer(schedule, a_run(), FAILED, NOON, "x").run is None
    assert answer(schedule, a_run(is_forced=True), FAILED, NOON, "x").run is not None


def test_given_a_run_under_way_when_another_is_forced_then_it_begins_at_once_and_leaves_the_waiting_one_alone() -> None:
    schedule = a_schedule(waiting_s=NOON)
    step = force(schedule, NOON + 1, "f")
    assert step.run == Run(uid="f", schedule_uid="u", slot_s=NOON + 1, is_forced=True, begun_s=NOON + 1)
    assert step.run is not None
    ended = answer(step.schedule, step.run, OK, NOON + 2, "x")
    assert (ended.run, ended.over, ended.schedule.waiting_s) == (None, step.run, NOON)


def test_given_nothing_that_waits_when_a_run_is_over_then_the_plan_stays() -> None:
    assert next_of(a_schedule(), NOON, "x").schedule == a_schedule()


@pytest.mark.parametrize(
    ("count", "duration_s", "retries", "elapsed_s", "expected"),
    [
        (0, 0.0, 0, 0.0, False),
        (3, 0.0, 2, 1e9, True),
        (3, 0.0, 3, 0.0, False),
        (0, 60.0, 99, 59.0, True),
        (0, 60.0, 0, 60.0, False),
        (3, 60.0, 3, 59.0, True),
        (3, 60.0, 2, 61.0, True),
        (3, 60.0, 3, 61.0, False),
    ],
)
def test_given_bounds_of_retries_when_an_attempt_fails_then_both_must_be_reached(
    count: int, duration_s: float, retries: int, elapsed_s: float, expected: bool
) -> None:
    config = RetryConfig(retry_count=count, max_retry_duration_s=duration_s)
    assert may_retry(config, retries, elapsed_s) is expected


def test_given_the_documented_example_when_backoffs_are_computed_then_they_are_googles_numbers() -> None:
    config = RetryConfig(min_backoff_s=10.0, max_backoff_s=300.0, max_doublings=3)
    assert [backoff_s(config, n) for n in range(9)] == [10, 20, 40, 80, 160, 240, 300, 300, 300]
    assert backoff_s(RetryConfig(max_doublings=16), 10_000) == 3_600


# -- switches -------------------------------------------------------------------------------------------------------


def test_given_states_when_they_are_switched_then_only_the_other_one_can_be_reached() -> None:
    name = ScheduleName.make("p", "l", "j")
    assert switched(name, ScheduleState.ENABLED, Switch.PAUSE) is ScheduleState.PAUSED
    assert switched(name, ScheduleState.PAUSED, Switch.RESUME) is ScheduleState.ENABLED
    with pytest.raises(FailedPrecondition, match="Job j is PAUSED; only one that is ENABLED can be paused"):
        switched(name, ScheduleState.PAUSED, Switch.PAUSE)
    with pytest.raises(FailedPrecondition, match="only one that is PAUSED can be resumed"):
        switched(name, ScheduleState.ENABLED, Switch.RESUME)


def test_given_a_schedule_that_is_resumed_when_it_is_planned_then_nothing_is_caught_up() -> None:
    schedule = planned(a_schedule(next_s=None, waiting_s=NOON), NOON + 10)
    assert (schedule.next_s, schedule.waiting_s) == (NOON + 300, None)
    assert planned(replace(schedule, state=ScheduleState.PAUSED), NOON).next_s is None


# -- requests -------------------------------------------------------------------------------------------------------


def test_given_a_target_when_its_headers_are_made_then_ours_replace_the_users() -> None:
    target = HttpTarget(
        uri="http://127.0.0.1/",
        headers={"X-Mine": "a,b", "User-Agent": "me", "x-cloudscheduler": "no", "X-Google-A": "1", "Host": "x"},
        body=b"x",
    )
    headers = request_headers(a_schedule(time_zone="Asia/Tokyo"), target, a_run())
    assert headers == (
        ("X-Mine", "a,b"),
        ("Content-Type", "application/octet-stream"),
        ("User-Agent", "Google-Cloud-Scheduler"),
        ("X-CloudScheduler", "true"),
        ("X-CloudScheduler-JobName", "j"),
        ("X-CloudScheduler-ScheduleTime", "2026-06-01T21:00:00+09:00"),
    )


def test_given_a_type_or_no_body_when_headers_are_made_then_none_is_added() -> None:
    typed = HttpTarget(uri="http://x/", headers={"content-type": "text/plain"}, body=b"x")
    assert ("content-type", "text/plain") in request_headers(a_schedule(), typed, a_run())
    for target in (HttpTarget(uri="http://x/"), HttpTarget(uri="http://x/", method=HttpMethod.GET)):
        assert all(name != "Content-Type" for name, _ in request_headers(a_schedule(), target, a_run()))
    assert len([1 for name, _ in request_headers(a_schedule(), typed, a_run()) if name.lower() == "content-type"]) == 1


def test_given_a_token_when_headers_are_made_then_the_users_own_one_goes() -> None:
    headers = {"Authorization": "Bearer mine"}
    own = HttpTarget(uri="http://x/", headers=headers)
    assert ("Authorization", "Bearer mine") in request_headers(a_schedule(), own, a_run())
    replaced = replace(own, oauth=OAuthToken(service_account_email="a@b"))
    assert "Authorization" not in dict(request_headers(a_schedule(), replaced, a_run()))


def test_given_runs_when_their_keys_are_made_then_a_due_time_has_one_and_each_forced_run_its_own() -> None:
    schedule = a_schedule()
    assert idempotency_key(schedule, a_run()) == idempotency_key(schedule, a_run(uid="other", attempts=2))
    assert idempotency_key(schedule, a_run()) != idempotency_key(schedule, a_run(slot_s=NOON + 300))
    assert idempotency_key(schedule, a_run(is_forced=True)) != idempotency_key(schedule, a_run())


@pytest.mark.parametrize(
    ("slot_s", "zone", "text"),
    [
        (NOON, "Etc/UTC", "2026-06-01T12:00:00Z"),
        (NOON, "America/New_York", "2026-06-01T08:00:00-04:00"),
        (NOON + 0.25, "Asia/Tokyo", "2026-06-01T12:00:00.250000Z"),
    ],
)
def test_given_a_time_when_it_is_told_then_it_has_the_offset_of_the_zone(slot_s: float, zone: str, text: str) -> None:
    assert slot_text(slot_s, zone) == text


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, Code.OK),
        (299, Code.OK),
        (302, Code.UNKNOWN),
        (400, Code.INVALID_ARGUMENT),
        (404, Code.NOT_FOUND),
        (418, Code.FAILED_PRECONDITION),
        (429, Code.RESOURCE_EXHAUSTED),
        (500, Code.INTERNAL),
        (502, Code.UNKNOWN),
        (503, Code.UNAVAILABLE),
        (504, Code.DEADLINE_EXCEEDED),
    ],
)
def test_given_an_answer_when_it_is_read_then_its_status_says_how_the_attempt_ended(status: int, code: Code) -> None:
    assert outcome_of(status, "why", "e").code is code
    assert outcome_of(status).message == ("" if code is Code.OK else f"The target answered HTTP {status}.")


# -- what earlier runs started ----------------------------------------------------------------------------------------

FORBID, QUEUE = Extension(overlap=Overlap.FORBID), Extension(overlap=Overlap.QUEUE)
EXECUTION = "projects/p/locations/l/jobs/j/executions/e"
LOOK = Look(executions=(EXECUTION, "ended"), under_way=(EXECUTION,))


@pytest.mark.parametrize(
    ("extension", "executions", "is_forced", "looks"),
    [
        (FORBID, (EXECUTION,), False, True),
        (FORBID, (), False, False),
        (FORBID, (EXECUTION,), True, False),
        (Extension(), (EXECUTION,), False, False),
    ],
)
def test_given_a_policy_when_an_attempt_is_to_be_made_then_executions_of_before_are_looked_at(
    extension: Extension, executions: tuple[str, ...], is_forced: bool, looks: bool
) -> None:
    schedule = a_schedule(extension=extension, executions=executions)
    assert looks_first(schedule, a_run(is_forced=is_forced)) is looks


def test_given_an_execution_under_way_when_it_is_met_then_forbid_leaves_out_and_queue_holds() -> None:
    run = a_run()
    left_out = met(a_schedule(extension=FORBID, executions=(EXECUTION, "ended", "new")), run, LOOK, NOON + 1, "x")
    assert (left_out.run, left_out.over, left_out.schedule.executions) == (None, run, (EXECUTION, "new"))
    held = met(a_schedule(extension=QUEUE), run, LOOK, NOON + 1, "x")
    assert held.run == replace(run, is_held=True, retry_s=NOON + 1.5)
    assert held.run is not None
    later = met(a_schedule(extension=QUEUE), held.run, LOOK, NOON + 1_000, "x")
    assert later.run == replace(run, is_held=True, retry_s=NOON + 1_010)
    paused = met(a_schedule(extension=QUEUE, state=ScheduleState.PAUSED), run, LOOK, NOON + 1, "x")
    assert (paused.run, paused.over) == (None, run)


def test_given_a_run_that_is_held_when_times_fall_due_then_they_are_left_out() -> None:
    held = a_run(is_held=True, retry_s=NOON + 301)
    assert fall_due(a_schedule(extension=QUEUE), held, NOON + 300, "x").schedule.waiting_s is None
    again_held = again(a_schedule(extension=QUEUE, executions=(EXECUTION,)), held, NOON + 301)
    assert (again_held.schedule.last_attempt_s, again_held.run) == (None, replace(held, retry_s=None))


def test_given_answers_that_name_executions_when_they_are_noted_then_so_many_are_kept() -> None:
    schedule = cleared(a_schedule(extension=FORBID, executions=("old", "new")), Look(executions=("old",)), NOON)
    assert (schedule.executions, schedule.last_attempt_s) == (("new",), NOON)
    for number in [*range(25), 24]:
        outcome = Outcome(code=Code.OK, execution=f"e{number}")
        schedule = answer(schedule, a_run(is_forced=True), outcome, NOON, "x").schedule
    assert schedule.executions == tuple(f"e{number}" for number in range(5, 25))
    free = answer(replace(schedule, extension=Extension()), a_run(), replace(OK, execution="e"), NOON, "x").schedule
    assert free.executions == ("e",)
    assert answer(free, a_run(), OK, NOON, "x").schedule.executions == ("e",)
