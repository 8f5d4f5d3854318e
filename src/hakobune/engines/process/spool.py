"""Reports on disk: what the control plane has not acknowledged outlives it, and the supervisor, too.

Segments `spool-00000001`, … hold one line a record: CRC-32 (8 hexadecimal digits), cursor, JSON. The record of an
acknowledgement is the word `ack` with its cursor. A line that is not whole ends its segment: a crash tore it.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import deque
from collections.abc import Sequence

from hakobune.engines.process.wireformat import ENDED

SEGMENT_BYTES = 1024 * 1024
_PREFIX = "spool-"
_ACK = '"ack"'
_CURSOR_GAP = 1000  # cursors that a torn tail may have held: none is given out twice

Record = tuple[int, str, str]  # cursor, report as JSON, uid of the attempt if the report ends it, else ""


class Spool:
    """Append-only segments in one folder. Not safe for two writers: the supervisor's lock keeps others away."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._full: deque[tuple[str, int]] = deque()  # path and last cursor of segments before the current one
        self._number = 0
        self._path = ""
        self._fd = -1
        self._size = 0
        self._last_cursor = 0  # of the current segment
        self._acknowledged: int | None = None  # not yet written
        self._is_synced = True
        self._is_folder_synced = True

    def recover(self) -> tuple[list[Record], int]:
        """What a supervisor before this one reported as ended and nobody acknowledged, and the next free cursor."""
        kept: dict[int, Record] = {}
        last = 0
        for name in sorted(name for name in os.listdir(self._folder) if name.startswith(_PREFIX)):
            path = f"{self._folder}/{name}"
            with open(path, "rb") as file:
                content = file.read()
            last_here = last
            for cursor, text in _records(content):
                last_here = max(last_here, cursor)
                if text == _ACK:
                    for known in [known for known in kept if known <= cursor]:
                        del kept[known]
                    continue
                kind, uid = json.loads(text)[:2]
                if kind == ENDED:
                    kept[cursor] = (cursor, text, uid)
            last = last_here
            self._number = int(name.removeprefix(_PREFIX))
            self._full.append((path, last_here))
        records = list(kept.values())
        self._drop(records[0][0] - 1 if records else last)
        return records, last + _CURSOR_GAP if last else 1

    def append(self, records: Sequence[Record]) -> None:
        """Hand records to the system, with one write. Raises OSError: then none of them is in the spool."""
        if self._fd < 0:
            self._open_next()
        lines = [] if self._acknowledged is None else [_line(self._acknowledged, _ACK)]
        lines += [_line(cursor, text) for cursor, text, _ in records]
        data = "".join(lines).encode()
        view = memoryview(data)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, view[written:])
        except OSError:
            # A torn line would hide all that follows it: the next write begins a new segment.
            self._retire()
            raise
        self._size += len(data)
        self._is_synced = False
        self._acknowledged = None
        self._last_cursor = records[-1][0] if records else self._last_cursor

    def sync(self) -> None:
        """Make all appended records survive a power cut. Raises OSError."""
        if self._fd >= 0 and not self._is_synced:
            os.fdatasync(self._fd)
            self._is_synced = True
        if not self._is_folder_synced:
            fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._is_folder_synced = True

    def acknowledge(self, cursor: int) -> None:
        """Drop the segments that hold nothing beyond `cursor`."""
        self._acknowledged = cursor
        if self._size >= SEGMENT_BYTES:
            self._retire()
        self._drop(cursor)

    def close(self) -> None:
        """Write a last acknowledgement, if one is due, and sync. Raises OSError."""
        if self._acknowledged is not None and self._fd >= 0:
            self.append([])
        self.sync()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open_next(self) -> None:
        self._number += 1
        self._path = f"{self._folder}/{_PREFIX}{self._number:08d}"
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._size = 0
        self._is_folder_synced = False

    def _retire(self) -> None:
        """The next write begins a new segment, whatever the disk says to the end of this one. Raises OSError."""
        fd, self._fd = self._fd, -1
        self._size = 0
        self._full.append((self._path, self._last_cursor))
        try:
            if not self._is_synced:
                os.fdatasync(fd)
                self._is_synced = True
        finally:
            os.close(fd)

    def _drop(self, cursor: int) -> None:
        while self._full and self._full[0][1] <= cursor:
            os.unlink(self._full.popleft()[0])


def _line(cursor: int, text: str) -> str:
    body = f"{cursor} {text}"
    return f"{zlib.crc32(body.encode()):08x} {body}\n"


def _records(content: bytes) -> list[tuple[int, str]]:
    """The whole records of a segment, up to the first that is torn."""
    records: list[tuple[int, str]] = []
    for line in content.split(b"\n")[:-1]:
        checksum, _, body = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(body):
            break
        cursor, _, text = body.decode().partition(" ")
        records.append((int(cursor), text))
    return records
