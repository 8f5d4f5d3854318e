"""Reads the folders that `writer` fills, also while it fills them: merged by time, forward or backward, lazily.

A file is opened for each chunk that is read and closed again, so that a walk that is given up holds nothing, and 10,000
files need no 10,000 descriptors. A file that was rotated meanwhile is found under its other name; one that is gone
ends its part of the walk.
"""

from __future__ import annotations

import heapq
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hakobune.engines.logs import records
from hakobune.engines.logs.records import HEADER_BYTES, OWN, RECORD_BYTES_MIN, SHARED, RawRecord

_FIRST_CHUNK_BYTES = 4 * 1024  # many callers want only the newest few
_CHUNK_BYTES = 128 * 1024

# (SHARED, segment, 0, offset) or (OWN, index, uid_tail, logical offset). Unique within a lane, the same for ever, and
# of two records with the same time the greater one is the later one.
Position = tuple[int, int, int, int]


class Record(NamedTuple):
    """One line of output, or a piece of one, with its place. `at_s`: seconds since the epoch; `stream`: 1 stdout,
    2 stderr, 3 said by the platform. Pieces of one line share `line` (0: a whole line) and are counted by `piece`."""

    at_s: float
    task_index: int
    number: int
    uid_tail: int
    stream: int
    data: bytes
    is_partial: bool
    piece: int
    line: int
    position: Position


