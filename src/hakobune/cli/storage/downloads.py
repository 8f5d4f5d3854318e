"""From an object to this machine: streamed, continued after a break, verified, and visible only when whole."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import uuid
import zlib
from contextlib import suppress

from hakobune.cli.document import number_at, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.storage.api import StorageApi, object_path, target
from hakobune.cli.storage.checksums import BLOCK_BYTES, Crc32c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from hakobune.cli.storage.entries import ObjectEntry

_ROOT = "/download/storage/v1"
_UNFINISHED = "_{}.gstmp"  # as gcloud's, but one for each download: two may be on their way to the same name
_GZIP_WBITS = 16 + zlib.MAX_WBITS  # a gzip header is expected. Source: zlib manual, inflateInit2


class Downloads:
    """Downloads of one command."""

    def __init__(self, api: StorageApi) -> None:
        self._transport = api.transport

    def to_file(
        self, entry: ObjectEntry, path: str, advance: Callable[[int], None], *, is_unpacked: bool = True
    ) -> None:
        """Store an object as a file. The name appears when all is there and its checksum is right. What is there and
        no file (/dev/null, a pipe) is written to, not replaced.

        `is_unpacked`: what is stored in gzip form is written without it. Raises HttpError, CommandError.
        """
        is_packed = is_unpacked and text_at(entry.document, "contentEncoding") == "gzip"
        is_device = _is_device(path)
        place = os.path.join(tempfile.gettempdir(), "device") if is_device else path
        temporary = place + _UNFINISHED.format(uuid.uuid4().hex[:8])
        try:
            if is_device and not is_packed:
                with open(path, "wb") as file:
                    self.to_stream(entry, file, advance)
                return
            os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
            with open(temporary, "wb") as file:
                self.to_stream(entry, file, advance)
            if is_packed:
                _unpack(temporary, str(entry.url))
            if is_device:
                with open(temporary, "rb") as content, open(path, "wb") as file:
                    shutil.copyfileobj(content, file)
            else:
                os.replace(temporary, path)
        except OSError as error:
            raise CommandError(f"[{path}] cannot be written: {error.strerror or error}") from error
        finally:
            with suppress(OSError):
                os.remove(temporary)

    def to_stream(
        self,
        entry: ObjectEntry,
        file: BinaryIO,
        advance: Callable[[int], None],
        *,
        start: int = 0,
        end: int | None = None,
    ) -> None:
        """Write the bytes from `start` up to `end` (all of them by default) as they come, in the generation of the
        entry. The whole object is verified. Raises HttpError, CommandError."""
        total = entry.size_bytes
        last = total if end is None else min(end, total)
        progress = [start]
        crc = Crc32c()

        def once() -> None:
            if progress[0] < last:
                for block in self._blocks(entry, progress[0], last):
                    file.write(block)
                    crc.add(block)
                    progress[0] += len(block)
                    advance(len(block))

        self._transport.patiently(once, progress=lambda: progress[0])
        wanted = text_at(entry.document, "crc32c")
        if start == 0 and last == total and wanted and wanted != crc.text:
            raise CommandError(
                f"Source hash {wanted} does not match destination hash {crc.text} for object {entry.url.plain}."
            )

    def _blocks(self, entry: ObjectEntry, start: int, end: int) -> Iterator[bytes]:
        path = target(object_path(entry.url), {"alt": "media", "generation": entry.url.generation}, _ROOT)
        # As it is stored: a checksum is that of the stored bytes, and places in them are what a range means.
        headers = {"Accept-Encoding": "gzip"}
        is_part = start > 0 or end < number_at(entry.document, "size")
        if is_part:
            headers["Range"] = f"bytes={start}-{end - 1}"
        reply = self._transport.send("GET", path, headers=headers)
        if is_part and reply.status != 206:
            reply.close()
            raise CommandError(f"The runtime answered the whole of {entry.url.plain} instead of a part of it.")
        try:
            while block := reply.read(BLOCK_BYTES):
                self._transport.check()
                yield block
        finally:
            reply.close()


def _is_device(path: str) -> bool:
    """Whether a path leads to something that takes bytes and is no file."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _unpack(path: str, name: str) -> None:
    """Put the content of a gzip file in its place. Raises CommandError for what is none."""
    unpacked = f"{path}_unpacked"
    try:
        with open(path, "rb") as packed, open(unpacked, "wb") as file:
            _inflate(packed, file)
        os.replace(unpacked, path)
    except zlib.error as error:
        raise CommandError(
            f"{name} says that it is gzip, and is not: {error}. Download it as it is with --do-not-decompress"
        ) from error
    finally:
        with suppress(OSError):
            os.remove(unpacked)


def _inflate(packed: BinaryIO, file: BinaryIO) -> None:
    machine = zlib.decompressobj(_GZIP_WBITS)
    rest = b""
    while block := rest or packed.read(BLOCK_BYTES):
        file.write(machine.decompress(block, BLOCK_BYTES))
        rest = machine.unconsumed_tail
        if machine.eof:  # a gzip file may be several, one after the other
            rest = machine.unused_data or packed.read(BLOCK_BYTES)
            if not rest:
                return
            machine = zlib.decompressobj(_GZIP_WBITS)
    file.write(machine.flush())
    if not machine.eof:
        raise zlib.error("it is cut short")
