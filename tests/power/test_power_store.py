"""Power cuts under the store: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from disk import Kind
from recording import Cut, Recording, check_complete, cuts, each, record

from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.store.api import Page, ReadTx
from hakobune.store.sqlite.database import SqliteStore


@pytest.fixture(scope="module")
def recording(recorder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(recorder, tmp_path_factory.mktemp("store"), "drive_store.py", "power")


def missing(cut: Cut) -> list[str]:
    """Acknowledgements that the reopened store does not keep. Raises if it is damaged or half there."""
    directory = cut.directory / "data"

    async def look() -> list[str]:
        store = await SqliteStore.open(directory)
        try:
            found = await store.read(lambda tx: [mark for mark in cut.marks if not keeps(tx, mark)])
            await store.read(is_whole)
            await store.write(lambda tx: tx.set_meta("after", "1"))
        finally:
            await store.close()
        return found

    lost = asyncio.run(look())
    with closing(sqlite3.connect(directory / "state.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return lost


def keeps(tx: ReadTx, mark: str) -> bool:
    match mark.split():
        case ["counter", name, number]:
            return int((tx.meta(f"{name}-a") or "-1").split()[0]) >= int(number)
        case ["job", uid]:
            return tx.jobs.job_by_uid(uid) is not None
        case ["begun", uid]:
            return tx.jobs.execution_by_uid(uid) is not None
        case ["ended", attempt]:
            uid, index, _ = attempt.rsplit(".", 2)
            execution = tx.jobs.execution_by_uid(uid)
            if execution is None:
                return False
            task = tx.jobs.find_task(execution, int(index))
            known = [record.uid for record in tx.jobs.ended_attempts(uid, int(index), Page(limit=9))]
            return task is not None and task.state is TaskState.SUCCEEDED and attempt in known
        case ["done", uid]:
            execution = tx.jobs.execution_by_uid(uid)
            return execution is not None and execution.state is ExecutionState.SUCCEEDED
        case ["closed"]:
            return True
        case _:
            raise AssertionError(mark)


def is_whole(tx: ReadTx) -> None:
    """Each commit is there as a whole or not at all."""
    for name in ("c0", "c1", "c2", "late"):
        assert tx.meta(f"{name}-a") == tx.meta(f"{name}-b")
    for execution in tx.jobs.list_executions("p", None, None, Page(limit=10)):
        tasks = tx.jobs.list_tasks(execution, Page(limit=1000))
        assert execution.counts.succeeded == sum(task.state is TaskState.SUCCEEDED for task in tasks)
        ended = tx.jobs.ended_attempts(execution.uid, None, Page(limit=1000))
        assert execution.counts.attempts_ended == len(ended)


def test_given_the_recorder_when_a_store_works_under_it_then_it_sees_every_change(
    recording: Recording, tmp_path: Path
) -> None:
    check_complete(recording, tmp_path)
    assert recording.count(Kind.MARK) > 80
    assert recording.count(Kind.SYNC) > 30
    written = [operation for operation in recording.operations if operation.kind is Kind.WRITE]
    assert len(written) > 200


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_given_a_store_when_power_is_cut_at_any_instant_then_everything_acknowledged_is_there(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        assert missing(cut) == []

    each(recording, seed, check)


@pytest.mark.parametrize("weakness", [["process"], ["power", "forget_names"]])
def test_given_a_store_that_syncs_too_little_when_power_is_cut_then_something_is_lost_but_nothing_is_damaged(
    recorder: Path, tmp_path: Path, weakness: list[str]
) -> None:
    """The proof that this test can fail: it misses the sync of a commit (which durability "process" leaves out), and
    the sync of a new file's name."""
    weaker = record(recorder, tmp_path, "drive_store.py", *weakness)
    assert [cut.story for cut in cuts(weaker, 1) if missing(cut)]
