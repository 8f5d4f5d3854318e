"""Blocks: several messages of a topic in one row, in the order of their ids.

A page of SQLite has 4 KiB, and a row up to that size is never cut, so rows of 700 to 4,000 bytes leave much of each
page empty. A longer row fills whole pages but for its first piece: its waste, at most half a page, is shared by all
messages of a block. Deliveries, frontiers and snapshots know nothing of blocks: they go by the ids of messages.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import NamedTuple

from hakobune.core.errors import CorruptStore
from hakobune.store.queries import queries

# Bodies of one block, in bytes; a larger message has a block of its own. Measured beyond payloads of 10,000 bytes: 240
# bytes each with 64 KiB, 76 with 128. A pull of one message costs 29 µs with 16 KiB, 33 with 64, 42 with 128, beside a
# commit.
BLOCK_BYTES = 128 * 1024
SMALL_BYTES = BLOCK_BYTES // 2  # blocks below are joined with their neighbours
# What one unit goes through when it tidies up: about 5 ms.
_STRETCH_BLOCKS = 2_000
_STRETCH_BYTES = 2 * 1024 * 1024
_OPEN_AT_ONCE = 16  # blocks that a unit keeps: redeliveries go back and forth

Message = tuple[int, float, str | None, bytes]  # (id, publish instant, ordering key, body)
_Heads = tuple[list[int] | None, list[int], list[float] | None, list[str | None] | None]


@dataclass(frozen=True, slots=True)
class Block:
    """A row, its bodies not yet cut."""

    id: int
    last_id: int
    ids: Sequence[int]
    instants: Sequence[float] | None  # None: all are `publish_s`
    publish_s: float
    keys: Sequence[str | None] | None  # None: there are none
    ends: Sequence[int]  # where each body ends
    bodies: bytes

    @classmethod
    def from_row(cls, row: tuple[int, int, float, str, bytes]) -> Block:
        """Of what the queries of blocks give. Raises CorruptStore."""
        first, last, publish_s, text, bodies = row
        heads: _Heads = json.loads(text)
        steps, sizes, instants, keys = heads
        ids = range(first, first + len(sizes)) if steps is None else [first + step for step in steps]
        ends = list(accumulate(sizes))
        if len(ids) != len(ends) or ids[-1] != last or ends[-1] != len(bodies):
            raise CorruptStore(f"the stored messages from {first} on do not fit their sizes")
        return cls(first, last, ids, instants, publish_s, keys, ends, bodies)

    def message(self, place: int) -> Message:
        """The message at a place."""
        start = self.ends[place - 1] if place else 0
        instant_s = self.publish_s if self.instants is None else self.instants[place]
        key = None if self.keys is None else self.keys[place]
        return self.ids[place], instant_s, key, self.bodies[start : self.ends[place]]

    def messages_from(self, message_id: int) -> Iterator[Message]:
        """The messages from an id on."""
        first = bisect_left(self.ids, message_id)
        start = self.ends[first - 1] if first else 0
        instants = repeat(self.publish_s) if self.instants is None else self.instants[first:]
        keys = repeat(None) if self.keys is None else self.keys[first:]
        for number, instant_s, key, end in zip(self.ids[first:], instants, keys, self.ends[first:], strict=False):
            yield number, instant_s, key, self.bodies[start:end]
            start = end

    def find(self, message_id: int) -> Message | None:
        """The message of an id."""
        place = bisect_left(self.ids, message_id)
        return self.message(place) if place < len(self.ids) and self.ids[place] == message_id else None


class Outline(NamedTuple):
    """What a look at a row tells without its bodies."""

    id: int
    last_id: int
    messages: int
    size_bytes: int


def _row(topic_id: int, messages: Sequence[Message]) -> tuple[object, ...]:
    """The row of a block."""
    first, publish_s = messages[0][:2]
    last = messages[-1][0]
    follow = last - first == len(messages) - 1
    heads: _Heads = (
        None if follow else [message[0] - first for message in messages],
        [len(message[3]) for message in messages],
        [message[1] for message in messages] if any(message[1] != publish_s for message in messages) else None,
        [message[2] for message in messages] if any(message[2] is not None for message in messages) else None,
    )
    text = json.dumps(heads, ensure_ascii=False, separators=(",", ":"))
    return first, topic_id, last, len(messages), publish_s, text, b"".join([message[3] for message in messages])


def _divided(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The messages of each block."""
    start = size_bytes = 0
    for place, message in enumerate(messages):
        if place > start and size_bytes + len(message[3]) > BLOCK_BYTES:
            yield messages[start:place]
            start, size_bytes = place, 0
        size_bytes += len(message[3])
    if messages:
        yield messages[start:]


