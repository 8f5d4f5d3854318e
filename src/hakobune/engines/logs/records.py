"""The file format of logs: what a file begins with, and how one record lies in it.

Every file begins with a header of 32 bytes; records follow without gaps. All numbers are little-endian.

    header   magic "HAKOLOGS" · version u16 · kind u16 (1 shared, 2 own) · nonce u32 · base u64 · output before u64
    record   length u32 · checksum u32 · time f64 · index u32 · number u32 · uid_tail u64 · stream u8 · flags u8
             · piece u16 · line u32 · data · length u32

* `length` counts the whole record and stands at both ends, so that a reader can walk backwards.
* `checksum` is the CRC-32 of all that lies between it and the second length, begun with the file's nonce: output that
  looks like a record is no record.
* `base` is the logical offset of the first record of an own file (its offset if nothing had ever been dropped), and
  `output before` counts the bytes of output that were written to own files of this attempt before this one.
* `time` is in seconds since the epoch and never falls within a folder.
* Flag 1: the line goes on in the next record of the same attempt and stream. The records of such a line share the
  number `line` (0: the record is a line of its own), and `piece` counts them from 0, so that a backward walk knows what
  belongs together, too.

A file ends at its first record that is not whole: what follows is a tail torn by a crash.
Standard library only, and few modules of it: the supervisor starts with this.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator

MAGIC = b"HAKOLOGS"
VERSION = 1
SHARED = 1
OWN = 2
HEADER = struct.Struct("<8sHHIQQ")
HEADER_BYTES = HEADER.size

LEAD = struct.Struct("<II")  # length, checksum
HEAD = struct.Struct("<dIIQBBHI")  # time, index, number, uid_tail, stream, flags, piece, line
TRAIL = struct.Struct("<I")  # length again
_FRONT = struct.Struct("<IIdIIQBBHI")
FRONT_BYTES = _FRONT.size
RECORD_BYTES_MIN = FRONT_BYTES + TRAIL.size
DATA_BYTES_MAX = 256 * 1024  # of one record; longer output is split by the writer (the size limit of a log entry)
RECORD_BYTES_MAX = RECORD_BYTES_MIN + DATA_BYTES_MAX

STDOUT = 1
STDERR = 2
SYSTEM = 3
PARTIAL = 1  # flag
PIECE_MAX = 0xFFFF  # the count stops there

OLDER = ".1"  # follows the name of an own file that was rotated

# offset in the file, time, index, number, uid_tail, stream, flags, piece, line, data
RawRecord = tuple[int, float, int, int, int, int, int, int, int, bytes]

_BLOCK_BYTES = 64 * 1024  # read at a time; grows to hold a long record


def shared_name(segment: int) -> str:
    """The file name of a shared segment (from 1)."""
    return f"shared-{segment:06d}.log"


def own_name(index: int, uid_tail: int) -> str:
    """The file name of the newest own file of an attempt."""
    return f"attempt-{index}-{uid_tail}.log"


def parse_name(name: str) -> tuple[int, int, int, bool] | None:
    """(SHARED, segment, 0, False) or (OWN, index, uid_tail, is_older); None if it is no file of ours."""
    is_older = name.endswith(OLDER)
    kind, *numbers = name.removesuffix(OLDER).removesuffix(".log").split("-")
    if not all(number.isascii() and number.isdigit() and len(number) <= 20 for number in numbers):
        return None
    match kind, [int(number) for number in numbers]:
        case "shared", [segment] if name == shared_name(segment):
            return SHARED, segment, 0, False
        case "attempt", [index, uid_tail] if name == own_name(index, uid_tail) + (OLDER if is_older else ""):
            return OWN, index, uid_tail, is_older
        case _:
            return None


def file_header(kind: int, nonce: int, base: int, output_before: int) -> bytes:
    """The first bytes of a file."""
    return HEADER.pack(MAGIC, VERSION, kind, nonce, base, output_before)


def read_header(fd: int) -> tuple[int, int, int, int] | None:
    """(kind, nonce, base, output before) of an open file, or None if it is no log that we know how to read."""
    data = os.pread(fd, HEADER_BYTES, 0)
    if len(data) < HEADER_BYTES:
        return None
    magic, version, kind, nonce, base, output_before = HEADER.unpack(data)
    if magic != MAGIC or version != VERSION:
        return None
    return kind, nonce, base, output_before


def record_at(block: bytes, start: int, nonce: int, offset: int) -> RawRecord | None:
    """The record at `start` of `block`, or None if it is not whole. `offset` is its place in the file."""
    if start + RECORD_BYTES_MIN > len(block):
        return None
    length, checksum, at_s, index, number, uid_tail, stream, flags, piece, line = _FRONT.unpack_from(block, start)
    end = start + length
    if not RECORD_BYTES_MIN <= length <= RECORD_BYTES_MAX or end > len(block):
        return None
    body = block[start + LEAD.size : end - TRAIL.size]
    if zlib.crc32(body, nonce) != checksum or TRAIL.unpack_from(block, end - TRAIL.size)[0] != length:
        return None
    return offset, at_s, index, number, uid_tail, stream, flags, piece, line, body[HEAD.size :]


def walk_forward(fd: int, nonce: int, offset: int) -> Iterator[RawRecord]:
    """Whole records from `offset` (a record's beginning) to the end of the file as it is when the walk gets there."""
    block, base, start = b"", offset, 0  # `block` holds the bytes of the file from `base` on
    size = _BLOCK_BYTES
    while True:
        record = record_at(block, start, nonce, base + start)
        if record is not None:
            yield record
            start += RECORD_BYTES_MIN + len(record[-1])
            continue
        # Either the block ends within this record, or the file does.
        base, start = base + start, 0
        block = os.pread(fd, size, base)
        needed = LEAD.unpack_from(block)[0] if len(block) >= LEAD.size else 0
        if len(block) < needed <= RECORD_BYTES_MAX:
            block = os.pread(fd, needed, base)
        if record_at(block, 0, nonce, base) is None:
            return
        size = min(size * 2, 4 * _BLOCK_BYTES)


def valid_end(fd: int, nonce: int) -> int:
    """Where the last whole record ends. Quick when the file ends with one, else a walk from its beginning."""
    size = os.fstat(fd).st_size
    if record_before(fd, nonce, size) is not None:
        return size
    end = HEADER_BYTES
    for record in walk_forward(fd, nonce, HEADER_BYTES):
        end = record[0] + RECORD_BYTES_MIN + len(record[-1])
    return end


def first_where(fd: int, nonce: int, is_reached: Callable[[float], bool]) -> int:
    """Offset of the first record whose time `is_reached`, or the end of the last whole record. Times never fall within
    a file, so it is found by halving: what a record is, is known at any offset by its lengths and its checksum."""
    low, high = HEADER_BYTES, os.fstat(fd).st_size
    while high - low > _BLOCK_BYTES:
        middle = (low + high) // 2
        record = _record_after(fd, nonce, middle, high)
        if record is None or is_reached(record[1]):
            high = middle
        else:
            low = record[0]
    end = low
    for record in walk_forward(fd, nonce, low):
        if is_reached(record[1]):
            return record[0]
        end = record[0] + RECORD_BYTES_MIN + len(record[-1])
    return end


def _record_after(fd: int, nonce: int, offset: int, limit: int) -> RawRecord | None:
    """The first whole record that begins between `offset` and `limit`, looked for as far as a record may be long."""
    stop = min(limit, offset + RECORD_BYTES_MAX)
    while offset < stop:
        block = os.pread(fd, _BLOCK_BYTES, offset)
        for start in range(min(stop - offset, len(block) - LEAD.size)):
            length = LEAD.unpack_from(block, start)[0]
            if not RECORD_BYTES_MIN <= length <= RECORD_BYTES_MAX:
                continue
            place = start + length - TRAIL.size
            trail = block[place : place + TRAIL.size]
            if len(trail) < TRAIL.size:
                trail = os.pread(fd, TRAIL.size, offset + place)
            if len(trail) == TRAIL.size and TRAIL.unpack(trail)[0] == length:
                record = record_at(os.pread(fd, length, offset + start), 0, nonce, offset + start)
                if record is not None:
                    return record
        if len(block) < _BLOCK_BYTES:
            return None
        offset += _BLOCK_BYTES - LEAD.size
    return None


def record_before(fd: int, nonce: int, end: int) -> RawRecord | None:
    """The record that ends at `end`, or None if none does."""
    if end < HEADER_BYTES + RECORD_BYTES_MIN:
        return None
    trail = os.pread(fd, TRAIL.size, end - TRAIL.size)
    if len(trail) < TRAIL.size:
        return None
    length = TRAIL.unpack(trail)[0]
    start = end - length
    if not RECORD_BYTES_MIN <= length <= RECORD_BYTES_MAX or start < HEADER_BYTES:
        return None
    return record_at(os.pread(fd, length, start), 0, nonce, start)


def walk_backward(fd: int, nonce: int, end: int) -> Iterator[RawRecord]:
    """Whole records that end at or before `end` (a record's end), last first."""
    block, base = b"", end  # `block` holds the bytes from `base` up to (at least) the walk's place
    size = 4 * 1024  # small at first: many callers want only the newest few
    while end > HEADER_BYTES:
        place = end - base
        length = TRAIL.unpack_from(block, place - TRAIL.size)[0] if place >= TRAIL.size else 0
        if place >= TRAIL.size and not RECORD_BYTES_MIN <= length <= RECORD_BYTES_MAX:
            return
        if place < max(length, TRAIL.size):
            base = max(HEADER_BYTES, end - max(size, length))
            block = os.pread(fd, end - base, base)
            size = min(size * 2, 4 * _BLOCK_BYTES)
            if len(block) < end - base or (length and length > len(block)) or len(block) < RECORD_BYTES_MIN:
                return
            continue
        record = record_at(block, place - length, nonce, end - length)
        if record is None:
            return
        yield record
        end -= length
