"""Power cuts under the objects room: what was acknowledged is there, and every object is whole."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from disk import Kind
from recording import Cut, Recording, check_complete, cuts, each, record

from hakobune.core.objects.failures import NothingFound
from hakobune.core.objects.model import ListQuery, SourceVersion, UploadState
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.objects import ObjectsRoom
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import Page
from hakobune.store.blobs_files import FileBlobs
from hakobune.store.sqlite.database import SqliteStore

BUCKET = "bucket"


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
            if not named <= files <= named + 1:  # the session's file is named by no object before its end
                found.append(f"{files} files, {named} of them named")
    finally:
        room.close()
        await store.close()
    return found


def promised(marks: list[str]) -> list[str]:
    """The newest promise about each name."""
    newest: dict[str, str] = {}
    for mark in marks:
        kind, *words = mark.split()
        match kind:
            case "moved":
                newest.pop(words[0], None)
                newest[words[1]] = mark
            case "bucket":
                continue
            case _:
                newest[words[0]] = mark
    return list(newest.values())


async def keeps(room: ObjectsRoom, mark: str) -> bool:
    """Whether a promise holds, or something newer of the same name has come."""
    kind, *words = mark.split()
    if kind == "session":
        session = await room.sessions.status(words[1])
        return session.state is UploadState.DONE or session.received_bytes >= int(words[2])
    try:
        live = await room.questions.get(SourceVersion(bucket=BUCKET, name=words[1 if kind == "moved" else 0]))
    except NothingFound:
        if kind == "moved" or words[0] == "m":  # moved on, and not acknowledged yet
            other = {"m": "m-moved", "m-moved": "m"}[words[1] if kind == "moved" else words[0]]
            await room.questions.get(SourceVersion(bucket=BUCKET, name=other))
            return True
        # The parts are deleted after the whole is there.
        return kind == "deleted" or words[0] in {"c-1", "c-2"}
    return kind != "deleted" and live.generation >= int(words[-1])


async def wrong_contents(room: ObjectsRoom) -> list[str]:
    """Objects whose bytes are not those that were sent."""
    found: list[str] = []
    for item in (await room.questions.list(BUCKET, ListQuery())).items:
        with await room.questions.open(SourceVersion(bucket=BUCKET, name=item.name)) as opened:
            content = b"".join(opened.pieces(0, opened.size_bytes))
        name, _, number = content.partition(b"\n")[0].decode().partition(" ")
        wanted = content_of("c-1", 1) + content_of("c-2", 2) if item.name == "c" else content_of(name, int(number))
        if content != wanted or name != {"m-moved": "m", "c": "c-1"}.get(item.name, item.name):
            found.append(f"{item.name} is not what was sent")
    return found


def test_given_the_recorder_when_objects_change_under_it_then_it_sees_everything(
    recording: Recording, tmp_path: Path
) -> None:
    check_complete(recording, tmp_path)
    assert recording.count(Kind.MARK) > 20
    assert recording.count(Kind.SYNC) > 60


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