class Blocks:
    """The messages that are stored, for one unit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries("pubsub")
        self._open: dict[int, Block] = {}  # by the id of their last message

    def _tuples(self, query: str, parameters: Sequence[object]) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(self._sql[query], parameters)

    def add(self, topic_id: int, messages: Sequence[Message]) -> None:
        """Store messages of a topic, in the order of their ids."""
        rows = [_row(topic_id, part) for part in _divided(messages)]
        self._connection.executemany(self._sql["insert_block"], rows)

    def onward(self, topic_id: int, message_id: int) -> Generator[Message, None, None]:
        """A topic's messages from an id on. Close it."""
        with closing(self._tuples("blocks_from", (topic_id, message_id))) as rows:
            for row in rows:
                yield from Block.from_row(row).messages_from(message_id)

    def first_from(self, topic_id: int, message_id: int) -> Message | None:
        """A topic's first message from an id on."""
        with closing(self.onward(topic_id, message_id)) as messages:
            return next(messages, None)

    def find(self, topic_id: int, message_id: int) -> Message | None:
        """A message of a topic by its id."""
        for block in self._open.values():
            if block.id <= message_id <= block.last_id:
                return block.find(message_id)
        row = self._tuples("block_of", (topic_id, message_id)).fetchone()
        if row is None:
            return None
        block = Block.from_row(row)
        if len(self._open) == _OPEN_AT_ONCE:
            self._open.clear()
        self._open[block.id] = block
        return block.find(message_id)

    def bounds(self, topic_id: int) -> tuple[int, int] | None:
        """The ids of a topic's first and last message; None: it has none."""
        first, last = self._tuples("message_bounds", (topic_id,)).fetchone()
        return None if first is None else (first, last)

    def first_since(self, topic_id: int, at_s: float) -> int | None:
        """The id of a topic's first message that was published at an instant or later. Ids and instants rise together,
        so the place is found by halving."""
        bounds = self.bounds(topic_id)
        if bounds is None:
            return None
        low, high = bounds[0], bounds[1] + 1
        found: int | None = None
        while low < high:
            middle = (low + high) // 2
            row = self._tuples("first_block_since", (topic_id, middle)).fetchone()
            if row is None or row[1] >= at_s:
                found, high = (found if row is None else row[0]), middle
            else:
                low = row[0] + 1
        # The first block that begins late enough; of the one before, some messages may be, too.
        before = self._tuples("block_of", (topic_id, bounds[1] if found is None else found - 1)).fetchone()
        if before is not None:
            for message_id, instant_s, _, _ in Block.from_row(before).messages_from(0):
                if instant_s >= at_s:
                    return message_id
        return found

    # -- tidying up ---------------------------------------------------------------------------------------------

    def stretch(self, topic_id: int, first: int, stop: int) -> tuple[list[Outline], bool]:
        """A topic's blocks that lie between two ids, as many as a unit should go through. True: there are more."""
        found: list[Outline] = []
        size_bytes = 0
        with closing(self._tuples("blocks_between", (topic_id, first, stop, stop))) as rows:
            for row in rows:
                if len(found) == _STRETCH_BLOCKS or size_bytes >= _STRETCH_BYTES:
                    return found, True
                found.append(Outline(*row))
                size_bytes += found[-1].size_bytes
        return found, False

    def remove(self, outlines: Iterable[Outline]) -> None:
        """Forget blocks."""
        self._connection.executemany(self._sql["delete_block"], [(outline.id,) for outline in outlines])

    def rewrite(self, topic_id: int, outlines: Sequence[Outline], kept: Container[int] | None = None) -> None:
        """Put neighbours together, with all of their messages or those that are kept."""
        messages: list[Message] = []
        for outline in outlines:
            row = self._tuples("block_of", (topic_id, outline.id)).fetchone()
            found = Block.from_row(row).messages_from(outline.id)
            messages += found if kept is None else [message for message in found if message[0] in kept]
        self.remove(outlines)
        self.add(topic_id, messages)
