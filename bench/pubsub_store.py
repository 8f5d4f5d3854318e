"""What messages cost in the store: publish, and pull + ack, in batches of 100, beside a bare SQLite loop.

Everything is synced. The bare loop inserts the same rows, one batch a commit, and deletes them again; the room does
what a publisher and a subscriber ask it for (three commits a batch: publish, pull, acknowledge). Then a backlog: bytes
on disk for each message beyond its payload, the memory that it takes, and the pulls from it; also of messages that were
published one by one.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from pathlib import Path

from bench.report import POWER, Report, at_most, middle
from hakobune.core.pubsub.messages import new_message
from hakobune.core.pubsub.model import NewMessage, Subscription, Topic
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.outlet import Outlet
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.sqlite.database import SqliteStore

BATCH = 100
SECONDS = 1.0
LOOPS = 5
CALLERS = (1, 8)
PAYLOADS = (100, 1_000)  # bytes
BACKLOG = 1_000_000
LARGE_BYTES, LARGE_BACKLOG = 10_000, 50_000
ALONE = 50_000
TOPIC = TopicName(project="bench", id="topic")
SUBSCRIPTION = SubscriptionName(project="bench", id="subscription")


class _NoOutlet:
    """Nothing is pushed here."""

    async def send(self, request: object) -> object:
        raise AssertionError(request)

    async def id_token(self, account: str, audience: str) -> str:
        raise AssertionError((account, audience))


def a_batch(payload_bytes: int) -> list[NewMessage]:
    return [new_message(b"x" * payload_bytes, {}) for _ in range(BATCH)]


class _BareLoop:
    """Inserts a batch of rows a commit, and deletes a batch a commit: the limit."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, at_s REAL, body BLOB)")

    def run(self, batch: list[NewMessage]) -> tuple[float, float]:
        """(rows inserted, rows deleted) a second."""
        inserted, first = 0, self._first()
        started_s = time.perf_counter()
        while time.perf_counter() < started_s + SECONDS:
            self._connection.execute("BEGIN IMMEDIATE")
            rows = [(first + inserted + n, started_s, message.body) for n, message in enumerate(batch)]
            self._connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
            self._connection.execute("COMMIT")
            inserted += len(rows)
        insert_s = time.perf_counter() - started_s
        deleted, started_s = 0, time.perf_counter()
        while deleted < inserted and time.perf_counter() < started_s + SECONDS:
            self._connection.execute("BEGIN IMMEDIATE")
            numbers = [(first + deleted + n,) for n in range(BATCH)]
            self._connection.executemany("DELETE FROM rows WHERE id = ?", numbers)
            self._connection.execute("COMMIT")
            deleted += BATCH
        return inserted / insert_s, deleted / (time.perf_counter() - started_s)

    def _first(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM rows").fetchone()[0])

    def close(self) -> None:
        self._connection.close()


class _Traffic:
    """Publishers, then subscribers, for a while each."""

    def __init__(self, room: PubsubRoom, batch: list[NewMessage], callers: int) -> None:
        self._room = room
        self._batch = batch
        self._callers = callers
        self.published: list[float] = []
        self.pulled: list[float] = []

    async def run(self) -> None:
        started_s = time.perf_counter()
        counts = await asyncio.gather(*[self._publish(started_s + SECONDS) for _ in range(self._callers)])
        self.published.append(sum(counts) / (time.perf_counter() - started_s))
        started_s = time.perf_counter()
        counts = await asyncio.gather(*[self._pull(started_s + SECONDS) for _ in range(self._callers)])
        self.pulled.append(sum(counts) / (time.perf_counter() - started_s))

    async def _publish(self, end_s: float) -> int:
        count = 0
        while time.perf_counter() < end_s:
            await self._room.publish(TOPIC, self._batch)
            count += len(self._batch)
        return count

    async def _pull(self, end_s: float) -> int:
        count = 0
        while time.perf_counter() < end_s:
            found = await self._room.pull(SUBSCRIPTION, BATCH)
            if not found:
                return count
            await self._room.acknowledge(SUBSCRIPTION, [delivery.ack_id for delivery in found])
            count += len(found)
        return count


async def _drain(room: PubsubRoom) -> None:
    while found := await room.pull(SUBSCRIPTION, 1_000):
        await room.acknowledge(SUBSCRIPTION, [delivery.ack_id for delivery in found])
    await room.cleaning.clean()


async def rates(report: Report, room: PubsubRoom, directory: Path, payload_bytes: int, loops: int) -> None:
    """Alternate the bare loop and the room."""
    bare = _BareLoop(directory / f"bare-{payload_bytes}.sqlite3")
    batch = a_batch(payload_bytes)
    traffic = {callers: _Traffic(room, batch, callers) for callers in CALLERS}
    inserts: list[float] = []
    deletes: list[float] = []
    for _ in range(loops):
        inserted, deleted = bare.run(batch)
        inserts.append(inserted)
        deletes.append(deleted)
        for one in traffic.values():
            await one.run()
            await _drain(room)
    bare.close()
    report.sample(f"bare loop, {payload_bytes} bytes: insert", inserts, "rows/s")
    report.sample(f"bare loop, {payload_bytes} bytes: delete", deletes, "rows/s")
    for callers, one in traffic.items():
        title = f"{payload_bytes} bytes, {callers} at once"
        published = report.sample(f"{title}: publish", one.published, "messages/s")
        pulled = report.sample(f"{title}: pull + ack", one.pulled, "messages/s")
        report.figure(f"{title}: publish", published / middle(inserts), "x the bare insert")
        report.figure(f"{title}: pull + ack", pulled / middle(deletes), "x the bare delete")


async def backlog(report: Report, room: PubsubRoom, directory: Path, payload_bytes: int, count: int) -> None:
    """Bytes of a message that waits, beyond its payload; and how fast a full pull goes."""
    title = f"backlog of {count}, {payload_bytes} bytes"
    before, before_mib = _size(directory), resident_mib()
    batch = a_batch(payload_bytes)
    for _ in range(count // BATCH):
        await room.publish(TOPIC, batch)
    _beyond(report, title, _size(directory) - before, payload_bytes, count)
    started_s = time.perf_counter()
    for _ in range(20):
        await room.pull(SUBSCRIPTION, BATCH)
    report.figure(f"{title}: a pull of {BATCH}", (time.perf_counter() - started_s) / 20 * 1e3, "ms")
    report.figure(f"{title}: memory", resident_mib() - before_mib, "MiB more")
    await _drain(room)


async def one_by_one(report: Report, room: PubsubRoom, directory: Path, payload_bytes: int, count: int) -> None:
    """Bytes of a message that was published alone, before and after the room has put those that wait together."""
    title = f"backlog of {count}, {payload_bytes} bytes, one by one"
    before = _size(directory)
    message = a_batch(payload_bytes)[:1]
    for _ in range(count // CALLERS[-1]):
        await asyncio.gather(*[room.publish(TOPIC, message) for _ in range(CALLERS[-1])])
    report.figure(f"{title}: at once", (_size(directory) - before) / count - payload_bytes, "bytes beyond")
    await room.cleaning.clean()
    _beyond(report, f"{title}: put together", _size(directory) - before, payload_bytes, count)
    await _drain(room)


def _beyond(report: Report, title: str, grown: int, payload_bytes: int, count: int) -> None:
    beyond = grown / count - payload_bytes
    report.figure(f"{title}: on disk", beyond, "bytes beyond", target=at_most(200, "(issue 4, section 5)"))


def resident_mib() -> float:
    """Of this process, which is the room's."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _size(directory: Path) -> int:
    """Bytes of the database, its log written back."""
    path = directory / "data" / "state.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    used = connection.execute("SELECT (SELECT * FROM pragma_page_count()) - (SELECT * FROM pragma_freelist_count())")
    pages = int(used.fetchone()[0])
    size = int(connection.execute("PRAGMA page_size").fetchone()[0])
    connection.close()
    assert os.path.exists(path)
    return pages * size


async def _measure(report: Report, directory: Path, *, is_quick: bool) -> None:
    store = await SqliteStore.open(directory / "data")
    identifiers = RandomIdentifiers()
    outlet = Outlet(sender=_NoOutlet(), tokens=_NoOutlet())
    room = PubsubRoom(Wheel(store, SystemClock(), owner=identifiers.uid()), identifiers, WorkerThreads(), outlet)
    await room.topics.create(Topic(name=TOPIC))
    await room.subscriptions.create(Subscription(name=SUBSCRIPTION, topic=TOPIC, ack_deadline_s=600))
    for payload_bytes in PAYLOADS:
        await rates(report, room, directory, payload_bytes, 1 if is_quick else LOOPS)
    for payload_bytes in PAYLOADS:
        await backlog(report, room, directory, payload_bytes, 10_000 if is_quick else BACKLOG)
    await backlog(report, room, directory, LARGE_BYTES, 1_000 if is_quick else LARGE_BACKLOG)
    await one_by_one(report, room, directory, PAYLOADS[-1], 2_000 if is_quick else ALONE)
    await store.close()


def measure(directory: Path, *, is_quick: bool) -> Report:
    """All of it."""
    report = Report("pubsub_store", directory, durability=POWER, is_quick=is_quick)
    asyncio.run(_measure(report, directory, is_quick=is_quick))
    return report
