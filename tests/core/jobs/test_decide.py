"""What happens next in an execution."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import CANCELLED, EXIT_1, LOST, OK, World, an_execution, result

from hakobune.core.jobs import limits
from hakobune.core.jobs.decide import (
    AttemptEnded,
    AttemptStarted,
    Reported,
    StartAttempts,
    StopAttempts,
    View,
    WakeAt,
    Woken,
    backoff_s,
    decide,
    window,
)
from hakobune.core.jobs.model import AttemptResult, Cause, Policy, ResultKind, Task
from hakobune.core.jobs.states import ExecutionState, TaskState


def test_given_a_new_execution_when_it_is_created_then_all_its_tasks_are_handed_over_in_index_order() -> None:
    world = World(an_execution(task_count=3))
    decision = world.create()
    assert decision.commands == (StartAttempts(attempts=(("e1.0.0", 0, 0), ("e1.1.0", 1, 0), ("e1.2.0", 2, 0))),)
    assert [task.state for task in decision.tasks] == [TaskState.RUNNING] * 3
    assert decision.first_unborn == 3


def test_given_many_tasks_when_created_then_no_more_than_the_window_are_handed_over() -> None:
    world = World(an_execution(task_count=10_000, parallelism=8))
    decision = world.create()
    assert decision.in_flight == window(world.execution) == 8 + limits.LOOKAHEAD
    assert decision.first_unborn == 8 + limits.LOOKAHEAD


def test_given_a_full_window_when_one_task_ends_then_one_more_is_handed_over() -> None:
    world = World(an_execution(task_count=10_000, parallelism=1))
    world.create()
    decision = world.end(0, OK)
    assert decision.commands == (StartAttempts(attempts=(("e1.97.0", 97, 0),)),)


def test_given_a_task_when_its_process_exists_then_the_execution_has_started() -> None:
    world = World(an_execution(task_count=2))
    world.create()
    world.now_s = 101.5
    world.start(0)
    assert world.execution.first_start_time_s == 101.5
    assert world.execution.counts.running == 1
    world.now_s = 102.0
    world.start(1)
    assert world.execution.first_start_time_s == 101.5
    assert world.tasks[1].attempt_start_s == 102.0
    world.now_s = 105.0
    world.end(1, OK)
    record = world.attempts["e1.1.0"]
    assert (record.number, record.create_time_s, record.start_time_s, record.end_time_s) == (0, 100.0, 102.0, 105.0)


def test_given_all_tasks_succeed_when_the_last_ends_then_the_execution_succeeds() -> None:
    world = World(an_execution(task_count=2))
    world.create()
    world.end(0, OK)
    assert world.execution.state is ExecutionState.RUNNING
    world.now_s = 110.0
    world.end(1, OK)
    assert world.execution.state is ExecutionState.SUCCEEDED
    assert world.execution.completion_time_s == 110.0
    assert world.execution.counts.succeeded == 2
    assert world.execution.counts.attempts_ended == 2
    assert world.execution.counts.running == 0


def test_given_retries_left_when_an_attempt_fails_then_the_task_starts_again_at_once() -> None:
    world = World(an_execution(max_retries=1))
    world.create()
    decision = world.end(0, EXIT_1)
    assert decision.commands == (StartAttempts(attempts=(("e1.0.1", 0, 1),)),)
    assert world.tasks[0].retried == 1
    assert world.tasks[0].cause is Cause.RETRY
    assert world.execution.counts.retried == 1
    assert world.execution.counts.failed == 0


def test_given_no_retries_left_when_an_attempt_fails_then_the_task_and_the_execution_fail() -> None:
    world = World(an_execution(max_retries=1))
    world.create()
    world.end(0, EXIT_1)
    world.end(0, EXIT_1)
    assert world.tasks[0].state is TaskState.FAILED
    assert world.execution.state is ExecutionState.FAILED
    assert world.execution.failure == EXIT_1
    assert world.execution.failure_index == 0
    assert world.execution.counts.retried == 1  # tasks, not retries


def test_given_a_failed_task_when_others_wait_then_they_still_run_and_the_first_failure_is_kept() -> None:
    world = World(an_execution(task_count=3, max_retries=0))
    world.create()
    world.end(1, result(ResultKind.TIMEOUT))
    world.end(0, EXIT_1)
    assert world.execution.state is ExecutionState.RUNNING
    world.end(2, OK)
    assert world.execution.state is ExecutionState.FAILED
    assert world.execution.failure_index == 1


def test_given_a_backoff_when_an_attempt_fails_then_the_task_waits_and_a_timer_is_asked_for() -> None:
    world = World(an_execution(max_retries=2, policy=Policy(backoff_s=2.0)))
    world.create()
    decision = world.end(0, EXIT_1)
    assert decision.commands == (WakeAt(at_s=102.0),)
    assert world.tasks[0].state is TaskState.PENDING
    assert world.tasks[0].not_before_s == 102.0
    decision = world.wake(102.0)
    assert decision.commands == (StartAttempts(attempts=(("e1.0.1", 0, 1),)),)
    decision = world.end(0, EXIT_1)
    assert decision.commands == (WakeAt(at_s=106.0),)  # doubled


def test_given_two_tasks_in_backoff_when_asked_for_a_timer_then_it_is_the_earlier_one() -> None:
    world = World(an_execution(task_count=2, policy=Policy(backoff_s=2.0)))
    world.create()
    world.end(0, EXIT_1)
    world.now_s = 101.0
    assert world.end(1, EXIT_1).commands == (WakeAt(at_s=102.0),)


@pytest.mark.parametrize(("retried", "wait_s"), [(1, 2.0), (2, 4.0), (5, 32.0), (30, 3600.0), (9_999, 3600.0)])
def test_backoff_doubles_up_to_an_hour(retried: int, wait_s: float) -> None:
    assert backoff_s(2.0, retried) == wait_s


def test_given_a_lost_attempt_when_it_ran_then_the_next_has_a_new_number_and_no_retry_is_used() -> None:
    world = World(an_execution(max_retries=0))
    world.create()
    decision = world.end(0, LOST)
    assert decision.commands == (StartAttempts(attempts=(("e1.0.1", 0, 1),)),)
    assert world.tasks[0].retried == 0
    assert world.tasks[0].lost == 1
    assert world.tasks[0].cause is Cause.LOST


def test_given_a_lost_attempt_when_nobody_knows_whether_it_ran_then_it_counts_as_one_that_ran() -> None:
    world = World(an_execution(max_retries=0))
    world.create()
    world.end(0, LOST, ran=False, may_have_run=True)
    assert world.starts[-1] == ("e1.0.1", 0, 1)
    assert "e1.0.0" in world.attempts


def test_given_an_attempt_that_never_ran_when_it_is_lost_then_it_is_taken_back_with_its_number() -> None:
    world = World(an_execution(max_retries=0))
    world.create()
    world.end(0, LOST, ran=False)
    assert "e1.0.0" not in world.attempts
    assert world.starts[-1] == ("e1.0.1", 0, 0)
    assert world.tasks[0].cause is Cause.FIRST
    assert world.execution.counts.attempts_ended == 0


def test_given_an_attempt_stopped_by_nobody_of_ours_when_it_ends_then_it_is_a_loss() -> None:
    world = World(an_execution(max_retries=0))
    world.create()
    world.end(0, CANCELLED)
    assert world.tasks[0].state is TaskState.RUNNING
    assert world.tasks[0].lost == 1


def test_given_losses_without_end_when_the_bound_is_reached_then_the_task_fails() -> None:
    world = World(an_execution())
    world.create()
    for _ in range(limits.LOSSES_MAX):
        world.end(0, LOST)
    assert world.execution.state is ExecutionState.RUNNING
    world.end(0, LOST)
    assert world.execution.state is ExecutionState.FAILED
    assert world.execution.failure == LOST


def test_given_retries_left_when_a_program_cannot_be_started_then_it_is_not_tried_again() -> None:
    world = World(an_execution(max_retries=3))
    world.create()
    world.end(0, result(ResultKind.START_FAILED, detail="no such file"), ran=False)
    assert world.execution.state is ExecutionState.FAILED
    assert world.tasks[0].retried == 0


def test_given_a_running_execution_when_cancelled_then_it_stops_and_what_waits_never_starts() -> None:
    world = World(an_execution(task_count=200, parallelism=1))
    world.create()
    world.start(0)
    decision = world.cancel()
    assert decision.commands == (StopAttempts(),)
    assert world.execution.state is ExecutionState.CANCELLING
    assert world.execution.generation == 2
    assert world.execution.cancel_reason == "user"
    assert world.execution.counts.cancelled == 200 - 97
    for index in range(97):
        world.end(index, CANCELLED, ran=index == 0)
    assert world.execution.state is ExecutionState.CANCELLED
    assert world.execution.counts.cancelled == 200
    assert world.execution.counts.running == 0
    assert list(world.attempts) == ["e1.0.0"]  # what never ran leaves no record


def test_given_a_cancel_when_an_attempt_still_succeeds_then_its_success_counts() -> None:
    world = World(an_execution(task_count=2))
    world.create()
    world.cancel()
    world.end(0, OK)
    world.end(1, EXIT_1)  # ended by the signal: cancelled, not failed
    assert world.execution.state is ExecutionState.CANCELLED
    assert (world.execution.counts.succeeded, world.execution.counts.cancelled) == (1, 1)
    assert world.tasks[1].result == CANCELLED
    assert world.attempts["e1.1.0"].result == EXIT_1  # the record keeps what was seen


def test_given_a_cancel_when_asked_again_then_nothing_changes() -> None:
    world = World(an_execution())
    world.create()
    world.cancel()
    assert world.cancel("deleted").commands == ()
    assert world.execution.generation == 2


def test_given_a_task_in_backoff_when_cancelled_then_its_row_is_cancelled_where_it_lies() -> None:
    world = World(an_execution(task_count=2, policy=Policy(backoff_s=60.0)))
    world.create()
    world.end(0, EXIT_1)
    decision = world.cancel()
    assert decision.cancel_pending
    assert world.tasks[0].state is TaskState.CANCELLED
    world.end(1, CANCELLED)
    assert world.execution.state is ExecutionState.CANCELLED


def test_given_a_failure_and_a_cut_in_one_turn_when_tasks_are_requeued_then_they_are_cancelled_in_it() -> None:
    world = World(an_execution(task_count=3, max_retries=1, policy=Policy(max_failed_tasks=0)))
    world.create()
    world.end(0, EXIT_1)
    last, requeued = world.ended(0, EXIT_1), world.ended(1, EXIT_1)
    decision = world.turn(Reported(reports=(requeued, last)))
    assert not decision.cancel_pending
    assert world.tasks[1].state is TaskState.CANCELLED
    assert world.tasks[1].completion_time_s == world.now_s
    assert world.execution.cancel_reason == "max_failed_tasks"
    world.end(2, CANCELLED)
    assert world.execution.state is ExecutionState.FAILED
    assert world.execution.failure_index == 0


def test_given_a_backoff_and_a_cut_in_one_turn_when_it_is_saved_then_no_task_is_left_waiting() -> None:
    world = World(an_execution(task_count=2, max_retries=1, policy=Policy(max_failed_tasks=0, backoff_s=9.0)))
    world.create()
    world.end(0, EXIT_1)
    world.wake(109.0)
    world.turn(Reported(reports=(world.ended(1, EXIT_1), world.ended(0, EXIT_1))))
    assert world.execution.state is ExecutionState.FAILED
    assert world.tasks[1].state is TaskState.CANCELLED


def test_given_a_threshold_when_as_many_tasks_fail_as_it_tolerates_then_the_rest_goes_on() -> None:
    world = World(an_execution(task_count=3, max_retries=0, policy=Policy(max_failed_tasks=1)))
    world.create()
    world.end(0, EXIT_1)
    assert world.execution.state is ExecutionState.RUNNING
    world.end(1, EXIT_1)
    assert world.execution.state is ExecutionState.CANCELLING


def test_given_reports_nobody_waits_for_when_they_arrive_then_nothing_changes() -> None:
    world = World(an_execution(task_count=2))
    world.create()
    world.end(0, OK)
    before = (dict(world.tasks), world.execution.counts)
    late = AttemptEnded(index=0, attempt_uid="e1.0.0", at_s=1.0, result=EXIT_1)
    other = AttemptStarted(index=1, attempt_uid="e1.1.7", at_s=1.0)
    unknown = AttemptStarted(index=7, attempt_uid="e1.7.0", at_s=1.0)
    world.turn(Reported(reports=(late, other, unknown)))
    assert (dict(world.tasks), world.execution.counts) == before


def test_given_a_started_attempt_when_its_start_is_reported_again_then_it_counts_once() -> None:
    world = World(an_execution())
    world.create()
    world.start(0)
    world.start(0)
    assert world.execution.counts.running == 1


def test_given_an_ended_execution_when_woken_then_nothing_happens() -> None:
    world = World(an_execution())
    world.create()
    world.end(0, OK)
    completed_s = world.execution.completion_time_s
    assert world.wake(999.0).commands == ()
    assert world.execution.completion_time_s == completed_s


def test_given_a_rerun_when_created_then_only_the_rows_that_wait_are_handed_over() -> None:
    world = World(an_execution(task_count=3))
    done = replace(an_execution().counts, succeeded=2)
    world.execution = replace(world.execution, counts=done)
    world.first_unborn = 3
    world.tasks = {
        0: Task(index=0, state=TaskState.SUCCEEDED),
        1: Task(index=1, state=TaskState.PENDING, attempt=2, cause=Cause.RERUN),
        2: Task(index=2, state=TaskState.SUCCEEDED),
    }
    decision = world.create()
    assert decision.commands == (StartAttempts(attempts=(("e1.1.0", 1, 3),)),)
    world.end(1, OK)
    assert world.execution.state is ExecutionState.SUCCEEDED


def test_decisions_do_not_depend_on_anything_but_their_arguments() -> None:
    execution = an_execution(task_count=5, parallelism=2)
    view = View(execution=execution, in_flight=0, first_unborn=0, pending_rows=0)
    assert decide(view, Woken(), 7.0) == decide(view, Woken(), 7.0)


# -- histories -----------------------------------------------------------------------------------------------------

_OUTCOMES = st.sampled_from(
    [OK, OK, EXIT_1, LOST, CANCELLED, result(ResultKind.SIGNAL, signal=9), result(ResultKind.START_FAILED)]
)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "end", "end", "end", "vanish", "doubled", "wake", "cancel"]),
        st.integers(0, 10**6),
        _OUTCOMES,
    ),
    max_size=60,
)
_EXECUTIONS = st.builds(
    lambda count, parallelism, retries, backoff, most: an_execution(
        task_count=count,
        parallelism=min(count, parallelism),
        max_retries=retries,
        policy=Policy(backoff_s=backoff, max_failed_tasks=most),
    ),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 2),
    st.sampled_from([0.0, 5.0]),
    st.sampled_from([None, None, 0, 2]),
)


def _running(world: World) -> list[int]:
    return [index for index, task in world.tasks.items() if task.state is TaskState.RUNNING]


def _step(world: World, kind: str, number: int, outcome: object) -> None:
    held = sorted(_running(world))
    index = held[number % len(held)] if held else None
    match kind:
        case "wake":
            world.wake(world.now_s + number % 20)
        case "cancel":
            if number % 7 == 0:
                world.cancel("user")
        case _ if index is None:
            pass
        case "start":
            world.start(index)
        case "vanish":
            world.end(index, LOST, ran=False)
        case "doubled":
            report = world.ended(index, outcome)  # type: ignore[arg-type]
            world.turn(Reported(reports=(report, report)))
        case _:
            world.end(index, outcome)  # type: ignore[arg-type]


def _check(world: World) -> None:
    states = [task.state for task in world.tasks.values()]
    counts = world.execution.counts
    unborn = world.execution.task_count - world.first_unborn
    assert counts.running == sum(task.is_running for task in world.tasks.values())
    assert counts.succeeded == states.count(TaskState.SUCCEEDED)
    assert counts.failed == states.count(TaskState.FAILED)
    if world.execution.state is ExecutionState.RUNNING:
        assert counts.cancelled == 0
        assert len(states) + unborn == world.execution.task_count
    assert world.in_flight <= window(world.execution)
    for task in world.tasks.values():
        assert task.retried <= world.execution.template.max_retries
        assert task.lost <= limits.LOSSES_MAX
    numbers = [(record.index, record.number) for record in world.attempts.values()]
    assert len(set(numbers)) == len(numbers)  # of the attempts that ran, no two have one number
    assert len({uid for uid, _, _ in world.starts}) == len(world.starts)


@settings(max_examples=300, deadline=None)
@given(_EXECUTIONS, _STEPS)
def test_every_history_keeps_the_counts_and_bounds_and_comes_to_an_end(
    execution: object, steps: list[tuple[str, int, object]]
) -> None:
    world = World(execution)  # type: ignore[arg-type]
    world.create()
    _check(world)
    for kind, number, outcome in steps:
        _step(world, kind, number, outcome)
        _check(world)
    for _ in range(200):  # whatever happened so far: when attempts end, the execution ends
        if world.execution.completion_time_s is not None:
            break
        for index in _running(world):
            world.end(index, OK if world.execution.state is ExecutionState.RUNNING else CANCELLED)
        world.wake(world.now_s + 3600)
    assert world.execution.completion_time_s is not None
    assert world.execution.counts.ended == world.execution.task_count
    assert world.in_flight == 0


def an_end(world: World, index: int, at_s: float, outcome: AttemptResult = OK) -> AttemptEnded:
    """What the engine says later of an attempt that ended at `at_s`."""
    return AttemptEnded(index=index, attempt_uid=world.tasks[index].attempt_uid, at_s=at_s, result=outcome)


def test_given_tasks_that_ended_while_the_runtime_was_away_then_the_execution_ended_with_the_last_of_them() -> None:
    world = World(an_execution(task_count=2))
    world.create()
    world.start(0, 1)
    world.now_s = 500.0
    world.turn(Reported(reports=(an_end(world, 1, 130.0), an_end(world, 0, 120.0))))
    assert world.execution.completion_time_s == 130.0
    assert world.execution.update_time_s == 500.0


def test_given_a_clock_that_was_set_back_then_an_execution_does_not_end_before_it_began() -> None:
    world = World(an_execution())
    world.create()
    world.now_s = 110.0
    world.start(0)
    world.turn(Reported(reports=(an_end(world, 0, 90.0),)))
    assert world.execution.completion_time_s == world.execution.first_start_time_s == 110.0


def test_given_tasks_that_a_cancel_dropped_then_the_execution_does_not_end_before_them() -> None:
    world = World(an_execution(task_count=200, parallelism=1))
    world.create()
    started = sorted(index for index, task in world.tasks.items() if task.state is TaskState.RUNNING)
    world.start(0)
    world.now_s = 150.0
    world.cancel()
    world.now_s = 500.0
    world.turn(Reported(reports=tuple(an_end(world, index, 140.0, CANCELLED) for index in started)))
    assert world.execution.state is ExecutionState.CANCELLED
    assert world.execution.completion_time_s == 150.0
