"""Writes to a store from several callers at once, and marks each acknowledgement. Runs under the recorder.

Arguments: the recorded directory, the durability; `forget_names` leaves the sync of folders out.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from marks import mark

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from store_builders import a_job, an_execution, begin, end, handed_over

from hakobune.store.api import Durability
from hakobune.store.sqlite import database

ROUNDS = 12


async def counters(store: database.SqliteStore, name: str) -> None:
    """Two facts that are always equal, and rise."""
    for number in range(ROUNDS):
        text = f"{number} {'x' * 300}"
        await store.write(lambda tx, text=text: (tx.set_meta(f"{name}-a", text), tx.set_meta(f"{name}-b", text)))
        mark(f"counter {name} {number}")


async def executions(store: database.SqliteStore, suffix: str) -> None:
    """An execution whose tasks end in batches."""
    execution = an_execution(a_job(), suffix, tasks=20, parallelism=4)
    attempts = await store.write(lambda tx: begin(tx, execution))
    mark(f"begun {execution.uid}")
    while attempts:
        some, rest = attempts[:5], attempts[5:]
        decision = await store.write(lambda tx, some=some: end(tx, some))
        for attempt in some:
            mark(f"ended {attempt}")
        attempts = rest + handed_over(decision)
    mark(f"done {execution.uid}")


async def main(directory: Path, durability: Durability) -> None:
    if "forget_names" in sys.argv:
        database._sync_directory = lambda place: None
    database._CHECKPOINT_PAGES = 40  # several checkpoints in a short recording
    store = await database.SqliteStore.open(directory / "data", durability=durability)
    await store.write(lambda tx: tx.jobs.add_job(a_job()))
    mark(f"job {a_job().uid}")
    await asyncio.gather(*(counters(store, f"c{n}") for n in range(3)), executions(store, "aaaaa"))
    await store.close()
    mark("closed")
    store = await database.SqliteStore.open(directory / "data", durability=durability)
    await asyncio.gather(counters(store, "late"), executions(store, "bbbbb"))
    # No orderly end: the log is left as it is.
    sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1]), Durability(sys.argv[2])))
