"""What a durable change costs: commits beside a bare SQLite loop, and the hot path of jobs.

Everything is synced. Callers that wait for their own commit alternate with a bare loop of one commit a row. The hot
path is a batch of K ended attempts and the K hand-overs that follow, in one transaction.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from bench.report import POWER, Report, middle
from hakobune.core.containers import Container, EnvVar
from hakobune.core.jobs.decide import AttemptEnded, AttemptStarted, Created, Event, Reported, StartAttempts, decide
from hakobune.core.jobs.model import AttemptResult, Execution, ExecutionTemplate, Job, ResultKind, TaskTemplate
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.names import JobName
from hakobune.store.api import WriteTx
from hakobune.store.sqlite.database import SqliteStore

SECONDS = 1.0  # of each commit loop
LOOPS = 5  # of each kind
CALLERS = (1, 10, 100)
READS = 3_000
TASKS = 6_000  # of each hot-path row
ROUNDS = 3
NOW_S = 1_760_000_000.0
SUCCESS = AttemptResult(kind=ResultKind.SUCCESS, exit_code=0)
JOB = JobName(project="bench", location="local", job="hot")


class _BareLoop:
    """One commit a row: the limit."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, text TEXT)")
        self.samples: list[float] = []

    def run(self) -> float:
        """Commits a second."""
        number, end_s = 0, time.perf_counter() + SECONDS
        while (started_s := time.perf_counter()) < end_s:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO steps (text) VALUES (?)", ("x" * 100,))
            self._connection.execute("COMMIT")
            self.samples.append(time.perf_counter() - started_s)
            number += 1
        return number / SECONDS

    def close(self) -> None:
        """The last one out."""
        self._connection.close()


class _Callers:
    """So many callers at once, each waiting for the commit of its own unit."""

    def __init__(self, store: SqliteStore, number: int) -> None:
        self._store = store
        self._number = number
        self.samples: list[float] = []
        self.rates: list[float] = []
        self.cpu_us: list[float] = []

    async def run(self) -> None:
        """Keep all of them busy for a while."""
        before, end_s = len(self.samples), time.perf_counter() + SECONDS
        cpu_s = time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._number):
                group.create_task(self._call(end_s))
        units = len(self.samples) - before
        self.cpu_us.append((time.process_time() - cpu_s) / units * 1e6)
        self.rates.append(units / SECONDS)

    async def _call(self, end_s: float) -> None:
        while (started_s := time.perf_counter()) < end_s:
            await self._store.write(lambda tx: tx.set_meta("bench", str(started_s)))
            self.samples.append(time.perf_counter() - started_s)


async def commits(report: Report, store: SqliteStore, path: Path, loops: int) -> None:
    """Alternate the bare loop and the callers."""
    bare = _BareLoop(path)
    callers = {number: _Callers(store, number) for number in CALLERS}
    bare_rates: list[float] = []
    for _ in range(loops):
        bare_rates.append(bare.run())
        for one in callers.values():
            await one.run()
    bare.close()
    report.sample("bare loop, one row a commit", [value * 1e6 for value in bare.samples], "us")
    report.sample("bare loop", bare_rates, "commits/s")
    for number, one in callers.items():
        title = f"{number} callers at once" if number > 1 else "one caller"
        report.sample(f"{title}: answer", [value * 1e6 for value in one.samples], "us")
        report.sample(f"{title}: CPU", one.cpu_us, "us/unit")
        rate = report.sample(f"{title}: rate", one.rates, "units/s")
        report.figure(f"{title}: rate", rate / middle(bare_rates), "x the bare loop")


async def reads(report: Report, store: SqliteStore) -> None:
    """How long a read of one job takes."""
    samples: list[float] = []
    for _ in range(READS):
        started_s = time.perf_counter()
        await store.read(lambda tx: tx.jobs.find_job(JOB))
        samples.append((time.perf_counter() - started_s) * 1e6)
    report.sample("read of one job", samples, "us")


