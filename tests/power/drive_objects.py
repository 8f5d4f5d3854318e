"""Uploads, replaces, moves, composes, patches and deletes objects, several callers at once, and marks each
acknowledgement. Runs under the recorder.

Arguments: the recorded directory; `forget_content` leaves the sync of content files out, `forget_names` that of their
folders.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import replace
from pathlib import Path

import anyio
from marks import mark

from hakobune.core.objects.failures import ConditionNotMet
from hakobune.core.objects.model import (
    BucketSettings,
    ComposeRequest,
    Destination,
    ObjectVersion,
    Preconditions,
    SourceVersion,
    UploadTarget,
)
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.objects import ObjectsRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store import blobs_files as blobs_module
from hakobune.store.blobs_files import FileBlobs
from hakobune.store.sqlite.database import SqliteStore

BUCKET = "bucket"
OTHER = "other"
ROUNDS = 5


def content_of(name: str, number: int) -> bytes:
    """What the upload `number` of a name holds: its first line says so."""
    size = (40, 9_000, 70_000)[number % 3]
    return f"{name} {number}\n".encode() + random.Random(f"{name} {number}").randbytes(size)


class Driver:
    def __init__(self, room: ObjectsRoom) -> None:
        self.room = room

    async def put(self, name: str, number: int) -> ObjectVersion:
        upload = await self.room.uploads.open(UploadTarget(bucket=BUCKET, name=name))
        await upload.write(content_of(name, number))
        found = await upload.finish()
        mark(f"put {name} {number} {found.generation}")
        return found

    async def replaced(self, name: str) -> None:
        """Each upload replaces the one before."""
        for number in range(ROUNDS):
            await self.put(name, number)

    async def moved(self, name: str) -> None:
        """There and back: one of two names."""
        await self.put(name, 0)
        names = (name, f"{name}-moved")
        for number in range(ROUNDS):
            source, target = names[number % 2], names[1 - number % 2]
            found = await self.room.changes.move(
                SourceVersion(bucket=BUCKET, name=source), Destination(bucket=BUCKET, name=target)
            )
            mark(f"moved {source} {target} {found.generation}")

    async def session(self, name: str) -> None:
        """In pieces; each is promised."""
        content = content_of(name, 2)
        opened = await self.room.sessions.start(UploadTarget(bucket=BUCKET, name=name), total_bytes=len(content))
        mark(f"session {name} {opened.id} 0")
        for start in range(0, len(content), 30_000):
            append = await self.room.sessions.append(opened.id, offset=start)
            await append.write(content[start : start + 30_000])
            found = await append.end()
            mark(f"session {name} {opened.id} {found.received_bytes}")

    async def composed(self, name: str) -> None:
        """The whole of two parts, which go."""
        await self.put(f"{name}-1", 1)
        await self.put(f"{name}-2", 2)
        sources = tuple(SourceVersion(bucket=BUCKET, name=f"{name}-{part}") for part in (1, 2))
        request = ComposeRequest(sources=sources, destination=Destination(bucket=BUCKET, name=name))
        mark(f"composed {name} {(await self.room.composing.compose(request)).generation}")
        for part in (1, 2):
            await self.room.changes.delete(SourceVersion(bucket=BUCKET, name=f"{name}-{part}"))
            mark(f"deleted {name}-{part}")

    async def carried(self, name: str) -> None:
        """There and back: between two buckets."""
        await self.put(name, 0)
        for number in range(ROUNDS):
            source, target = (BUCKET, OTHER) if number % 2 == 0 else (OTHER, BUCKET)
            found = await self.room.changes.move(
                SourceVersion(bucket=source, name=name), Destination(bucket=target, name=name)
            )
            mark(f"carried {name} {target} {found.generation}")

    async def raced(self, name: str) -> None:
        """Several of one name that must not be there; the names of the winners are told."""
        for number in range(ROUNDS):
            async with anyio.create_task_group() as racers:
                for racer in range(3):
                    racers.start_soon(self._race, f"{name}-{number}", racer)

    async def _race(self, name: str, racer: int) -> None:
        target = UploadTarget(bucket=BUCKET, name=name, conditions=Preconditions(generation_match=0))
        try:
            upload = await self.room.uploads.open(target)
            await upload.write(content_of(name, racer))
            found = await upload.finish()
        except ConditionNotMet:
            mark(f"lost {name} {racer}")
        else:
            mark(f"won {name} {racer} {found.generation}")

    async def in_parts(self, name: str) -> None:
        """An upload of the XML API: each part is promised, then the whole."""
        upload = await self.room.multipart.initiate(UploadTarget(bucket=BUCKET, name=name))
        parts: list[tuple[int, str]] = []
        for number in (1, 2):
            part = await self.room.multipart.put_part(BUCKET, name, upload.id, number)
            await part.write(content_of(f"{name}-{number}", number))
            parts.append((number, (await part.finish()).checksums.md5))
            mark(f"part {name} {upload.id} {number}")
        found = await self.room.multipart.complete(BUCKET, name, upload.id, parts)
        mark(f"whole {name} {found.generation}")

    async def patched(self, name: str) -> None:
        """Other metadata again and again."""
        await self.put(name, 1)
        for number in range(ROUNDS):
            found = await self.room.changes.change(
                SourceVersion(bucket=BUCKET, name=name),
                lambda old, number=number: replace(old, custom={"number": str(number)}),
            )
            mark(f"patched {name} {found.metageneration}")


async def main(directory: Path) -> None:
    if "forget_content" in sys.argv:
        blobs_module.FileWriter.sync = lambda self: None
    if "forget_names" in sys.argv:
        blobs_module._sync_directory = lambda place: None
    store = await SqliteStore.open(directory / "data")
    wheel = Wheel(store, SystemClock(), owner="driver")
    room = ObjectsRoom(wheel, RandomIdentifiers(), FileBlobs(directory / "data" / "objects"), WorkerThreads(8))
    for bucket in (BUCKET, OTHER):
        await room.buckets.create("p", bucket, BucketSettings())
    mark("bucket")
    driver = Driver(room)
    async with anyio.create_task_group() as group:
        group.start_soon(room.run)
        async with anyio.create_task_group() as callers:
            for work, name in (
                (driver.replaced, "r1"),
                (driver.replaced, "r2"),
                (driver.moved, "m"),
                (driver.session, "s"),
                (driver.composed, "c"),
                (driver.carried, "b"),
                (driver.raced, "race"),
                (driver.in_parts, "parts"),
                (driver.patched, "patched"),
            ):
                callers.start_soon(work, name)
        group.cancel_scope.cancel()
    room.close()
    # No orderly end of the store: its log is left as it is.


asyncio.run(main(Path(sys.argv[1])))
