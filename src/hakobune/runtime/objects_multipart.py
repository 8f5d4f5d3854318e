"""Multipart uploads of the XML API: parts in any order, joined at the end."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.objects import checksums
from hakobune.core.objects.failures import InvalidRequest, no_upload
from hakobune.core.objects.limits import PARTS, SESSION_S
from hakobune.core.objects.model import (
    NOTHING_GIVEN,
    Checksums,
    GivenChecksums,
    MultipartUpload,
    ObjectVersion,
    UploadPart,
    UploadTarget,
)
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_inflow import Chunk, Inflow
from hakobune.runtime.objects_joining import join
from hakobune.runtime.objects_uploads import check_place, check_target, make_object
from hakobune.runtime.objects_versions import Content, the_bucket
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import ReadTx
from hakobune.store.blobs import Blobs
from hakobune.store.objects_api import ObjectsRead


class PartUpload:
    """The bytes of one part on their way. As `ObjectUpload`."""

    def __init__(self, wheel: Wheel, cleaning: Cleaning, inflow: Inflow, upload: MultipartUpload, number: int) -> None:
        self._wheel = wheel
        self._cleaning = cleaning
        self._inflow = inflow
        self._upload = upload
        self._number = number

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes."""
        await self._inflow.write(chunk)

    async def finish(self, given: GivenChecksums = NOTHING_GIVEN) -> UploadPart:
        """Keep the part, durably; an older one of this number goes. Raises InvalidRequest (a checksum differs),
        NothingFound (the upload went)."""
        try:
            content = await self._inflow.end(given)
            part = await self._inflow.commit(self._wheel, lambda turn: self._store(turn, content))
        except BaseException:
            await self.abort()
            raise
        self._cleaning.nudge()
        return part

    def _store(self, turn: Turn, content: Content) -> UploadPart:
        target = self._upload.target
        _the_upload(turn.tx.objects, target.bucket, target.name, self._upload.id)
        part = UploadPart(
            number=self._number,
            size_bytes=content.size_bytes,
            checksums=content.checksums,
            content=content.uid,
            update_s=turn.now_s,
        )
        turn.tx.objects.put_part(self._upload.id, part)
        return part

    async def abort(self) -> None:
        """Drop what was written."""
        await self._inflow.drop(self._wheel)