def a_job() -> Job:
    container = Container(image="local", command=("/bin/true",), env=(EnvVar(name="MODE", value="fast"),))
    template = ExecutionTemplate(
        task_count=TASKS, parallelism=100, template=TaskTemplate(containers=(container,), max_retries=3)
    )
    return Job(
        name=JOB,
        uid="job-1",
        generation=1,
        etag='"1"',
        create_time_s=NOW_S,
        update_time_s=NOW_S,
        template=template,
    )


def an_execution(job: Job, uid: str) -> Execution:
    return Execution(
        name=job.name.execution(f"hot-{uid}"),
        uid=uid,
        job_uid=job.uid,
        job_generation=1,
        etag="",
        task_count=TASKS,
        parallelism=job.template.parallelism,
        template=job.template.template,
        state=ExecutionState.RUNNING,
        create_time_s=NOW_S,
        start_time_s=NOW_S,
        update_time_s=NOW_S,
    )


async def hot_path(report: Report, store: SqliteStore, batch: int, *, started_apart: bool) -> None:
    """CPU and wall microseconds a task, from its hand-over to its end."""
    cpu: list[float] = []
    wall: list[float] = []
    for number in range(ROUNDS):
        uid = f"e-{batch}-{int(started_apart)}-{number}"
        execution = an_execution(a_job(), uid)
        await store.write(_adding(execution))
        before = (time.process_time(), time.perf_counter())
        await run_execution(store, uid, batch, started_apart)
        cpu.append((time.process_time() - before[0]) / TASKS * 1e6)
        wall.append((time.perf_counter() - before[1]) / TASKS * 1e6)
    title = f"hand-over and end, batches of {batch}" + (", starts apart" if started_apart else "")
    report.sample(f"{title}: CPU", cpu, "us/task")
    report.sample(f"{title}: wall", wall, "us/task")


def _adding(execution: Execution) -> Callable[[WriteTx], None]:
    return lambda tx: tx.jobs.add_execution(execution)


async def run_execution(store: SqliteStore, uid: str, batch: int, started_apart: bool) -> None:
    """Play the engine: everything that was handed over ends, `batch` attempts a transaction."""
    held: list[tuple[str, int]] = []
    now_s = NOW_S + 1

    def turn(event: Event, named: list[int]) -> Callable[[WriteTx], list[tuple[str, int]]]:
        def unit(tx: WriteTx) -> list[tuple[str, int]]:
            view = tx.jobs.load_view(uid, named, now_s)
            assert view is not None
            decision = decide(view, event, now_s)
            tx.jobs.save(decision)
            started: list[tuple[str, int]] = []
            for command in decision.commands:
                if isinstance(command, StartAttempts):
                    tx.outbox.complete(
                        [tx.outbox.add("jobs", uid, "start", json.dumps(command.attempts), owner="me", expires_s=now_s)]
                    )
                    started += [(attempt_uid, index) for attempt_uid, index, _ in command.attempts]
            return started

        return unit

    held += await store.write(turn(Created(), []))
    while held:
        now_s += 0.013
        some, held = held[:batch], held[batch:]
        named = [index for _, index in some]
        if started_apart:
            starts = tuple(AttemptStarted(index=index, attempt_uid=attempt, at_s=now_s) for attempt, index in some)
            held += await store.write(turn(Reported(reports=starts), named))
        ends = tuple(
            AttemptEnded(
                index=index,
                attempt_uid=attempt,
                at_s=now_s + 0.01,
                result=SUCCESS,
                started_at_s=now_s,
                max_rss_bytes=1_500_000,
                cpu_s=0.001,
            )
            for attempt, index in some
        )
        held += await store.write(turn(Reported(reports=ends), named))


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Commits, reads, the hot path."""
    report = Report("store", directory, durability=POWER, is_quick=is_quick)
    asyncio.run(_measure(report, directory, is_quick=is_quick))
    return report


async def _measure(report: Report, directory: Path, *, is_quick: bool) -> None:
    store = await SqliteStore.open(directory / "data")
    await commits(report, store, directory / "bare.sqlite3", 1 if is_quick else LOOPS)
    await store.write(lambda tx: tx.jobs.add_job(a_job()))
    await reads(report, store)
    for batch in (1, 30, 100):
        await hot_path(report, store, batch, started_apart=False)
    await hot_path(report, store, 30, started_apart=True)
    await store.close()
    report.figure("most memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")
