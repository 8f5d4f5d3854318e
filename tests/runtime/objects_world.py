"""An objects room over a real store and real files, with a wheel that turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from hakobune.core.errors import NotFound, Unavailable
from hakobune.core.objects.model import (
    NO_CONDITIONS,
    NOTHING_GIVEN,
    BucketSettings,
    Destination,
    GivenChecksums,
    ListQuery,
    Notice,
    ObjectMetadata,
    ObjectsPage,
    ObjectVersion,
    Preconditions,
    SourceVersion,
    UploadTarget,
)
from hakobune.runtime.clock import RandomIdentifiers
from hakobune.runtime.objects import ObjectsRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import CommitInterceptor
from hakobune.store.blobs_files import FileBlobs
from hakobune.store.sqlite.database import SqliteStore

B = "bucket-1"


class Hands:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at_s = 1_800_000_000.0

    def now_s(self) -> float:
        return self.at_s


class Topics:
    """Takes messages, or refuses them."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.refusals: list[Exception] = []
        self.missing: set[str] = set()

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str]) -> None:
        if topic in self.missing:
            raise NotFound(f"no {topic}")
        if self.refusals:
            raise self.refusals.pop()
        self.messages.append((topic, data, attributes))

    def refuse_once(self) -> None:
        self.refusals.append(Unavailable("not now"))


def told(notice: Notice) -> tuple[bytes, Mapping[str, str]]:
    """A message that tests can read."""
    event = notice.event
    return event.version.name.encode(), {
        "eventType": event.type.value,
        "generation": str(event.version.generation),
        "overwrote": str(event.overwrote_generation),
        "overwrittenBy": str(event.overwritten_by_generation),
    }


class World:
    """A room, and short words for what tests do with it."""

    def __init__(self, directory: Path, store: SqliteStore, clock: Hands) -> None:
        self.directory = directory
        self.store = store
        self.clock = clock
        self.wheel = Wheel(store, clock, owner="test")
        self.blobs = FileBlobs(directory / "objects")
        self.room = ObjectsRoom(self.wheel, RandomIdentifiers(), self.blobs, WorkerThreads(8))
        self.topics = Topics()
        self.room.notices.connect(told, self.topics)

    async def bucket(self, name: str = B, **settings: object) -> None:
        """Make a bucket."""
        await self.room.buckets.create("p", name, BucketSettings(**settings))  # type: ignore[arg-type]

    async def put(
        self,
        name: str,
        content: bytes = b"hello",
        *,
        bucket: str = B,
        conditions: Preconditions = NO_CONDITIONS,
        given: GivenChecksums = NOTHING_GIVEN,
        **metadata: object,
    ) -> ObjectVersion:
        """Upload."""
        target = UploadTarget(
            bucket=bucket,
            name=name,
            metadata=ObjectMetadata(**metadata),  # type: ignore[arg-type]
            conditions=conditions,
            given=given,
        )
        return await self.room.uploads.put(target, in_chunks(content))

    async def content(self, name: str, generation: int | None = None, *, bucket: str = B) -> bytes:
        """Download."""
        with await self.room.questions.open(SourceVersion(bucket=bucket, name=name, generation=generation)) as found:
            return b"".join(found.pieces(0, found.size_bytes))

    async def get(self, name: str, generation: int | None = None, **conditions: int) -> ObjectVersion:
        """Metadata."""
        source = SourceVersion(bucket=B, name=name, generation=generation, conditions=Preconditions(**conditions))
        return await self.room.questions.get(source)

    async def delete(self, name: str, generation: int | None = None, **conditions: int) -> None:
        """Delete."""
        await self.room.changes.delete(
            SourceVersion(bucket=B, name=name, generation=generation, conditions=Preconditions(**conditions))
        )

    async def list(self, **query: object) -> ObjectsPage:
        """A page."""
        return await self.room.questions.list(B, ListQuery(**query))  # type: ignore[arg-type]

    async def names(self, **query: object) -> list[str]:
        """The names of a page."""
        return [item.name for item in (await self.list(**query)).items]

    def files(self) -> list[str]:
        """All content files there are."""
        return sorted(path.name for path in self.blobs.directory.glob("??/*"))

    async def settle(self) -> list[str]:
        """The content files that are left when what is unused is removed."""
        await self.room.cleaning.remove_unused()
        return self.files()


def at(name: str, *, bucket: str = B, generation: int | None = None, **conditions: int) -> SourceVersion:
    """A version."""
    return SourceVersion(bucket=bucket, name=name, generation=generation, conditions=Preconditions(**conditions))


def to(name: str, *, bucket: str = B, metadata: ObjectMetadata | None = None, **conditions: int) -> Destination:
    """A place for a version."""
    return Destination(bucket=bucket, name=name, metadata=metadata, conditions=Preconditions(**conditions))


async def in_chunks(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    """As the network brings it."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


@asynccontextmanager
async def a_world(
    directory: Path, clock: Hands | None = None, interceptor: CommitInterceptor | None = None
) -> AsyncIterator[World]:
    """A room whose wheel turns and whose cleaning runs only when it is told to."""
    store = await SqliteStore.open(directory, interceptor=interceptor)
    world = World(directory, store, clock or Hands())
    async with anyio.create_task_group() as group:
        await world.wheel.recover()
        await group.start(world.wheel.run)
        yield world
        group.cancel_scope.cancel()
    world.room.close()
    await store.close()
