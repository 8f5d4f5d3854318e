"""The jobs room of every store: tasks, attempts, and the views that decisions are made from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_builders import (
    FAILURE,
    NOW_S,
    a_job,
    an_execution,
    begin,
    end,
    handed_over,
    happen,
    start,
)

from hakobune.core.jobs.decide import AttemptEnded, CancelRequested, Created, Reported
from hakobune.core.jobs.model import AttemptResult, Cause, Counts, ResultKind, Task
from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.store.api import HeldAttempt, Page, Store, WriteTx

pytestmark = pytest.mark.anyio
ALL = Page(limit=1_000)


async def test_given_10000_tasks_when_begun_then_only_handed_over_ones_have_a_row_and_all_are_listed(
    store: Store,
) -> None:
    job = a_job()
    execution = an_execution(job, tasks=10_000, parallelism=4)

    def unit(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        return begin(tx, execution)

    attempts = await store.write(unit)
    assert len(attempts) == 4 + 96
    view = await store.write(lambda tx: tx.jobs.load_view(execution.uid, [0, 99, 100], NOW_S))
    assert view is not None
    assert (view.in_flight, view.first_unborn, view.pending_rows) == (100, 100, 0)
    assert sorted(view.named) == [0, 99]
    page = await store.read(lambda tx: tx.jobs.list_tasks(execution, Page(limit=4, after="97")))
    assert [task.index for task in page] == [98, 99, 100, 101]
    assert [task.state for task in page] == [TaskState.RUNNING] * 2 + [TaskState.PENDING] * 2
    last = await store.read(lambda tx: tx.jobs.list_tasks(execution, Page(limit=4, after="9998")))
    assert [task.index for task in last] == [9_999]
    assert await store.read(lambda tx: tx.jobs.find_task(execution, 10_000)) is None
    assert await store.read(lambda tx: tx.jobs.find_task(execution, -1)) is None


async def test_given_a_task_when_its_attempt_runs_and_ends_then_the_attempt_is_shown_at_each_step(
    store: Store,
) -> None:
    job = a_job()
    execution = an_execution(job, retries=1)

    def unit(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        return begin(tx, execution)

    attempts = await store.write(unit)
    [waiting] = await store.read(lambda tx: tx.jobs.list_attempts(execution, 0))
    assert (waiting.uid, waiting.number, waiting.create_time_s) == (attempts[0], 0, NOW_S)
    assert (waiting.start_time_s, waiting.end_time_s, waiting.result) == (None, None, None)
    assert await store.read(lambda tx: tx.jobs.ended_attempts(execution.uid, None, ALL)) == []

    await store.write(lambda tx: start(tx, attempts, NOW_S + 1))
    [running] = await store.read(lambda tx: tx.jobs.list_attempts(execution, 0))
    assert running == replace(waiting, start_time_s=NOW_S + 1)
    held = await store.read(lambda tx: tx.jobs.held_attempts())
    assert held == [HeldAttempt(execution_uid=execution.uid, index=0, number=0, attempt_uid=attempts[0])]

    again = handed_over(await store.write(lambda tx: end(tx, attempts, FAILURE, NOW_S + 2)))
    first, second = await store.read(lambda tx: tx.jobs.list_attempts(execution, 0))
    assert first == replace(running, end_time_s=NOW_S + 2, result=FAILURE, max_rss_bytes=4096, cpu_s=0.5)
    assert (second.uid, second.number, second.cause, second.end_time_s) == (again[0], 1, Cause.RETRY, None)

    await store.write(lambda tx: end(tx, again, at_s=NOW_S + 4))
    found = await store.read(lambda tx: tx.jobs.ended_attempts(execution.uid, 0, ALL))
    assert [attempt.number for attempt in found] == [0, 1]
    task = await store.read(lambda tx: tx.jobs.find_task(execution, 0))
    assert task is not None
    assert (task.state, task.attempt, task.retried, task.attempt_uid) == (TaskState.SUCCEEDED, 1, 1, "")
    assert (task.start_time_s, task.completion_time_s) == (NOW_S + 1, NOW_S + 4)
    assert await store.read(lambda tx: tx.jobs.held_attempts()) == []


async def test_given_an_attempt_that_never_started_when_it_is_lost_then_it_leaves_no_record(store: Store) -> None:
    job = a_job()
    execution = an_execution(job)

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        [attempt] = begin(tx, execution)
        lost = AttemptEnded(index=0, attempt_uid=attempt, at_s=NOW_S, result=AttemptResult(kind=ResultKind.LOST))
        happen(tx, execution.uid, Reported(reports=(lost,)), [0])

    await store.write(unit)
    [present] = await store.read(lambda tx: tx.jobs.list_attempts(execution, 0))
    assert (present.number, present.uid) == (0, f"{execution.uid}.0.1")
    assert await store.read(lambda tx: tx.jobs.ended_attempts(execution.uid, None, ALL)) == []


async def test_given_many_ended_attempts_when_read_by_pages_then_each_comes_once_in_order(store: Store) -> None:
    job = a_job()
    execution = an_execution(job, tasks=5, retries=2)

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        attempts = begin(tx, execution)
        while attempts:
            attempts = handed_over(end(tx, attempts, FAILURE))

    await store.write(unit)
    seen: list[tuple[int, int]] = []
    after = ""
    while found := await store.read(
        lambda tx, after=after: tx.jobs.ended_attempts(execution.uid, None, Page(limit=4, after=after))
    ):
        after = found[-1].uid
        seen += [(attempt.index, attempt.number) for attempt in found]
    assert seen == [(index, number) for index in range(5) for number in range(3)]
    page = await store.read(
        lambda tx: tx.jobs.ended_attempts(execution.uid, 3, Page(limit=9, after=f"{execution.uid}.3.0"))
    )
    assert [attempt.number for attempt in page] == [1, 2]


async def test_given_tasks_in_backoff_when_a_view_is_loaded_then_only_due_ones_are_ready_lowest_index_first(
    store: Store,
) -> None:
    job = a_job()
    execution = an_execution(job, tasks=6, retries=3, backoff_s=10.0)

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        attempts = begin(tx, execution)
        end(tx, attempts[4:], FAILURE, NOW_S)
        end(tx, attempts[:2], FAILURE, NOW_S + 5)

    await store.write(unit)
    early, late = await store.write(
        lambda tx: [tx.jobs.load_view(execution.uid, [], NOW_S + after_s) for after_s in (11.0, 15.0)]
    )
    assert early is not None
    assert [task.index for task in early.ready] == [4, 5]
    assert (early.next_ready_s, early.pending_rows) == (NOW_S + 15, 4)
    assert late is not None
    assert [task.index for task in late.ready] == [0, 1, 4, 5]
    assert late.next_ready_s is None


async def test_given_a_cancel_when_saved_then_rows_that_wait_and_tasks_without_a_row_are_cancelled(
    store: Store,
) -> None:
    job = a_job()
    execution = an_execution(job, tasks=300, parallelism=1, retries=1, backoff_s=60.0)

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        attempts = begin(tx, execution)
        end(tx, attempts[:3], FAILURE, NOW_S + 1)
        happen(tx, execution.uid, CancelRequested(reason="user"), now_s=NOW_S + 2)

    await store.write(unit)
    found = await store.read(lambda tx: tx.jobs.find_execution(execution.name))
    assert found is not None
    assert (found.state, found.cancel_reason) == (ExecutionState.CANCELLING, "user")
    tasks = await store.read(lambda tx: tx.jobs.list_tasks(found, ALL))
    running = [task.index for task in tasks if task.state is TaskState.RUNNING]
    cancelled = [task.index for task in tasks if task.state is TaskState.CANCELLED]
    assert sorted(running + cancelled) == list(range(300))
    assert cancelled[:3] == [0, 1, 2]
    assert found.counts.cancelled == len(cancelled)


async def test_given_carried_tasks_when_an_execution_is_added_then_they_have_rows_and_the_rest_follow(
    store: Store,
) -> None:
    job = a_job()
    execution = replace(an_execution(job, tasks=3), counts=Counts(succeeded=2))
    carried = [
        Task(index=0, state=TaskState.SUCCEEDED, attempt=0, completion_time_s=NOW_S),
        Task(index=1, state=TaskState.PENDING, attempt=2, cause=Cause.RERUN),
        Task(index=2, state=TaskState.SUCCEEDED, attempt=1),
    ]

    def unit(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        tx.jobs.add_execution(execution, carried)
        view = tx.jobs.load_view(execution.uid, [], NOW_S)
        assert view is not None
        assert (view.pending_rows, view.first_unborn, list(view.ready)) == (1, 3, [carried[1]])
        return handed_over(happen(tx, execution.uid, Created()))

    attempts = await store.write(unit)
    [again] = await store.read(lambda tx: tx.jobs.list_attempts(execution, 1))
    assert (again.uid, again.number, again.cause) == (attempts[0], 3, Cause.RERUN)
    assert await store.read(lambda tx: tx.jobs.find_task(execution, 0)) == carried[0]