class LogReader:
    """All lanes under `root`: one folder per lane, named by its uid. Safe for several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def records(
        self,
        lane_uid: str,
        *,
        newest_first: bool = False,
        after_s: float | None = None,
        before_s: float | None = None,
        index: int | None = None,
    ) -> Iterator[Record]:
        """Records of a lane in order of (time, position), or exactly the reverse.

        Only those with `after_s <= at_s <= before_s` and of task `index`, where given. Nothing if there is no such
        lane. Reads only as far as it is asked. Records that are written meanwhile may or may not be seen.
        Raises OSError if the disk cannot be read.
        """
        span = _Span(after_s, before_s)
        segments, own = self._files(lane_uid, index)
        walks: list[Iterator[Record]] = []
        if segments:
            walks.append(_walk_shared(segments, span, index, newest_first=newest_first))
        walks += [_walk_own(files, span, newest_first=newest_first) for files in own]
        if len(walks) == 1:
            return walks[0]
        return heapq.merge(*walks, key=_order, reverse=newest_first)

    def delete(self, lane_uid: str) -> None:
        """Remove all that a lane wrote. Nothing happens if there is nothing. Raises OSError."""
        try:
            shutil.rmtree(self._folder(lane_uid))
        except FileNotFoundError:
            return

    def size_bytes(self, lane_uid: str) -> int:
        """Bytes that a lane takes on disk."""
        total = 0
        for name in _names(self._folder(lane_uid)):
            try:
                total += os.stat(self._folder(lane_uid) / name).st_size
            except FileNotFoundError:
                continue  # rotated away meanwhile
        return total

    def _folder(self, lane_uid: str) -> Path:
        if not lane_uid or "/" in lane_uid or "\0" in lane_uid or lane_uid in {".", ".."}:
            raise ValueError(f"not a lane: {lane_uid[:60]!r}")
        return self._root / lane_uid

    def _files(self, lane_uid: str, index: int | None) -> tuple[list[_File], list[list[_File]]]:
        """Shared segments, oldest first, and for each attempt its own files, oldest first."""
        folder = self._folder(lane_uid)
        segments: list[int] = []
        attempts: set[tuple[int, int]] = set()
        for name in _names(folder):
            place = records.parse_name(name)
            if place is not None and place[0] == SHARED:
                segments.append(place[1])
            elif place is not None and index in {None, place[1]}:
                attempts.add((place[1], place[2]))
        shared = [
            _File((str(folder / records.shared_name(segment)),), SHARED, segment, 0) for segment in sorted(segments)
        ]
        own = [_own_files(str(folder / records.own_name(*key)), *key) for key in sorted(attempts)]
        return [file for file in shared if file.is_log], [files for files in own if files]


class _Span(NamedTuple):
    after_s: float | None
    before_s: float | None

    def is_before(self, at_s: float) -> bool:
        return self.after_s is not None and at_s < self.after_s

    def is_after(self, at_s: float) -> bool:
        return self.before_s is not None and at_s > self.before_s


class _File:
    """One file, known by its header wherever a rotation puts it."""

    def __init__(self, paths: tuple[str, ...], kind: int, first: int, second: int) -> None:
        self._paths = paths
        self._place = (kind, first, second)
        self._header: tuple[int, int, int, int] | None = None
        fd = self._open()
        if fd is not None:
            os.close(fd)

    @property
    def is_log(self) -> bool:
        return self._header is not None

    @property
    def base(self) -> int:
        return 0 if self._header is None else self._header[2]

    @property
    def output_before(self) -> int:
        return 0 if self._header is None else self._header[3]

    def _open(self) -> int | None:
        """A descriptor of the file with our header; the caller closes it. None if it is gone."""
        for path in self._paths:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            header = records.read_header(fd)
            if header is not None and header[0] == self._place[0] and self._header in {None, header}:
                self._header = header
                return fd
            os.close(fd)
        return None

    def _nonce(self) -> int:
        return 0 if self._header is None else self._header[1]

    def first(self) -> RawRecord | None:
        found = self.forward(HEADER_BYTES, 1)
        return found[0] if found else None

    def forward(self, offset: int, wanted_bytes: int) -> list[RawRecord]:
        """Records from `offset` on, at least one if there is one, until they are `wanted_bytes`."""
        fd = self._open()
        if fd is None:
            return []
        try:
            found: list[RawRecord] = []
            for record in records.walk_forward(fd, self._nonce(), offset):
                found.append(record)
                if record[0] - offset >= wanted_bytes:
                    break
            return found
        finally:
            os.close(fd)

    def backward(self, end: int | None, wanted_bytes: int, span: _Span) -> list[RawRecord]:
        """Records that end at or before `end` (None: the end of the span in this file), last first; at least one if
        there is one, until they are `wanted_bytes`."""
        fd = self._open()
        if fd is None:
            return []
        try:
            nonce = self._nonce()
            if end is None:
                end = records.valid_end(fd, nonce)
                newest = records.record_before(fd, nonce, end)
                if newest is not None and span.is_after(newest[1]):
                    end = records.first_where(fd, nonce, span.is_after)
            found: list[RawRecord] = []
            for record in records.walk_backward(fd, nonce, end):
                found.append(record)
                if end - record[0] >= wanted_bytes or span.is_before(record[1]):
                    break
            return found
        finally:
            os.close(fd)

    def start_of(self, span: _Span) -> int:
        """Offset of the first record that is not before the span."""
        if span.after_s is None:
            return HEADER_BYTES
        fd = self._open()
        if fd is None:
            return HEADER_BYTES
        try:
            return records.first_where(fd, self._nonce(), lambda at_s: not span.is_before(at_s))
        finally:
            os.close(fd)

    def position(self, offset: int) -> Position:
        return (*self._place, self.base + offset)

    def record(self, raw: RawRecord) -> Record:
        offset, at_s, index, number, uid_tail, stream, flags, piece, line, data = raw
        place = self._place
        position = (place[0], place[1], place[2], self.base + offset)
        is_partial = bool(flags & records.PARTIAL)
        return Record(at_s, index, number, uid_tail, stream, data, is_partial, piece, line, position)


def _order(record: Record) -> tuple[float, Position]:
    return record.at_s, record.position


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _own_files(path: str, index: int, uid_tail: int) -> list[_File]:
    """The own files of an attempt, oldest first. The newer one is opened first: what a rotation moves between the two
    looks is then seen twice and recognised, and never missed."""
    newer = _File((path, path + records.OLDER), OWN, index, uid_tail)
    older = _File((path + records.OLDER,), OWN, index, uid_tail)
    found = [file for file in (older, newer) if file.is_log]
    if len(found) == 2 and older.base == newer.base:
        return [newer]
    return sorted(found, key=lambda file: file.base)


def _walk_shared(files: list[_File], span: _Span, index: int | None, *, newest_first: bool) -> Iterator[Record]:
    for file in _within(files, span, newest_first=newest_first):
        walk = _backward(file, span) if newest_first else _forward(file, span)
        for raw in walk:
            if index is None or raw[2] == index:
                yield file.record(raw)


def _within(files: list[_File], span: _Span, *, newest_first: bool) -> Iterator[_File]:
    """Those segments that can hold something of the span. Each begins where the one before ends."""
    if newest_first:
        for file in reversed(files):
            first = file.first()
            if first is None or span.is_after(first[1]):
                continue
            yield file
            if span.is_before(first[1]):
                return
        return
    begin = len(files)
    while begin > 0:
        begin -= 1
        first = files[begin].first()
        if first is not None and span.is_before(first[1]):
            break
        if span.after_s is None:
            begin = 0
    yield from files[begin:]


def _walk_own(files: list[_File], span: _Span, *, newest_first: bool) -> Iterator[Record]:
    oldest = files[0]
    for file in reversed(files) if newest_first else files:
        for raw in _backward(file, span) if newest_first else _forward(file, span):
            is_after_gap = file is oldest and oldest.base > 0 and raw[0] == HEADER_BYTES
            if is_after_gap and not newest_first:
                yield _gap(oldest, raw)
            yield file.record(raw)
            if is_after_gap and newest_first:
                yield _gap(oldest, raw)


def _gap(file: _File, raw: RawRecord) -> Record:
    """What the platform says before the oldest record that rotation has left."""
    text = f"{file.output_before} bytes of output were dropped here: the attempt wrote more than is kept of one."
    _, at_s, index, number, uid_tail, *_ = raw
    data = text.encode()
    return Record(at_s, index, number, uid_tail, records.SYSTEM, data, False, 0, 0, file.position(0))


def _forward(file: _File, span: _Span) -> Iterator[RawRecord]:
    offset = file.start_of(span)
    wanted = _FIRST_CHUNK_BYTES
    while chunk := file.forward(offset, wanted):
        for raw in chunk:
            if span.is_after(raw[1]):
                return
            yield raw
        offset = chunk[-1][0] + RECORD_BYTES_MIN + len(chunk[-1][-1])
        wanted = _CHUNK_BYTES


def _backward(file: _File, span: _Span) -> Iterator[RawRecord]:
    end: int | None = None
    wanted = _FIRST_CHUNK_BYTES
    while chunk := file.backward(end, wanted, span):
        for raw in chunk:
            if span.is_before(raw[1]):
                return
            yield raw
        end = chunk[-1][0]
        wanted = _CHUNK_BYTES
