"""What becomes of what nobody needs any more: content files without rows, uploads and versions whose time is over, and
what lifecycle rules say.

Content files that no row names any more go at once, in batches. At a start, and every hour, everything else is looked
at: strays (files that never had a row, or lost it in a crash; never those in work), expired uploads, soft-deleted
versions, lifecycle rules.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.objects.failures import Held, NothingFound
from hakobune.core.objects.lifecycle import DELETE, due
from hakobune.core.objects.model import Bucket, LifecycleRule, ObjectState, ObjectVersion, SourceVersion
from hakobune.runtime.objects_versions import disappear, the_version
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx, Store
from hakobune.store.blobs import Blobs

Item = TypeVar("Item")

_ROUND_S = 3_600.0
_AT_ONCE = 200  # rows of one turn
_LOOKED_AT = 1_000  # rows of one read
_RETRY_S = 5.0

_log = logging.getLogger("hakobune.objects")


class Cleaning:
    """Loops that remove."""

    def __init__(self, wheel: Wheel, blobs: Blobs, threads: Threads) -> None:
        self._wheel = wheel
        self._blobs = blobs
        self._threads = threads
        self._nudged = anyio.Event()

    def nudge(self) -> None:
        """A change may have left content files that no row names."""
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._unused_loop)
            group.start_soon(self._round_loop)

    async def _unused_loop(self) -> None:
        while True:
            self._nudged = anyio.Event()
            try:
                await self.remove_unused()
            except HakobuneError as error:
                _log.warning("content files wait to be removed: %s", error.message)
                await anyio.sleep(_RETRY_S)
                continue
            await self._nudged.wait()

    async def remove_unused(self) -> None:
        """Remove content files that no row names any more: first the files, then their rows."""
        while found := await self._wheel.store.read(lambda tx: tx.objects.unused_contents(_AT_ONCE)):
            await self._threads.run(self._blobs.remove, found)
            forgotten = found

            def unit(turn: Turn, forgotten: list[str] = forgotten) -> None:
                turn.tx.objects.forget_contents(forgotten)

            await self._wheel.turn(unit)

    async def _round_loop(self) -> None:
        while True:
            try:
                await self.round()
            except HakobuneError as error:
                _log.warning("the hourly cleaning of objects ended early: %s", error.message)
            await anyio.sleep(_ROUND_S)

    async def round(self) -> None:
        """All that is done at a start and every hour."""
        await self.expire()
        await self.apply_lifecycles()
        self.nudge()
        await self.remove_strays()  # last: a bucket that holds the contents may not answer

    async def remove_strays(self) -> int:
        """Remove content files that no row names; how many. Those in work are left alone: they are left out of what is
        looked at, and stay in work until the transaction that names them is done. What is staged of sessions that are
        done goes, too."""
        removed = 0
        if staged := await self._threads.run(self._blobs.staged):
            unfinished = await self._wheel.store.read(lambda tx: tx.objects.unfinished_contents())
            for uid in [uid for uid in staged if uid not in unfinished]:
                await self._threads.run(self._blobs.unstage, uid)
        for folder in await self._threads.run(self._blobs.folders):
            strays = await strays_of(self._wheel.store, self._blobs, self._threads, folder)
            await self._threads.run(self._blobs.remove, strays)
            removed += len(strays)
        return removed

    async def expire(self) -> None:
        """Forget uploads whose week is over, and soft-deleted versions whose retention is."""
        now_s = self._wheel.clock.now_s()
        while sessions := await self._wheel.store.read(lambda tx: tx.objects.expired_sessions(now_s, _AT_ONCE)):
            await self._each(sessions, lambda turn, session: turn.tx.objects.remove_session(session))
        while uploads := await self._wheel.store.read(lambda tx: tx.objects.expired_multiparts(now_s, _AT_ONCE)):
            await self._each(uploads, lambda turn, upload: turn.tx.objects.remove_multipart(upload))
        while versions := await self._wheel.store.read(lambda tx: tx.objects.hard_due(now_s, _AT_ONCE)):
            await self._each(versions, lambda turn, version: turn.tx.objects.remove_version(version))

    async def _each(self, items: list[Item], remove: Callable[[Turn, Item], None]) -> None:
        def unit(turn: Turn) -> None:
            for item in items:
                remove(turn, item)

        await self._wheel.turn(unit)

    async def apply_lifecycles(self) -> None:
        """Do what the rules of all buckets say."""
        page = Page(limit=_AT_ONCE)
        while buckets := await self._buckets(page):
            for bucket in buckets:
                if bucket.settings.lifecycle:
                    await self._apply(bucket)
            page = replace(page, after=buckets[-1].name)

    async def _buckets(self, page: Page) -> list[Bucket]:
        return await self._wheel.store.read(lambda tx: tx.objects.all_buckets(page))

    async def _apply(self, bucket: Bucket) -> None:
        name, generation = "", -1
        while versions := await self._versions(bucket, name, generation):
            await self._obey(bucket, versions)
            name, generation = versions[-1].name, versions[-1].generation

    async def _versions(self, bucket: Bucket, name: str, generation: int) -> list[ObjectVersion]:
        return await self._wheel.store.read(
            lambda tx: tx.objects.versions_after(bucket.name, name, generation, _LOOKED_AT)
        )

    async def _obey(self, bucket: Bucket, versions: list[ObjectVersion]) -> None:
        """Do what the rules say of some versions: decided on a read, and again in the turn that does it."""
        rules = bucket.settings.lifecycle
        now_s = self._wheel.clock.now_s()

        def look(tx: ReadTx) -> list[ObjectVersion]:
            return [version for version in versions if due(rules, version, tx.objects.newer_versions(version), now_s)]

        affected = await self._wheel.store.read(look)
        for start in range(0, len(affected), _AT_ONCE):
            some = affected[start : start + _AT_ONCE]

            def unit(turn: Turn, some: list[ObjectVersion] = some) -> None:
                for version in some:
                    _obey(turn, rules, version)

            await self._wheel.turn(unit)


def _obey(turn: Turn, rules: tuple[LifecycleRule, ...], version: ObjectVersion) -> None:
    source = SourceVersion(bucket=version.bucket, name=version.name, generation=version.generation)
    try:
        found = the_version(turn.tx.objects, source, is_read=False)
        rule = due(rules, found, turn.tx.objects.newer_versions(found), turn.now_s)
        if rule is None:
            return
        if rule.action == DELETE:
            disappear(turn, found, is_for_good=found.state is not ObjectState.LIVE)
            return
    except (Held, NothingFound):
        return  # a hold keeps it, or it went meanwhile
    turn.tx.objects.replace_version(
        replace(
            found,
            metadata=replace(found.metadata, storage_class=rule.storage_class),
            metageneration=found.metageneration + 1,
            update_s=turn.now_s,
            class_update_s=turn.now_s,
        )
    )


async def strays_of(store: Store, blobs: Blobs, threads: Threads, folder: str) -> list[str]:
    """Content files of a folder that no row names. A file in work is none: it is left out of the listing, and if its
    transaction was done since, it has a row."""
    found = await threads.run(blobs.uids, folder)

    def unit(tx: ReadTx) -> list[str]:
        return [uid for uid in found if not tx.objects.knows_content(uid)]

    return await store.read(unit) if found else []
