"""Objects patched, deleted, copied, moved, composed, restored; versions; events."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import google_crc32c
import pytest
from objects_world import B, World, a_world, at, to

from hakobune.core.objects.failures import (
    ConditionNotMet,
    Held,
    InvalidRequest,
    NothingFound,
    NotModified,
    RequiredMissing,
)
from hakobune.core.objects.model import (
    ComposeRequest,
    Destination,
    EventType,
    GivenChecksums,
    NotificationConfig,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    Preconditions,
    SourceVersion,
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


async def compose(
    world: World, sources: list[SourceVersion], destination: Destination, **fields: object
) -> ObjectVersion:
    request = ComposeRequest(sources=tuple(sources), destination=destination, **fields)  # type: ignore[arg-type]
    return await world.room.composing.compose(request)


# -- get ------------------------------------------------------------------------------------------------------------


async def test_given_conditions_when_an_object_is_read_then_it_is_given_or_304_or_412_or_404(world: World) -> None:
    here = await world.put("a")
    assert await world.get("a", generation_match=here.generation, metageneration_match=1) == here
    assert await world.get("a", here.generation, generation_not_match=1) == here
    for wanted in ({"generation_match": 0}, {"generation_match": 5}, {"metageneration_match": 2}):
        with pytest.raises(ConditionNotMet):
            await world.get("a", **wanted)
    for wanted in ({"generation_not_match": here.generation}, {"metageneration_not_match": 1}):
        with pytest.raises(NotModified):
            await world.get("a", **wanted)
        with pytest.raises(NotModified):
            await world.room.questions.open(at("a", **wanted))
    for name, generation in (("b", None), ("a", here.generation + 1)):
        with pytest.raises(NothingFound, match=f"No such object: bucket-1/{name}"):
            await world.get(name, generation, generation_match=0)
    with pytest.raises(NothingFound, match="bucket does not exist"):
        await world.room.questions.get(at("a", bucket="none"))


async def test_given_an_open_object_when_it_is_deleted_and_its_file_removed_then_it_is_read_to_its_end(
    world: World,
) -> None:
    await world.put("a", b"x" * 1_000_000)
    with await world.room.questions.open(at("a")) as found:
        await world.delete("a")
        assert await world.settle() == []
        assert b"".join(found.pieces(0, found.size_bytes)) == b"x" * 1_000_000
    found.close()


# -- patch ----------------------------------------------------------------------------------------------------------


async def test_given_an_object_when_it_is_patched_then_its_metageneration_rises_and_its_content_stays(
    world: World,
) -> None:
    old = await world.put("a", custom={"x": "1"})
    world.clock.at_s += 10
    new = await world.room.changes.change(at("a"), lambda was: replace(was, custom={**was.custom, "y": "2"}))
    assert (new.generation, new.metageneration, new.content) == (old.generation, 2, old.content)
    assert new.metadata.custom == {"x": "1", "y": "2"}
    assert (new.update_s, new.create_s, new.class_update_s) == (old.update_s + 10, old.create_s, old.create_s)
    again = await world.room.changes.change(
        at("a", metageneration_match=2), lambda was: replace(was, storage_class="NEARLINE")
    )
    assert (again.metageneration, again.class_update_s) == (3, world.clock.at_s)
    assert await world.get("a") == again


async def test_given_a_patch_that_is_wrong_when_it_is_done_then_nothing_changes(world: World) -> None:
    old = await world.put("a", custom_time_s=100.0)
    for change in (
        lambda was: replace(was, custom_time_s=99.0),
        lambda was: replace(was, custom_time_s=None),
        lambda was: replace(was, content_type="\n"),
    ):
        with pytest.raises(InvalidRequest):
            await world.room.changes.change(at("a"), change)
    with pytest.raises(ConditionNotMet):
        await world.room.changes.change(at("a", metageneration_match=2), lambda was: was)
    with pytest.raises(ConditionNotMet):
        await world.room.changes.change(at("a", metageneration_not_match=1), lambda was: was)
    with pytest.raises(NothingFound):
        await world.room.changes.change(at("b"), lambda was: was)
    assert await world.get("a") == old


async def test_given_many_patches_at_once_when_all_are_done_then_none_is_lost(world: World) -> None:
    await world.put("a")

    async def patch(number: int) -> None:
        await world.room.changes.change(at("a"), lambda was: replace(was, custom={**was.custom, str(number): "x"}))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(patch, number)
    found = await world.get("a")
    assert (len(found.metadata.custom), found.metageneration) == (20, 21)


# -- delete, versions, soft delete ----------------------------------------------------------------------------------


async def test_given_conditions_when_an_object_is_deleted_then_it_goes_or_stays(world: World) -> None:
    here = await world.put("a")
    for wanted in ({"generation_match": 1}, {"generation_not_match": here.generation}, {"metageneration_match": 9}):
        with pytest.raises(ConditionNotMet):
            await world.delete("a", **wanted)
    with pytest.raises(NothingFound):
        await world.delete("a", here.generation + 1)
    await world.delete("a", here.generation, generation_match=here.generation)
    with pytest.raises(NothingFound):
        await world.delete("a")
    assert await world.settle() == []


async def test_given_a_bucket_with_versioning_when_objects_are_replaced_and_deleted_then_old_versions_stay(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket(is_versioned=True)
        one = await world.put("a", b"one")
        two = await world.put("a", b"two")
        await world.delete("a")
        with pytest.raises(NothingFound):
            await world.get("a")
        assert await world.names() == []
        versions = (await world.list(has_versions=True)).items
        assert [(found.generation, found.state, found.delete_s) for found in versions] == [
            (one.generation, ObjectState.NONCURRENT, world.clock.at_s),
            (two.generation, ObjectState.NONCURRENT, world.clock.at_s),
        ]
        assert await world.content("a", one.generation) == b"one"
        three = await world.put("a", b"three", conditions=Preconditions(generation_match=0))
        await world.delete("a", three.generation)  # for good
        await world.delete("a", one.generation)
        assert [found.generation for found in (await world.list(has_versions=True)).items] == [two.generation]
        assert await world.settle() == [two.content]


async def test_given_soft_delete_when_objects_go_then_they_can_be_restored_until_their_time_is_over(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket(soft_delete_s=7 * 86_400)
        one = await world.put("a", b"one", content_type="text/plain")
        await world.delete("a")
        with pytest.raises(NothingFound):
            await world.get("a", one.generation)
        kept = await world.room.questions.get(at("a", generation=one.generation), is_soft_deleted=True)
        assert (kept.soft_delete_s, kept.hard_delete_s) == (world.clock.at_s, world.clock.at_s + 7 * DAY_S)
        assert await world.names(is_soft_deleted=True) == ["a"]
        assert await world.names(has_versions=True) == []
        with pytest.raises(RequiredMissing):
            await world.room.changes.restore(at("a"))
        with pytest.raises(NothingFound):
            await world.room.changes.restore(at("a", generation=1))
        restored = await world.room.changes.restore(at("a", generation=one.generation, generation_match=0))
        assert restored.generation > one.generation
        assert restored.metadata == one.metadata
        assert await world.content("a") == b"one"
        with pytest.raises(ConditionNotMet):
            await world.room.changes.restore(at("a", generation=one.generation, generation_match=0))
        world.clock.at_s += 7 * DAY_S
        await world.delete("a")
        await world.room.cleaning.expire()
        assert [found.generation for found in (await world.list(is_soft_deleted=True)).items] == [restored.generation]
        world.clock.at_s += 7 * DAY_S
        await world.room.cleaning.expire()
        assert await world.settle() == []


# -- copy, move -----------------------------------------------------------------------------------------------------


async def test_given_an_object_when_it_is_copied_then_content_is_shared_and_metadata_kept_or_replaced(
    world: World,
) -> None:
    await world.bucket("bucket-2", storage_class="NEARLINE")
    source = await world.put("a", b"hello", content_type="text/plain", custom={"k": "v"}, has_temporary_hold=True)
    copy = await world.room.changes.copy(at("a"), to("b", bucket="bucket-2"))
    assert copy.generation > source.generation
    assert (copy.metageneration, copy.content, copy.checksums) == (1, source.content, source.checksums)
    kept = replace(source.metadata, storage_class="NEARLINE", has_temporary_hold=False)
    assert copy.metadata == kept
    other = await world.room.changes.copy(at("a"), to("c", metadata=ObjectMetadata(content_type="x/y")))
    assert other.metadata == ObjectMetadata(content_type="x/y", storage_class="STANDARD")
    await world.room.changes.change(at("a"), lambda was: replace(was, has_temporary_hold=False))
    await world.delete("a")
    assert await world.settle() == [source.content]
    assert await world.content("b", bucket="bucket-2") == b"hello"


async def test_given_an_object_when_it_is_copied_onto_itself_then_it_is_a_new_generation_with_the_same_content(
    world: World,
) -> None:
    source = await world.put("a")
    new = await world.room.changes.copy(at("a"), to("a", metadata=replace(source.metadata, storage_class="ARCHIVE")))
    assert (new.content, new.metadata.storage_class) == (source.content, "ARCHIVE")
    assert await world.settle() == [source.content]
    assert await world.content("a") == b"hello"


async def test_given_conditions_when_an_object_is_copied_or_moved_then_both_sides_are_checked(world: World) -> None:
    source = await world.put("a")
    taken = await world.put("b", b"taken")
    for work in (world.room.changes.copy, world.room.changes.move):
        for wrong in (
            (at("a", generation_match=1), to("c")),
            (at("a", generation_not_match=source.generation), to("c")),
            (at("a"), to("b", generation_match=0)),
            (at("a"), to("c", generation_match=1)),
            (at("a"), to("b", metageneration_not_match=1)),
        ):
            with pytest.raises(ConditionNotMet):
                await work(*wrong)
        for missing in ((at("x"), to("c")), (at("a", bucket="none"), to("c")), (at("a"), to("c", bucket="none"))):
            with pytest.raises(NothingFound):
                await work(*missing)
        with pytest.raises(InvalidRequest):
            await work(at("a"), to("x" * 2000))
    assert [item.generation for item in (await world.list()).items] == [source.generation, taken.generation]


async def test_given_an_object_when_it_is_moved_then_a_lister_sees_exactly_one_at_each_instant(world: World) -> None:
    await world.put("x1", b"content")
    seen: list[list[str]] = []
    is_over = False

    async def look() -> None:
        while not is_over:
            seen.append(await world.names())

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        for _ in range(20):
            await world.room.changes.move(at("x1"), to("x2"))
            await world.room.changes.move(at("x2"), to("x1"))
        is_over = True
    assert {len(names) for names in seen} == {1}
    assert {names[0] for names in seen} == {"x1", "x2"}
    assert await world.content("x1") == b"content"


async def test_given_two_buckets_when_an_object_is_moved_between_them_then_it_is_gone_here_and_there_there(
    world: World,
) -> None:
    await world.bucket("bucket-2")
    source = await world.put("a", content_type="text/plain", storage_class="COLDLINE")
    moved = await world.room.changes.move(
        at("a", generation_match=source.generation), to("in/a", bucket="bucket-2", generation_match=0)
    )
    assert (moved.bucket, moved.metadata, moved.content) == ("bucket-2", source.metadata, source.content)
    assert await world.names() == []
    assert await world.settle() == [source.content]
    with pytest.raises(InvalidRequest, match="must differ"):
        await world.room.changes.move(at("in/a", bucket="bucket-2"), to("in/a", bucket="bucket-2"))


async def test_given_a_held_object_when_it_is_moved_then_nothing_happens(world: World) -> None:
    await world.put("a", has_event_based_hold=True)
    with pytest.raises(Held, match="event-based"):
        await world.room.changes.move(at("a"), to("b"))
    assert await world.names() == ["a"]


async def test_given_a_bucket_with_versioning_when_an_object_is_moved_then_its_version_stays_behind(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket(is_versioned=True)
        old = await world.put("a", b"old")
        await world.put("a", b"new")
        await world.room.changes.move(at("a"), to("b"))
        await world.room.changes.move(at("a", generation=old.generation), to("c"))
        states = [(found.name, found.state) for found in (await world.list(has_versions=True)).items]
        assert states == [("a", ObjectState.NONCURRENT), ("b", ObjectState.LIVE), ("c", ObjectState.LIVE)]
        assert (await world.content("b"), await world.content("c")) == (b"new", b"old")


# -- compose --------------------------------------------------------------------------------------------------------


async def test_given_sources_when_they_are_composed_then_the_content_is_theirs_one_after_the_other(
    world: World,
) -> None:
    parts = [b"a" * 700_000, b"", b"b" * 3]
    for number, part in enumerate(parts):
        await world.put(f"p{number}", part, content_type="text/csv")
    sources = [at(f"p{number}") for number in range(3)]
    whole = b"".join(parts)
    found = await compose(world, sources, to("all"), given=GivenChecksums(crc32c=google_crc32c.value(whole)))
    assert await world.content("all") == whole
    assert (found.checksums.crc32c, found.checksums.md5) == (google_crc32c.value(whole), "")
    assert (found.component_count, found.size_bytes) == (3, len(whole))
    assert found.metadata.content_type == "text/csv"
    twice = await compose(world, [at("all"), at("p0")], to("all", metadata=ObjectMetadata(content_type="x/y")))
    assert (twice.component_count, twice.metadata.content_type) == (4, "x/y")
    assert await world.content("all") == whole + parts[0]
    assert len(await world.settle()) == 4
    assert world.blobs.in_work == set()


async def test_given_sources_that_are_deleted_with_it_when_they_are_composed_then_only_the_whole_is_left(
    world: World,
) -> None:
    await world.put("a", b"1")
    await world.put("b", b"2")
    await compose(world, [at("a"), at("b"), at("a")], to("c"), deletes_sources=True)
    assert await world.names() == ["c"]
    assert await world.content("c") == b"121"
    assert len(await world.settle()) == 1


async def test_given_what_cannot_be_composed_when_it_is_tried_then_it_is_refused_and_nothing_is_left(
    world: World,
) -> None:
    source = await world.put("a")
    with pytest.raises(RequiredMissing):
        await compose(world, [], to("c"))
    with pytest.raises(InvalidRequest, match="exceeds the maximum"):
        await compose(world, [at("a")] * 33, to("c"))
    with pytest.raises(NothingFound):
        await compose(world, [at("a"), at("none")], to("c"))
    with pytest.raises(ConditionNotMet):
        await compose(world, [at("a", generation_match=1)], to("c"))
    with pytest.raises(ConditionNotMet):
        await compose(world, [at("a")], to("a", generation_match=0))
    with pytest.raises(InvalidRequest, match="doesn't match calculated"):
        await compose(world, [at("a")], to("c"), given=GivenChecksums(crc32c=5))
    assert (await world.names(), world.files()) == (["a"], [source.content])
    assert len((await compose(world, [at("a")] * 32, to("c"))).content) > 0


async def test_given_a_source_whose_file_goes_meanwhile_when_it_is_joined_then_nothing_is_left(world: World) -> None:
    """As after a delete between the look at the rows and the look at the files."""
    source = await world.put("a")
    (world.blobs.directory / source.content[:2] / source.content).unlink()
    with pytest.raises(NothingFound):
        await compose(world, [at("a")], to("c"))
    upload = (await world.room.multipart.initiate(UploadTarget(bucket=B, name="m"))).id
    number, md5 = await part(world, upload, 1, b"x")
    found = await world.room.multipart.list_parts(B, "m", upload)
    (world.blobs.directory / found[0].content[:2] / found[0].content).unlink()
    with pytest.raises(NothingFound):
        await world.room.multipart.complete(B, "m", upload, [(number, md5)])
    assert (world.files(), world.blobs.in_work, await world.names()) == ([], set(), ["a"])


async def test_given_a_destination_that_changes_meanwhile_when_sources_are_composed_then_the_condition_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await world.put("a")
    join = world.blobs.join

    def slow(uid: str, sources: object, size_bytes: int) -> None:
        anyio.from_thread.run(world.put, "c")
        join(uid, sources, size_bytes)  # type: ignore[arg-type]

    monkeypatch.setattr(world.blobs, "join", slow)
    with pytest.raises(ConditionNotMet):
        await compose(world, [at("a")], to("c", generation_match=0))
    assert world.files() == sorted([source.content, (await world.get("c")).content])
    assert world.blobs.in_work == set()


async def test_given_old_generations_when_they_are_composed_then_they_are_what_is_joined(tmp_path: Path) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket(is_versioned=True)
        one = await world.put("a", b"one ")
        await world.put("a", b"two ")
        await compose(world, [at("a", generation=one.generation), at("a")], to("c"))
        assert await world.content("c") == b"one two "


# -- multipart ------------------------------------------------------------------------------------------------------


async def part(world: World, upload: str, number: int, content: bytes) -> tuple[int, str]:
    sending = await world.room.multipart.put_part(B, "m", upload, number)
    await sending.write(content)
    found = await sending.finish()
    assert (found.size_bytes, found.checksums.md5) == (len(content), hashlib.md5(content).hexdigest())
    return number, found.checksums.md5


async def test_given_parts_in_any_order_when_an_upload_is_completed_then_they_are_joined_by_their_numbers(
    world: World,
) -> None:
    upload = (
        await world.room.multipart.initiate(
            UploadTarget(bucket=B, name="m", metadata=ObjectMetadata(content_type="a/b"))
        )
    ).id
    second = await part(world, upload, 2, b"2" * 600_000)
    first = await part(world, upload, 1, b"wrong")
    first = await part(world, upload, 1, b"1" * 10)
    await part(world, upload, 7, b"left out")
    assert [found.number for found in await world.room.multipart.list_parts(B, "m", upload)] == [1, 2, 7]
    assert [found.number for found in await world.room.multipart.list_parts(B, "m", upload, after=1, limit=1)] == [2]
    assert [found.id for found in await world.room.multipart.list(B)] == [upload]
    assert await world.names() == []
    for wrong in ([], [second, first], [first, first], [(1, "0" * 32)], [(3, first[1])]):
        with pytest.raises(InvalidRequest):
            await world.room.multipart.complete(B, "m", upload, wrong)
    made = await world.room.multipart.complete(B, "m", upload, [first, second])
    whole = b"1" * 10 + b"2" * 600_000
    assert await world.content("m") == whole
    assert (made.checksums.crc32c, made.checksums.md5) == (google_crc32c.value(whole), "")
    assert made.metadata.content_type == "a/b"
    with pytest.raises(NothingFound):
        await world.room.multipart.complete(B, "m", upload, [first, second])
    assert await world.settle() == [made.content]


async def test_given_a_multipart_upload_when_it_is_aborted_or_expires_then_its_parts_go(world: World) -> None:
    target = UploadTarget(bucket=B, name="m")
    for end in ("abort", "expire", "bucket"):
        upload = (await world.room.multipart.initiate(target)).id
        await part(world, upload, 1, b"x" * 600_000)
        open_part = await world.room.multipart.put_part(B, "m", upload, 2)
        await open_part.write(b"y" * 600_000)
        with pytest.raises(NothingFound):
            await world.room.multipart.abort(B, "other", upload)
        if end == "abort":
            await world.room.multipart.abort(B, "m", upload)
        elif end == "expire":
            world.clock.at_s += 8 * DAY_S
            await world.room.cleaning.expire()
        else:
            await world.room.buckets.delete(B)
        with pytest.raises(NothingFound):
            await open_part.finish()
        assert await world.settle() == []
        assert world.blobs.in_work == set()
    with pytest.raises(NothingFound):
        await world.room.multipart.initiate(target)


@pytest.mark.parametrize("number", [0, 10_001, -1])
async def test_given_a_number_that_no_part_has_when_it_is_sent_then_it_is_refused(world: World, number: int) -> None:
    with pytest.raises(InvalidRequest):
        await world.room.multipart.put_part(B, "m", "none", number)


# -- events ---------------------------------------------------------------------------------------------------------


TOPIC = "projects/p/topics/t"


async def told(world: World, count: int) -> list[tuple[str, str, str, str]]:
    """(event, object, generation that was overwritten, that overwrote)."""
    with anyio.fail_after(10):
        while len(world.topics.messages) < count or world.wheel.unperformed("objects", "notify"):  # noqa: ASYNC110
            await anyio.sleep(0.01)
    return [
        (attributes["eventType"], data.decode(), attributes["overwrote"], attributes["overwrittenBy"])
        for _, data, attributes in world.topics.messages
    ]


async def test_given_a_config_when_objects_change_then_its_topic_is_told_of_each_change(world: World) -> None:
    await world.room.notifications.create(B, NotificationConfig(id="", topic=TOPIC))
    one = await world.put("a")
    two = await world.put("a")
    await world.room.changes.change(at("a"), lambda was: was)
    await world.delete("a")
    found = await told(world, 5)
    none = "None"
    assert found == [
        ("OBJECT_FINALIZE", "a", none, none),
        ("OBJECT_DELETE", "a", none, str(two.generation)),
        ("OBJECT_FINALIZE", "a", str(one.generation), none),
        ("OBJECT_METADATA_UPDATE", "a", none, none),
        ("OBJECT_DELETE", "a", none, none),
    ]
    assert {topic for topic, _, _ in world.topics.messages} == {TOPIC}


async def test_given_versioning_when_objects_are_replaced_and_deleted_then_they_are_archived(tmp_path: Path) -> None:
    async with a_world(tmp_path / "data") as world:
        await world.bucket(is_versioned=True)
        await world.room.notifications.create(
            B, NotificationConfig(id="", topic=TOPIC, event_types=(EventType.ARCHIVE, EventType.DELETE))
        )
        one = await world.put("a")
        two = await world.put("a")
        await world.delete("a")
        await world.delete("a", one.generation)
        assert await told(world, 3) == [
            ("OBJECT_ARCHIVE", "a", "None", str(two.generation)),
            ("OBJECT_ARCHIVE", "a", "None", "None"),
            ("OBJECT_DELETE", "a", "None", "None"),
        ]


async def test_given_configs_when_an_object_is_not_theirs_then_they_are_not_told(world: World) -> None:
    await world.room.notifications.create(B, NotificationConfig(id="", topic=TOPIC, object_name_prefix="in/"))
    await world.bucket("bucket-2")
    await world.put("in/x", bucket="bucket-2")
    await world.put("out")
    await world.put("in/y")
    with pytest.raises(InvalidRequest):
        await world.put("in/z", given=GivenChecksums(crc32c=1))
    await world.room.changes.move(at("in/y"), to("out2"))
    assert [(kind, name) for kind, name, _, _ in await told(world, 2)] == [
        ("OBJECT_FINALIZE", "in/y"),
        ("OBJECT_DELETE", "in/y"),
    ]


async def test_given_a_topic_that_refuses_when_an_object_changes_then_it_is_told_later_and_a_missing_one_is_dropped(
    world: World,
) -> None:
    await world.room.notifications.create(B, NotificationConfig(id="", topic=TOPIC))
    await world.room.notifications.create(B, NotificationConfig(id="", topic="projects/p/topics/gone"))
    world.topics.missing.add("projects/p/topics/gone")
    world.topics.refuse_once()
    await world.put("a")
    assert [kind for kind, *_ in await told(world, 1)] == ["OBJECT_FINALIZE"]
    await world.wheel.flush()
    assert await world.store.write(lambda tx: tx.outbox.depth()) == 0


async def test_given_configs_when_they_are_listed_and_deleted_then_ids_are_never_used_again(world: World) -> None:
    made = [await world.room.notifications.create(B, NotificationConfig(id="x", topic=TOPIC)) for _ in range(2)]
    assert await world.room.notifications.list(B) == tuple(made)
    assert await world.room.notifications.get(B, made[1].id) == made[1]
    await world.room.notifications.delete(B, made[1].id)
    for missing in (made[1].id, "abc", "", "9" * 30):
        with pytest.raises(NothingFound):
            await world.room.notifications.get(B, missing)
        with pytest.raises(NothingFound):
            await world.room.notifications.delete(B, missing)
    assert (await world.room.notifications.create(B, NotificationConfig(id="", topic=TOPIC))).id not in {
        config.id for config in made
    }
    with pytest.raises(NothingFound):
        await world.room.notifications.list("none")
    for wrong in ("t", "projects/p/topics/", "projects//topics/t"):
        with pytest.raises(InvalidRequest):
            await world.room.notifications.create(B, NotificationConfig(id="", topic=wrong))
