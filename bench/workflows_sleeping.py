"""What do 100,000 executions cost that sleep: at a restart, and in memory?

An execution that waits for longer than five seconds rests: a journal, a timer, and nothing in memory. The data
directory is written through the store, with the rows that the runtime itself writes: one execution goes the whole way
first, and the others are its copies under their own names. The quota of active executions, 10,000 as in the service, is
raised with `--max-executions`. Starts on that directory and on a new one alternate. Then some begin through the API of
a living runtime, and its memory is looked at before and after.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.house import LOCATION, PROJECT, House
from bench.processes import rss_mib
from bench.report import POWER, Report, at_most, middle
from hakobune.core.names import WorkflowName
from hakobune.core.workflows import journal
from hakobune.core.workflows.events import Started
from hakobune.store.api import Timer, WriteTx
from hakobune.store.sqlite.database import SqliteStore

SLEEPING = 100_000
BEGUN = 5_000  # through the API
ROUNDS = 7
_ROOM = "workflows"
_BATCH = 1_000
_WORKFLOW = "sleeper"
_PATH = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
_SETTLED_S = 2.0  # after the first answer: what is read or swept at a start has been by then
_SOURCE = "main:\n  steps:\n    - nap:\n        call: sys.sleep\n        args: {seconds: 86400}\n"


def _begin(house: House) -> str:
    """The name of a new execution. Raises RuntimeError if the quota does not let it begin."""
    begun = house.sure("POST", f"{_PATH}/{_WORKFLOW}/executions", {})
    if begun["state"] != "ACTIVE":
        raise RuntimeError(f"not begun: {json.dumps(begun)}")
    return str(begun["name"])


def _first_sleeper(house: House) -> str:
    """Deploy the workflow and begin one execution; its id, when it rests."""
    house.sure("POST", f"{_PATH}?workflowId={_WORKFLOW}", {"sourceContents": _SOURCE})
    name = _begin(house)
    while not house.sure("GET", f"/v1/{name}")["status"].get("currentSteps"):
        time.sleep(0.01)
    time.sleep(1.0)  # its rest is a commit of its own
    return name.rpartition("/")[2]


async def _copy(directory: Path, uid: str, number: int) -> None:
    """Write so many executions like this one."""
    store = await SqliteStore.open(directory)
    original = await store.read(lambda tx: tx.workflows.execution_by_uid(uid))
    entries = await store.read(lambda tx: tx.workflows.journal(uid))
    due_s = await store.read(lambda tx: tx.next_timer_s())
    if original is None or due_s is None or len(entries) != 1:
        raise RuntimeError(f"{uid} does not rest")
    name = WorkflowName(project=PROJECT, location=LOCATION, workflow=_WORKFLOW)
    started = journal.decode(entries[0])

    def batch(first: int) -> Callable[[WriteTx], None]:
        def unit(tx: WriteTx) -> None:
            for _ in range(first, min(first + _BATCH, number)):
                copy = str(uuid.uuid4())
                assert isinstance(started.event, Started)  # the first entry of every journal
                event = replace(started.event, execution=str(name.execution(copy)))
                tx.workflows.add_execution(replace(original, name=name.execution(copy), uid=copy))
                tx.workflows.append(copy, 0, [journal.encode(replace(started, event=event))])
                tx.timers.set(Timer(room=_ROOM, subject=copy, due_s=due_s))

        return unit

    for first in range(0, number, _BATCH):
        await store.write(batch(first))
    await store.close()


def _start(house: House) -> tuple[float, float]:
    """Start, wait, stop: seconds to the first answer, and MiB of memory of the control plane when it is quiet."""
    with house:
        wall_s = house.start()
        time.sleep(_SETTLED_S)
        return wall_s, rss_mib(house.pid)


def _growth(house: House, number: int) -> float:
    """KiB of memory for each of so many executions that begin, and rest. As many before them fill the caches of the
    database, which are bounded."""
    with house:
        house.start()
        for _ in range(number):
            _begin(house)
        time.sleep(_SETTLED_S)
        before = rss_mib(house.pid)
        for _ in range(number):
            _begin(house)
        time.sleep(_SETTLED_S)
        return (rss_mib(house.pid) - before) * 1024 / number


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate starts on a new directory and on the full one."""
    report = Report("workflows_sleeping", directory, durability=POWER, is_quick=is_quick)
    number = 5_000 if is_quick else SLEEPING
    full = House(directory / "full", flags=("--max-executions", str(2 * SLEEPING)))
    with full:
        full.start()
        uid = _first_sleeper(full)
    started_s = time.perf_counter()
    asyncio.run(_copy(full.directory, uid, number - 1))
    report.figure(f"writing {number:,} executions", time.perf_counter() - started_s, "s")
    empty_starts: list[tuple[float, float]] = []
    full_starts: list[tuple[float, float]] = []
    for place in range(2 if is_quick else ROUNDS):
        empty_starts.append(_start(House(directory / f"new-{place}")))
        full_starts.append(_start(full))
    with full:
        full.start()
        found = full.sure("GET", f"{_PATH}/{_WORKFLOW}/executions?pageSize=1")["executions"][0]
        if found["state"] != "ACTIVE":
            raise RuntimeError(f"not asleep: {json.dumps(found)}")
    grown_kib = _growth(full, 200 if is_quick else BEGUN)
    report.sample("start, new directory", [wall_s * 1e3 for wall_s, _ in empty_starts], "ms")
    wall_s = report.sample(f"start, {number:,} sleeping", [wall_s for wall_s, _ in full_starts], "s")
    report.sample("memory, new directory", [mib for _, mib in empty_starts], "MiB")
    report.sample(f"memory, {number:,} sleeping", [mib for _, mib in full_starts], "MiB")
    ratio = middle([ours / bare for (ours, _), (bare, _) in zip(full_starts, empty_starts, strict=True)])
    report.figure(f"start, {number:,} sleeping", ratio, "x a start in a new directory")
    report.figure(f"start, {number:,} sleeping", wall_s, "s", target=at_most(3, "s"))
    each = [(ours - bare) * 1024 / number for (_, ours), (_, bare) in zip(full_starts, empty_starts, strict=True)]
    report.figure("memory of each, after a restart", middle(each), "KiB", target=at_most(1, "KiB"))
    report.figure("memory of each, begun through the API", grown_kib, "KiB", target=at_most(1, "KiB"))
    return report
