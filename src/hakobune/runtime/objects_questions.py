"""Questions about objects: one, a list of them, and the bytes of one."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Self

from hakobune.core.errors import CorruptStore
from hakobune.core.objects.model import ListQuery, ObjectsPage, ObjectVersion, SourceVersion
from hakobune.runtime.objects_versions import the_bucket, the_version
from hakobune.runtime.threads import Threads
from hakobune.store.api import ReadTx, Store
from hakobune.store.blobs import Blobs, Content

_OPEN_TRIES = 3
_READERS = 32  # that wait for a disk or a bucket at once


class OpenObject:
    """A version and its open content, to be read in `threads`: it stays readable when the object is deleted meanwhile.
    The content is the `size_bytes` bytes from `offset` of `file` on; if that is an `io.FileIO`, it can go by
    `loop.sendfile(transport, file, offset, count)`."""

    def __init__(self, version: ObjectVersion, file: Content, threads: Threads) -> None:
        self.version = version
        self.file = file
        self.threads = threads
        self.offset = 0
        self.size_bytes = version.size_bytes

    def pieces(self, first: int, size_bytes: int) -> Generator[bytes]:
        """So many bytes from `first` of the content on; it blocks. Raises Unavailable; CorruptStore: they are not all
        there."""
        left = size_bytes
        try:
            for piece in self.file.pieces(self.offset + first, size_bytes) if size_bytes else ():
                yield piece
                left -= len(piece)
        except FileNotFoundError:
            raise CorruptStore(f"the content of {self.version.bucket}/{self.version.name} is gone") from None
        if left:
            raise CorruptStore(f"the content of {self.version.bucket}/{self.version.name} ends early")

    def close(self) -> None:
        """Give the file back. A second call does nothing."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ObjectQuestions:
    """What callers may ask."""

    def __init__(self, store: Store, blobs: Blobs, threads: Threads) -> None:
        self._store = store
        self._blobs = blobs
        self._threads = threads.apart(_READERS)

    async def get(self, source: SourceVersion, *, is_soft_deleted: bool = False) -> ObjectVersion:
        """The version that a GET names. Soft-deleted ones only when asked for, with their generation. Raises
        NothingFound, ConditionNotMet, NotModified."""

        def unit(tx: ReadTx) -> ObjectVersion:
            return the_version(tx.objects, source, is_read=True, is_soft_deleted=is_soft_deleted)

        return await self._store.read(unit)

    async def open(self, source: SourceVersion) -> OpenObject:
        """The version, with its content open for reading: close it. Raises as `get`."""
        for _ in range(_OPEN_TRIES):
            version = await self.get(source)
            try:
                opened = OpenObject(version, self._blobs.open(version.content), self._threads)
            except FileNotFoundError:
                continue  # replaced and removed since we read its row: look again
            if not self._blobs.is_remote or await self._is_named_still(opened, source):
                return opened
        raise CorruptStore(f"the content file of {source.bucket}/{source.name} is gone")

    async def _is_named_still(self, opened: OpenObject, source: SourceVersion) -> bool:
        """Whether the row still names a content that is held now: then it stays readable. Else it is given back."""
        is_named = False
        try:
            is_named = (await self.get(source)).content == opened.version.content
        finally:
            if not is_named:
                opened.close()
        return is_named

    async def list(self, bucket: str, query: ListQuery) -> ObjectsPage:
        """A page: items and prefixes together at most `max_results` (1,000). A page may be short, even empty, and still
        have a token. Raises NothingFound (the bucket), InvalidRequest (glob, delimiter), InvalidArgument of core.errors
        (page token)."""

        def unit(tx: ReadTx) -> ObjectsPage:
            the_bucket(tx.objects, bucket)
            return tx.objects.list_objects(bucket, query)

        return await self._store.read(unit)
