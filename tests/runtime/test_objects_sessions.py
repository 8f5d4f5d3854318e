"""Resumable uploads: offsets, interruptions, restarts, ends."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import google_crc32c
import pytest
from objects_world import B, World, a_world

from hakobune.core.objects.failures import ConditionNotMet, InvalidRequest, NothingFound, Superseded
from hakobune.core.objects.limits import SESSION_S
from hakobune.core.objects.model import (
    NOTHING_GIVEN,
    GivenChecksums,
    Preconditions,
    UploadSession,
    UploadState,
    UploadTarget,
)

pytestmark = pytest.mark.anyio

BIG = random.Random(2).randbytes(2_500_011)
MIB = 1024 * 1024


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path / "data") as found:
        await found.bucket()
        yield found


async def start(world: World, total: int | None = None, **target: object) -> str:
    session = await world.room.sessions.start(
        UploadTarget(bucket=B, name="a", **target),  # type: ignore[arg-type]
        total_bytes=total,
    )
    return session.id


async def send(
    world: World,
    session: str,
    content: bytes,
    offset: int,
    total: int | None = None,
    given: GivenChecksums = NOTHING_GIVEN,
) -> UploadSession:
    append = await world.room.sessions.append(session, offset=offset, total_bytes=total)
    for place in range(0, len(content), 70_000):
        await append.write(content[place : place + 70_000])
    return await append.end(given)


async def test_given_a_session_when_all_comes_in_one_request_then_the_object_is_there(world: World) -> None:
    session = await start(world, len(BIG))
    assert (await world.room.sessions.status(session)).received_bytes == 0
    done = await send(world, session, BIG, 0, len(BIG))
    assert done.state is UploadState.DONE
    assert done.result is not None
    assert done.result.checksums.md5 == hashlib.md5(BIG).hexdigest()
    assert await world.content("a") == BIG
    assert world.files() == [done.result.content]


async def test_given_a_session_of_unknown_size_when_chunks_come_then_each_is_durable_and_the_last_makes_the_object(
    world: World,
) -> None:
    session = await start(world)
    assert (await send(world, session, BIG[:MIB], 0)).received_bytes == MIB
    assert (await send(world, session, BIG[MIB : 2 * MIB], MIB)).received_bytes == 2 * MIB
    assert await world.names() == []
    given = GivenChecksums(crc32c=google_crc32c.value(BIG))
    done = await send(world, session, BIG[2 * MIB :], 2 * MIB, len(BIG), given)
    assert done.state is UploadState.DONE
    assert await world.content("a") == BIG


async def test_given_all_bytes_when_the_total_is_told_without_a_body_then_the_object_is_made(world: World) -> None:
    session = await start(world)
    await send(world, session, BIG, 0)
    short = await world.room.sessions.finish(session, total_bytes=len(BIG) + 5)
    assert (short.state, short.received_bytes) == (UploadState.OPEN, len(BIG))
    done = await world.room.sessions.finish(session, total_bytes=len(BIG))
    assert done.result == await world.get("a")


@pytest.mark.parametrize("total", [0, None])
async def test_given_an_empty_content_when_its_session_ends_then_there_is_an_empty_object(
    world: World, total: int | None
) -> None:
    session = await start(world, total)
    done = await world.room.sessions.finish(session, total_bytes=0)
    assert done.state is UploadState.DONE
    assert await world.content("a") == b""


async def test_given_stored_bytes_when_a_chunk_overlaps_them_then_only_the_rest_is_taken(world: World) -> None:
    session = await start(world)
    await send(world, session, BIG[: MIB + 5], 0)
    wrong = b"x" * MIB + BIG[MIB:]  # what overlaps is not looked at
    assert (await send(world, session, wrong[:2_000_000], 0)).received_bytes == 2_000_000
    assert (await send(world, session, BIG[100:200], 100)).received_bytes == 2_000_000
    await send(world, session, BIG[MIB:], MIB, len(BIG))
    assert await world.content("a") == BIG


async def test_given_stored_bytes_when_a_chunk_leaves_a_gap_then_it_is_refused_and_the_session_goes_on(
    world: World,
) -> None:
    session = await start(world)
    await send(world, session, BIG[:MIB], 0)
    with pytest.raises(InvalidRequest, match="missing"):
        await world.room.sessions.append(session, offset=MIB + 1)
    assert (await send(world, session, BIG[MIB:], MIB, len(BIG))).state is UploadState.DONE


async def test_given_a_total_when_another_is_told_or_more_comes_then_it_is_refused(world: World) -> None:
    session = await start(world, 100)
    with pytest.raises(InvalidRequest, match="100 bytes before"):
        await world.room.sessions.append(session, offset=0, total_bytes=101)
    with pytest.raises(InvalidRequest, match="100 bytes before"):
        await world.room.sessions.finish(session, total_bytes=0)
    append = await world.room.sessions.append(session, offset=0, total_bytes=100)
    with pytest.raises(InvalidRequest, match="More bytes came"):
        await append.write(b"x" * 101)
    await append.interrupt()
    empty = await start(world, 0)
    append = await world.room.sessions.append(empty, offset=0)
    with pytest.raises(InvalidRequest, match="More bytes came"):
        await append.write(b"x")


async def test_given_a_request_that_breaks_off_when_the_status_is_asked_then_what_came_counts(world: World) -> None:
    session = await start(world, len(BIG))
    append = await world.room.sessions.append(session, offset=0, total_bytes=len(BIG))
    await append.write(BIG[:1_234_567])
    await append.interrupt()
    await append.interrupt()
    assert (await world.room.sessions.status(session)).received_bytes == 1_234_567
    assert (await send(world, session, BIG[1_234_567:], 1_234_567, len(BIG))).state is UploadState.DONE
    assert await world.content("a") == BIG


async def test_given_a_request_under_way_when_the_status_is_asked_then_it_tells_what_came_and_the_request_goes_on(
    world: World,
) -> None:
    session = await start(world)
    append = await world.room.sessions.append(session, offset=0, total_bytes=len(BIG))
    await append.write(BIG[:MIB])
    assert (await world.room.sessions.status(session)).received_bytes == MIB
    await append.write(BIG[MIB:])
    assert (await append.end()).state is UploadState.DONE
    assert await world.content("a") == BIG


async def test_given_a_request_under_way_when_a_newer_one_comes_then_the_old_one_ends_and_what_it_brought_counts(
    world: World,
) -> None:
    session = await start(world)
    old = await world.room.sessions.append(session, offset=0, total_bytes=len(BIG))
    await old.write(BIG[:MIB])
    new = await world.room.sessions.append(session, offset=MIB, total_bytes=len(BIG))
    with pytest.raises(Superseded):
        await old.write(BIG[MIB:])
    with pytest.raises(Superseded):
        await old.end()
    await old.interrupt()
    await new.write(BIG[MIB:])
    assert (await new.end()).state is UploadState.DONE
    assert await world.content("a") == BIG


async def test_given_a_session_that_is_done_when_it_is_asked_again_then_it_answers_the_object(tmp_path: Path) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket()
        session = await start(world)
        done = await send(world, session, BIG, 0, len(BIG))
        assert await send(world, session, BIG, 0, len(BIG)) == done
        await world.delete("a")
    async with a_world(tmp_path / "data") as world:
        assert await world.room.sessions.status(session) == done
        assert await world.room.sessions.finish(session, total_bytes=len(BIG)) == done
        assert await world.settle() == []
        await world.room.sessions.cancel(session)
        with pytest.raises(NothingFound):
            await world.room.sessions.status(session)


async def test_given_a_restart_when_a_session_goes_on_then_its_hashes_are_taken_again_from_the_file(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket()
        session = await start(world)
        await send(world, session, BIG[:MIB], 0)
        append = await world.room.sessions.append(session, offset=MIB)
        await append.write(BIG[MIB:])  # never acknowledged: the house ends here
        content = world.files()[0]
    path = tmp_path / "data" / "objects" / content[:2] / content
    path.write_bytes(BIG[:MIB] + b"whatever a crash left")
    async with a_world(tmp_path / "data") as world:
        await world.room.cleaning.round()
        assert (await world.room.sessions.status(session)).received_bytes == MIB
        given = GivenChecksums(crc32c=google_crc32c.value(BIG), md5=hashlib.md5(BIG).hexdigest())
        assert (await send(world, session, BIG[MIB:], MIB, len(BIG), given)).state is UploadState.DONE
        assert await world.content("a") == BIG


@pytest.mark.parametrize("where", ["target", "end", "finish"])
async def test_given_a_wrong_checksum_when_a_session_ends_then_there_is_no_object_and_it_says_so_again(
    world: World, where: str
) -> None:
    wrong = GivenChecksums(crc32c=1)
    session = await start(world, **({"given": wrong} if where == "target" else {}))
    if where == "finish":
        await send(world, session, BIG, 0)
        work = world.room.sessions.finish(session, total_bytes=len(BIG), given=wrong)
    else:
        work = send(world, session, BIG, 0, len(BIG), wrong if where == "end" else NOTHING_GIVEN)
    with pytest.raises(InvalidRequest, match="doesn't match calculated"):
        await work
    with pytest.raises(InvalidRequest, match="doesn't match calculated"):
        await world.room.sessions.status(session)
    assert await world.settle() == []
    assert await world.names() == []


async def test_given_a_condition_when_it_fails_at_the_start_or_the_end_then_there_is_no_object_of_the_session(
    world: World,
) -> None:
    absent = Preconditions(generation_match=0)
    session = await start(world, conditions=absent)
    winner = await world.put("a", b"first")
    with pytest.raises(ConditionNotMet):
        await send(world, session, BIG, 0, len(BIG))
    with pytest.raises(ConditionNotMet):
        await start(world, conditions=absent)
    assert await world.settle() == [winner.content]
    await world.delete("a")
    for again in (
        world.room.sessions.status(session),
        world.room.sessions.finish(session, total_bytes=len(BIG)),
        world.room.sessions.append(session, offset=0),
    ):
        with pytest.raises(ConditionNotMet):  # whoever lost the answer hears it again, whatever has become of the rival
            await again
    await world.room.sessions.cancel(session)
    with pytest.raises(NothingFound):
        await world.room.sessions.status(session)
    assert await world.settle() == []


async def test_given_a_session_when_it_is_cancelled_then_it_and_its_bytes_are_gone(world: World) -> None:
    session = await start(world)
    await send(world, session, BIG, 0)
    append = await world.room.sessions.append(session, offset=len(BIG))
    await append.write(BIG)
    await world.room.sessions.cancel(session)
    with pytest.raises(Superseded):
        await append.write(BIG)
    with pytest.raises(NothingFound):
        await world.room.sessions.append(session, offset=0)
    with pytest.raises(NothingFound):
        await world.room.sessions.cancel(session)
    assert await world.settle() == []


async def test_given_a_week_when_it_is_over_then_a_session_is_gone(world: World) -> None:
    session = await start(world)
    await send(world, session, BIG, 0)
    world.clock.at_s += SESSION_S - 1
    assert (await world.room.sessions.status(session)).received_bytes == len(BIG)
    world.clock.at_s += 1
    with pytest.raises(NothingFound):
        await world.room.sessions.status(session)
    await world.room.cleaning.expire()
    assert await world.settle() == []


async def test_given_a_session_when_its_bucket_is_deleted_then_it_is_gone(world: World) -> None:
    session = await start(world)
    await send(world, session, BIG, 0)
    await world.room.buckets.delete(B)
    with pytest.raises(NothingFound):
        await world.room.sessions.status(session)
    assert await world.settle() == []


async def test_given_a_disk_that_is_full_when_a_chunk_comes_then_what_was_durable_still_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await start(world)
    await send(world, session, BIG[:MIB], 0)
    append = await world.room.sessions.append(session, offset=MIB)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(Exception, match="disk of the data directory is full"):
            await append.write(BIG[MIB:])
    await append.interrupt()
    assert (await world.room.sessions.status(session)).received_bytes == MIB
    assert (await send(world, session, BIG[MIB:], MIB, len(BIG))).state is UploadState.DONE
    assert await world.content("a") == BIG


async def test_given_a_long_request_when_much_has_come_then_that_is_durable_before_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.runtime.objects_sessions._KEPT_AHEAD_BYTES", MIB)
    session = await start(world, len(BIG))
    append = await world.room.sessions.append(session, offset=0)
    for place in range(0, len(BIG), 100_000):
        await append.write(BIG[place : place + 100_000])
    stored = await world.store.read(lambda tx: tx.objects.find_session(session))
    assert stored is not None
    assert stored.received_bytes >= MIB
    done = await append.end(GivenChecksums(md5=hashlib.md5(BIG).hexdigest()))
    assert done.state is UploadState.DONE
    assert await world.content("a") == BIG


async def test_given_a_caller_that_is_cancelled_when_it_appends_then_the_session_goes_on(world: World) -> None:
    session = await start(world)
    has_begun = anyio.Event()

    async def hang() -> None:
        append = await world.room.sessions.append(session, offset=0)
        try:
            await append.write(BIG)
            has_begun.set()
            await anyio.sleep_forever()
        finally:
            await append.interrupt()

    async with anyio.create_task_group() as group:
        group.start_soon(hang)
        await has_begun.wait()
        group.cancel_scope.cancel()
    assert (await world.room.sessions.status(session)).received_bytes == len(BIG)


async def test_given_more_sessions_than_memory_holds_when_an_old_one_goes_on_then_it_is_right(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.runtime.objects_sessions._REMEMBERED", 2)
    sessions = [await start(world) for _ in range(5)]
    for session in sessions:
        await send(world, session, BIG[:MIB], 0)
    for session in sessions:
        done = await send(world, session, BIG[MIB:], MIB, len(BIG))
        assert done.result is not None
        assert done.result.checksums.md5 == hashlib.md5(BIG).hexdigest()
