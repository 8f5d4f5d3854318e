"""Power cuts under the whole runtime: what clients were told is there, every committed end has its whole log, and the
runtime goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import Kind
from power_client import TASKS, Client, free_ports
from recording import CUTS, Cut, Recording, check_complete, cuts, each, record

from hakobune.core.jobs.model import ResultKind
from hakobune.core.jobs.states import TaskState
from hakobune.core.names import ExecutionName, JobName, OperationName
from hakobune.engines.logs.reader import LogReader
from hakobune.store.api import Page, ReadTx
from hakobune.store.sqlite.database import SqliteStore

MAIN = """for word in begin middle end; do echo $word $CLOUD_RUN_TASK_INDEX; done
"""
ALL = Page(limit=1_000)


@pytest.fixture(scope="module")
def recording(recorder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    place = tmp_path_factory.mktemp("runtime")
    source = place / "source"
    (source / "deep").mkdir(parents=True)
    (source / "main.sh").write_text(MAIN)
    (source / "deep" / "data.bin").write_bytes(bytes(range(256)) * 1_000)
    return record(recorder, place, "drive_runtime.py", str(source), ends=-signal.SIGKILL)


def execution_name(text: str) -> ExecutionName:
    parts = text.split("/")
    return ExecutionName.make(parts[1], parts[3], parts[5], parts[7])


def keeps(tx: ReadTx, mark: str) -> bool:
    match mark.split():
        case ["job", name]:
            return tx.jobs.find_job(JobName.make("p", "tokyo", name)) is not None
        case ["run", operation, execution]:
            _, project, _, location, _, name = operation.split("/")
            known = tx.operations.find_operation(OperationName.make(project, location, name))
            return known is not None and tx.jobs.find_execution(execution_name(execution)) is not None
        case ["succeeded", execution, index]:
            found = tx.jobs.find_execution(execution_name(execution))
            task = None if found is None else tx.jobs.find_task(found, int(index))
            return task is not None and task.state is TaskState.SUCCEEDED
        case ["done", execution]:
            found = tx.jobs.find_execution(execution_name(execution))
            return found is not None and found.counts.succeeded == TASKS
        case _:
            raise AssertionError(mark)


def check_logs(tx: ReadTx, logs: LogReader) -> None:
    """An end that was committed has its whole output on the disk."""
    for execution in tx.jobs.list_executions("p", None, None, ALL):
        for attempt in tx.jobs.ended_attempts(execution.uid, None, ALL):
            if attempt.result is not None and attempt.result.kind is ResultKind.SUCCESS:
                lines = [record.data for record in logs.records(execution.uid, index=attempt.index)]
                assert lines == [f"{word} {attempt.index}".encode() for word in ("begin", "middle", "end")]


def check_sources(tx: ReadTx, sources: Path) -> None:
    """A source that a job refers to is there, and whole."""
    for digest in tx.metas("source:").values():
        assert (sources / digest / "main.sh").read_text() == MAIN
        assert (sources / digest / "deep" / "data.bin").read_bytes() == bytes(range(256)) * 1_000


def test_given_the_recorder_when_the_runtime_works_under_it_then_it_sees_every_change(
    recording: Recording, tmp_path: Path
) -> None:
    check_complete(recording, tmp_path)
    assert len({operation.pid for operation in recording.operations}) >= 2  # the supervisor, too
    assert sum(operation.name.startswith("succeeded") for operation in recording.operations) >= 2 * TASKS
    assert recording.count(Kind.SYNC) > 20


def look(cut: Cut, check: Callable[[ReadTx], None]) -> None:
    """Ask the store of a cut directory."""

    async def ask() -> None:
        store = await SqliteStore.open(cut.directory / "data")
        try:
            await store.read(check)
        finally:
            await store.close()

    asyncio.run(ask())


@pytest.mark.parametrize("seed", [1, 2])
def test_given_a_runtime_when_power_is_cut_then_all_that_clients_were_told_is_there_with_its_sources(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        def told(tx: ReadTx) -> None:
            assert [mark for mark in cut.marks if not keeps(tx, mark)] == []
            check_sources(tx, cut.directory / "data" / "sources")

        look(cut, told)

    each(recording, seed, check)


@pytest.mark.parametrize("seed", [3, 4])
def test_given_a_runtime_when_power_is_cut_then_every_committed_end_has_its_whole_log(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        look(cut, lambda tx: check_logs(tx, LogReader(cut.directory / "data" / "logs")))

    each(recording, seed, check)


def test_given_a_runtime_when_power_is_cut_and_it_starts_again_then_all_that_was_begun_ends(
    recording: Recording,
) -> None:
    each(recording, 7, restart, count=max(2, CUTS // 30))


def restart(cut: Cut) -> None:
    """Start on what is left; every execution must end with all its tasks."""
    port, grpc_port = free_ports()
    command = [sys.executable, "-m", "hakobune.cli.main", "up", "--data", str(cut.directory / "data")]
    with subprocess.Popen(
        [*command, "--port", str(port), "--grpc-port", str(grpc_port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            client = Client(port)
            client.wait_until_ready()
            deadline = time.monotonic() + 30
            for mark in cut.marks:
                kind, *words = mark.split()
                if kind != "run":
                    continue
                while not (operation := client.ask("GET", f"/v2/{words[0]}")).get("done"):
                    assert time.monotonic() < deadline, operation
                    time.sleep(0.02)
                assert operation["response"]["succeededCount"] == TASKS
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_given_cuts_when_drawn_again_from_the_same_seed_then_they_are_the_same(recording: Recording) -> None:
    assert [cut.story for cut in cuts(recording, 3, 5)] == [cut.story for cut in cuts(recording, 3, 5)]
