"""Buckets, objects, contents, uploads of every store; the feed and the pictures of a project know them, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from store_factories import Stores

from hakobune.core.errors import AlreadyExists, NotFound
from hakobune.core.objects.failures import Conflicts, NothingFound
from hakobune.core.objects.model import (
    Bucket,
    BucketSettings,
    Checksums,
    ListQuery,
    MultipartUpload,
    NotificationConfig,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    UploadPart,
    UploadSession,
    UploadState,
    UploadTarget,
)
from hakobune.store.api import Change, ChangeKind, Page, Store, WriteTx

pytestmark = pytest.mark.anyio

NOW_S = 1_800_000_000.0


def a_bucket(name: str = "bucket", *, project: str = "p", **settings: object) -> Bucket:
    return Bucket(
        name=name,
        project=project,
        create_s=NOW_S,
        update_s=NOW_S,
        settings=BucketSettings(**settings),  # type: ignore[arg-type]
    )


def a_version(name: str, generation: int = 1, *, bucket: str = "bucket", **fields: object) -> ObjectVersion:
    made = ObjectVersion(
        bucket=bucket,
        name=name,
        generation=generation,
        metageneration=1,
        state=ObjectState.LIVE,
        size_bytes=5,
        checksums=Checksums(crc32c=1, md5="ab"),
        content=f"content-{name}-{generation}",
        create_s=NOW_S,
        update_s=NOW_S,
        class_update_s=NOW_S,
        metadata=ObjectMetadata(content_type="text/plain"),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def fill(tx: WriteTx) -> None:
    tx.objects.add_bucket(a_bucket())
    for name in ("a", "b/1", "b/2", "é"):
        tx.objects.add_version(a_version(name))


async def test_given_buckets_when_they_are_listed_then_they_come_by_name_and_project(store: Store) -> None:
    for name, project in (("b1", "p"), ("b2", "p"), ("a1", "q"), ("c", "p")):
        await store.write(lambda tx, name=name, project=project: tx.objects.add_bucket(a_bucket(name, project=project)))

    async def names(prefix: str = "", after: str = "", limit: int = 9) -> list[str]:
        page = Page(limit=limit, after=after)
        return [found.name for found in await store.read(lambda tx: tx.objects.list_buckets("p", prefix, page))]

    assert await names() == ["b1", "b2", "c"]
    assert await names(prefix="b") == ["b1", "b2"]
    assert await names(after="b1", limit=1) == ["b2"]
    everywhere = await store.read(lambda tx: tx.objects.all_buckets(Page(limit=2, after="a1")))
    assert [found.name for found in everywhere] == ["b1", "b2"]
    with pytest.raises(Conflicts, match="you already own it"):
        await store.write(lambda tx: tx.objects.add_bucket(a_bucket("c")))
    changed = replace(a_bucket("c"), metageneration=2, settings=BucketSettings(labels={"k": "v"}, extra={"x": [1]}))
    await store.write(lambda tx: tx.objects.replace_bucket(changed))
    assert await store.read(lambda tx: tx.objects.find_bucket("c")) == changed
    assert await store.read(lambda tx: tx.objects.find_bucket("d")) is None


async def test_given_a_version_when_it_is_stored_then_all_of_it_comes_back_and_one_live_version_is_the_most(
    store: Store,
) -> None:
    await store.write(lambda tx: tx.objects.add_bucket(a_bucket()))
    version = a_version(
        "日本\U0010ffff",
        5,
        component_count=3,
        metadata=ObjectMetadata(custom={"k": "v"}, extra={"acl": [{"role": "x"}]}, custom_time_s=1.5),
    )
    await store.write(lambda tx: tx.objects.add_version(version))
    assert await store.read(lambda tx: tx.objects.find_live("bucket", version.name)) == version
    assert await store.read(lambda tx: tx.objects.find_version("bucket", version.name, 5)) == version
    assert await store.read(lambda tx: tx.objects.find_version("bucket", version.name, 6)) is None
    with pytest.raises(Exception, match=r"refused a statement|UNIQUE"):
        await store.write(lambda tx: tx.objects.add_version(replace(version, generation=6)))
    old = replace(version, state=ObjectState.NONCURRENT, delete_s=NOW_S + 1, metageneration=2)
    new = replace(version, generation=6)
    await store.write(lambda tx: (tx.objects.replace_version(old), tx.objects.add_version(new)))
    assert await store.read(lambda tx: tx.objects.find_live("bucket", version.name)) == new
    assert await store.read(lambda tx: tx.objects.find_version("bucket", version.name, 5)) == old
    assert await store.read(lambda tx: tx.objects.newer_versions(old)) == 1
    assert await store.read(lambda tx: tx.objects.versions_after("bucket", version.name, 5, 9)) == [new]
    walked = await store.read(lambda tx: tx.objects.walk(Page(limit=1)))
    assert [found.version for found in walked] == [old]
    rest = await store.read(lambda tx: tx.objects.walk(Page(limit=9, after=walked[0].cursor)))
    assert [found.version for found in rest] == [new]
    with pytest.raises(NothingFound):
        await store.write(lambda tx: tx.objects.add_version(a_version("x", bucket="none")))


async def test_given_the_clock_when_generations_are_asked_for_then_they_rise_and_are_kept(
    store_factory: Stores,
) -> None:
    store = await store_factory.open()
    first = await store.write(lambda tx: tx.objects.next_generation(NOW_S))
    assert first == int(NOW_S * 1_000_000)
    assert await store.write(lambda tx: tx.objects.next_generation(NOW_S - 50)) == first + 1
    await store.close()
    store = await store_factory.open()
    assert await store.write(lambda tx: tx.objects.next_generation(1.0)) == first + 2
    assert await store.write(lambda tx: tx.objects.next_generation(NOW_S + 1)) == first + 1_000_000
    await store.close()


async def test_given_rows_that_name_a_content_when_the_last_goes_then_it_is_unused(store: Store) -> None:
    await store.write(fill)
    copy = a_version("copy", content="content-a-1")
    await store.write(lambda tx: tx.objects.add_version(copy))

    async def unused() -> list[str]:
        return await store.read(lambda tx: tx.objects.unused_contents(9))

    await store.write(lambda tx: tx.objects.remove_version(a_version("a")))
    assert await unused() == []
    await store.write(lambda tx: tx.objects.remove_version(copy))
    await store.write(lambda tx: tx.objects.remove_version(copy))  # a second time: nothing is counted
    assert await unused() == ["content-a-1"]
    assert await store.read(lambda tx: tx.objects.knows_content("content-a-1"))
    await store.write(lambda tx: tx.objects.forget_contents(["content-a-1", "content-é-1"]))
    assert await unused() == []
    assert not await store.read(lambda tx: tx.objects.knows_content("content-a-1"))
    assert await store.read(lambda tx: tx.objects.knows_content("content-é-1"))


async def test_given_a_bucket_with_all_that_belongs_to_it_when_it_is_removed_then_everything_goes(store: Store) -> None:
    target = UploadTarget(bucket="bucket", name="x", metadata=ObjectMetadata(custom={"a": "b"}))
    session = UploadSession(
        id="s1", target=target, state=UploadState.OPEN, content="cs", received_bytes=0, total_bytes=9, create_s=NOW_S,
        expire_s=NOW_S + 9,
    )  # fmt: skip
    upload = MultipartUpload(id="m1", target=target, create_s=NOW_S, expire_s=NOW_S + 9)
    part = UploadPart(number=1, size_bytes=3, checksums=Checksums(crc32c=2, md5="cd"), content="cp", update_s=NOW_S)

    def unit(tx: WriteTx) -> None:
        tx.objects.add_bucket(a_bucket())
        assert not tx.objects.has_objects("bucket")
        gone = a_version("gone", state=ObjectState.SOFT_DELETED, soft_delete_s=NOW_S, hard_delete_s=NOW_S + 5)
        tx.objects.add_version(gone)
        assert not tx.objects.has_objects("bucket")
        assert tx.objects.hard_due(NOW_S + 4, 9) == []
        assert tx.objects.hard_due(NOW_S + 5, 9) == [gone]
        tx.objects.add_session(session)
        tx.objects.add_multipart(upload)
        tx.objects.put_part("m1", part)
        tx.objects.put_part("m1", replace(part, content="cp2"))
        tx.objects.add_config("bucket", NotificationConfig(id="", topic="projects/p/topics/t"))
        tx.set_policy("buckets/bucket", "{}")

    await store.write(unit)
    assert await store.read(lambda tx: tx.objects.unused_contents(9)) == ["cp"]
    assert await store.read(lambda tx: tx.objects.find_session("s1")) == session
    received = replace(session, received_bytes=7)
    await store.write(lambda tx: tx.objects.save_session(received))
    assert await store.read(lambda tx: tx.objects.find_session("s1")) == received
    assert await store.read(lambda tx: tx.objects.unfinished_contents()) == {"cs"}
    assert await store.read(lambda tx: tx.objects.expired_sessions(NOW_S + 9, 9)) == [received]
    assert await store.read(lambda tx: tx.objects.expired_multiparts(NOW_S + 8, 9)) == []
    assert await store.read(lambda tx: tx.objects.find_multipart("m1")) == upload
    assert await store.read(lambda tx: tx.objects.list_multiparts("bucket", "x", "", "", 9)) == [upload]
    assert await store.read(lambda tx: tx.objects.list_multiparts("bucket", "", "x", "m1", 9)) == []
    await store.write(lambda tx: tx.objects.remove_bucket(a_bucket()))
    assert await store.read(lambda tx: tx.objects.unused_contents(9)) == ["content-gone-1", "cp", "cp2", "cs"]
    assert await store.read(lambda tx: tx.objects.find_session("s1")) is None
    assert await store.read(lambda tx: tx.objects.list_parts("m1", 0, 9)) == []
    assert await store.read(lambda tx: tx.policy("buckets/bucket")) is None
    assert await store.read(lambda tx: tx.objects.list_configs("bucket")) == []


async def test_given_a_session_that_is_done_when_it_is_removed_then_its_object_keeps_the_content(store: Store) -> None:
    target = UploadTarget(bucket="bucket", name="x")
    session = UploadSession(
        id="s1", target=target, state=UploadState.OPEN, content="c", received_bytes=0, total_bytes=None,
        create_s=NOW_S, expire_s=NOW_S,
    )  # fmt: skip
    version = a_version("x", content="c")
    done = replace(session, state=UploadState.DONE, received_bytes=5, result=version)

    def unit(tx: WriteTx) -> None:
        tx.objects.add_bucket(a_bucket())
        tx.objects.add_session(session)
        tx.objects.add_version(version)
        tx.objects.save_session(done)
        tx.objects.drop_content("c")

    assert not await store.read(lambda tx: tx.objects.has_contents())
    await store.write(unit)
    assert await store.read(lambda tx: tx.objects.has_contents())
    assert await store.read(lambda tx: tx.objects.unfinished_contents()) == set()
    assert await store.read(lambda tx: tx.objects.find_session("s1")) == done
    await store.write(lambda tx: tx.objects.remove_session(done))
    assert await store.read(lambda tx: tx.objects.unused_contents(9)) == []


async def test_given_objects_when_they_change_then_the_feed_names_them(store: Store) -> None:
    await store.write(fill)
    first = await store.read(lambda tx: tx.changes(0, 100, "p"))
    root = "projects/_/buckets/bucket"
    assert first[0] == Change(seq=first[0].seq, kind=ChangeKind.BUCKET, name=root)
    objects = [f"{root}/objects/{name}" for name in ("a", "b/1", "b/2", "é")]
    assert [(change.kind, change.name) for change in first[1:]] == [(ChangeKind.OBJECT, name) for name in objects]
    assert await store.read(lambda tx: tx.changes(0, 100, "other")) == []
    seq = await store.read(lambda tx: tx.seq)
    await store.write(lambda tx: tx.objects.remove_version(a_version("a")))
    patched = replace(a_version("b/1"), metageneration=2)
    await store.write(lambda tx: tx.objects.replace_version(patched))
    archived = replace(a_version("b/2"), state=ObjectState.NONCURRENT)
    await store.write(lambda tx: tx.objects.replace_version(archived))
    after = await store.read(lambda tx: tx.changes(seq, 100, None))
    assert [(change.kind, change.name) for change in after] == [
        (ChangeKind.REMOVED, objects[0]),
        (ChangeKind.OBJECT, objects[1]),
        (ChangeKind.REMOVED, objects[2]),
    ]


async def test_given_a_project_with_objects_when_it_is_forked_then_rows_are_copied_and_contents_shared(
    store: Store,
) -> None:
    def more(tx: WriteTx) -> None:
        fill(tx)
        tx.objects.add_version(a_version("b/1", 0, state=ObjectState.NONCURRENT))
        tx.objects.add_version(a_version("z", state=ObjectState.SOFT_DELETED, hard_delete_s=NOW_S))
        tx.objects.add_config("bucket", NotificationConfig(id="", topic="projects/p/topics/t"))
        tx.objects.add_bucket(a_bucket("x" * 63))
        tx.set_policy("buckets/bucket", json.dumps({"bindings": []}))

    await store.write(more)
    digest = await store.read(lambda tx: tx.digest("p"))
    await store.write(lambda tx: tx.snapshot("s", "p", NOW_S))
    for name in ("a", "b/1", "b/2", "é"):
        await store.write(lambda tx, name=name: tx.objects.remove_version(a_version(name)))
    assert await store.read(lambda tx: tx.objects.unused_contents(9)) == []
    assert await store.read(lambda tx: tx.digest("p")) != digest
    await store.write(lambda tx: tx.fork("s", "copy"))
    assert await store.read(lambda tx: tx.digest("copy")) == digest
    page = await store.read(lambda tx: tx.objects.list_objects("bucket-copy", ListQuery(has_versions=True)))
    assert [(item.name, item.generation, item.content) for item in page.items] == [
        ("a", 1, "content-a-1"),
        ("b/1", 0, "content-b/1-0"),
        ("b/1", 1, "content-b/1-1"),
        ("b/2", 1, "content-b/2-1"),
        ("é", 1, "content-é-1"),
    ]
    configs = await store.read(lambda tx: tx.objects.list_configs("bucket-copy"))
    assert [config.topic for config in configs] == ["projects/copy/topics/t"]
    assert await store.read(lambda tx: tx.policy("buckets/bucket-copy")) == '{"bindings": []}'
    buckets = await store.read(lambda tx: tx.objects.list_buckets("copy", "", Page(limit=9)))
    assert [len(bucket.name) for bucket in buckets] == [11, 63]
    await store.write(lambda tx: tx.snapshot("s2", "copy", NOW_S))
    await store.write(lambda tx: tx.fork("s2", "again"))
    assert await store.read(lambda tx: tx.digest("again")) == digest
    with pytest.raises(AlreadyExists, match="not empty"):
        await store.write(lambda tx: tx.fork("s", "copy"))
    await store.write(lambda tx: tx.objects.add_bucket(a_bucket("bucket-third", project="q")))
    with pytest.raises(AlreadyExists, match="bucket-third"):
        await store.write(lambda tx: tx.fork("s", "third"))


def a_project(tx: WriteTx) -> None:
    """A bucket with all that a picture shows."""
    fill(tx)
    tx.objects.add_version(a_version("a", 0, state=ObjectState.NONCURRENT, delete_s=NOW_S))
    tx.objects.add_config("bucket", NotificationConfig(id="", topic="projects/p/topics/t"))
    tx.set_policy("buckets/bucket", '{"bindings": []}')


CHANGES: dict[str, Callable[[WriteTx], object]] = {
    "an object comes": lambda tx: tx.objects.add_version(a_version("new")),
    "an object goes": lambda tx: tx.objects.remove_version(a_version("a")),
    "a version goes": lambda tx: tx.objects.remove_version(a_version("a", 0, state=ObjectState.NONCURRENT)),
    "an object is archived": lambda tx: tx.objects.replace_version(a_version("b/1", state=ObjectState.NONCURRENT)),
    "an object is soft-deleted": lambda tx: tx.objects.replace_version(
        a_version("b/1", state=ObjectState.SOFT_DELETED)
    ),
    "metadata": lambda tx: tx.objects.replace_version(a_version("a", metadata=ObjectMetadata(content_type="x/y"))),
    "content": lambda tx: (
        tx.objects.remove_version(a_version("a")),
        tx.objects.add_version(a_version("a", 2, checksums=Checksums(crc32c=2, md5="ab"))),
    ),
    "settings": lambda tx: tx.objects.replace_bucket(a_bucket(is_versioned=True)),
    "a bucket": lambda tx: tx.objects.add_bucket(a_bucket("other")),
    "a notification": lambda tx: tx.objects.add_config(
        "bucket", NotificationConfig(id="", topic="projects/p/topics/t")
    ),
    "no notification": lambda tx: tx.objects.remove_config("bucket", "1"),
    "a policy": lambda tx: tx.set_policy("buckets/bucket", '{"bindings": [1]}'),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_given_a_change_that_users_see_when_digested_then_it_shows_and_a_fork_does_not_have_it(
    store: Store, what: str
) -> None:
    await store.write(a_project)
    before = await store.read(lambda tx: tx.digest("p"))
    await store.write(lambda tx: tx.snapshot("s", "p", NOW_S))
    await store.write(CHANGES[what])
    assert await store.read(lambda tx: tx.digest("p")) != before
    await store.write(lambda tx: tx.fork("s", "copy"))
    assert await store.read(lambda tx: tx.digest("copy")) == before


async def unused(store: Store) -> list[str]:
    return await store.read(lambda tx: tx.objects.unused_contents(9))


async def test_given_a_snapshot_when_it_is_forgotten_then_contents_that_nothing_else_names_are_garbage(
    store: Store,
) -> None:
    await store.write(a_project)
    await store.write(lambda tx: tx.snapshot("s", "p", NOW_S))
    await store.write(lambda tx: tx.snapshot("s2", "p", NOW_S))
    await store.write(lambda tx: tx.fork("s", "copy"))
    for version in (a_version("a"), a_version("a", 0, state=ObjectState.NONCURRENT), a_version("b/1")):
        await store.write(lambda tx, version=version: tx.objects.remove_version(version))
    gone = replace(a_version("a"), bucket="bucket-copy")
    await store.write(lambda tx: tx.objects.remove_version(gone))
    await store.write(lambda tx: tx.forget_snapshot("s"))
    assert await unused(store) == []
    await store.write(lambda tx: tx.forget_snapshot("s2"))
    assert await unused(store) == ["content-a-1"]  # the fork has the others
    with pytest.raises(NotFound, match="s2"):
        await store.write(lambda tx: tx.forget_snapshot("s2"))
    with pytest.raises(NotFound, match="s2"):
        await store.write(lambda tx: tx.fork("s2", "again"))
    await store.write(lambda tx: tx.snapshot("s", "copy", NOW_S))  # the name is free


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("has_versions", [False, True])
async def test_given_many_versions_when_they_are_listed_in_small_pages_then_the_list_is_the_same_as_in_one(
    store: Store, delimiter: str, has_versions: bool
) -> None:
    names = ["a", "a/", "a/b", "a/b/c", "a0", "b/1", "b/2", "é/x", "\uffff/y", "\U00010000", "\U0010ffff/z", "zz"]

    def unit(tx: WriteTx) -> None:
        tx.objects.add_bucket(a_bucket())
        tx.objects.add_bucket(a_bucket("other"))
        for name in names:
            for generation in (1, 2):
                old = a_version(name, generation, state=ObjectState.NONCURRENT)
                tx.objects.add_version(old)
            tx.objects.add_version(a_version(name, 3))
            tx.objects.add_version(a_version(name, 1, bucket="other"))
            tx.objects.add_version(a_version(name, 0, state=ObjectState.SOFT_DELETED, hard_delete_s=NOW_S))

    await store.write(unit)

    async def listed(size: int) -> list[object]:
        found: list[object] = []
        query = ListQuery(delimiter=delimiter, has_versions=has_versions, max_results=size)
        while True:
            page = await store.read(lambda tx, query=query: tx.objects.list_objects("bucket", query))
            found += [(item.name, item.generation) for item in page.items]
            found += page.prefixes
            if not page.next_page_token:
                return sorted(found, key=str)
            query = replace(query, page_token=page.next_page_token)

    whole = await listed(0)
    generations = [1, 2, 3] if has_versions else [3]
    shown = [name for name in names if not delimiter or delimiter not in name]
    prefixes = {name[: name.index("/") + 1] for name in names if "/" in name} if delimiter else set()
    wanted: list[object] = [(name, generation) for name in shown for generation in generations]
    assert whole == sorted([*wanted, *prefixes], key=str)
    for size in (1, 2, 3, 5):
        assert await listed(size) == whole
