"""What does it cost to run a short program through the supervisor alone, beside a bare loop and `xargs`?

The client is trivial: it hands over in windows of about 100 and acknowledges, so nothing is durable but the
supervisor's spool. CPU time is that of all processes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from bench.report import Report, middle
from hakobune.engines import api as engine_api
from hakobune.engines.api import Attempt, Ended, Lane
from hakobune.engines.process.engine import ProcessEngine

WINDOW = 100
TASKS = 5_000
WIDTH = 8
ROUNDS = 5
TRUE = "/bin/true"


def _cpu_s() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _bare(tasks: int, folder: Path) -> None:
    del folder
    running = started = 0
    env = dict(os.environ)
    while started < tasks or running:
        while started < tasks and running < WIDTH:
            os.posix_spawn(TRUE, [TRUE], env)
            started += 1
            running += 1
        os.wait()
        running -= 1


def _xargs(tasks: int, folder: Path) -> None:
    del folder
    lines = "\n".join(map(str, range(tasks))).encode()
    subprocess.run(["xargs", "-P", str(WIDTH), "-n", "1", TRUE], input=lines, check=True)


def _supervisor(tasks: int, folder: Path) -> None:
    asyncio.run(_through_supervisor(folder, tasks))


async def _through_supervisor(folder: Path, tasks: int) -> None:
    engine = ProcessEngine(folder)
    await engine.open()
    lane = Lane(
        uid="bench",
        width=WIDTH,
        argv=(TRUE,),
        env=dict(os.environ),
        working_dir=None,
        timeout_s=600.0,
        grace_s=10.0,
        memory_limit_bytes=None,
        log_limit_bytes=1 << 20,
    )
    handed_over = ended = 0
    async for reports in _with_start(engine):
        ended += sum(isinstance(report, Ended) for report in reports)
        if ended == tasks:
            break
        more = min(tasks, ended + WINDOW) - handed_over
        if more >= WINDOW // 4 or handed_over + more == tasks:
            attempts = range(handed_over, handed_over + more)
            await engine.start(lane, [Attempt(uid=f"bench.{i}.1", index=i, number=0) for i in attempts])
            handed_over += more
    await engine.close(stop_attempts=True)


async def _with_start(engine: ProcessEngine) -> AsyncIterator[Sequence[engine_api.Report]]:
    yield ()
    async for batch in engine.reports():
        yield batch.reports
        await engine.acknowledge(batch.cursor)


_LAUNCHERS: dict[str, Callable[[int, Path], None]] = {
    "posix_spawn and wait": _bare,
    f"xargs -P {WIDTH}": _xargs,
    "supervisor": _supervisor,
}


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate the launchers."""
    report = Report("spawn", directory, durability="none but the spool, which is not synced", is_quick=is_quick)
    rates: dict[str, list[float]] = {name: [] for name in _LAUNCHERS}
    cpu_us: dict[str, list[float]] = {name: [] for name in _LAUNCHERS}
    for number in range(1 if is_quick else ROUNDS):
        for name, launch in _LAUNCHERS.items():
            folder = directory / f"{name}-{number}"
            folder.mkdir()
            cpu_s, started_s = _cpu_s(), time.perf_counter()
            launch(TASKS, folder)
            rates[name].append(TASKS / (time.perf_counter() - started_s))
            cpu_us[name].append((_cpu_s() - cpu_s) / TASKS * 1e6)
    for name in _LAUNCHERS:
        report.sample(f"{name}: rate", rates[name], "tasks/s")
        report.sample(f"{name}: all CPU", cpu_us[name], "us/task")
    bare, xargs, ours = (middle(values) for values in rates.values())
    report.figure("supervisor: rate", ours / xargs, "x xargs")
    report.figure("supervisor: rate", ours / bare, "x posix_spawn and wait")
    bare, xargs, ours = (middle(values) for values in cpu_us.values())
    report.figure("supervisor: CPU", ours / xargs, "x xargs")
    report.figure("supervisor: CPU", ours / bare, "x posix_spawn and wait")
    return report
