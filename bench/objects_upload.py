"""What an upload costs inside the house: written, synced, hashed twice, committed; beside `hashlib.md5` alone.

The bytes come from memory in pieces as the network brings them; HTTP is measured elsewhere. Both sides alternate in one
process, so they have the same machine. Small uploads come from many callers at once; a move and a copy touch rows only.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio

from bench.report import POWER, Report, at_least, at_most, middle
from hakobune.core.objects.model import BucketSettings, Destination, ListQuery, SourceVersion, UploadTarget
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.objects import ObjectsRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import WriteTx
from hakobune.store.blobs_files import FileBlobs
from hakobune.store.sqlite.database import SqliteStore

PIECE = os.urandom(64 * 1024)  # what one read of a socket brings at most
BIG_BYTES = 1024**3
SMALL_BYTES = 10_000
CALLERS = 32
NAMES = 200_000
BUCKET = "bench"
_IN_A_TURN = 1_000


async def _pieces(size_bytes: int) -> AsyncIterator[bytes]:
    for _ in range(size_bytes // len(PIECE)):
        yield PIECE


def _md5_alone(size_bytes: int) -> float:
    """MB/s."""
    started_s = time.perf_counter()
    md5 = hashlib.md5(usedforsecurity=False)
    for _ in range(size_bytes // len(PIECE)):
        md5.update(PIECE)
    md5.hexdigest()
    return size_bytes / 1e6 / (time.perf_counter() - started_s)


def _write_alone(path: Path, size_bytes: int) -> float:
    """MB/s of the disk, sync included: nothing durable is faster."""
    started_s = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        file.writelines(PIECE for _ in range(size_bytes // len(PIECE)))
        os.fsync(file.fileno())
    rate = size_bytes / 1e6 / (time.perf_counter() - started_s)
    path.unlink()
    return rate


async def big(report: Report, room: ObjectsRoom, scratch: Path, size_bytes: int, rounds: int) -> None:
    """One large object at a time."""
    disk: list[float] = []
    alone: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        disk.append(_write_alone(scratch, size_bytes))
        alone.append(_md5_alone(size_bytes))
        started_s = time.perf_counter()
        await room.uploads.put(UploadTarget(bucket=BUCKET, name="big"), _pieces(size_bytes))
        ours.append(size_bytes / 1e6 / (time.perf_counter() - started_s))
        await room.cleaning.remove_unused()
    report.sample("write and sync alone", disk, "MB/s")
    report.sample("hashlib.md5 alone", alone, "MB/s")
    report.sample(f"upload of {size_bytes // 1024**2} MiB", ours, "MB/s")
    ratios = [mine / theirs for mine, theirs in zip(ours, alone, strict=True)]
    report.figure("upload", middle(ratios), "x hashlib.md5 alone", target=at_least(0.8, "(issue 4, section 5)"))


async def small(report: Report, room: ObjectsRoom, seconds: float) -> None:
    """Many callers, small objects: the syncs are the cost."""
    samples: list[float] = []
    end_s = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        place = 0
        while (started_s := time.perf_counter()) < end_s:
            upload = await room.uploads.open(UploadTarget(bucket=BUCKET, name=f"small/{number}/{place}"))
            await upload.write(PIECE[:SMALL_BYTES])
            await upload.finish()
            samples.append((time.perf_counter() - started_s) * 1e3)
            place += 1

    async with anyio.create_task_group() as group:
        for number in range(CALLERS):
            group.start_soon(caller, number)
    report.sample(f"upload of 10 kB, {CALLERS} callers: answer", samples, "ms")
    report.figure(f"uploads of 10 kB, {CALLERS} callers", len(samples) / seconds, "a second")


async def rows_only(report: Report, room: ObjectsRoom, rounds: int) -> None:
    """Move there and back, copy."""
    moves: list[float] = []
    copies: list[float] = []
    names = ("big", "moved")
    for number in range(rounds):
        source, target = names[number % 2], names[1 - number % 2]
        started_s = time.perf_counter()
        await room.changes.move(SourceVersion(bucket=BUCKET, name=source), Destination(bucket=BUCKET, name=target))
        moves.append((time.perf_counter() - started_s) * 1e3)
        started_s = time.perf_counter()
        await room.changes.copy(SourceVersion(bucket=BUCKET, name=target), Destination(bucket=BUCKET, name="copy"))
        copies.append((time.perf_counter() - started_s) * 1e3)
    found = report.sample("move of a large object", moves, "ms")
    report.sample("copy of a large object", copies, "ms")
    report.figure("move of a large object", found, "ms", target=at_most(5, "(issue 4, section 5)"))


async def lists(report: Report, room: ObjectsRoom, store: SqliteStore, names: int) -> None:
    """Pages of a bucket with many names, with and without a delimiter."""
    source = await store.read(lambda tx: tx.objects.find_live(BUCKET, "copy"))
    assert source is not None  # made above
    for start in range(0, names, _IN_A_TURN):

        def unit(tx: WriteTx, start: int = start) -> None:
            for number in range(start, start + _IN_A_TURN):
                tx.objects.add_version(replace(source, name=f"many/{number % 50:02d}/{number:08d}"))

        await store.write(unit)
    for title, query in (
        ("page of 1,000 names", ListQuery(prefix="many/")),
        (f"50 prefixes over {names} names", ListQuery(prefix="many/", delimiter="/")),
        ("page of 1 name", ListQuery(prefix="many/", max_results=1)),
    ):
        samples: list[float] = []
        for _ in range(20):
            started_s = time.perf_counter()
            await room.questions.list(BUCKET, query)
            samples.append((time.perf_counter() - started_s) * 1e3)
        report.sample(title, samples, "ms")


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Large and small uploads, moves, lists."""
    report = Report("objects_upload", directory, durability=f"{POWER}; content files synced", is_quick=is_quick)
    asyncio.run(_measure(report, directory, is_quick=is_quick))
    return report


async def _measure(report: Report, directory: Path, *, is_quick: bool) -> None:
    store = await SqliteStore.open(directory / "data")
    wheel = Wheel(store, SystemClock(), owner="bench")
    room = ObjectsRoom(wheel, RandomIdentifiers(), FileBlobs(directory / "data" / "objects"), WorkerThreads(16))
    await room.buckets.create("bench", BUCKET, BucketSettings())
    await big(report, room, directory / "scratch", BIG_BYTES // (8 if is_quick else 1), 2 if is_quick else 7)
    report.figure("most memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")
    await rows_only(report, room, 10 if is_quick else 200)
    await small(report, room, 1.0 if is_quick else 5.0)
    await lists(report, room, store, 5_000 if is_quick else NAMES)
    room.close()
    await store.close()
