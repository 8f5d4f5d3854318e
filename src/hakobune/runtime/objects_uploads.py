"""Uploads of whole contents: bytes go to a content file while they arrive, and become an object in one instant."""

from __future__ import annotations

from collections.abc import AsyncIterable

from hakobune.core.objects.contents import check_metadata
from hakobune.core.objects.model import NOTHING_GIVEN, GivenChecksums, ObjectVersion, UploadTarget
from hakobune.core.objects.names import check_object
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_inflow import Chunk, Inflow
from hakobune.runtime.objects_versions import Content, appear, the_place
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import ReadTx
from hakobune.store.blobs import Blobs


def check_target(target: UploadTarget) -> UploadTarget:
    """Return a target that can be. Raises InvalidRequest."""
    check_object(target.name)
    check_metadata(target.metadata)
    return target


async def check_place(wheel: Wheel, target: UploadTarget) -> None:
    """Refuse a vain upload before its bytes come. Raises NothingFound (the bucket), ConditionNotMet, Held."""

    def unit(tx: ReadTx) -> None:
        the_place(tx.objects, target.bucket, target.name, target.conditions)

    await wheel.store.read(unit)


def make_object(turn: Turn, target: UploadTarget, content: Content) -> ObjectVersion:
    """The end of every upload: the object is there. Raises NothingFound, ConditionNotMet, Held."""
    bucket, old = the_place(turn.tx.objects, target.bucket, target.name, target.conditions)
    return appear(turn, bucket, target.name, old, content, target.metadata)


class ObjectUpload:
    """Bytes on their way. Exactly one of `finish` and `abort` ends it; `abort` after `finish` does nothing, so it may
    stand in a `finally`."""

    def __init__(self, wheel: Wheel, cleaning: Cleaning, inflow: Inflow, target: UploadTarget) -> None:
        self._wheel = wheel
        self._cleaning = cleaning
        self._inflow = inflow
        self._target = target

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes. What is returned is not durable yet. Raises ResourceExhausted (the disk is full),
        InvalidRequest (more than 5 TiB)."""
        await self._inflow.write(chunk)

    async def finish(self, given: GivenChecksums = NOTHING_GIVEN) -> ObjectVersion:
        """Make the object, durably. `given` (of headers or trailers) is checked as well as the target's. Raises
        InvalidRequest (a checksum differs), ConditionNotMet, NothingFound (the bucket went), Held: nothing is left."""
        try:
            content = await self._inflow.end(self._target.given, given)
            version = await self._inflow.commit(self._wheel, lambda turn: make_object(turn, self._target, content))
        except BaseException:
            await self.abort()
            raise
        self._cleaning.nudge()
        return version

    async def abort(self) -> None:
        """Drop what was written. No event, no trace."""
        await self._inflow.drop(self._wheel)


class Uploads:
    """Opens uploads."""

    def __init__(
        self, wheel: Wheel, identifiers: Identifiers, blobs: Blobs, threads: Threads, cleaning: Cleaning
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._blobs = blobs
        self._threads = threads
        self._cleaning = cleaning

    async def open(self, target: UploadTarget) -> ObjectUpload:
        """Begin an upload. The conditions are looked at now, so that a vain upload is refused before its bytes come,
        and again when it ends. Raises NothingFound (the bucket), ConditionNotMet, Held, InvalidRequest (name,
        metadata)."""
        check_target(target)
        await check_place(self._wheel, target)
        inflow = Inflow(self._blobs, self._threads, self._identifiers.uid())
        return ObjectUpload(self._wheel, self._cleaning, inflow, target)

    async def put(self, target: UploadTarget, chunks: AsyncIterable[bytes]) -> ObjectVersion:
        """Open, write all chunks, finish; abort when they fail."""
        upload = await self.open(target)
        try:
            async for chunk in chunks:
                await upload.write(chunk)
            return await upload.finish()
        finally:
            await upload.abort()
