"""Writes the output of the attempts of one execution (a *lane*) to its folder.

    shared-000001.log             the first 64 KiB of every attempt, in order of time; a new segment every 8 MiB
    attempt-<index>-<uid_tail>.log      what an attempt wrote beyond that, newest part
    attempt-<index>-<uid_tail>.log.1    the part before; when `.log` is half of the limit it becomes `.log.1`

So the beginning and the newest part of each attempt are kept, and 10,000 small attempts cost one file and one sync
per batch. The bytes of a file are described in `records`. What rotation dropped is known from the header of the oldest
file that is left; the reader says it in a system record. After a crash the writer cuts a torn tail off and goes on.

A disk that is full (or any other error of writing) never reaches the caller of `append`: output waits for the next
`flush` up to a bound, then it is dropped, counted in `lost_bytes`, and a system record says so once writing works.

Standard library only: the supervisor imports this module and starts with `-S`.
"""

from __future__ import annotations

import os

from hakobune.engines.logs import records
from hakobune.engines.logs.log_file import WHOLE, Key, LogFile, Mark, successor
from hakobune.engines.logs.records import HEADER_BYTES, RECORD_BYTES_MIN

SHARED_BYTES_PER_ATTEMPT = 64 * 1024
SEGMENT_BYTES = 8 * 1024 * 1024
PENDING_BYTES_MAX = 1024 * 1024  # of one file: written without being asked beyond this; dropped if that cannot be
TAIL_LIMIT_BYTES_MIN = 8 * 1024  # a smaller limit counts as this: two files must each hold some records
_OPEN_TAILS_MAX = 64  # descriptors kept between batches for attempts with an own file


