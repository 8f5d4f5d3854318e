"""One log file being written: what is on disk, and what waits for the next write.

Standard library only: the supervisor starts with this.
"""

from __future__ import annotations

import os
import zlib

from hakobune.engines.logs import records
from hakobune.engines.logs.records import HEAD, HEADER_BYTES, LEAD, RECORD_BYTES_MIN, TRAIL

Key = tuple[int, int]  # index, uid_tail
Mark = tuple[int, int, int]  # flags, piece, line: what a record is of its line
WHOLE: Mark = (0, 0, 0)


class LogFile:
    """One file being written: what is on disk (`size`), and what waits for the next write."""

    def __init__(self, path: str, kind: int, *, base: int = 0, output_before: int = 0) -> None:
        self.path = path
        self.kind = kind
        self.base = base
        self.output_before = output_before
        self.output = 0  # bytes of output in it, waiting ones included
        self.nonce = int.from_bytes(os.urandom(4), "little")
        self.size = 0  # good bytes on disk
        self.fd = -1
        self.is_synced = True
        self.is_torn = False  # bytes beyond `size` are left from a write that failed
        self.pending: list[bytes] = []  # four parts a record: lead, head, data, trail
        self.pending_bytes = 0

    @classmethod
    def reopen(cls, path: str, kind: int) -> tuple[LogFile, float] | None:
        """Go on with an existing file after cutting a torn tail off, and the time of its last record.
        None if the file is not there or cannot be gone on with."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        header = records.read_header(fd)
        if header is None or header[0] != kind:
            os.close(fd)
            return None
        file = cls(path, kind, base=header[2], output_before=header[3])
        file.fd, file.nonce, file.size = fd, header[1], HEADER_BYTES
        last_at_s = 0.0
        for record in records.walk_forward(fd, file.nonce, HEADER_BYTES):
            file.size = record[0] + RECORD_BYTES_MIN + len(record[-1])
            file.output += len(record[-1])
            last_at_s = record[1]
        file.is_synced = False  # nobody knows what the last writer synced
        if os.fstat(fd).st_size > file.size:
            os.ftruncate(fd, file.size)
        return file, last_at_s

    def add(self, at_s: float, key: Key, number: int, stream: int, mark: Mark, data: bytes) -> None:
        """Let a record wait for the next write."""
        head = HEAD.pack(at_s, key[0], number, key[1], stream, *mark)
        length = RECORD_BYTES_MIN + len(data)
        lead = LEAD.pack(length, zlib.crc32(data, zlib.crc32(head, self.nonce)))
        self.pending += (lead, head, data, TRAIL.pack(length))
        self.pending_bytes += length
        self.output += len(data)

    @property
    def planned_size(self) -> int:
        """Bytes of the file once all that waits is written."""
        return max(self.size, HEADER_BYTES) + self.pending_bytes

    def write(self) -> bool:
        """Write what waits, with one call; True if that made the file. Raises OSError: then nothing was written."""
        is_new = self.size == 0
        if self.fd < 0:
            flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
            self.fd = os.open(self.path, flags | os.O_CREAT | os.O_TRUNC if is_new else flags, 0o644)
        if self.is_torn:
            os.ftruncate(self.fd, self.size)
            self.is_torn = False
        parts = self.pending
        if is_new:
            parts = [records.file_header(self.kind, self.nonce, self.base, self.output_before), *parts]
        data = memoryview(b"".join(parts))
        self.is_synced = False
        written = 0
        try:
            while written < len(data):
                written += os.write(self.fd, data[written:])
        except OSError:
            if written:
                self.is_torn = True
                os.ftruncate(self.fd, self.size)
                self.is_torn = False
            raise
        self.size += written
        self.pending.clear()
        self.pending_bytes = 0
        return is_new

    def drop_pending(self) -> dict[Key, tuple[int, int]]:
        """Forget what waits. Returns (attempt number, bytes of output) of each attempt that it was from."""
        lost: dict[Key, tuple[int, int]] = {}
        for head, data in zip(self.pending[1::4], self.pending[2::4], strict=True):
            _, index, number, uid_tail, *_ = HEAD.unpack(head)
            lost[index, uid_tail] = (number, lost.get((index, uid_tail), (0, 0))[1] + len(data))
            self.output -= len(data)
        self.pending.clear()
        self.pending_bytes = 0
        return lost

    def sync(self) -> None:
        """Make what is written survive a power cut. Raises OSError."""
        if not self.is_synced and self.fd >= 0:
            os.fdatasync(self.fd)
        self.is_synced = True

    def close(self) -> None:
        """Give the descriptor back; the next write opens the file again."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def successor(before: LogFile, path: str) -> LogFile:
    """The file that goes on where a full one ends."""
    return LogFile(
        path,
        records.OWN,
        base=before.base + before.size - HEADER_BYTES,
        output_before=before.output_before + before.output,
    )
