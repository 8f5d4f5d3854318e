"""The body of a request on its way from the socket to the handler, with back-pressure between them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import anyio

from hakobune.servers.http.messages import BodyCut

HIGH_BYTES = 2 * 1024 * 1024  # stop reading from the socket above this
LOW_BYTES = 1024 * 1024  # and go on below this


class Source(Protocol):
    """What a body needs of its connection."""

    def write(self, data: bytes) -> None: ...

    def steer_reading(self) -> None:
        """Look again whether bytes may be taken from the socket."""
        ...


class Sink(Protocol):
    """Where a body is poured. It holds the body up when it cannot take more: `StreamBody.hold`."""

    def take(self, data: bytes) -> None:
        """Some bytes."""
        ...

    def end(self) -> None:
        """That was all."""
        ...

    def lose(self) -> None:
        """The rest will never come: the sender is gone, or broke the rules."""
        ...


class StreamBody:
    """Filled by the connection, emptied by the handler, or poured into a sink. `length` is None if only its end will
    tell."""

    def __init__(self, source: Source, *, length: int | None, expects_continue: bool) -> None:
        self.length = length
        self.is_complete = False
        self.is_untold = expects_continue  # the sender waits for a sign before it sends
        self._source = source
        self._chunks: deque[bytes] = deque()
        self._wake: anyio.Event | None = None  # while somebody waits: most bodies are here before they are asked for
        self._size = 0
        self._is_full = False
        self._is_lost = False
        self._is_discarded = False
        self._sink: Sink | None = None

    def feed(self, data: bytes) -> None:
        """Bytes from the socket."""
        self.is_untold = False
        if self._is_discarded:
            return
        if self._sink is not None:
            self._sink.take(data)
            return
        self._chunks.append(data)
        self._size += len(data)
        self._tell()
        if self._size > HIGH_BYTES and not self._is_full:
            self._is_full = True
            self._source.steer_reading()

    def finish(self) -> None:
        """The last byte has come."""
        self.is_complete = not self._is_lost
        self._tell()
        if self._sink is not None and self.is_complete:
            self._sink.end()

    def lose(self) -> None:
        """The sender is gone, or broke the rules."""
        self._is_lost = not self.is_complete
        self._tell()
        if self._sink is not None and self._is_lost:
            self._sink.lose()

    def discard(self) -> None:
        """Nobody will read it."""
        self._is_discarded = True
        self._sink = None
        self._chunks.clear()
        self._size = 0
        self._is_full = False
        self._source.steer_reading()

    def pour(self, sink: Sink) -> None:
        """Give all to a sink, what is here and what comes, with no task in between."""
        self._greet()
        self._sink = sink
        waiting = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._is_full = False
        if waiting:
            sink.take(waiting)
        if self.is_complete:
            sink.end()
        elif self._is_lost:
            sink.lose()
        self._source.steer_reading()

    def hold(self, *, is_held: bool) -> None:
        """The sink takes no more for now, or takes more again."""
        if self._sink is not None and is_held is not self._is_full:
            self._is_full = is_held
            self._source.steer_reading()

    @property
    def is_full(self) -> bool:
        """The handler has to catch up before more may come."""
        return self._is_full

    @property
    def is_waited_for(self) -> bool:
        """The handler can go on only with more bytes."""
        return not self._chunks and not self.is_complete and not self._is_full

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive. Raises BodyCut."""
        self._greet()
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                if self._is_full and self._size < LOW_BYTES:
                    self._is_full = False
                    self._source.steer_reading()
                yield chunk
            if self._is_lost:
                raise BodyCut("The body of the request is broken, or its sender left.")
            if self.is_complete:
                return
            await self._more()

    def _greet(self) -> None:
        if self.is_untold and not self.is_complete:
            self.is_untold = False
            self._source.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def ended(self) -> None:
        """Return when the last byte has come or the sender is gone."""
        while not self.is_complete and not self._is_lost:
            await self._more()

    async def _more(self) -> None:
        self._wake = anyio.Event()
        await self._wake.wait()

    def _tell(self) -> None:
        if self._wake is not None:
            self._wake.set()