class LaneLog:
    """The output of one lane. Not safe for several threads; one writer per folder."""

    def __init__(self, directory: str, *, tail_limit_bytes: int) -> None:
        self._directory = directory
        self._half_bytes = max(tail_limit_bytes, TAIL_LIMIT_BYTES_MIN) // 2
        self._data_bytes_max = min(records.DATA_BYTES_MAX, (self._half_bytes - HEADER_BYTES) // 2 - RECORD_BYTES_MIN)
        self._segment = 0
        self._shared: LogFile | None = None  # None: the folder has not been looked at
        self._shared_use: dict[Key, int] = {}  # bytes of each live attempt in shared segments
        self._own: dict[Key, LogFile] = {}
        self._with_own_file: set[Key] = set()  # attempts that had one when the folder was opened
        self._unwritten: dict[Key, LogFile] = {}  # own files with something waiting
        self._retired: dict[str, LogFile] = {}  # full or finished files that must still be synced
        self._open_lines: dict[tuple[int, int, int], tuple[int, int]] = {}  # (*key, stream): line, pieces so far
        self._lines = 0
        self._is_folder_synced = True
        self._last_at_s = 0.0
        self._lost: dict[Key, tuple[int, int]] = {}  # not yet said in a record
        self.lost_bytes = 0  # output that could not be written, ever
        self.failure: OSError | None = None  # the newest error of writing; None once writing works again

    def append(
        self,
        at_s: float,
        index: int,
        number: int,
        uid_tail: int,
        stream: int,
        data: bytes,
        *,
        is_partial: bool = False,
    ) -> None:
        """Take output of an attempt (number `number` of task `index`; `uid_tail` tells its attempts apart).

        `at_s`: seconds since the epoch; a time before that of the last record counts as that one, so that order is
        time. `stream`: 1 stdout, 2 stderr, 3 system. `is_partial`: the line goes on in the next call. Raises nothing.
        """
        shared = self._shared or self._open()
        if at_s > self._last_at_s:
            self._last_at_s = at_s
        if len(data) > self._data_bytes_max:
            self._append_pieces(index, number, uid_tail, stream, data, is_partial=is_partial)
            return
        key = (index, uid_tail)
        mark = self._mark(key, stream, is_partial) if is_partial or self._open_lines else WHOLE
        own = self._own.get(key)
        if own is None:
            size = RECORD_BYTES_MIN + len(data)
            used = self._shared_use.get(key, 0) + size
            if used <= SHARED_BYTES_PER_ATTEMPT and key not in self._with_own_file:
                self._shared_use[key] = used
                shared.add(self._last_at_s, key, number, stream, mark, data)
                if shared.pending_bytes > PENDING_BYTES_MAX:
                    self._relieve(shared)
                return
            own = self._open_own(key)
        if own.planned_size + RECORD_BYTES_MIN + len(data) > self._half_bytes:
            own = self._rotate(key, own)
        own.add(self._last_at_s, key, number, stream, mark, data)
        self._unwritten[key] = own
        if own.pending_bytes > PENDING_BYTES_MAX:
            self._relieve(own)

    def flush(self) -> None:
        """Hand what waits to the system: one write() for all small attempts, one for each with an own file."""
        for key, own in list(self._unwritten.items()):
            if self._write(own):
                del self._unwritten[key]
                self._settle(key, own)
        shared = self._shared
        if shared is None:
            return
        if shared.pending and not self._write(shared):
            return
        if self._lost:
            self._say_what_is_lost(shared)
        if shared.size >= SEGMENT_BYTES:
            self._retire(shared)
            self._next_segment()

    def sync(self) -> None:
        """Flush, then make it survive a power cut: every file written since the last sync, and the folder if files
        were made. An error is kept in `failure`, and the next sync tries again."""
        self.flush()
        try:
            for path, file in list(self._retired.items()):
                file.sync()
                file.close()
                del self._retired[path]
            for own in self._own.values():
                own.sync()
            if self._shared is not None:
                self._shared.sync()
            if not self._is_folder_synced:
                _sync_folder(self._directory)
                _sync_folder(os.path.dirname(os.path.abspath(self._directory)))
                self._is_folder_synced = True
        except OSError as error:
            self.failure = error
            return
        self._close_idle()

    def end_attempt(self, index: int, uid_tail: int) -> None:
        """Nothing more comes from this attempt: forget it once what it wrote is written."""
        key = (index, uid_tail)
        self._shared_use.pop(key, None)
        for stream in (records.STDOUT, records.STDERR, records.SYSTEM):
            self._open_lines.pop((*key, stream), None)
        own = self._own.get(key)
        if own is None:
            return
        if own.pending and not self._write(own):
            self._drop(own)
        self._unwritten.pop(key, None)
        del self._own[key]
        self._with_own_file.add(key)
        self._retire(own)

    def close(self) -> None:
        """Flush and close, without a sync. The log may not be used after that."""
        self.flush()
        for file in (*self._retired.values(), *self._own.values()):
            file.close()
        if self._shared is not None:
            self._shared.close()

    def _mark(self, key: Key, stream: int, is_partial: bool) -> Mark:
        place = (*key, stream)
        line, piece = self._open_lines.pop(place, (0, 0))
        if not is_partial:
            return (0, piece, line)
        if not line:
            self._lines += 1
            line = self._lines
        self._open_lines[place] = (line, min(piece + 1, records.PIECE_MAX))
        return (records.PARTIAL, piece, line)

    def discard(self) -> None:
        """Forget what could not be written, then close."""
        for file in (*self._unwritten.values(), *([self._shared] if self._shared is not None else [])):
            file.drop_pending()
        self._unwritten.clear()
        self._lost.clear()
        self.close()

    # ------------------------------------------------------------------ files

    def _open(self) -> LogFile:
        """Look at the folder, and go on where the last writer stopped."""
        newest = 0
        try:
            names = os.listdir(self._directory)
        except OSError:
            names = []  # made with the first record; if it is there and cannot be read, the write will say so
        self._is_folder_synced = False
        for name in names:
            place = records.parse_name(name)
            if place is not None and place[0] == records.SHARED:
                newest = max(newest, place[1])
            elif place is not None:
                self._with_own_file.add((place[1], place[2]))
        self._segment = newest
        reopened = self._reopen(self._shared_path(), records.SHARED) if newest else None
        if reopened is not None:
            if reopened.size < SEGMENT_BYTES:
                self._shared = reopened
                return reopened
            self._retire(reopened)
        return self._next_segment()

    def _reopen(self, path: str, kind: int) -> LogFile | None:
        try:
            found = LogFile.reopen(path, kind)
        except OSError as error:
            self.failure = error
            return None
        if found is None:
            return None
        file, last_at_s = found
        self._last_at_s = max(self._last_at_s, last_at_s)
        return file

    def _shared_path(self) -> str:
        return f"{self._directory}/{records.shared_name(self._segment)}"

    def _next_segment(self) -> LogFile:
        self._segment += 1
        self._shared = LogFile(self._shared_path(), records.SHARED)
        return self._shared

    def _open_own(self, key: Key) -> LogFile:
        path = f"{self._directory}/{records.own_name(*key)}"
        own = self._reopen(path, records.OWN) if key in self._with_own_file else None
        if own is None:
            # A crash between the two steps of a rotation leaves only the older file.
            before = self._reopen(path + records.OLDER, records.OWN) if key in self._with_own_file else None
            own = LogFile(path, records.OWN) if before is None else successor(before, path)
            if before is not None:
                self._retire(before)
        self._own[key] = own
        return own

    def _rotate(self, key: Key, own: LogFile) -> LogFile:
        """`own` is full: it becomes the older half, and what was the older half goes. While the disk is full the
        file stays as it is, and its waiting output is bounded as everywhere."""
        if self.failure is not None or not self._write(own):
            return own
        before = own.path + records.OLDER
        try:
            os.rename(own.path, before)
        except OSError as error:
            self.failure = error
            return own
        self._is_folder_synced = False
        newer = successor(own, own.path)
        own.path = before
        self._retire(own)
        self._own[key] = newer
        return newer

    def _retire(self, file: LogFile) -> None:
        replaced = self._retired.pop(file.path, None)
        if replaced is not None:
            replaced.close()
        if file.is_synced:
            file.close()
        else:
            self._retired[file.path] = file

    def _settle(self, key: Key, own: LogFile) -> None:
        if own.size > self._half_bytes:  # it could not be rotated in time
            self._rotate(key, own)

    def _close_idle(self) -> None:
        if len(self._own) > _OPEN_TAILS_MAX:
            for own in self._own.values():
                if own.is_synced:
                    own.close()

    # ------------------------------------------------------------------ errors

    def _write(self, file: LogFile) -> bool:
        try:
            try:
                is_new = file.write()
            except FileNotFoundError:
                os.makedirs(self._directory, exist_ok=True)
                is_new = file.write()
        except OSError as error:
            self.failure = error
            if file.pending_bytes > PENDING_BYTES_MAX:
                self._drop(file)
            return False
        if is_new:
            self._is_folder_synced = False
        self.failure = None
        return True

    def _relieve(self, file: LogFile) -> None:
        """Too much waits: write it, or drop it. While the disk is known to be full, trying is left to `flush`."""
        if self.failure is not None or not self._write(file):
            self._drop(file)

    def _drop(self, file: LogFile) -> None:
        for key, (number, lost) in file.drop_pending().items():
            self._lost[key] = (number, self._lost.get(key, (0, 0))[1] + lost)
            self.lost_bytes += lost

    def _say_what_is_lost(self, shared: LogFile) -> None:
        for key, (number, lost) in self._lost.items():
            text = f"{lost} bytes of output were lost here: they could not be written to the disk."
            shared.add(self._last_at_s, key, number, records.SYSTEM, WHOLE, text.encode())
        if self._write(shared):
            self._lost.clear()
        else:
            shared.drop_pending()  # it is said again, with the newest sum, when writing works

    def _append_pieces(
        self, index: int, number: int, uid_tail: int, stream: int, data: bytes, *, is_partial: bool
    ) -> None:
        step = self._data_bytes_max
        for start in range(0, len(data), step):
            is_last = start + step >= len(data)
            piece = data[start : start + step]
            self.append(self._last_at_s, index, number, uid_tail, stream, piece, is_partial=is_partial or not is_last)


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
