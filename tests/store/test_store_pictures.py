"""Snapshots, forks and digests of every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_builders import (
    FAILURE,
    NOW_S,
    a_finished_execution,
    a_job,
    an_execution,
    begin,
    end,
    handed_over,
    start,
)
from store_factories import Stores

from hakobune.core.errors import AlreadyExists, NotFound
from hakobune.core.jobs.states import ExecutionState
from hakobune.store.api import Page, Store, WriteTx

pytestmark = pytest.mark.anyio
ALL = Page(limit=100)


def fill(tx: WriteTx, project: str = "p", *, at_s: float = NOW_S, uid: str = "", result: object = FAILURE) -> None:
    """Two jobs, two ended executions, a policy; one task needed a second try."""
    job = replace(a_job(project=project, uid=uid), create_time_s=at_s, update_time_s=at_s)
    tx.jobs.add_job(job)
    tx.jobs.add_job(a_job("idle", project=project, uid=uid and f"{uid}-idle"))
    a_finished_execution(tx, job, "aaaaa", tasks=3, at_s=at_s)
    attempts = begin(tx, an_execution(job, "bbbbb", tasks=2, retries=1, at_s=at_s))
    again = handed_over(end(tx, attempts, result, at_s + 3))  # type: ignore[arg-type]
    if again:
        end(tx, again, at_s=at_s + 5)
    tx.set_policy(f"{job.name}", '{"bindings":[]}')


async def digest(store: Store, project: str) -> str:
    return await store.read(lambda tx: tx.digest(project))


async def test_given_a_project_when_snapshotted_and_forked_then_the_fork_has_the_same_digest_and_content(
    store: Store,
) -> None:
    await store.write(fill)
    await store.write(lambda tx: tx.snapshot("s1", "p", NOW_S))
    await store.write(lambda tx: tx.jobs.hide_job(a_job("idle")))
    assert await digest(store, "p") != await store.read(lambda tx: tx.digest("nothing"))
    original = await store.read(lambda tx: tx.jobs.list_executions("p", None, None, ALL))

    await store.write(lambda tx: tx.fork("s1", "copy"))
    await store.write(lambda tx: tx.fork("s1", "again"))
    assert await digest(store, "copy") == await digest(store, "again") != await digest(store, "p")
    copied = await store.read(lambda tx: tx.jobs.list_executions("copy", None, None, ALL))
    assert [execution.name.execution for execution in copied] == [execution.name.execution for execution in original]
    assert not {execution.uid for execution in copied} & {execution.uid for execution in original}
    for copy, old in zip(copied, original, strict=True):
        assert (copy.state, copy.counts, copy.template) == (old.state, old.counts, old.template)
        assert copy.name.project == "copy"
        for index in range(copy.task_count):
            mine, theirs = await store.read(
                lambda tx, copy=copy, old=old, index=index: (
                    tx.jobs.list_attempts(copy, index),
                    tx.jobs.list_attempts(old, index),
                )
            )
            assert [replace(attempt, uid="") for attempt in mine] == [replace(attempt, uid="") for attempt in theirs]
    job = await store.read(lambda tx: tx.jobs.find_job(a_job(project="copy").name))
    assert job is not None
    assert job.execution_count == 2
    assert job.latest_execution is not None
    assert job.latest_execution.execution == "encode-bbbbb"
    assert await store.read(lambda tx: tx.policy(str(job.name))) == '{"bindings":[]}'


async def test_given_an_unchanged_project_when_forked_then_its_own_digest_is_that_of_the_fork(store: Store) -> None:
    await store.write(fill)
    await store.write(lambda tx: tx.snapshot("s1", "p", NOW_S))
    await store.write(lambda tx: tx.fork("s1", "copy"))
    assert await digest(store, "copy") == await digest(store, "p")
    await store.write(lambda tx: a_finished_execution(tx, a_job(), "ccccc"))
    assert await digest(store, "copy") != await digest(store, "p")


async def test_given_the_same_work_at_another_time_when_it_ended_the_same_then_the_digest_is_the_same(
    store: Store,
) -> None:
    await store.write(lambda tx: fill(tx, "p"))
    await store.write(lambda tx: fill(tx, "q", at_s=NOW_S + 1_000, uid="another"))
    assert await digest(store, "p") == await digest(store, "q")


@pytest.mark.parametrize("difference", ["label", "result", "policy", "job", "execution"])
async def test_given_a_difference_that_users_see_when_digested_then_it_shows(store: Store, difference: str) -> None:
    await store.write(lambda tx: fill(tx, "p"))

    def unit(tx: WriteTx) -> None:
        fill(tx, "q", result=replace(FAILURE, exit_code=4))
        job = tx.jobs.find_job(a_job(project="q").name)
        assert job is not None
        if difference == "label":
            tx.jobs.replace_job(replace(job, labels={"team": "audio"}))
        elif difference == "policy":
            tx.set_policy(str(job.name), '{"bindings":[1]}')
        elif difference == "job":
            tx.jobs.hide_job(a_job("idle", project="q"))
        elif difference == "execution":
            tx.jobs.purge_execution(tx.jobs.executions_of(job.uid)[0])
        else:
            attempts = begin(tx, an_execution(job, "ccccc", retries=0))
            end(tx, attempts, replace(FAILURE, exit_code=5))

    await store.write(unit)
    if difference == "result":
        other = a_job()
        await store.write(lambda tx: end(tx, begin(tx, an_execution(other, "ccccc", retries=0)), FAILURE))
    assert await digest(store, "p") != await digest(store, "q")


async def test_given_an_execution_under_way_when_forked_then_it_is_left_out_and_nothing_of_it_is_held_twice(
    store: Store,
) -> None:
    def unit(tx: WriteTx) -> None:
        fill(tx)
        start(tx, begin(tx, an_execution(a_job(), "ccccc", tasks=2)))
        tx.snapshot("s1", "p", NOW_S)
        tx.fork("s1", "copy")

    await store.write(unit)
    copied = await store.read(lambda tx: tx.jobs.list_executions("copy", None, None, ALL))
    assert [execution.state for execution in copied] == [ExecutionState.SUCCEEDED] * 2
    assert len(await store.read(lambda tx: tx.jobs.held_attempts())) == 2


async def test_given_a_wrong_name_when_snapshotted_or_forked_then_it_is_refused_and_nothing_changes(
    store: Store,
) -> None:
    await store.write(fill)
    await store.write(lambda tx: tx.snapshot("s1", "p", NOW_S))
    with pytest.raises(AlreadyExists, match="s1"):
        await store.write(lambda tx: tx.snapshot("s1", "p", NOW_S))
    with pytest.raises(NotFound, match="s2"):
        await store.write(lambda tx: tx.fork("s2", "copy"))
    with pytest.raises(AlreadyExists, match="not empty"):
        await store.write(lambda tx: tx.fork("s1", "p"))
    assert await store.read(lambda tx: tx.jobs.list_jobs("copy", None, ALL)) == []


async def test_given_a_snapshot_when_the_store_is_reopened_then_it_can_be_forked(store_factory: Stores) -> None:
    first = await store_factory.open()
    await first.write(fill)
    before = await digest(first, "p")
    await first.write(lambda tx: tx.snapshot("s1", "p", NOW_S))
    await first.close()
    second = await store_factory.open()
    await second.write(lambda tx: tx.fork("s1", "copy"))
    assert await digest(second, "copy") == before
    await second.close()
