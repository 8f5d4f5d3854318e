"""Units of work: what a commit promises, and what the interceptor's seam can do."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import replace
from typing import Any

import pytest
from store_builders import a_job, an_execution, begin
from store_factories import Stores

from hakobune.core.errors import HakobuneError, InvalidArgument, Unavailable
from hakobune.store.api import CommitInfo, ReadTx, Store, WriteTx
from hakobune.store.sqlite.database import SqliteStore

pytestmark = pytest.mark.anyio


class Recorder:
    """An interceptor that notes commits, and does what a test asks of it."""

    def __init__(self) -> None:
        self.before: list[int] = []
        self.after: list[CommitInfo] = []
        self.raise_before: BaseException | None = None
        self.raise_after: BaseException | None = None
        self.gate: threading.Event | None = None
        self.begun = threading.Event()

    async def has_begun(self) -> None:
        """Wait until a commit stands at the gate."""
        assert await asyncio.to_thread(self.begun.wait, 10)

    def before_commit(self, seq: int) -> None:
        self.before.append(seq)
        self.begun.set()
        if self.gate is not None:
            self.gate.wait(10)
        if self.raise_before is not None:
            raise self.raise_before

    def after_commit(self, info: CommitInfo) -> None:
        self.after.append(info)
        if self.raise_after is not None:
            raise self.raise_after


class Crash(BaseException):
    """The process dies here."""


def keep(key: str, value: str = "1") -> Any:
    return lambda tx: tx.set_meta(key, value)


async def test_given_a_unit_when_written_then_its_value_comes_back_and_the_number_rises_by_one(store: Store) -> None:
    before = await store.read(lambda tx: tx.seq)
    assert await store.write(lambda tx: (tx.set_meta("a", "1"), tx.seq)[1]) == before + 1
    assert await store.read(lambda tx: (tx.seq, tx.meta("a"))) == (before + 1, "1")


async def test_given_a_unit_that_changes_nothing_when_written_then_no_commit_is_counted(store: Store) -> None:
    before = await store.read(lambda tx: tx.seq)
    assert await store.write(lambda tx: tx.meta("nothing")) is None
    assert await store.read(lambda tx: tx.seq) == before


async def test_given_a_unit_that_raises_when_written_then_nothing_of_it_is_kept(store: Store) -> None:
    def unit(tx: WriteTx) -> None:
        tx.set_meta("a", "1")
        tx.jobs.add_job(a_job())
        raise InvalidArgument("no")

    before = await store.read(lambda tx: tx.seq)
    with pytest.raises(InvalidArgument, match="no"):
        await store.write(unit)
    assert await store.read(lambda tx: (tx.seq, tx.meta("a"), tx.jobs.find_job(a_job().name))) == (before, None, None)


async def test_given_a_unit_that_read_what_it_wrote_when_it_raises_then_nobody_sees_that_reading_again(
    store: Store,
) -> None:
    job = a_job()
    undone = an_execution(job, tasks=7)
    kept = replace(undone, task_count=3, parallelism=3)
    await store.write(lambda tx: tx.jobs.add_job(job))

    def unit(tx: WriteTx) -> None:
        begin(tx, undone)
        raise InvalidArgument("no")

    with pytest.raises(InvalidArgument):
        await store.write(unit)
    await store.write(lambda tx: begin(tx, kept))
    found = await store.read(lambda tx: tx.jobs.execution_by_uid(kept.uid))
    assert found is not None
    assert found.task_count == 3


async def test_given_units_at_once_when_one_raises_then_its_neighbours_are_kept(store: Store) -> None:
    def bad(tx: WriteTx) -> None:
        tx.set_meta("bad", "1")
        raise ValueError("mine alone")

    results = await asyncio.gather(
        *(store.write(bad if number % 3 == 1 else keep(f"k{number}")) for number in range(30)), return_exceptions=True
    )
    assert [type(result) for result in results] == [
        ValueError if number % 3 == 1 else type(None) for number in range(30)
    ]
    assert await store.read(lambda tx: tx.meta("bad")) is None
    assert await store.read(lambda tx: [tx.meta(f"k{number}") for number in range(0, 30, 3)]) == ["1"] * 10


async def test_given_a_unit_that_raises_stop_iteration_when_written_then_its_caller_hears_and_the_store_goes_on(
    store: Store,
) -> None:
    def unit(tx: WriteTx) -> object:
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(unit)
    await store.write(keep("a"))
    assert await store.read(lambda tx: tx.meta("a")) == "1"


async def test_given_a_unit_with_a_wrong_statement_when_written_then_its_neighbours_are_kept(store: Store) -> None:
    def wrong(tx: Any) -> None:
        tx.set_meta("wrong", "1")
        tx.connection.execute("SELECT * FROM no_such_table")

    results = await asyncio.gather(
        store.write(keep("a")), store.write(wrong), store.write(keep("b")), return_exceptions=True
    )
    assert isinstance(results[1], HakobuneError)
    assert await store.read(lambda tx: [tx.meta(key) for key in ("a", "wrong", "b")]) == ["1", None, "1"]


async def test_given_a_cancelled_caller_when_its_unit_was_queued_then_the_unit_is_kept_and_waiters_hear(
    store_factory: Stores,
) -> None:
    recorder = Recorder()
    recorder.gate = threading.Event()
    if not hasattr(store_factory, "directory"):
        recorder.gate.set()
    store = await store_factory.open(recorder)
    seq = await store.read(lambda tx: tx.seq)
    caller = asyncio.create_task(store.write(keep("a")))
    await asyncio.sleep(0)
    caller.cancel()
    waiter = asyncio.create_task(store.wait_for_change(seq, 10.0))
    await asyncio.gather(caller, return_exceptions=True)
    recorder.gate.set()
    assert await waiter == seq + 1
    assert await store.read(lambda tx: tx.meta("a")) == "1"
    await store.close()


async def test_given_one_read_when_commits_go_on_beside_it_then_it_sees_one_instant(tmp_path: Any) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.write(lambda tx: (tx.set_meta("a", "0"), tx.set_meta("b", "0")))
    inside, go_on = threading.Event(), threading.Event()

    def read(tx: ReadTx) -> tuple[str | None, str | None, int, int]:
        first, seq = tx.meta("a"), tx.seq
        inside.set()
        assert go_on.wait(10)
        return first, tx.meta("b"), seq, tx.seq

    reading = asyncio.create_task(store.read(read))
    await asyncio.to_thread(inside.wait, 10)
    await store.write(lambda tx: (tx.set_meta("a", "1"), tx.set_meta("b", "1")))
    go_on.set()
    first, second, seq, seq_again = await reading
    assert (first, second) == ("0", "0")
    assert seq == seq_again
    assert await store.read(lambda tx: tx.meta("b")) == "1"
    await store.close()


async def test_given_callers_that_wait_when_nothing_changes_then_they_get_the_old_number_after_the_time(
    store: Store,
) -> None:
    await store.write(keep("a"))
    seq = await store.read(lambda tx: tx.seq)
    assert await store.wait_for_change(seq, 0.01) == seq
    assert await store.wait_for_change(seq - 1, 60.0) == seq


# -- group commit ---------------------------------------------------------------------------------------------------


async def test_given_a_commit_under_way_when_units_arrive_then_they_share_the_next_one(tmp_path: Any) -> None:
    recorder = Recorder()
    recorder.gate = threading.Event()
    store = await SqliteStore.open(tmp_path, interceptor=recorder)
    first = asyncio.create_task(store.write(keep("first")))
    await recorder.has_begun()
    others = [asyncio.create_task(store.write(keep(f"k{number}"))) for number in range(300)]
    await asyncio.sleep(0)
    assert store.queue_depth == 300
    assert not any(task.done() for task in (first, *others))
    recorder.gate.set()
    await asyncio.gather(first, *others)
    assert [info.units for info in recorder.after] == [1, 256, 44]
    assert [info.seq for info in recorder.after] == recorder.before
    assert all(info.elapsed_s > 0 for info in recorder.after)
    await store.close()


async def test_given_queued_units_when_the_store_closes_then_they_are_committed_and_later_ones_refused(
    store_factory: Stores,
) -> None:
    store = await store_factory.open()
    writes = [asyncio.create_task(store.write(keep(f"k{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    if hasattr(store_factory, "directory"):
        with pytest.raises(Unavailable, match="stopping"):
            await store.write(keep("late"))
        with pytest.raises(Unavailable, match="stopping"):
            await store.read(lambda tx: tx.seq)
        await store.close()
    again = await store_factory.open()
    assert await again.read(lambda tx: [tx.meta(f"k{number}") for number in range(50)]) == ["1"] * 50
    await again.close()


# -- the interceptor ------------------------------------------------------------------------------------------------


async def test_given_a_crash_before_a_commit_when_reopened_then_nothing_of_it_is_there(store_factory: Stores) -> None:
    recorder = Recorder()
    store = await store_factory.open(recorder)
    await store.write(keep("a"))
    recorder.raise_before = Crash()
    with pytest.raises(Crash):
        await store.write(keep("b"))
    recorder.raise_before = None
    assert await store.read(lambda tx: (tx.meta("a"), tx.meta("b"))) == ("1", None)
    assert await store.write(lambda tx: (tx.set_meta("c", "1"), tx.seq)[1]) == recorder.after[0].seq + 1
    await store.close()
    again = await store_factory.open()
    assert await again.read(lambda tx: (tx.meta("b"), tx.meta("c"))) == (None, "1")
    await again.close()


async def test_given_a_crash_after_a_commit_when_reopened_then_all_of_it_is_there_though_nobody_was_told(
    store_factory: Stores,
) -> None:
    recorder = Recorder()
    store = await store_factory.open(recorder)
    recorder.raise_after = Crash()
    with pytest.raises(Crash):
        await store.write(keep("a"))
    recorder.raise_after = None
    await store.write(keep("b"))
    assert [info.seq for info in recorder.after] == recorder.before
    await store.close()
    again = await store_factory.open()
    assert await again.read(lambda tx: (tx.meta("a"), tx.meta("b"))) == ("1", "1")
    await again.close()


async def test_given_an_interceptor_that_raises_when_units_share_a_commit_then_all_their_callers_hear(
    tmp_path: Any,
) -> None:
    recorder = Recorder()
    recorder.gate = threading.Event()
    store = await SqliteStore.open(tmp_path, interceptor=recorder)
    first = asyncio.create_task(store.write(keep("first")))
    await recorder.has_begun()
    others = [asyncio.create_task(store.write(keep(f"k{number}"))) for number in range(5)]
    await asyncio.sleep(0)
    recorder.raise_before = Crash("all of them")
    recorder.gate.set()
    results = await asyncio.gather(first, *others, return_exceptions=True)
    assert all(isinstance(result, Crash) for result in results)
    recorder.raise_before = None
    await store.write(keep("after"))
    assert await store.read(lambda tx: [tx.meta(key) for key in ("first", "k0", "after")]) == [None, None, "1"]
    await store.close()


async def test_given_a_writer_that_cannot_go_on_when_units_wait_then_every_caller_is_told_why(tmp_path: Any) -> None:
    recorder = Recorder()
    recorder.gate = threading.Event()
    store = await SqliteStore.open(tmp_path, interceptor=recorder)
    committer: Any = store._writer._committer  # type: ignore[attr-defined]

    class Broken:
        """A connection whose rollback fails, which SQLite promises not to do."""

        in_transaction = True
        total_changes = 0

        def execute(self, statement: str, *parameters: object) -> None:
            raise sqlite3.ProgrammingError(f"no {statement}")

        def close(self) -> None:
            """Nothing is open."""

    real, committer.connection = committer.connection, Broken()
    writes = [asyncio.create_task(store.write(keep(f"k{number}"))) for number in range(5)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(result, Unavailable) and "Restart" in str(result) for result in results)
    with pytest.raises(Unavailable, match="Restart"):
        await store.write(keep("late"))
    await store.close()
    real.close()
