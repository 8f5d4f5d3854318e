"""Bytes on their way into a content file: chunks of any size, handed to worker threads in blocks.

A block is written and its CRC taken in one thread while another takes the MD5 of one before it and the loop gathers the
next one, so an upload is about as fast as its MD5, and holds three blocks in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.objects.checksums import verify
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.limits import OBJECT_BYTES
from hakobune.core.objects.model import GivenChecksums
from hakobune.runtime.objects_versions import Content
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.blobs import Blobs, ContentWriter

T = TypeVar("T")

Chunk = bytes | bytearray | memoryview

BLOCK_BYTES = 1024 * 1024  # half of it: 7 % more time of processors, for there are twice as many changes of threads

_log = logging.getLogger("hakobune.objects")


class Blocks:
    """Gathers chunks into blocks."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self.size_bytes = 0

    def add(self, chunk: Chunk) -> bool:
        """Take a copy of what may change. True: there is enough for a block."""
        self._chunks.append(bytes(chunk))
        self.size_bytes += len(chunk)
        return self.size_bytes >= BLOCK_BYTES

    def take(self) -> bytes:
        """All that was gathered."""
        block = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.size_bytes = 0
        return block


class Inflow:
    """A new content file that is being written. It is made when its first block is full, or when it ends."""

    def __init__(self, blobs: Blobs, threads: Threads, uid: str) -> None:
        self._blobs = blobs
        self._threads = threads
        self._uid = uid
        self._blocks = Blocks()
        self._writer: ContentWriter | None = None
        self._size_bytes = 0
        self._is_over = False

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes. Raises ResourceExhausted, Unavailable, InvalidRequest (more than an object can have)."""
        self._size_bytes += len(chunk)
        if self._size_bytes > OBJECT_BYTES:
            raise InvalidRequest(f"An object has at most {OBJECT_BYTES} bytes.")
        if self._blocks.add(chunk):
            await self._threads.run(self._put, self._blocks.take())

    def _put(self, block: bytes) -> None:
        if self._writer is None:
            self._writer = self._blobs.create(self._uid)
        self._writer.write(block)

    async def end(self, *given: GivenChecksums) -> Content:
        """Make all durable. Raises InvalidRequest (it is not what was said), ResourceExhausted, Unavailable."""
        return await self._threads.run(self._end, self._blocks.take() if self._blocks.size_bytes else b"", given)

    def _end(self, rest: bytes, given: tuple[GivenChecksums, ...]) -> Content:
        self._put(rest)
        writer = self._writer
        assert writer is not None  # made by the put
        checksums = writer.hashes.checksums()
        for said in given:
            verify(checksums, said)
        writer.finish()
        return Content(uid=self._uid, size_bytes=writer.size_bytes, checksums=checksums)

    async def commit(self, wheel: Wheel, unit: Callable[[Turn], T]) -> T:
        """Run the turn that names the file. Raises what it raises: then the file is gone."""
        with anyio.CancelScope(shield=True):
            value = await wheel.turn(unit)
            self._is_over = True
            self._blobs.release(self._uid)
            return value
        raise AssertionError("unreachable: a shield swallows nothing")

    async def drop(self, wheel: Wheel) -> None:
        """Remove what was written, unless a row names it. Does nothing after a commit, or a second time."""
        if self._is_over:
            return
        self._is_over = True
        if self._writer is not None:
            with anyio.CancelScope(shield=True):
                await self._threads.run(self._writer.close)
                await drop(wheel, self._threads, self._blobs, self._uid)


async def drop(wheel: Wheel, threads: Threads, blobs: Blobs, uid: str) -> None:
    """Remove a file in work. A commit may have failed after it was done: what a row names stays. While the store does
    not say, or the disk refuses, the file stays, too, as a stray."""
    try:
        if not await wheel.store.read(lambda tx: tx.objects.knows_content(uid)):
            await threads.run(blobs.remove, [uid])
    except HakobuneError as error:
        _log.warning("the content file %s is left to the next cleaning: %s", uid, error.message)
    finally:
        blobs.release(uid)
