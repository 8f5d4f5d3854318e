"""The jobs room of every store: jobs, executions, tasks, attempts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_builders import (
    FAILURE,
    NOW_S,
    a_finished_execution,
    a_job,
    a_name,
    an_execution,
    an_operation,
    begin,
    end,
    handed_over,
    happen,
    without_counts,
)
from store_factories import Stores

from hakobune.core.containers import EnvVar
from hakobune.core.errors import AlreadyExists
from hakobune.core.jobs.decide import Woken
from hakobune.core.jobs.states import ExecutionState
from hakobune.store.api import Effect, EffectPhase, Page, Store, WriteTx

pytestmark = pytest.mark.anyio
ALL = Page(limit=1_000)


# -- jobs -----------------------------------------------------------------------------------------------------------


async def test_given_a_stored_job_when_it_is_asked_for_then_it_is_as_it_was(store: Store) -> None:
    job = replace(a_job(), annotations={"note": "\ud800 and \x01"}, other={"deep": [1, {"a": None}, "x"]})
    await store.write(lambda tx: tx.jobs.add_job(job))
    assert await store.read(lambda tx: tx.jobs.find_job(job.name)) == job
    assert await store.read(lambda tx: tx.jobs.job_by_uid(job.uid)) == job
    assert await store.read(lambda tx: tx.jobs.find_job(a_name("other"))) is None
    assert await store.read(lambda tx: tx.jobs.find_job(a_name(location="osaka"))) is None


async def test_given_a_job_when_its_name_is_taken_again_then_it_already_exists_and_nothing_changes(
    store: Store,
) -> None:
    await store.write(lambda tx: tx.jobs.add_job(a_job()))
    with pytest.raises(AlreadyExists, match="encode"):
        await store.write(lambda tx: tx.jobs.add_job(replace(a_job(uid="second"), etag='"2"')))
    assert await store.read(lambda tx: tx.jobs.find_job(a_name())) == a_job()


async def test_given_a_job_when_it_is_replaced_then_counts_and_newest_execution_stay(store: Store) -> None:
    job = a_job()

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        begin(tx, an_execution(job))
        tx.jobs.replace_job(replace(job, generation=2, etag='"2"', labels={}))

    await store.write(unit)
    found = await store.read(lambda tx: tx.jobs.find_job(job.name))
    assert found is not None
    assert without_counts(found) == replace(job, generation=2, etag='"2"', labels={})
    assert found.execution_count == 1
    assert found.latest_execution is not None
    assert found.latest_execution.execution == "encode-aaaaa"
    assert found.latest_execution.state is ExecutionState.RUNNING


async def test_given_jobs_in_two_locations_when_listed_by_pages_then_each_comes_once_by_id_and_location(
    store: Store,
) -> None:
    def unit(tx: WriteTx) -> None:
        for location in ("tokyo", "osaka"):
            for name in ("c", "a", "b"):
                tx.jobs.add_job(a_job(name, location=location))
        tx.jobs.add_job(a_job("a", project="q"))

    await store.write(unit)

    seen: list[str] = []
    after = ""
    while found := await store.read(lambda tx, after=after: tx.jobs.list_jobs("p", None, Page(limit=2, after=after))):
        after = f"{found[-1].name.job}/{found[-1].name.location}"
        seen += [f"{job.name.job}/{job.name.location}" for job in found]
    assert seen == ["a/osaka", "a/tokyo", "b/osaka", "b/tokyo", "c/osaka", "c/tokyo"]
    only = await store.read(lambda tx: tx.jobs.list_jobs("p", "osaka", ALL))
    assert [job.name.job for job in only] == ["a", "b", "c"]


async def test_given_a_job_with_a_run_under_way_when_hidden_then_its_name_is_free_and_its_row_goes_with_the_run(
    store: Store,
) -> None:
    job, again = a_job(), a_job(uid="second")

    def hide(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        attempts = begin(tx, an_execution(job))
        tx.set_policy(str(job.name), '{"bindings":[]}')
        tx.operations.keep_key(job.uid, "key", "0" * 64, "op")
        tx.jobs.hide_execution(an_execution(job).uid)
        tx.jobs.hide_job(job)
        tx.jobs.add_job(again)
        return attempts

    attempts = await store.write(hide)
    assert await store.read(lambda tx: tx.jobs.find_job(job.name)) == again
    assert await store.read(lambda tx: tx.policy(str(job.name))) is None
    kept = await store.read(lambda tx: tx.jobs.job_by_uid(job.uid))
    assert kept is not None
    assert without_counts(kept) == job
    assert await store.read(lambda tx: tx.jobs.list_jobs("p", None, ALL)) == [again]

    def finish(tx: WriteTx) -> None:
        end(tx, attempts)
        tx.jobs.purge_execution(an_execution(job).uid)

    await store.write(finish)
    assert await store.read(lambda tx: tx.jobs.job_by_uid(job.uid)) is None
    assert await store.read(lambda tx: tx.operations.find_keyed(job.uid, "key")) is None
    assert await store.read(lambda tx: tx.jobs.find_job(job.name)) == again


# -- executions -----------------------------------------------------------------------------------------------------


async def test_given_a_large_declaration_when_an_execution_is_read_in_every_way_then_it_is_the_same(
    store: Store,
) -> None:
    job = a_job()
    template = replace(
        an_execution(job).template.containers[0], env=tuple(EnvVar(name=f"V{n}", value="x" * 500) for n in range(100))
    )
    execution = an_execution(job, tasks=2)
    execution = replace(execution, template=replace(execution.template, containers=(template,)))

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        tx.jobs.add_execution(execution)

    await store.write(unit)
    stored = replace(execution, etag="")
    ways = [
        lambda tx: tx.jobs.find_execution(execution.name),
        lambda tx: tx.jobs.find_execution_in_project("p", "tokyo", execution.name.execution),
        lambda tx: tx.jobs.find_execution_in_project("p", None, execution.name.execution),
        lambda tx: tx.jobs.execution_by_uid(execution.uid),
        lambda tx: tx.jobs.list_executions("p", None, None, ALL)[0],
        lambda tx: tx.jobs.list_executions("p", "tokyo", "encode", ALL)[0],
    ]
    for way in ways:
        found = await store.read(way)
        assert found is not None
        assert found.etag
        assert replace(found, etag="") == stored
    assert await store.read(lambda tx: tx.jobs.find_execution_in_project("q", None, execution.name.execution)) is None
    assert await store.read(lambda tx: tx.jobs.list_executions("p", "osaka", None, ALL)) == []
    assert await store.read(lambda tx: tx.jobs.list_executions("p", None, "other", ALL)) == []


async def test_given_an_execution_when_its_name_is_taken_again_then_it_already_exists(store: Store) -> None:
    job = a_job()

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        tx.jobs.add_execution(an_execution(job))

    await store.write(unit)
    with pytest.raises(AlreadyExists, match="encode-aaaaa"):
        await store.write(lambda tx: tx.jobs.add_execution(replace(an_execution(job), uid="second")))
    assert await store.read(lambda tx: tx.jobs.execution_by_uid("second")) is None


async def test_given_many_executions_when_listed_by_pages_then_newest_first_and_each_once(store: Store) -> None:
    job = a_job()
    names = [f"r{number:04d}" for number in range(25)]

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        for name in names:
            begin(tx, an_execution(job, name))

    await store.write(unit)
    for of_job in (None, "encode"):
        seen: list[str] = []
        after = ""
        while found := await store.read(
            lambda tx, after=after, of_job=of_job: tx.jobs.list_executions(
                "p", None, of_job, Page(limit=4, after=after)
            )
        ):
            after = found[-1].uid
            seen += [execution.name.execution for execution in found]
        assert seen == [f"encode-{name}" for name in reversed(names)]


async def test_given_executions_when_some_end_then_those_under_way_are_known_by_every_question(store: Store) -> None:
    job, other = a_job(), a_job("other", location="osaka")

    def unit(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        tx.jobs.add_job(other)
        for name in ("aaaaa", "bbbbb"):
            begin(tx, an_execution(job, name, tasks=3))
        a_finished_execution(tx, job, "ccccc")
        return begin(tx, an_execution(other))

    attempts = await store.write(unit)
    first, second, third = (an_execution(job, name).uid for name in ("aaaaa", "bbbbb", "ccccc"))
    elsewhere = an_execution(other).uid
    assert await store.read(lambda tx: tx.jobs.executions_under_way()) == [first, second, elsewhere]
    assert await store.read(lambda tx: tx.jobs.count_under_way("p", "tokyo")) == 2
    assert await store.read(lambda tx: tx.jobs.count_under_way("p", "osaka")) == 1
    assert await store.write(lambda tx: tx.jobs.executions_of(job.uid)) == [first, second, third]
    totals = await store.read(lambda tx: tx.jobs.totals())
    assert totals["executions_running"] == 3
    assert totals["executions_succeeded"] == 1
    assert totals["in_flight"] == 7

    await store.write(lambda tx: end(tx, attempts, FAILURE))
    totals = await store.read(lambda tx: tx.jobs.totals())
    assert (totals["executions_running"], totals["executions_failed"], totals["in_flight"]) == (2, 1, 6)
    await store.write(lambda tx: tx.jobs.purge_execution(elsewhere))
    assert (await store.read(lambda tx: tx.jobs.totals()))["executions_failed"] == 0


async def test_given_an_ended_execution_when_saved_again_then_it_stays_as_it_is(store: Store) -> None:
    job = a_job()

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        before = a_finished_execution(tx, job, "aaaaa")
        happen(tx, before.uid, Woken(), now_s=NOW_S + 99)
        after = tx.jobs.execution_by_uid(before.uid)
        assert after is not None
        assert replace(after, etag="") == replace(before, etag="")

    await store.write(unit)


async def test_given_an_execution_when_hidden_then_nobody_finds_it_by_name_but_its_turns_go_on(store: Store) -> None:
    job = a_job()
    execution = an_execution(job, tasks=2)

    def hide(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        attempts = begin(tx, execution)
        assert not tx.jobs.is_hidden(execution.uid)
        tx.jobs.hide_execution(execution.uid)
        tx.jobs.hide_execution(execution.uid)
        assert tx.jobs.is_hidden(execution.uid)
        return attempts

    attempts = await store.write(hide)
    assert await store.read(lambda tx: tx.jobs.find_execution(execution.name)) is None
    assert await store.read(lambda tx: tx.jobs.find_execution_in_project("p", None, execution.name.execution)) is None
    assert await store.read(lambda tx: tx.jobs.list_executions("p", None, None, ALL)) == []
    found = await store.read(lambda tx: tx.jobs.find_job(job.name))
    assert found is not None
    assert (found.execution_count, found.latest_execution) == (0, None)

    decision = await store.write(lambda tx: end(tx, attempts))
    assert decision.execution.state is ExecutionState.SUCCEEDED


async def test_given_more_ended_executions_than_are_kept_when_asked_then_the_oldest_are_surplus(store: Store) -> None:
    job = a_job()

    def unit(tx: WriteTx) -> list[str]:
        tx.jobs.add_job(job)
        begin(tx, an_execution(job, "running"))
        for number in range(5):
            a_finished_execution(tx, job, f"done{number}")
        assert tx.jobs.surplus_executions(job.uid, 5) == []
        return tx.jobs.surplus_executions(job.uid, 2)

    surplus = await store.write(unit)
    assert surplus == [an_execution(job, f"done{number}").uid for number in (2, 1, 0)]

    def purge(tx: WriteTx) -> None:
        for uid in surplus:
            tx.jobs.purge_execution(uid)
        assert tx.jobs.surplus_executions(job.uid, 2) == []

    await store.write(purge)
    found = await store.read(lambda tx: tx.jobs.find_job(job.name))
    assert found is not None
    assert found.execution_count == 3
    assert found.latest_execution is not None
    assert found.latest_execution.execution == "encode-done4"


async def test_given_a_purged_execution_when_its_rows_are_swept_then_nothing_of_it_is_left_and_ids_do_not_come_again(
    store: Store,
) -> None:
    job = a_job()
    gone, next_one = an_execution(job, "gone1", tasks=3_000), an_execution(job, "next1", tasks=3_000)

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        attempts = begin(tx, gone)
        while attempts:
            attempts = handed_over(end(tx, attempts))
        tx.effects.record(an_effect(f"{gone.uid}.0.0", "c1"), keep=10)
        tx.jobs.purge_execution(gone.uid)
        tx.jobs.purge_execution(gone.uid)
        begin(tx, next_one)

    await store.write(unit)
    for step in range(8):  # each commit is followed by a bite
        await store.write(lambda tx, step=step: tx.set_meta("step", str(step)))
    assert await store.read(lambda tx: tx.effects_of(f"{gone.uid}.0.0")) == []
    assert await store.read(lambda tx: tx.jobs.find_execution(gone.name)) is None
    found = await store.read(lambda tx: tx.jobs.find_execution(next_one.name))
    assert found is not None
    assert await store.read(lambda tx: tx.jobs.list_attempts(found, 2_999)) != []
    assert await store.read(lambda tx: tx.jobs.ended_attempts(found.uid, None, ALL)) == []


def an_effect(attempt_uid: str, call: str) -> Effect:
    return Effect(attempt_uid=attempt_uid, call=call, phase=EffectPhase.APPLIED, target="POST /x", key="k", at_s=NOW_S)


async def test_given_an_execution_that_is_gone_when_its_view_is_loaded_then_there_is_none(store: Store) -> None:
    assert await store.write(lambda tx: tx.jobs.load_view("nobody", [0], NOW_S)) is None
    execution = an_execution(a_job())
    assert await store.read(lambda tx: tx.jobs.list_attempts(execution, 0)) == []
    assert await store.write(lambda tx: tx.jobs.is_hidden("nobody"))
    assert await store.read(lambda tx: tx.operations.find_operation(an_operation("x"))) is None


async def test_given_a_reopened_store_when_read_then_everything_is_there(store_factory: Stores) -> None:
    job = a_job()
    execution = an_execution(job, tasks=2)
    first = await store_factory.open()

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(job)
        end(tx, begin(tx, execution)[:1])

    await first.write(unit)
    before = await first.read(lambda tx: (tx.seq, tx.jobs.find_execution(execution.name), tx.changes(0, 100, None)))
    await first.close()
    second = await store_factory.open()
    assert (
        await second.read(lambda tx: (tx.seq, tx.jobs.find_execution(execution.name), tx.changes(0, 100, None)))
        == before
    )
    assert await second.write(lambda tx: tx.seq) == before[0] + 1
    await second.close()
