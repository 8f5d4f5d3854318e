"""The change feed of every store: filtered before it is limited, whole commits, nothing lost."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_builders import (
    a_finished_execution,
    a_job,
    an_execution,
    begin,
    end,
    happen,
    start,
)

from hakobune.core.errors import OutOfRange
from hakobune.core.jobs.decide import CancelRequested
from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.store.api import Change, ChangeKind, Page, ReadTx, Store, WriteTx
from hakobune.store.sqlite import feed
from hakobune.store.sqlite.database import SqliteStore

pytestmark = pytest.mark.anyio


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind.value, change.name.rpartition("/")[2]) for change in changes]


async def test_given_changes_when_read_since_a_number_then_each_resource_comes_once_in_its_newest_picture(
    store: Store,
) -> None:
    job = a_job()
    await store.write(lambda tx: tx.jobs.add_job(job))
    seq = await store.read(lambda tx: tx.seq)
    attempts = await store.write(lambda tx: begin(tx, an_execution(job, tasks=2)))
    await store.write(lambda tx: start(tx, attempts))
    await store.write(lambda tx: end(tx, attempts[:1]))
    changes = await store.read(lambda tx: tx.changes(seq, 100, "p"))
    assert told(changes) == [
        ("job", "encode"),
        ("task", "encode-aaaaa-task1"),
        ("execution", "encode-aaaaa"),
        ("task", "encode-aaaaa-task0"),
    ]
    assert [change.seq for change in changes] == [seq + 1, seq + 2, seq + 3, seq + 3]
    assert changes[0].job == await store.read(lambda tx: tx.jobs.find_job(job.name))
    assert changes[2].execution == await store.read(lambda tx: tx.jobs.execution_by_uid(an_execution(job).uid))
    assert changes[3].task is not None
    assert changes[3].task.state is TaskState.SUCCEEDED
    assert await store.read(lambda tx: tx.changes(seq + 3, 100, None)) == []


async def test_given_two_projects_when_one_is_read_with_a_limit_then_the_other_takes_no_place(store: Store) -> None:
    for number in range(20):
        await store.write(lambda tx, number=number: tx.jobs.add_job(a_job(f"other{number}", project="q")))
    await store.write(lambda tx: tx.jobs.add_job(a_job("mine")))
    await store.write(lambda tx: tx.jobs.hide_job(a_job("other3", project="q")))
    assert told(await store.read(lambda tx: tx.changes(0, 1, "p"))) == [("job", "mine")]
    assert len(await store.read(lambda tx: tx.changes(0, 100, None))) == 21
    assert told(await store.read(lambda tx: tx.changes(20, 100, "q"))) == [("removed", "other3")]


async def test_given_changes_of_all_kinds_when_some_are_asked_for_then_the_others_take_no_place(store: Store) -> None:
    job = a_job()
    await store.write(lambda tx: tx.jobs.add_job(job))
    await store.write(lambda tx: tx.jobs.add_job(a_job("gone")))
    seq = await store.read(lambda tx: tx.seq)
    attempts = await store.write(lambda tx: begin(tx, an_execution(job, tasks=8, parallelism=8)))
    await store.write(lambda tx: tx.jobs.hide_job(a_job("gone")))
    for attempt in attempts:
        await store.write(lambda tx, attempt=attempt: start(tx, [attempt]))

    async def asked(*kinds: ChangeKind) -> list[tuple[str, str]]:
        return told(await store.read(lambda tx: tx.changes(seq, 2, "p", frozenset(kinds))))

    assert await asked(ChangeKind.EXECUTION) == [("execution", "encode-aaaaa")]
    assert await asked(ChangeKind.JOB, ChangeKind.REMOVED) == [("job", "encode"), ("removed", "gone")]
    assert await asked(ChangeKind.TASK) == [("task", "encode-aaaaa-task0"), ("task", "encode-aaaaa-task1")]
    assert await asked() == []


async def test_given_one_commit_larger_than_the_limit_when_read_then_it_is_given_whole(store: Store) -> None:
    job = a_job()

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        begin(tx, an_execution(job, tasks=250, parallelism=250))

    await store.write(unit)
    await store.write(lambda tx: tx.jobs.add_job(a_job("later")))
    changes = await store.read(lambda tx: tx.changes(0, 10, "p"))
    assert len(changes) == 1 + 1 + 250
    assert {change.seq for change in changes} == {1}
    assert told(await store.read(lambda tx: tx.changes(1, 10, "p"))) == [("job", "later")]


async def test_given_a_name_that_went_and_came_back_in_one_commit_when_read_then_it_is_there_at_the_end(
    store: Store,
) -> None:
    job = a_job()
    await store.write(lambda tx: tx.jobs.add_job(job))
    await store.write(lambda tx: (tx.jobs.hide_job(job), tx.jobs.add_job(a_job(uid="second"))))
    changes = await store.read(lambda tx: tx.changes(1, 10, "p"))
    assert told(changes) == [("removed", "encode"), ("job", "encode")]


async def test_given_hidden_and_purged_executions_when_read_then_each_is_told_as_removed_once(store: Store) -> None:
    job = a_job()

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        begin(tx, an_execution(job, "aaaaa"))
        a_finished_execution(tx, job, "bbbbb")

    await store.write(unit)
    seq = await store.read(lambda tx: tx.seq)
    await store.write(lambda tx: tx.jobs.hide_execution(an_execution(job, "aaaaa").uid))
    await store.write(lambda tx: tx.jobs.purge_execution(an_execution(job, "bbbbb").uid))
    await store.write(lambda tx: end(tx, [f"{an_execution(job, 'aaaaa').uid}.0.0"]))
    await store.write(lambda tx: tx.jobs.purge_execution(an_execution(job, "aaaaa").uid))
    changes = await store.read(lambda tx: tx.changes(seq, 100, "p"))
    removed = [change.name.rpartition("/")[2] for change in changes if change.kind is ChangeKind.REMOVED]
    assert removed == ["encode-aaaaa", "encode-bbbbb"]
    assert [change.kind for change in changes if change.kind is not ChangeKind.REMOVED] == [ChangeKind.JOB]


async def test_given_more_removals_than_are_kept_when_read_from_before_then_the_reader_is_told_to_list_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "TOMBSTONES_KEPT", 3)

    def churn(tx: WriteTx, number: int) -> None:
        tx.jobs.add_job(a_job(f"j{number}"))

    for number in range(6):
        await store.write(lambda tx, number=number: churn(tx, number))
    for number in range(6):
        await store.write(lambda tx, number=number: tx.jobs.hide_job(a_job(f"j{number}")))
    with pytest.raises(OutOfRange, match="List again"):
        await store.read(lambda tx: tx.changes(0, 10, None))
    assert await store.read(lambda tx: tx.changes(0, 10, None, frozenset({ChangeKind.EXECUTION}))) == []
    assert told(await store.read(lambda tx: tx.changes(9, 10, None))) == [("removed", f"j{n}") for n in (3, 4, 5)]
    seq = await store.read(lambda tx: tx.seq)
    assert await store.read(lambda tx: tx.changes(seq, 10, None)) == []


class _Model:
    """What a reader of the feed believes."""

    def __init__(self) -> None:
        self.since = 0
        self.jobs: dict[str, object] = {}
        self.executions: dict[str, object] = {}
        self.tasks: dict[str, object] = {}

    def take(self, changes: list[Change]) -> None:
        for change in changes:
            assert change.seq >= self.since
            match change.kind:
                case ChangeKind.JOB:
                    self.jobs[change.name] = change.job
                case ChangeKind.EXECUTION:
                    self.executions[change.name] = change.execution
                case ChangeKind.TASK:
                    self.tasks[change.name] = change.task
                case ChangeKind.REMOVED:
                    self.jobs.pop(change.name, None)
                    self.executions.pop(change.name, None)
                    for name in [name for name in self.tasks if name.startswith(f"{change.name}/")]:
                        del self.tasks[name]
        if changes:
            self.since = changes[-1].seq

    def matches(self, tx: ReadTx) -> None:
        jobs = tx.jobs.list_jobs("p", None, Page(limit=1000))
        executions = tx.jobs.list_executions("p", None, None, Page(limit=1000))
        assert self.jobs == {str(job.name): job for job in jobs}
        assert self.executions == {str(execution.name): execution for execution in executions}
        for execution in executions:
            listed = tx.jobs.list_tasks(execution, Page(limit=1000))
            for task in listed:
                told_of = self.tasks.get(execution.name.task(task.index))
                assert told_of is None or told_of == task
            assert all(
                execution.name.task(task.index) in self.tasks for task in listed if task.state is TaskState.RUNNING
            )


STEPS = st.lists(
    st.tuples(st.sampled_from(["job", "run", "end", "cancel", "hide", "remove"]), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


def take_step(tx: WriteTx, step: tuple[str, int], number: int) -> None:
    """One change of some job, if it can be made."""
    what, which = step
    job = tx.jobs.find_job(a_job(f"j{which}").name)
    if what == "job" or job is None:
        if job is None:
            tx.jobs.add_job(a_job(f"j{which}", uid=f"uid{number}"))
        else:
            tx.jobs.replace_job(job)
        return
    mine = set(tx.jobs.executions_of(job.uid))
    under_way = [uid for uid in tx.jobs.executions_under_way() if uid in mine]
    if what == "run":
        begin(tx, an_execution(job, f"e{number:04d}", tasks=which + 1, parallelism=1))
    elif what == "end" and under_way:
        held = [held.attempt_uid for held in tx.jobs.held_attempts() if held.execution_uid == under_way[0]]
        end(tx, held[:2])
    elif what == "cancel" and under_way:
        happen(tx, under_way[0], CancelRequested(reason="user"))
    elif what == "hide":
        for uid in tx.jobs.executions_of(job.uid):
            execution = tx.jobs.execution_by_uid(uid)
            assert execution is not None
            tx.jobs.hide_execution(uid)
            if execution.state in (ExecutionState.SUCCEEDED, ExecutionState.CANCELLED):
                tx.jobs.purge_execution(uid)
    elif what == "remove":
        for uid in tx.jobs.executions_of(job.uid):
            tx.jobs.hide_execution(uid)
        tx.jobs.hide_job(job)


@given(steps=STEPS, limit=st.integers(1, 8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_given_any_history_when_a_reader_follows_by_pages_then_it_believes_what_lists_show(
    steps: list[tuple[str, int]], limit: int
) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)

    async def history() -> None:
        store = SqliteStore.inline(connection)
        reader = _Model()
        for number, step in enumerate(steps):
            await store.write(lambda tx, step=step, number=number: take_step(tx, step, number))
            if number % 4 == 0:
                reader.take(await store.read(lambda tx: tx.changes(reader.since, limit, "p")))
        while changes := await store.read(lambda tx: tx.changes(reader.since, limit, "p")):
            reader.take(changes)
        await store.read(reader.matches)

    asyncio.run(history())
    connection.close()


async def test_given_writers_at_once_when_a_reader_follows_beside_them_then_nothing_is_lost(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    reader = _Model()
    stop = threading.Event()

    async def write(which: int) -> None:
        for number in range(40):
            step = (["job", "run", "end", "end", "remove"][number % 5], which)
            name = which * 1000 + number
            await store.write(lambda tx, step=step, name=name: take_step(tx, step, name))

    async def follow() -> None:
        while not stop.is_set():
            reader.take(await store.read(lambda tx: tx.changes(reader.since, 3, "p")))
            await store.wait_for_change(reader.since, 0.05)

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(which) for which in range(4)))
    stop.set()
    await following
    while changes := await store.read(lambda tx: tx.changes(reader.since, 3, "p")):
        reader.take(changes)
    await store.read(reader.matches)
    await store.close()
