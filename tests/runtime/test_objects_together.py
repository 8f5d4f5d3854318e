"""Many callers do everything at once, while the house is cleaned: in the end every content is counted right, every
object is whole, and no file is left over."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from objects_world import B, World, a_world, at, to

from hakobune.core.objects.failures import ObjectsError
from hakobune.core.objects.model import ComposeRequest, LifecycleRule, UploadTarget

pytestmark = pytest.mark.anyio

NAMES = ["a", "b", "c/d", "e"]
OPERATIONS = 60  # of each caller
CALLERS = 6
OTHER = "bucket-2"

COUNTS = """
SELECT content, refs, (SELECT count(*) FROM objects o WHERE o.content = c.content)
 + (SELECT count(*) FROM upload_sessions s WHERE s.content = c.content AND s.result IS NULL
    AND json_extract(s.doc, '$.refusal') IS NULL)
 + (SELECT count(*) FROM upload_parts p WHERE p.content = c.content) AS named
FROM contents c
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Caller:
    """Does random things, and minds no refusal."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.draw = random.Random(seed)
        self.works = [self.put, self.put, self.copy, self.move, self.delete, self.compose, self.session, self.parts]
        self.done: set[str] = set()

    async def run(self) -> None:
        for _ in range(OPERATIONS):
            work = self.draw.choice(self.works)
            try:
                await work()
            except ObjectsError:
                continue
            self.done.add(work.__name__)

    def name(self) -> str:
        return self.draw.choice(NAMES)

    def bucket(self) -> str:
        return self.draw.choice([B, OTHER])

    def content(self) -> bytes:
        return self.draw.randbytes(self.draw.choice([0, 10, 5_000, 600_000]))

    async def put(self) -> None:
        await self.world.put(self.name(), self.content(), bucket=self.bucket())

    async def copy(self) -> None:
        await self.world.room.changes.copy(at(self.name(), bucket=self.bucket()), to(self.name(), bucket=self.bucket()))

    async def move(self) -> None:
        await self.world.room.changes.move(at(self.name(), bucket=self.bucket()), to(self.name(), bucket=self.bucket()))

    async def delete(self) -> None:
        await self.world.room.changes.delete(at(self.name(), bucket=self.bucket()))

    async def compose(self) -> None:
        sources = tuple(at(self.name()) for _ in range(self.draw.randint(1, 3)))
        is_deleted = self.draw.random() < 0.3
        await self.world.room.composing.compose(
            ComposeRequest(sources=sources, destination=to(self.name()), deletes_sources=is_deleted)
        )

    async def session(self) -> None:
        content = self.content()
        sessions = self.world.room.sessions
        opened = await sessions.start(UploadTarget(bucket=self.bucket(), name=self.name()), total_bytes=len(content))
        append = await sessions.append(opened.id, offset=0)
        await append.write(content[: len(content) // 2])
        if self.draw.random() < 0.3:
            await append.interrupt()
            if self.draw.random() < 0.5:
                await sessions.cancel(opened.id)
            return
        await append.end()
        append = await sessions.append(opened.id, offset=len(content) // 2)
        await append.write(content[len(content) // 2 :])
        await append.end()

    async def parts(self) -> None:
        bucket, name, multipart = self.bucket(), self.name(), self.world.room.multipart
        upload = (await multipart.initiate(UploadTarget(bucket=bucket, name=name))).id
        sent: list[tuple[int, str]] = []
        for number in (1, 2):
            part = await multipart.put_part(bucket, name, upload, number)
            await part.write(self.content())
            sent.append((number, (await part.finish()).checksums.md5))
        if self.draw.random() < 0.5:
            await multipart.complete(bucket, name, upload, sent)
        elif self.draw.random() < 0.5:
            await multipart.abort(bucket, name, upload)


@pytest.fixture(params=[1, 2])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[World, int]]:
    async with a_world(tmp_path / "data") as found:
        rules = (LifecycleRule(action="Delete", is_live=False, newer_versions=3),)
        await found.bucket(is_versioned=True, lifecycle=rules)
        await found.bucket(OTHER, soft_delete_s=7 * 86_400)
        yield found, request.param


async def test_given_many_callers_when_they_do_everything_at_once_then_every_content_is_counted_right(
    world: tuple[World, int],
) -> None:
    room, seed = world[0].room, world[1]
    async with anyio.create_task_group() as house:
        house.start_soon(room.run)
        callers = [Caller(world[0], seed * 100 + number) for number in range(CALLERS)]
        async with anyio.create_task_group() as group:
            for caller in callers:
                group.start_soon(caller.run)
        house.cancel_scope.cancel()
    await room.cleaning.round()
    files = await world[0].settle()
    found = await room.examination.examine()
    assert found.problems == ()
    assert found.versions > 0
    with closing(sqlite3.connect(world[0].directory / "state.sqlite3")) as connection:
        counts = connection.execute(COUNTS).fetchall()
        empty = {row[0] for row in connection.execute("SELECT content FROM upload_sessions WHERE received_bytes = 0")}
    assert [content for content, refs, named in counts if refs != named] == []
    assert set(files) <= {content for content, _, _ in counts}
    assert {content for content, _, _ in counts} - set(files) <= empty  # no byte of them ever came
    assert world[0].blobs.in_work == set()
    assert {name for caller in callers for name in caller.done} == {work.__name__ for work in callers[0].works}


async def test_given_a_snapshot_when_its_objects_go_then_their_files_stay_until_it_is_forgotten(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path) as world:
        await world.bucket()
        await world.put("a", b"first")
        await world.put("b", b"second")
        await world.store.write(lambda tx: tx.snapshot("s", "p", world.clock.now_s()))
        await world.store.write(lambda tx: tx.fork("s", "copy"))
        await world.delete("a")
        await world.delete("b")
        await world.room.cleaning.round()
        assert len(await world.settle()) == 2
        copied = at("a", bucket=f"{B}-copy")
        assert await world.content("a", bucket=copied.bucket) == b"first"
        await world.room.changes.delete(copied)
        await world.store.write(lambda tx: tx.forget_snapshot("s"))
        assert len(await world.settle()) == 1  # the fork still has the other one
        assert await world.content("b", bucket=copied.bucket) == b"second"
        assert not (await world.room.examination.examine()).problems
