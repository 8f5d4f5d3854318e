"""Fills the disk under a store and says what became of each unit. Run by test_sqlite_files in a process of its own."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

from hakobune.core.errors import HakobuneError
from hakobune.store.sqlite.database import SqliteStore

LIMIT_BYTES = 1_000_000


async def main(place: Path, way: str) -> None:
    """Write until nothing fits, then give space back."""
    directory = place / "data"
    ballast = place / "ballast"
    if way == "small_disk":
        ballast.write_bytes(b"x" * 1_000_000)
    store = await SqliteStore.open(directory)
    if way == "file_size_limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, resource.RLIM_INFINITY))
    kept: list[str] = []
    refused: list[str] = []
    errors: set[str] = set()
    for number in range(150):
        key = f"k{number}"
        try:
            await store.write(lambda tx, key=key: tx.set_meta(key, "x" * 20_000))
            kept.append(key)
        except HakobuneError as error:
            errors.add(type(error).__name__)
            refused.append(key)
    while_full = await store.read(lambda tx: [key for key in kept if tx.meta(key) is None])
    await store.close()
    start = "good"
    try:
        store = await SqliteStore.open(directory)
    except HakobuneError as error:
        start = repr(error)
    # Space is back.
    if way == "small_disk":
        ballast.unlink()
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if start != "good":
        store = await SqliteStore.open(directory)
    await store.write(lambda tx: tx.set_meta("after", "y" * 20_000))
    await store.close()
    store = await SqliteStore.open(directory)
    answer = {
        "kept": len(kept),
        "refused": len(refused),
        "errors": sorted(errors),
        "missing": while_full + await store.read(lambda tx: [key for key in kept if tx.meta(key) is None]),
        "unasked": await store.read(lambda tx: [key for key in refused if tx.meta(key) is not None]),
        "works_again": await store.read(lambda tx: tx.meta("after")) is not None,
        "start_on_a_full_disk": start,
    }
    await store.close()
    print(json.dumps(answer))


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
