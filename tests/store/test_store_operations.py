"""Operations and idempotency keys of every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_builders import (
    FAILURE,
    NOW_S,
    a_job,
    an_execution,
    an_operation,
    begin,
    end,
    without_counts,
)

from hakobune.core.errors import AlreadyExists, CorruptStore
from hakobune.core.jobs.model import Execution, Job
from hakobune.core.operations import OperationKind
from hakobune.store.api import Page, Store, WriteTx

pytestmark = pytest.mark.anyio
RUN, CREATE, UPDATE, DELETE = (
    OperationKind.RUN_JOB,
    OperationKind.CREATE_JOB,
    OperationKind.UPDATE_JOB,
    OperationKind.DELETE_JOB,
)


async def test_given_a_run_operation_when_its_execution_ends_then_it_is_done_in_the_same_instant(store: Store) -> None:
    job, name = a_job(), an_operation("op1")

    def unit(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        attempts = begin(tx, an_execution(job))
        tx.operations.add_operation(name, RUN, an_execution(job).uid, NOW_S)
        return attempts

    attempts = await store.write(unit)
    operation = await store.read(lambda tx: tx.operations.find_operation(name))
    assert operation is not None
    assert (operation.name, operation.kind, operation.create_time_s) == (name, RUN, NOW_S)
    assert (operation.done, operation.error) == (False, None)

    ended = await store.write(lambda tx: end(tx, attempts, FAILURE))
    operation = await store.read(lambda tx: tx.operations.find_operation(name))
    assert operation is not None
    assert operation.done
    assert operation.error is not None
    assert isinstance(operation.resource, Execution)
    assert replace(operation.resource, etag="") == replace(ended.execution, etag="")
    assert await store.read(lambda tx: tx.operations.find_operation(an_operation("op1", location="osaka"))) is None


async def test_given_an_operation_when_its_execution_is_purged_then_its_last_picture_can_be_read_for_ever(
    store: Store,
) -> None:
    job, name = a_job(), an_operation("op1")

    def unit(tx: WriteTx) -> Execution:
        tx.jobs.add_job(job)
        attempts = begin(tx, an_execution(job))
        tx.operations.add_operation(name, RUN, an_execution(job).uid, NOW_S)
        end(tx, attempts)
        last = tx.jobs.execution_by_uid(an_execution(job).uid)
        assert last is not None
        tx.operations.keep_picture(last)
        tx.jobs.purge_execution(last.uid)
        return last

    last = await store.write(unit)
    operation = await store.read(lambda tx: tx.operations.find_operation(name))
    assert operation is not None
    assert (operation.done, operation.error, operation.resource) == (True, None, last)


async def test_given_a_target_that_went_without_a_picture_when_read_then_the_store_is_called_corrupt(
    store: Store,
) -> None:
    await store.write(lambda tx: tx.operations.add_operation(an_operation("op1"), RUN, "nobody", NOW_S))
    with pytest.raises(CorruptStore, match="op1 has lost its target nobody"):
        await store.read(lambda tx: tx.operations.find_operation(an_operation("op1")))


async def test_given_a_job_that_is_prepared_when_it_gets_ready_or_fails_then_its_operation_says_so(
    store: Store,
) -> None:
    job, create, update = replace(a_job(), is_reconciling=True), an_operation("op1"), an_operation("op2")

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        tx.operations.add_operation(create, CREATE, job.uid, NOW_S)

    await store.write(unit)
    operation = await store.read(lambda tx: tx.operations.find_operation(create))
    assert operation is not None
    assert not operation.done

    await store.write(lambda tx: tx.jobs.replace_job(replace(job, is_reconciling=False, ready_error="no main.py")))
    operation = await store.read(lambda tx: tx.operations.find_operation(create))
    assert operation is not None
    assert (operation.done, operation.error) == (True, (9, "no main.py"))

    await store.write(lambda tx: tx.jobs.replace_job(replace(job, is_reconciling=False)))
    await store.write(lambda tx: tx.operations.add_operation(update, UPDATE, job.uid, NOW_S))
    operation = await store.read(lambda tx: tx.operations.find_operation(update))
    assert operation is not None
    assert (operation.done, operation.error) == (True, None)


async def test_given_a_job_deleted_while_it_is_prepared_when_its_operation_is_read_then_it_is_done(
    store: Store,
) -> None:
    job, create, delete = replace(a_job(), is_reconciling=True), an_operation("op1"), an_operation("op2")

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        tx.operations.add_operation(create, CREATE, job.uid, NOW_S)
        tx.operations.keep_picture(job)
        tx.jobs.hide_job(job)
        tx.operations.close_operation(delete, DELETE, job, NOW_S + 1)

    await store.write(unit)
    for name in (create, delete):
        operation = await store.read(lambda tx, name=name: tx.operations.find_operation(name))
        assert operation is not None
        assert operation.done
        assert isinstance(operation.resource, Job)
        assert without_counts(operation.resource) == job


async def test_given_operations_when_listed_by_pages_then_newest_first_and_each_once(store: Store) -> None:
    job = a_job()
    await store.write(lambda tx: tx.jobs.add_job(job))
    for number in range(5):  # two of one commit: they have the same number

        def unit(tx: WriteTx, number: int = number) -> None:
            for letter in "ab":
                tx.operations.close_operation(an_operation(f"op{number}{letter}"), UPDATE, job, NOW_S)
            tx.operations.close_operation(an_operation(f"far{number}", location="osaka"), UPDATE, job, NOW_S)

        await store.write(unit)
    seen: list[str] = []
    after = ""
    while found := await store.read(
        lambda tx, after=after: tx.operations.list_operations("p", "tokyo", Page(limit=3, after=after))
    ):
        after = found[-1].name.operation
        seen += [operation.name.operation for operation in found]
    assert seen == [f"op{number}{letter}" for number in range(4, -1, -1) for letter in "ba"]


async def test_given_an_operation_when_deleted_then_it_is_gone_and_a_second_time_says_so(store: Store) -> None:
    job = a_job()
    await store.write(
        lambda tx: (tx.jobs.add_job(job), tx.operations.close_operation(an_operation("op1"), CREATE, job, NOW_S))
    )
    assert not await store.write(lambda tx: tx.operations.delete_operation(an_operation("op1", project="q")))
    assert await store.write(lambda tx: tx.operations.delete_operation(an_operation("op1")))
    assert not await store.write(lambda tx: tx.operations.delete_operation(an_operation("op1")))
    assert await store.read(lambda tx: tx.operations.find_operation(an_operation("op1"))) is None


async def test_given_an_idempotency_key_when_kept_then_it_is_found_in_its_scope_only_and_not_kept_twice(
    store: Store,
) -> None:
    await store.write(lambda tx: tx.operations.keep_key("job-1", "k", "a" * 64, "op1"))
    assert await store.read(lambda tx: tx.operations.find_keyed("job-1", "k")) == ("a" * 64, "op1")
    assert await store.read(lambda tx: tx.operations.find_keyed("job-2", "k")) is None
    with pytest.raises(AlreadyExists, match="'k'"):
        await store.write(lambda tx: tx.operations.keep_key("job-1", "k", "b" * 64, "op2"))
    assert await store.read(lambda tx: tx.operations.find_keyed("job-1", "k")) == ("a" * 64, "op1")
