"""Buckets, lists over a real store, what is removed, what an examination finds."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from objects_world import B, World, a_world, at, to

from hakobune.core.errors import CorruptStore, InvalidArgument
from hakobune.core.objects.failures import ConditionNotMet, Conflicts, InvalidRequest, NothingFound, NotModified
from hakobune.core.objects.model import (
    BucketSettings,
    LifecycleRule,
    ListQuery,
    ObjectState,
    Preconditions,
    UploadTarget,
)

pytestmark = pytest.mark.anyio

DAY_S = 86_400.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path / "data") as found:
        await found.bucket()
        yield found


# -- buckets --------------------------------------------------------------------------------------------------------


async def test_given_a_bucket_when_its_name_is_taken_or_wrong_then_another_is_refused(world: World) -> None:
    for project, text in (("p", "you already own it"), ("q", "not available")):
        with pytest.raises(Conflicts, match=text):
            await world.room.buckets.create(project, B, BucketSettings())
    with pytest.raises(InvalidRequest):
        await world.room.buckets.create("p", "Bad", BucketSettings())
    with pytest.raises(InvalidRequest):
        await world.room.buckets.create("p", "good", BucketSettings(labels={"K": ""}))
    for location in ("../x", "a b", "x" * 64):
        with pytest.raises(InvalidRequest):
            await world.room.buckets.create("p", "good", BucketSettings(), location=location)
    made = await world.room.buckets.create("p", "good", BucketSettings(), location="asia-northeast1")
    assert (made.location, made.metageneration) == ("ASIA-NORTHEAST1", 1)
    assert (await world.room.buckets.get(B)).location == "US"


async def test_given_many_that_create_the_same_bucket_when_they_race_then_one_wins(world: World) -> None:
    outcomes: list[str] = []

    async def create() -> None:
        try:
            outcomes.append((await world.room.buckets.create("p", "race", BucketSettings())).name)
        except Conflicts:
            outcomes.append("")

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(create)
    assert sorted(outcomes) == [""] * 9 + ["race"]


async def test_given_a_bucket_when_it_is_changed_then_its_metageneration_rises_and_conditions_hold(
    world: World,
) -> None:
    world.clock.at_s += 5
    changed = await world.room.buckets.change(
        B, lambda was: replace(was, labels={"k": "v"}, soft_delete_s=604_800), Preconditions(metageneration_match=1)
    )
    assert (changed.metageneration, changed.update_s) == (2, world.clock.at_s)
    assert changed.settings.soft_delete_since_s == world.clock.at_s
    world.clock.at_s += 5
    again = await world.room.buckets.change(B, lambda was: was)
    assert again.settings.soft_delete_since_s == world.clock.at_s - 5
    off = await world.room.buckets.change(B, lambda was: replace(was, soft_delete_s=0))
    assert (off.settings.soft_delete_since_s, off.metageneration) == (0.0, 4)
    assert await world.room.buckets.get(B, Preconditions(metageneration_match=4)) == off
    with pytest.raises(NotModified):
        await world.room.buckets.get(B, Preconditions(metageneration_not_match=4))
    for wanted in (Preconditions(metageneration_match=1), Preconditions(metageneration_not_match=4)):
        with pytest.raises(ConditionNotMet):
            await world.room.buckets.change(B, lambda was: was, wanted)
        with pytest.raises(ConditionNotMet):
            await world.room.buckets.delete(B, wanted)
    with pytest.raises(InvalidRequest):
        await world.room.buckets.change(B, lambda was: replace(was, storage_class="x"))


async def test_given_a_bucket_when_it_has_objects_then_it_is_not_deleted(world: World) -> None:
    await world.put("a")
    with pytest.raises(Conflicts, match="not empty"):
        await world.room.buckets.delete(B)
    await world.delete("a")
    await world.room.buckets.delete(B)
    for call in (world.room.buckets.get, world.room.buckets.delete):
        with pytest.raises(NothingFound, match="bucket does not exist"):
            await call(B)
    with pytest.raises(NothingFound):
        await world.room.buckets.change(B, lambda was: was)
    with pytest.raises(NothingFound):
        await world.list()
    assert await world.settle() == []


async def test_given_a_bucket_with_versioning_when_only_old_versions_are_left_then_it_is_not_deleted(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket(is_versioned=True)
        version = await world.put("a")
        await world.delete("a")
        with pytest.raises(Conflicts):
            await world.room.buckets.delete(B)
        await world.delete("a", version.generation)
        await world.room.buckets.delete(B)


async def test_given_buckets_when_they_are_listed_in_pages_then_each_comes_once(world: World) -> None:
    for name in ("bucket-2", "bucket-3", "other"):
        await world.bucket(name)
    await world.room.buckets.create("q", "bucket-q", BucketSettings())
    first = await world.room.buckets.list("p", prefix="bucket", max_results=2)
    assert [found.name for found in first.items] == ["bucket-1", "bucket-2"]
    rest = await world.room.buckets.list("p", prefix="bucket", page_token=first.next_page_token)
    assert [found.name for found in rest.items] == ["bucket-3"]
    assert rest.next_page_token == ""
    assert len((await world.room.buckets.list("p")).items) == 4
    with pytest.raises(InvalidArgument):
        await world.room.buckets.list("q", page_token=first.next_page_token)
    with pytest.raises(InvalidRequest):
        await world.room.buckets.list("p", max_results=-1)


# -- lists ----------------------------------------------------------------------------------------------------------


async def test_given_names_of_every_form_when_they_are_listed_then_they_come_in_the_order_of_their_bytes(
    world: World,
) -> None:
    names = ["b", "a", "é", "Z", "\uffff", "\U00010000", "a/b", "a b", "日本", "\ue000"]
    for name in names:
        await world.put(name, b"")
    assert await world.names() == sorted(names, key=str.encode)
    page = await world.list(max_results=3)
    assert [item.name for item in page.items] == ["Z", "a", "a b"]
    rest = await world.names(page_token=page.next_page_token)
    assert rest == sorted(names, key=str.encode)[3:]


async def test_given_folders_when_they_are_listed_with_a_delimiter_then_prefixes_stand_for_them(world: World) -> None:
    for name in ("dir/", "dir/a", "dir/sub/b", "e", "dir2/x"):
        await world.put(name, b"")
    page = await world.list(delimiter="/")
    assert ([item.name for item in page.items], page.prefixes) == (["e"], ("dir/", "dir2/"))
    page = await world.list(prefix="dir/", delimiter="/", max_results=2)
    assert ([item.name for item in page.items], page.prefixes) == (["dir/", "dir/a"], ())
    page = await world.list(prefix="dir/", delimiter="/", page_token=page.next_page_token)
    assert ([item.name for item in page.items], page.prefixes) == ([], ("dir/sub/",))
    assert await world.names(prefix="dir/", start_offset="dir/a", end_offset="dir/b") == ["dir/a"]
    assert await world.names(match_glob="dir/*") == ["dir/", "dir/a"]


# -- what goes ------------------------------------------------------------------------------------------------------


async def test_given_files_without_rows_when_the_house_is_cleaned_then_they_go_and_those_in_work_stay(
    world: World,
) -> None:
    kept = await world.put("a")
    upload = await world.room.uploads.open(UploadTarget(bucket=B, name="b"))
    await upload.write(b"x" * 1_000_000)
    stray = world.blobs.directory / "ab" / "ab00-stray"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a crash")
    other = world.blobs.directory / "ab" / "Not Ours.txt"
    other.write_bytes(b"somebody's")
    assert await world.room.cleaning.remove_strays() == 1
    assert not stray.exists()
    assert other.exists()
    made = await upload.finish()
    assert await world.room.cleaning.remove_strays() == 0
    assert await world.content("b") == b"x" * 1_000_000
    assert set(world.files()) >= {kept.content, made.content}


async def test_given_cleaning_under_way_when_uploads_come_and_go_then_none_loses_its_file(world: World) -> None:
    is_over = False

    async def clean() -> None:
        while not is_over:
            await world.room.cleaning.round()
            await world.room.cleaning.remove_unused()

    async with anyio.create_task_group() as group:
        group.start_soon(clean)
        for number in range(40):
            await world.put(f"n{number % 5}", str(number).encode() * 100_000)
        is_over = True
    for number in range(35, 40):
        assert await world.content(f"n{number % 5}") == str(number).encode() * 100_000
    assert len(await world.settle()) == 5


async def test_given_the_loops_when_an_object_is_deleted_then_its_file_goes_by_itself(world: World) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(world.room.run)
        await world.put("a")
        await world.delete("a")
        with anyio.fail_after(10):
            while world.files():  # noqa: ASYNC110 - a real loop is watched
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()


async def test_given_lifecycle_rules_when_time_passes_then_versions_go_or_get_cold(tmp_path: Path) -> None:
    rules = (
        LifecycleRule(action="Delete", age_days=30, prefixes=("logs/",)),
        LifecycleRule(action="Delete", is_live=False, newer_versions=2),
        LifecycleRule(action="SetStorageClass", storage_class="COLDLINE", age_days=10),
    )
    async with a_world(tmp_path / "data") as world:
        await world.bucket(is_versioned=True, lifecycle=rules)
        await world.bucket("bucket-2")
        await world.put("logs/a")
        await world.put("logs/held", has_temporary_hold=True)
        await world.put("logs/other", bucket="bucket-2")
        for number in range(4):
            await world.put("x", str(number).encode())
        await world.room.cleaning.round()
        found = (await world.list(has_versions=True)).items
        assert [(item.name, item.state) for item in found if item.name == "x"] == [
            ("x", ObjectState.NONCURRENT),
            ("x", ObjectState.LIVE),
        ]
        world.clock.at_s += 10 * DAY_S
        await world.room.cleaning.round()
        cold = await world.get("x")
        assert (cold.metadata.storage_class, cold.metageneration) == ("COLDLINE", 2)
        world.clock.at_s += 20 * DAY_S
        await world.room.cleaning.round()
        assert await world.names() == ["logs/held", "x"]
        assert len((await world.room.questions.list("bucket-2", ListQuery())).items) == 1


# -- examinations ---------------------------------------------------------------------------------------------------


async def test_given_objects_that_are_well_when_they_are_examined_then_nothing_is_found(world: World) -> None:
    await world.put("a", b"x" * 1_000_000)
    await world.room.changes.copy(at("a"), to("b"))
    found = await world.room.examination.examine()
    assert (found.versions, found.size_bytes, found.damaged, found.strays, found.problems) == (2, 1_000_000, 0, 0, ())


async def test_given_damage_when_objects_are_examined_then_each_is_told(world: World) -> None:
    made = {name: await world.put(name, b"hello") for name in ("gone", "short", "flipped", "well")}
    path = {name: world.blobs.directory / version.content[:2] / version.content for name, version in made.items()}
    path["gone"].unlink()
    path["short"].write_bytes(b"hell")
    path["flipped"].write_bytes(b"hellO")
    (world.blobs.directory / "ab").mkdir(exist_ok=True)
    (world.blobs.directory / "ab" / "ab00-stray").write_bytes(b"")
    found = await world.room.examination.examine()
    assert (found.versions, found.damaged, found.strays) == (4, 3, 1)
    texts = {problem.partition(": ")[0].partition("#")[0]: problem.partition(": ")[2] for problem in found.problems}
    assert texts["bucket-1/gone"] == "its content file is gone"
    assert texts["bucket-1/short"] == "its content file has 4 bytes instead of 5"
    assert "instead of mnG7TA==" in texts["bucket-1/flipped"]
    assert texts["ab00-stray"] == "no object names this content file"
    with pytest.raises(CorruptStore):
        await world.room.questions.open(at("gone"))


async def test_given_content_files_when_one_looks_at_their_rights_then_they_are_their_owners_alone(
    world: World,
) -> None:
    version = await world.put("a")
    path = world.blobs.directory / version.content[:2] / version.content
    assert [oct(os.stat(place).st_mode & 0o777) for place in (path, path.parent, path.parent.parent)] == [
        "0o600",
        "0o700",
        "0o700",
    ]
