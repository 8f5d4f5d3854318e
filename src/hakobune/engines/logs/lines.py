"""Whole lines of output from the records of a walk, forward or backward: pieces of one line are joined.

A line takes the place of its last piece. One that is longer than an entry may be stays in pieces, each in its own
place. Both walks agree on that, so a line has one position, whichever way one comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hakobune.engines.logs.reader import Position, Record
from hakobune.engines.logs.records import DATA_BYTES_MAX, PIECE_MAX

_WAITING_MAX = 4_096  # lines held back by one that is not complete; beyond, it is given out as it is


class Line(NamedTuple):
    """A line of output without its end. `piece` is set for a piece of a line that is too long: (line, piece)."""

    at_s: float
    task_index: int
    number: int
    uid_tail: int
    stream: int
    data: bytes
    position: Position
    piece: tuple[int, int] | None


class _OpenLine:
    """A line of which some pieces were seen. It is `decided` when it is known whether they belong in one."""

    def __init__(self) -> None:
        self.pieces: list[Record] = []
        self.size = 0
        self.is_decided = False
        self.is_joined = False

    def decide(self, *, is_joined: bool) -> None:
        if not self.is_decided:
            self.is_decided = True
            self.is_joined = is_joined

    def lines(self, record: Record) -> Iterator[Line]:
        """What stands at the place of this piece."""
        if not self.is_joined:
            yield _line(record, record.data, (record.line, record.piece))
            return
        ordered = sorted(self.pieces, key=lambda piece: piece.position)
        if ordered[-1] is record:
            yield _line(record, b"".join(piece.data for piece in ordered), None)


def lines(walk: Iterable[Record], *, newest_first: bool) -> Iterator[Line]:
    """The lines of a walk, in its order."""
    waiting: deque[tuple[Record, _OpenLine | None]] = deque()
    open_lines: dict[tuple[int, int, int, int], _OpenLine] = {}
    for record in walk:
        if record.line == 0:
            if not waiting:
                yield _line(record, record.data, None)
                continue
            waiting.append((record, None))
        else:
            waiting.append((record, _add_piece(open_lines, record, newest_first=newest_first)))
        if len(waiting) > _WAITING_MAX:
            held = waiting[0][1]
            if held is not None:
                held.decide(is_joined=False)
        yield from _ready(waiting)
    for open_line in open_lines.values():
        open_line.decide(is_joined=True)
    yield from _ready(waiting)


def _add_piece(
    open_lines: dict[tuple[int, int, int, int], _OpenLine], record: Record, *, newest_first: bool
) -> _OpenLine:
    key = (record.task_index, record.uid_tail, record.stream, record.line)
    open_line = open_lines.setdefault(key, _OpenLine())
    open_line.size += len(record.data)
    if open_line.size > DATA_BYTES_MAX or record.piece == PIECE_MAX:
        open_line.decide(is_joined=False)
    if not open_line.is_decided:
        open_line.pieces.append(record)
    is_complete = record.piece == 0 if newest_first else not record.is_partial
    if is_complete:
        open_line.decide(is_joined=True)
        del open_lines[key]
    return open_line


def _ready(waiting: deque[tuple[Record, _OpenLine | None]]) -> Iterator[Line]:
    while waiting:
        record, open_line = waiting[0]
        if open_line is None:
            yield _line(record, record.data, None)
        elif open_line.is_decided:
            yield from open_line.lines(record)
        else:
            return
        waiting.popleft()


def _line(record: Record, data: bytes, piece: tuple[int, int] | None) -> Line:
    return Line(
        record.at_s,
        record.task_index,
        record.number,
        record.uid_tail,
        record.stream,
        data,
        record.position,
        piece,
    )
