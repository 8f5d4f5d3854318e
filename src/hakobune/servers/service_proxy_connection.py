"""One connection to an instance of a service: a request goes out as it comes in, its answer comes back as it is taken.

The request's body is poured from the client's socket into this one with no task in between, and the answer waits here
only up to a bound; so nothing is kept in memory, whatever its size. What an instance sends is not trusted: heads are
bounded, the framing must be plain, and a connection that said anything unasked is not used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import httptools

from hakobune.servers.http.bodies import StreamBody
from hakobune.servers.http.heads import HEAD_MAX_BYTES, HEADERS_MAX, NO_CONTENT
from hakobune.servers.http.messages import AnswerCut

_HIGH_BYTES = 256 * 1024  # of an answer that waits for the client: no more is read from the instance
# Servers write the head and the body one after the other. If a small body is here within two turns of the loop, the
# answer goes on as a whole, in one write: that takes a third less time than a stream of one piece.
_SMALL_BYTES = 64 * 1024
_SWITCHING = 101
_FIRST_FINAL = 200
_VERSIONS = ("1.0", "1.1")


class Broken(Exception):
    """The instance has hung up, or what it said is not HTTP. `is_unheard`: it had not said anything yet."""

    def __init__(self, message: str, *, is_unheard: bool = False) -> None:
        super().__init__(message)
        self.is_unheard = is_unheard


class TimedOut(Exception):
    """The answer was not over in time."""


class SenderLeft(Exception):
    """The body of the request broke off."""


class _Unfit(Exception):
    """A head that cannot be passed on."""


class InstanceConnection(asyncio.Protocol):
    """Asks one request after the other. After `ask` the head of the answer is in `status`, `headers` and `length`."""

    def __init__(self, give_back: Callable[[InstanceConnection], None]) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.length: int | None = None  # bytes of the answer's body; None: only its end will tell
        self.is_complete = False  # the whole answer is here
        self.body_bytes = 0  # of the answer, so far
        self.is_reused = False
        self.idle_since_s = 0.0  # on the loop's clock
        self.over: Callable[[], None] | None = None  # is told when the instance is done with the request
        self._give_back = give_back
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None  # None: nothing is asked
        self._method = ""
        self._wants_upgrade = False
        self._body: StreamBody | None = None  # that is poured in here
        self._unsent_head = b""
        self._is_chunked = False  # the request
        self._is_sent = False
        self._deadline: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._is_interim = False  # the parser is in a head of 1xx
        self._is_spoiled = False  # not to be used again
        self._ends_with_connection = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_reading = True
        self._seen = 0  # headers of this answer, trailers included
        self._was_heard = False
        self._unheard_bytes = 0
        self._rest = b""  # what came after the answer that changes the protocol

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The instance has accepted."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The instance has hung up, or we have."""
        self._transport = None
        self._is_spoiled = True
        if self._parser is None:
            self._give_back(self)
            return
        if self._ends_with_connection and exc is None and not self.is_complete:
            self._complete()
            self._wake()
        elif not self.is_complete:
            is_unheard = not self.status and not self._unheard_bytes
            self._fail(Broken("the instance has closed the connection", is_unheard=is_unheard))

    def pause_writing(self) -> None:
        """The instance takes no more of the request for now."""
        if self._body is not None:
            self._body.hold(is_held=True)

    def resume_writing(self) -> None:
        """It takes more again."""
        if self._body is not None:
            self._body.hold(is_held=False)

    def data_received(self, data: bytes) -> None:
        """Bytes from the instance."""
        if self._parser is None or self.is_complete or self._failure is not None:
            self._is_spoiled = True  # nobody has asked
            self.abort()
            return
        self._was_heard = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._rest = data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, _Unfit):
                raise
            self._reject(f"{cause}")
        except httptools.HttpParserError as error:
            self._reject(f"what the instance sent is not HTTP: {error}")
        self._unheard_bytes = 0 if self._was_heard and self.status else self._unheard_bytes + len(data)
        if self._unheard_bytes > HEAD_MAX_BYTES and not self.is_complete:
            self._reject(f"the head of the answer has more than {HEAD_MAX_BYTES} bytes")
        if not self.status:
            return
        length = self.length
        if self.is_complete or self._chunks or length is None or length > _SMALL_BYTES:
            self._wake()
        else:
            self._loop.call_soon(self._loop.call_soon, self._wake)

    def _reject(self, why: str) -> None:
        """What was sent cannot be passed on. What comes after a whole answer is another matter: that one was good."""
        self._is_spoiled = True
        if not self.is_complete:
            self._fail(Broken(why))

    # -- httptools ----------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A status line begins."""
        if self.is_complete:
            self._is_spoiled = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header or trailer, whole. Trailers are dropped, as an intermediary may (RFC 9110, section 6.5.1)."""
        self._was_heard = True
        self._seen += 1
        if self._seen > HEADERS_MAX:
            raise _Unfit(f"the answer has more than {HEADERS_MAX} headers")
        if not self.status and not self.is_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        parser = self._parser
        if parser is None or self.is_complete:
            return
        status = parser.get_status_code()
        if status < _FIRST_FINAL and status != _SWITCHING:
            self._is_interim = True
            self.headers = []
            return
        if parser.get_http_version() not in _VERSIONS:
            raise _Unfit("the instance does not speak HTTP/1.1")
        if status == _SWITCHING:
            if not (self._wants_upgrade and parser.should_upgrade()):
                raise _Unfit("the instance has changed the protocol and nobody has asked it to")
        else:
            self._frame(parser, status)
        self.status = status

    def _frame(self, parser: httptools.HttpResponseParser, status: int) -> None:
        """How the end of the answer is told. Raises _Unfit."""
        found = {name.lower(): value for name, value in self.headers if len(name) in (14, 17)}
        coding = found.get(b"transfer-encoding")
        if coding is not None and coding.strip().lower() != b"chunked":
            raise _Unfit(f"Transfer-Encoding {coding[:60].decode('latin-1')!r} does not tell where the answer ends")
        length = found.get(b"content-length")
        self.length = int(length) if length is not None else None
        if not parser.should_keep_alive():
            self._is_spoiled = True
        if self._method == "HEAD" or status in NO_CONTENT:
            self._is_spoiled = self._is_spoiled and not self._keeps_alive()
            self._complete()
        elif coding is None and length is None:
            self._ends_with_connection = True

    def _keeps_alive(self) -> bool:
        """An answer without a body may keep the connection, whatever the parser thinks of its missing length."""
        parser = self._parser
        if parser is None or parser.get_http_version() != "1.1":
            return False
        return not any(b"close" in value.lower() for name, value in self.headers if name.lower() == b"connection")

    def on_body(self, data: bytes) -> None:
        """Some bytes of the answer."""
        self._was_heard = True
        if self.is_complete:
            self._is_spoiled = True
            return
        self._chunks.append(data)
        self._size += len(data)
        self.body_bytes += len(data)
        if self._size > _HIGH_BYTES and self._is_reading and self._transport is not None:
            self._is_reading = False
            self._transport.pause_reading()

    def on_chunk_header(self) -> None:
        """The size of a chunk."""
        self._was_heard = True

    def on_message_complete(self) -> None:
        """The answer is whole; or one of those that come before it."""
        if self._is_interim:
            self._is_interim = False
        elif self.status not in (0, _SWITCHING) and not self.is_complete:
            self._complete()

    def _complete(self) -> None:
        self.is_complete = True
        self._end()

    # -- the request --------------------------------------------------------------------------------------------

    async def ask(
        self,
        head: bytes,
        body: StreamBody | bytes,
        *,
        method: str,
        is_chunked: bool,
        wants_upgrade: bool,
        timeout_s: float,
    ) -> None:
        """Send a request; return when the head of its answer is there. The answer, its body included, must be over in
        time. Raises Broken, TimedOut, SenderLeft."""
        if not self.is_open:
            raise Broken("the instance has closed the connection", is_unheard=True)
        self._parser = httptools.HttpResponseParser(self)
        self._method, self._is_chunked, self._wants_upgrade = method, is_chunked, wants_upgrade
        self._deadline = self._loop.call_later(timeout_s, self._fail, TimedOut())
        if isinstance(body, bytes):
            self._write(head + body)
            self._is_sent = True
        else:
            self._unsent_head, self._body = head, body
            body.pour(self)
            if self._unsent_head:
                self._write(b"")
        while not self.status:
            await self._more()

    def take(self, data: bytes) -> None:
        """Bytes of the request's body."""
        self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def end(self) -> None:
        """The request is whole."""
        self._is_sent = True
        self._body = None
        if self._is_chunked or self._unsent_head:
            self._write(b"0\r\n\r\n" if self._is_chunked else b"")

    def lose(self) -> None:
        """Its sender is gone: the instance must not take a part for the whole."""
        self._body = None
        self._fail(SenderLeft())

    def _write(self, data: bytes) -> None:
        if self._unsent_head:
            data, self._unsent_head = self._unsent_head + data, b""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # -- the answer ---------------------------------------------------------------------------------------------

    async def _more(self) -> None:
        """Return when there is more to see. Raises what has gone wrong."""
        if self._failure is None:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: Exception) -> None:
        """Nothing more comes of this."""
        if self._failure is None and not self.is_complete:
            self._failure = failure
            self.abort()
            self._end()
            self._wake()

    def content(self) -> bytes:
        """What is here of the answer's body, once."""
        found = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._size = 0
        if not self._is_reading and self._transport is not None:
            self._is_reading = True
            self._transport.resume_reading()
        return found

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises AnswerCut."""
        while True:
            if self._chunks:
                yield self.content()
            elif self.is_complete:
                return
            else:
                try:
                    await self._more()
                except TimedOut:
                    raise AnswerCut("the request's time was over in the middle of the answer") from None
                except Broken as error:
                    raise AnswerCut(f"the answer broke off: {error}") from None
                except SenderLeft:
                    raise AnswerCut("the body of the request broke off in the middle of the answer") from None

    def hand_over(self) -> tuple[asyncio.Transport | None, bytes]:
        """After status 101: the connection for somebody else, and what the instance has said on it already. None: it
        is gone."""
        transport, self._transport = self._transport, None
        self.over = None
        self._end()
        return (None if transport is None or transport.is_closing() else transport), self._rest

    # -- the end ------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """The instance is done with this request."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        over, self.over = self.over, None
        if over is not None:
            over()

    def close(self) -> None:
        """Nobody wants more of this answer. The connection is used again if all went well. A second call does
        nothing."""
        if self._parser is None:
            return
        body, self._body = self._body, None
        if body is not None:
            body.discard()
        self._end()
        is_good = self.is_complete and self._is_sent and not self._is_spoiled and not self._chunks
        self._forget()
        if is_good:
            self.is_reused = True
            self._give_back(self)
        else:
            self.abort()

    def _forget(self) -> None:
        """Ready for the next request."""
        self._parser = None
        self.status = 0
        self.headers = []
        self.length = None
        self.is_complete = self._is_sent = self._is_interim = self._ends_with_connection = False
        self._chunks = []
        self._size = self._seen = self._unheard_bytes = self.body_bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent."""
        return self._transport is not None and not self._transport.is_closing() and not self._is_spoiled

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()
