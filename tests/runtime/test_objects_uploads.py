"""Uploads: what becomes visible, when, and what is left of those that fail."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import google_crc32c
import pytest
from objects_world import B, World, a_world, in_chunks

from hakobune.core.errors import ResourceExhausted, Unavailable
from hakobune.core.objects import limits
from hakobune.core.objects.failures import ConditionNotMet, Held, InvalidRequest, NothingFound
from hakobune.core.objects.model import (
    GivenChecksums,
    ObjectMetadata,
    ObjectState,
    Preconditions,
    SourceVersion,
    UploadTarget,
)
from hakobune.store.api import CommitInfo

pytestmark = pytest.mark.anyio

BIG = random.Random(1).randbytes(3_000_017)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path / "data") as found:
        await found.bucket()
        yield found


@pytest.mark.parametrize("content", [b"", b"x", b"hello", BIG[:65_536], BIG], ids=len)
async def test_given_a_content_of_any_size_when_it_is_uploaded_then_it_and_its_checksums_are_read_back(
    world: World, content: bytes
) -> None:
    version = await world.put("a/b", content)
    assert version.size_bytes == len(content)
    assert version.checksums.md5 == hashlib.md5(content).hexdigest()
    assert version.checksums.crc32c == google_crc32c.value(content)
    assert (version.metageneration, version.state) == (1, ObjectState.LIVE)
    assert version.generation >= int(world.clock.at_s * 1_000_000)
    assert (version.metadata.content_type, version.metadata.storage_class) == ("application/octet-stream", "STANDARD")
    assert await world.content("a/b") == content
    assert world.files() == [version.content]
    assert world.blobs.in_work == set()


async def test_given_an_object_when_it_is_uploaded_again_then_the_new_one_is_greater_and_the_old_file_goes(
    world: World,
) -> None:
    first = await world.put("a", b"one")
    second = await world.put("a", b"two")
    assert second.generation > first.generation
    assert await world.content("a") == b"two"
    assert await world.settle() == [second.content]
    with pytest.raises(NothingFound):
        await world.get("a", first.generation)


async def test_given_a_deleted_object_when_its_name_comes_back_and_the_clock_went_back_then_the_generation_rises(
    world: World,
) -> None:
    first = await world.put("a")
    await world.delete("a")
    world.clock.at_s -= 1_000
    assert (await world.put("a")).generation > first.generation


async def test_given_checksums_that_are_right_when_it_is_uploaded_then_it_is_taken(world: World) -> None:
    given = GivenChecksums(crc32c=google_crc32c.value(BIG), md5=hashlib.md5(BIG).hexdigest())
    assert (await world.put("a", BIG, given=given)).size_bytes == len(BIG)


@pytest.mark.parametrize("content", [b"hello", BIG], ids=["small", "big"])
@pytest.mark.parametrize("given", [GivenChecksums(crc32c=1), GivenChecksums(md5="0" * 32)], ids=["crc32c", "md5"])
async def test_given_a_checksum_that_is_wrong_when_it_is_uploaded_then_the_old_object_stays_and_no_file_is_left(
    world: World, content: bytes, given: GivenChecksums
) -> None:
    old = await world.put("a", b"old")
    with pytest.raises(InvalidRequest, match="doesn't match calculated"):
        await world.put("a", content, given=given)
    upload = await world.room.uploads.open(UploadTarget(bucket=B, name="a"))
    await upload.write(content)
    with pytest.raises(InvalidRequest, match="doesn't match calculated"):
        await upload.finish(given)
    assert (await world.get("a")).generation == old.generation
    assert world.files() == [old.content]
    assert world.blobs.in_work == set()


async def test_given_an_upload_that_is_aborted_when_one_looks_then_nothing_is_left(world: World) -> None:
    upload = await world.room.uploads.open(UploadTarget(bucket=B, name="a"))
    await upload.write(BIG)
    assert len(world.files()) == 1
    await upload.abort()
    await upload.abort()
    assert world.files() == []
    assert await world.names() == []
    assert world.blobs.in_work == set()


async def test_given_an_upload_whose_chunks_break_off_when_it_is_put_then_nothing_is_left(world: World) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield BIG
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await world.room.uploads.put(UploadTarget(bucket=B, name="a"), broken())
    assert (world.files(), await world.names()) == ([], [])


async def test_given_a_chunk_whose_memory_is_used_again_when_it_is_uploaded_then_its_bytes_were_copied(
    world: World,
) -> None:
    upload = await world.room.uploads.open(UploadTarget(bucket=B, name="a"))
    memory = bytearray(b"abc")
    await upload.write(memory)
    memory[:] = b"xyz"
    await upload.write(memoryview(memory))
    await upload.finish()
    assert await world.content("a") == b"abcxyz"


async def test_given_a_cancelled_caller_when_it_was_uploading_then_nothing_is_left(world: World) -> None:
    has_begun = anyio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield BIG
        has_begun.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(world.room.uploads.put, UploadTarget(bucket=B, name="a"), endless())
        await has_begun.wait()
        group.cancel_scope.cancel()
    assert (world.files(), await world.names(), world.blobs.in_work) == ([], [], set())


# -- preconditions --------------------------------------------------------------------------------------------------


async def test_given_many_racers_when_all_want_to_be_first_then_exactly_one_wins(world: World) -> None:
    outcomes: list[str] = []

    async def race(number: int) -> None:
        try:
            await world.put("lock", f"{number}".encode() * 100, conditions=Preconditions(generation_match=0))
            outcomes.append(f"{number}")
        except ConditionNotMet:
            outcomes.append("lost")

    async with anyio.create_task_group() as group:
        for number in range(24):
            group.start_soon(race, number)
    winners = [outcome for outcome in outcomes if outcome != "lost"]
    assert len(outcomes) == 24
    assert len(winners) == 1
    assert await world.content("lock") == winners[0].encode() * 100
    assert len(world.files()) == 1


async def test_given_an_upload_under_way_when_another_one_ends_first_then_its_condition_fails_at_its_end(
    world: World,
) -> None:
    target = UploadTarget(bucket=B, name="a", conditions=Preconditions(generation_match=0))
    slow = await world.room.uploads.open(target)
    await slow.write(BIG)
    winner = await world.put("a", b"first")
    with pytest.raises(ConditionNotMet):
        await slow.finish()
    assert world.files() == [winner.content]


async def test_given_a_condition_that_fails_when_an_upload_is_opened_then_it_is_refused_before_its_bytes(
    world: World,
) -> None:
    old = await world.put("a")
    for wanted in (
        Preconditions(generation_match=0),
        Preconditions(generation_match=old.generation + 1),
        Preconditions(generation_not_match=old.generation),
        Preconditions(metageneration_match=2),
        Preconditions(metageneration_not_match=1),
    ):
        with pytest.raises(ConditionNotMet):
            await world.room.uploads.open(UploadTarget(bucket=B, name="a", conditions=wanted))
    for wanted in (Preconditions(generation_match=1), Preconditions(generation_not_match=0)):
        with pytest.raises(ConditionNotMet):
            await world.room.uploads.open(UploadTarget(bucket=B, name="new", conditions=wanted))
    both = Preconditions(generation_match=old.generation, metageneration_match=1)
    assert (await world.put("a", b"new", conditions=both)).generation > old.generation


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a\nb", "a\rb", "a\0b", "x" * 1025, "é" * 513, "\ud800", ".well-known/acme-challenge/x"]
)
async def test_given_a_name_that_no_object_can_have_when_it_is_uploaded_then_it_is_refused(
    world: World, name: str
) -> None:
    with pytest.raises(InvalidRequest):
        await world.put(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/", "//", "x" * 1024, "é" * 512, "a b%2F", "\U0010ffff", "日本"])
async def test_given_a_strange_name_when_it_is_uploaded_then_it_is_one_object_and_no_path(
    world: World, name: str
) -> None:
    version = await world.put(name, name.encode())
    assert await world.content(name) == name.encode()
    assert await world.names() == [name]
    assert world.files() == [version.content]


async def test_given_no_bucket_or_bad_metadata_when_it_is_uploaded_then_it_is_refused(world: World) -> None:
    with pytest.raises(NothingFound, match="The specified bucket does not exist"):
        await world.put("a", bucket="no-such-bucket")
    for metadata in (
        {"content_type": "a\nb"},
        {"content_type": "x" * 3000},
        {"storage_class": "FASTEST"},
        {"custom": {"k": "v" * 9000}},
        {"custom": {"k": "\ud800"}},
        {"extra": {"x": "y" * 70_000}},
    ):
        with pytest.raises(InvalidRequest):
            await world.put("a", **metadata)
    assert world.files() == []


async def test_given_more_bytes_than_an_object_can_have_when_they_come_then_they_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.runtime.objects_inflow.OBJECT_BYTES", 1_000_000)
    with pytest.raises(InvalidRequest, match="at most"):
        await world.put("a", BIG)
    assert limits.OBJECT_BYTES == 5 * 1024**4
    assert world.files() == []


async def test_given_an_object_under_a_hold_when_it_is_uploaded_again_then_it_is_refused_until_the_hold_goes(
    world: World,
) -> None:
    held = await world.put("a", b"held", has_temporary_hold=True)
    with pytest.raises(Held, match="temporary hold"):
        await world.put("a", b"new")
    with pytest.raises(Held):
        await world.delete("a")
    await world.room.changes.change(SourceVersion(bucket=B, name="a"), lambda old: ObjectMetadata())
    assert (await world.put("a", b"new")).generation > held.generation


# -- failures of the machine ----------------------------------------------------------------------------------------


class Refusing:
    """Refuses commits: before they are done, or after."""

    def __init__(self) -> None:
        self.before: Exception | None = None
        self.after: Exception | None = None

    def before_commit(self, seq: int) -> None:
        if self.before is not None:
            raise self.before

    def after_commit(self, info: CommitInfo) -> None:
        if self.after is not None:
            raise self.after


async def test_given_a_store_that_refuses_when_an_upload_ends_then_its_file_goes_and_the_old_object_stays(
    tmp_path: Path,
) -> None:
    refusing = Refusing()
    async with a_world(tmp_path / "data", interceptor=refusing) as world:
        await world.bucket()
        old = await world.put("a", b"old")
        refusing.before = ResourceExhausted("full")
        with pytest.raises(ResourceExhausted):
            await world.put("a", BIG)
        refusing.before = None
        assert world.files() == [old.content]
        assert await world.content("a") == b"old"


async def test_given_a_commit_whose_answer_is_lost_when_an_upload_ends_then_the_new_object_and_its_file_stay(
    tmp_path: Path,
) -> None:
    refusing = Refusing()
    async with a_world(tmp_path / "data", interceptor=refusing) as world:
        await world.bucket()
        refusing.after = Unavailable("lost")
        with pytest.raises(Unavailable):
            await world.put("a", BIG)
        refusing.after = None
        await world.room.cleaning.round()
        await world.settle()
        assert await world.content("a") == BIG


async def test_given_objects_when_the_house_is_opened_again_then_they_are_there_and_generations_go_on(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket()
        first = await world.put("a", BIG, custom={"k": "v"}, extra={"contexts": {"x": [1, None]}}, custom_time_s=5.0)
    async with a_world(tmp_path / "data") as world:
        assert await world.get("a") == first
        assert await world.content("a") == BIG
        world.clock.at_s = 1.0
        assert (await world.put("b")).generation == first.generation + 1


async def test_given_a_small_chunk_size_when_it_is_uploaded_then_blocks_are_joined(world: World) -> None:
    version = await world.room.uploads.put(UploadTarget(bucket=B, name="a"), in_chunks(BIG[:1_500_000], 777))
    assert version.checksums.md5 == hashlib.md5(BIG[:1_500_000]).hexdigest()
    assert await world.content("a") == BIG[:1_500_000]
