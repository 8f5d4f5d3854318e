"""Power cuts under the objects room: what was acknowledged is there, and every object is whole."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from disk import Kind
from recording import Cut, Recording, check_complete, cuts, each, record

from hakobune.core.objects.failures import NothingFound
from hakobune.core.objects.model import ListQuery, ObjectVersion, SourceVersion, UploadState
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.objects import ObjectsRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import Page
from hakobune.store.blobs_files import FileBlobs
from hakobune.store.sqlite.database import SqliteStore

BUCKET = "bucket"
OTHER = "other"
PARTS = 2  # of the upload in parts


@pytest.fixture(scope="module")
def recording(recorder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(recorder, tmp_path_factory.mktemp("objects"), "drive_objects.py")


def content_of(name: str, number: int) -> bytes:
    """As the driver made it."""
    size = (40, 9_000, 70_000)[number % 3]
    return f"{name} {number}\n".encode() + random.Random(f"{name} {number}").randbytes(size)


def problems(cut: Cut) -> list[str]:
    """What the reopened room does not keep of its promises."""
    return asyncio.run(_problems(cut))


async def _problems(cut: Cut) -> list[str]:
    directory = cut.directory / "data"
    store = await SqliteStore.open(directory)
    room = ObjectsRoom(
        Wheel(store, SystemClock(), owner="after"),
        RandomIdentifiers(),
        FileBlobs(directory / "objects"),
        WorkerThreads(4),
    )
    try:
        await room.cleaning.round()
        await room.cleaning.remove_unused()
        found = list((await room.examination.examine()).problems)
        if found:
            return found
        found += [mark for mark in promised(cut.marks) if not await keeps(room, mark)]
        if "bucket" in cut.marks:
            found += await wrong_contents(room)
            files = len(list((directory / "objects").glob("??/*")))
            named = len(
                {item.version.content for item in await store.read(lambda tx: tx.objects.walk(Page(limit=1_000)))}
            )
            if not named <= files <= named + PARTS:  # no object names the parts of an upload that is not done
                found.append(f"{files} files, {named} of them named")
    finally:
        room.close()
        await store.close()
    return found


def promised(marks: list[str]) -> list[str]:
    """The newest promise of each kind about each name."""
    newest: dict[tuple[str, ...], str] = {}
    for mark in marks:
        kind, *words = mark.split()
        match kind:
            case "bucket":
                continue
            case "moved":
                newest.pop(("object", words[0]), None)
                newest["object", words[1]] = mark
            case "put" | "composed" | "deleted" | "carried" | "whole":
                newest["object", words[0]] = mark
            case "lost" | "part":
                newest[kind, words[0], words[-1]] = mark
            case _:
                newest[kind, words[0]] = mark
    return list(newest.values())


async def keeps(room: ObjectsRoom, mark: str) -> bool:
    """Whether a promise holds, or something newer of the same name has come."""
    match mark.split():
        case ["session", name, session_id, received]:
            return await goes_on(room, name, session_id, int(received))
        case ["part", name, upload_id, number]:
            return await has_part(room, name, upload_id, int(number))
        case ["won", name, racer, generation]:
            live = await find(room, name)
            return live is not None and live.generation == int(generation) and await is_of(room, name, racer)
        case ["lost", name, racer]:
            return await find(room, name) is not None and not await is_of(room, name, racer)
        case ["patched", name, metageneration]:
            live = await find(room, name)
            return live is not None and live.metageneration >= int(metageneration)
        case ["moved", source, target, generation]:
            here, moved_on = await find(room, target), await find(room, source)
            # It may have been moved back, and that not acknowledged yet.
            return (here or moved_on) is not None and (here is None or here.generation >= int(generation))
        case ["deleted", name]:
            return await find(room, name) is None
        case [("put" | "carried"), "b", *_, generation]:
            places = [await find(room, "b", bucket) for bucket in (BUCKET, OTHER)]
            return [place.generation >= int(generation) for place in places if place is not None] == [True]
        case [_, name, *_, generation]:
            live = await find(room, name)
            if live is None:  # moved on, or composed and deleted, and that not acknowledged yet
                return name in {"c-1", "c-2"} or (name == "m" and await find(room, "m-moved") is not None)
            return live.generation >= int(generation)
        case _:
            raise AssertionError(mark)


async def find(room: ObjectsRoom, name: str, bucket: str = BUCKET) -> ObjectVersion | None:
    try:
        return await room.questions.get(SourceVersion(bucket=bucket, name=name))
    except NothingFound:
        return None


async def is_of(room: ObjectsRoom, name: str, racer: str) -> bool:
    """Whether an object is what this racer sent."""
    return (await content_in(room, BUCKET, name)).startswith(f"{name} {racer}\n".encode())


async def goes_on(room: ObjectsRoom, name: str, session_id: str, received_bytes: int) -> bool:
    """Whether an upload has what it had, and can be brought to its end; what comes of it is looked at with the rest."""
    session = await room.sessions.status(session_id)
    if session.state is UploadState.OPEN:
        if session.received_bytes < received_bytes:
            return False
        content = content_of(name, 2)
        append = await room.sessions.append(session_id, offset=session.received_bytes)
        await append.write(content[session.received_bytes :])
        session = await append.end()
    return session.state is UploadState.DONE and await find(room, name) is not None


async def has_part(room: ObjectsRoom, name: str, upload_id: str, number: int) -> bool:
    """Whether a part is there, or the whole that was made of it."""
    try:
        parts = await room.multipart.list_parts(BUCKET, name, upload_id)
    except NothingFound:
        return await find(room, name) is not None
    return number in {part.number for part in parts}


async def wrong_contents(room: ObjectsRoom) -> list[str]:
    """Objects whose bytes are not those that were sent."""
    found: list[str] = []
    for bucket in (BUCKET, OTHER):
        try:
            items = (await room.questions.list(bucket, ListQuery())).items
        except NothingFound:
            continue  # made after the first, and not acknowledged yet
        for item in items:
            content = await content_in(room, bucket, item.name)
            name, _, number = content.partition(b"\n")[0].decode().partition(" ")
            is_joined = item.name in {"c", "parts"}
            wanted = content_of(name, int(number))
            if is_joined:
                wanted = b"".join(content_of(f"{item.name}-{part}", part) for part in (1, 2))
            written_as = {"m-moved": "m", "c": "c-1", "parts": "parts-1"}.get(item.name, item.name)
            if content != wanted or name != written_as:
                found.append(f"{bucket}/{item.name} is not what was sent")
    return found


async def content_in(room: ObjectsRoom, bucket: str, name: str) -> bytes:
    with await room.questions.open(SourceVersion(bucket=bucket, name=name)) as opened:
        return b"".join(opened.pieces(0, opened.size_bytes))


def test_given_the_recorder_when_objects_change_under_it_then_it_sees_everything(
    recording: Recording, tmp_path: Path
) -> None:
    check_complete(recording, tmp_path)
    assert recording.count(Kind.MARK) > 50
    assert recording.count(Kind.SYNC) > 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_given_objects_when_power_is_cut_at_any_instant_then_all_acknowledged_is_there_and_nothing_is_half(
    recording: Recording, seed: int
) -> None:
    def check(cut: Cut) -> None:
        assert problems(cut) == []

    each(recording, seed, check)


@pytest.mark.parametrize("weakness", ["forget_content", "forget_names"])
def test_given_a_room_that_syncs_too_little_when_power_is_cut_then_something_is_lost(
    recorder: Path, tmp_path: Path, weakness: str
) -> None:
    """The proof that this test can fail."""
    weaker = record(recorder, tmp_path, "drive_objects.py", weakness)
    assert [cut.story for cut in cuts(weaker, 1) if problems(cut)]
