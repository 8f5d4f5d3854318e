"""What does a durable step cost, beside a bare SQLite loop and beside DBOS Transact?

A durable step is a call to a no-op in this process whose answer is committed before the next step starts. Beginning
and end of the executions are in the figures. The no-op replaces only what carries calls out: the interpreter, the
drivers, the wheel and the store are the real ones. All of it, and both rivals, is safe from power cuts.

DBOS runs if the environment variable HAKOBUNE_BENCH_DBOS names a Python interpreter that has it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import subprocess
import time
from pathlib import Path

from bench.report import POWER, Report, at_least, middle
from bench.workflows_room import NoOp, WorkflowsBench, workflows_bench
from hakobune.core.names import WorkflowName
from hakobune.runtime.settings import Settings
from hakobune.servers.house import calm_collector

DBOS_PYTHON = "HAKOBUNE_BENCH_DBOS"
ROUNDS = 7
AT_ONCE = 100
STEPS_AT_ONCE = 20  # of each of those
STEPS_ALONE = 1_000
_DBOS = Path(__file__).with_name("workflows_dbos.py")
_SOURCE = """\
main:
  params: [steps]
  steps:
    - all:
        for:
          value: number
          range: [1, ${steps}]
          steps:
            - durable:
                call: http.get
                args: {url: http://127.0.0.1:9/}
                result: answer
"""


class _Dbos:
    """The rival in a process of its own."""

    def __init__(self, python: str, directory: Path) -> None:
        directory.mkdir()
        self._process = subprocess.Popen(
            [python, str(_DBOS), str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._line("ready")

    def _line(self, expected: str = "") -> str:
        assert self._process.stdout is not None  # asked for above
        for line in self._process.stdout:
            if not expected or line.strip() == expected:
                return line
        raise RuntimeError(f"DBOS ended with {self._process.wait()}")

    def rate(self, workflows: int, steps: int) -> float:
        """Steps a second."""
        assert self._process.stdin is not None  # asked for above
        self._process.stdin.write(f"{workflows} {steps}\n")
        self._process.stdin.flush()
        return workflows * steps / float(self._line())

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class _BareLoop:
    """One row a commit, and nothing else: the limit of one workflow."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, entry BLOB)")

    def rate(self, steps: int) -> float:
        """Commits a second."""
        started_s = time.perf_counter()
        for _ in range(steps):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO steps (entry) VALUES (?)", (b"x" * 200,))
            self._connection.execute("COMMIT")
        return steps / (time.perf_counter() - started_s)

    def close(self) -> None:
        self._connection.close()


async def _rate(bench: WorkflowsBench, name: WorkflowName, workflows: int, steps: int) -> float:
    started_s = time.perf_counter()
    await bench.run(name, [str(steps)] * workflows)
    return workflows * steps / (time.perf_counter() - started_s)


async def _measure(report: Report, directory: Path, *, is_quick: bool) -> None:
    python = os.environ.get(DBOS_PYTHON, "")
    bare = _BareLoop(directory / "bare.sqlite3")
    dbos = _Dbos(python, directory / "dbos") if python else None
    rates: dict[str, list[float]] = {name: [] for name in ("bare", "one", "many", "one dbos", "many dbos")}
    syncs: dict[str, list[float]] = {"one": [], "many": []}
    cpu_us: list[float] = []
    settings = Settings(directory=directory / "data")
    async with workflows_bench(settings.directory, NoOp(), settings) as bench:
        name = await bench.deploy("durable", _SOURCE)
        await bench.run(name, ["10"])
        gc.collect()
        calm_collector()  # as `hakobune up` does when it has started
        expected = bench.journal_rows()
        for _ in range(2 if is_quick else ROUNDS):
            rates["bare"].append(bare.rate(STEPS_ALONE))
            for kind, workflows, steps in (("one", 1, STEPS_ALONE), ("many", AT_ONCE, STEPS_AT_ONCE)):
                before, cpu_s = bench.commits.number, time.process_time()
                rates[kind].append(await _rate(bench, name, workflows, steps))
                cpu_us.append((time.process_time() - cpu_s) / workflows / steps * 1e6)
                syncs[kind].append((bench.commits.number - before) / workflows / steps)
                expected += workflows * (steps + 1)
                if dbos is not None:
                    rates[f"{kind} dbos"].append(dbos.rate(workflows, steps if workflows > 1 else steps // 10))
        if (rows := bench.journal_rows()) != expected:
            raise RuntimeError(f"{rows} rows in the journals, not {expected}: a step was not recorded, or twice")
    bare.close()
    if dbos is not None:
        dbos.close()
    titles = {"one": "one workflow", "many": f"{AT_ONCE} workflows at once"}
    report.sample("bare loop, one row a commit", rates["bare"], "commits/s")
    for kind, title in titles.items():
        report.sample(title, rates[kind], "steps/s")
        report.sample(f"{title}: commits", syncs[kind], "a step")
        if rates[f"{kind} dbos"]:
            report.sample(f"DBOS, {title}", rates[f"{kind} dbos"], "steps/s")
    report.sample("one workflow: CPU", cpu_us[::2], "us/step")
    report.sample(f"{AT_ONCE} workflows at once: CPU", cpu_us[1::2], "us/step")
    report.figure("rows in the journal", 1.0, "a step, and one an execution")
    alone = [ours / limit for ours, limit in zip(rates["one"], rates["bare"], strict=True)]
    report.figure("one workflow", middle(alone), "x the bare loop", target=at_least(0.6, "x the bare loop"))
    many = [ours / limit for ours, limit in zip(rates["many"], rates["bare"], strict=True)]
    report.figure(titles["many"], middle(many), "x the bare loop")
    for kind, target in (("one", None), ("many", at_least(20, "x DBOS Transact on SQLite"))):
        pairs = list(zip(rates[kind], rates[f"{kind} dbos"], strict=False))
        if pairs:
            ratio = middle([ours / theirs for ours, theirs in pairs])
            report.figure(titles[kind], ratio, "x DBOS Transact on SQLite", target=target)


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate the bare loop, our steps, and the steps of DBOS."""
    report = Report("workflows_durable", directory, durability=POWER, is_quick=is_quick)
    asyncio.run(_measure(report, directory, is_quick=is_quick))
    return report