class MultipartUploads:
    """Multipart uploads by their ids. `bucket` and `name` are those of the request's path: they must be its own."""

    def __init__(
        self, wheel: Wheel, identifiers: Identifiers, blobs: Blobs, threads: Threads, cleaning: Cleaning
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._blobs = blobs
        self._threads = threads
        self._cleaning = cleaning

    async def initiate(self, target: UploadTarget) -> MultipartUpload:
        """A new upload, durable. Raises NothingFound (the bucket), ConditionNotMet, Held, InvalidRequest."""
        check_target(target)
        await check_place(self._wheel, target)

        def unit(turn: Turn) -> MultipartUpload:
            the_bucket(turn.tx.objects, target.bucket)
            upload = MultipartUpload(
                id=self._identifiers.uid(), target=target, create_s=turn.now_s, expire_s=turn.now_s + SESSION_S
            )
            turn.tx.objects.add_multipart(upload)
            return upload

        return await self._wheel.turn(unit)

    async def put_part(self, bucket: str, name: str, upload_id: str, number: int) -> PartUpload:
        """Take the bytes of part `number` (1 to 10,000). Raises NothingFound, InvalidRequest."""
        if not 1 <= number <= PARTS:
            raise InvalidRequest(f"Part numbers go from 1 to {PARTS}.")

        def unit(tx: ReadTx) -> MultipartUpload:
            return _the_upload(tx.objects, bucket, name, upload_id)

        upload = await self._wheel.store.read(unit)
        inflow = Inflow(self._blobs, self._threads, self._identifiers.uid())
        return PartUpload(self._wheel, self._cleaning, inflow, upload, number)

    async def list_parts(
        self, bucket: str, name: str, upload_id: str, *, after: int = 0, limit: int = 1_000
    ) -> tuple[UploadPart, ...]:
        """Parts by number. Raises NothingFound."""

        def unit(tx: ReadTx) -> tuple[UploadPart, ...]:
            _the_upload(tx.objects, bucket, name, upload_id)
            return tuple(tx.objects.list_parts(upload_id, after, limit))

        return await self._wheel.store.read(unit)

    async def list(
        self, bucket: str, *, prefix: str = "", after_name: str = "", after_id: str = "", limit: int = 1_000
    ) -> tuple[MultipartUpload, ...]:
        """Uploads of a bucket under way, by name, then id. Raises NothingFound."""

        def unit(tx: ReadTx) -> tuple[MultipartUpload, ...]:
            the_bucket(tx.objects, bucket)
            return tuple(tx.objects.list_multiparts(bucket, prefix, after_name, after_id, limit))

        return await self._wheel.store.read(unit)

    async def complete(self, bucket: str, name: str, upload_id: str, parts: Sequence[tuple[int, str]]) -> ObjectVersion:
        """Join the named parts, (number, MD5 in hexadecimal digits), numbers rising, into the object; others are
        dropped. It has no MD5. Raises NothingFound, InvalidRequest (a part is missing or differs; the order),
        ConditionNotMet, Held."""

        def look(tx: ReadTx) -> tuple[MultipartUpload, list[UploadPart]]:
            return _the_upload(tx.objects, bucket, name, upload_id), _the_parts(tx.objects, upload_id, parts)

        upload, found = await self._wheel.store.read(look)
        await check_place(self._wheel, upload.target)
        whole = _whole(self._identifiers.uid(), found)

        def unit(turn: Turn) -> ObjectVersion:
            _the_upload(turn.tx.objects, bucket, name, upload_id)
            if _the_parts(turn.tx.objects, upload_id, parts) != found:
                raise InvalidRequest("A part was replaced while the upload was completed.")
            version = make_object(turn, upload.target, whole)
            turn.tx.objects.remove_multipart(upload)
            return version

        contents = [part.content for part in found]
        version = await join(self._wheel, self._blobs, self._threads, whole, contents, unit)
        if version is None:
            raise no_upload()  # another request ended it meanwhile
        self._cleaning.nudge()
        return version

    async def abort(self, bucket: str, name: str, upload_id: str) -> None:
        """Forget an upload and its parts. Raises NothingFound."""

        def unit(turn: Turn) -> None:
            turn.tx.objects.remove_multipart(_the_upload(turn.tx.objects, bucket, name, upload_id))

        await self._wheel.turn(unit)
        self._cleaning.nudge()


def _whole(uid: str, parts: Sequence[UploadPart]) -> Content:
    return Content(
        uid=uid,
        size_bytes=sum(part.size_bytes for part in parts),
        checksums=Checksums(crc32c=checksums.joined([(part.checksums.crc32c, part.size_bytes) for part in parts])),
    )


def _the_upload(objects: ObjectsRead, bucket: str, name: str, upload_id: str) -> MultipartUpload:
    found = objects.find_multipart(upload_id)
    if found is None or (found.target.bucket, found.target.name) != (bucket, name):
        the_bucket(objects, bucket)
        raise no_upload()
    return found


def _the_parts(objects: ObjectsRead, upload_id: str, wanted: Sequence[tuple[int, str]]) -> list[UploadPart]:
    """The parts that a caller lists. Raises InvalidRequest."""
    numbers = [number for number, _ in wanted]
    if not wanted or len(wanted) > PARTS or numbers != sorted(set(numbers)):
        raise InvalidRequest("The list of parts must name at least one part, in ascending order of part numbers.")
    stored = {part.number: part for part in objects.list_parts(upload_id, 0, PARTS)}
    for number, md5 in wanted:
        if number not in stored or stored[number].checksums.md5 != md5.lower():
            raise InvalidRequest(f"Part {number} could not be found, or its ETag does not match.")
    return [stored[number] for number in numbers]
