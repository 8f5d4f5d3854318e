"""One HTTP/1.1 connection: bytes in, requests to the handler, one at a time and in order, answers out.

Bounds: the head of a request, the number of pipelined requests, the bytes of a body that wait for the handler, the
bytes of an answer that wait for the peer, and the time that a peer may stay silent. Nothing here knows what a request
means.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from typing import cast

import anyio
import httptools

from hakobune.core.errors import Unavailable
from hakobune.servers.http.bodies import StreamBody
from hakobune.servers.http.exchanges import Exchange, Serving
from hakobune.servers.http.heads import HEAD_MAX_BYTES, NO_CONTENT, Refusal, RequestHead, response_head
from hakobune.servers.http.messages import Request, Response, Tunnel, refusal_response
from hakobune.servers.http.outflow import STALL_TIMEOUT_S, Outflow

# Bounds of ours. No client library that we serve pipelines or is silent for so long.
PIPELINE_MAX = 64  # requests that may wait behind the one in work
HEAD_TIMEOUT_S = 30.0  # from the first byte of a head to its last one
IDLE_TIMEOUT_S = 120.0  # between two requests
HALF_CLOSED_TIMEOUT_S = 5.0  # for the answer to a peer that sends no more: it may be gone altogether
_DRAIN_MAX_BYTES = 64 * 1024  # the rest of a body that is waited for, so that the connection can go on
_DRAIN_S = 1.0
_LINGER_S = 2.0  # after an answer that came before the body was read: a reset would take the answer with it

_log = logging.getLogger("hakobune.http")


class HttpConnection(asyncio.Protocol):
    """The protocol that asyncio drives."""

    def __init__(self, server: Serving) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._parser = httptools.HttpRequestParser(self)
        self._is_priming = False  # the parser is told what it must know of a head that another one has read
        self._head: RequestHead | None = None  # not yet whole
        self._last_head = RequestHead()  # of the message that the parser is in
        self._upgraded: Exchange | None = None  # it asked for another protocol, and its body goes on in this one
        self._incoming: Exchange | None = None  # its body is arriving
        self._active: Exchange | None = None  # its handler runs
        self._pending: deque[Exchange] = deque()
        self._is_reading = True
        self._is_deaf = False  # nothing more is parsed: a refused request, or the last one
        self._has_ended = False  # the peer sends no more
        self._was_heard = False  # the parser made something of the newest bytes
        self._unheard_bytes = 0
        self._heard_s = self._loop.time()  # when the peer last sent something
        self._head_s = 0.0  # when the head began
        self._out = Outflow(self._loop)

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._out.begin(transport)
        address = cast("tuple[str, int] | None", transport.get_extra_info("peername"))  # None: it is gone already
        self._peer = address[0] if address else "unknown"
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone: whoever works for it may stop."""
        del exc
        self._server.closed(self)
        self._transport = self._out.transport = None
        self._out.drained.set()
        self._pending.clear()
        for exchange in (self._incoming, self._active):
            if exchange is not None:
                exchange.body.lose()
                exchange.scope.cancel()

    def eof_received(self) -> bool:
        """The peer sends no more; it may still read the answers to what it sent."""
        self._has_ended = True
        self._heard_s = self._loop.time()
        if self._incoming is not None:
            self._incoming.body.lose()
        return self._active is not None

    def pause_writing(self) -> None:
        """The kernel takes no more for now."""
        self._out.drained.clear()

    def resume_writing(self) -> None:
        """It has all."""
        self._out.drained.set()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self._heard_s = self._loop.time()
        if self._is_deaf:
            return
        self._was_heard = False
        try:
            self._parse(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        # A piece of a name, a value or a chunk's extension, without an end: the parser would keep it all.
        self._unheard_bytes = 0 if self._was_heard else self._unheard_bytes + len(data)
        if self._unheard_bytes > HEAD_MAX_BYTES:
            self._refuse(Refusal(431, f"The head of a request has at most {HEAD_MAX_BYTES} bytes."))

    def _parse(self, data: bytes) -> None:
        """Raises Refusal."""
        while data and not self._is_deaf:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._stay()
            except httptools.HttpParserCallbackError as error:
                cause = error.__context__
                raise cause if isinstance(cause, Refusal) else error from None
            except httptools.HttpParserError as error:
                raise Refusal(400, f"Broken HTTP request: {error}") from None
            else:
                return

    def _stay(self) -> None:
        """Another protocol was asked for: go on with this one, as a server may. The parser takes what follows for
        that protocol, so a new one reads on from where the body of the request begins."""
        upgraded, self._upgraded = self._upgraded, None
        if upgraded is None:
            self._is_deaf = True  # CONNECT: what follows is meant for the other end
            return
        self._parser = httptools.HttpRequestParser(self)
        if self._last_head.framing:
            self._is_priming = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + self._last_head.framing + b"\r\n")
            self._is_priming = False

    # -- httptools ----------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request line begins."""
        if not self._is_priming:
            self._head = self._last_head = RequestHead()
            self._head_s = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._was_heard = True
        if not self._is_priming:
            self._last_head.add_target(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header or trailer, whole."""
        self._was_heard = True
        if not self._is_priming:
            self._last_head.add_header(name, value, is_trailer=self._head is None)

    def on_headers_complete(self) -> None:
        """The head is whole: the handler may begin."""
        head, self._head = self._head, None
        if self._is_priming or head is None:
            return
        version = self._parser.get_http_version()
        head.check(version)
        if len(self._pending) >= PIPELINE_MAX:
            raise Refusal(503, f"At most {PIPELINE_MAX} requests may wait on a connection: this one was not begun.")
        body = StreamBody(self, length=head.length, expects_continue=head.expects_continue(version))
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=head.target,
            headers=head.headers,
            body=body,
            slot=self._server.slot,
            service=self._server.service,
            peer=self._peer,
            is_tls=self._out.is_tls,
        )
        exchange = Exchange(request, body, keeps_alive=head.keeps_alive(version), is_http10=version == "1.0")
        self._incoming = exchange
        if self._parser.should_upgrade() and request.method != "CONNECT":
            self._upgraded = exchange
        elif request.method == "CONNECT":
            exchange.keeps_alive = False
        self._enqueue(exchange)

    def on_body(self, data: bytes) -> None:
        """Some bytes of the body."""
        self._was_heard = True
        if self._incoming is not None:
            self._incoming.body.feed(data)

    def on_chunk_header(self) -> None:
        """The size of a chunk."""
        self._was_heard = True

    def on_message_complete(self) -> None:
        """The request is whole; one that asked for another protocol only if it has no body: see `_stay`."""
        self._was_heard = True
        if self._incoming is not None and (self._upgraded is None or not self._last_head.framing):
            self._incoming.body.finish()
            self._incoming = None

    # -- exchanges ----------------------------------------------------------------------------------------------

    def _enqueue(self, exchange: Exchange) -> None:
        if self._active is None:
            self._begin(exchange)
        else:
            self._pending.append(exchange)
            self.steer_reading()

    def _begin(self, exchange: Exchange) -> None:
        self._active = exchange
        try:
            self._server.start(lambda: self._serve(exchange))
        except Unavailable:
            self._say_farewell(exchange)

    async def _serve(self, exchange: Exchange) -> None:
        writes = self._out.writes
        try:
            with exchange.scope:
                await self._answer(exchange)
        except anyio.get_cancelled_exc_class():
            if self._out.writes == writes:
                self._say_farewell(exchange)
            raise
        self._active = None
        self._heard_s = self._loop.time()
        if exchange.scope.cancel_called:
            if exchange.tunnel is not None:
                exchange.tunnel.close()
            self.abort()
        elif exchange.tls is not None:
            await self._secure(exchange.tls)
            return
        elif exchange.tunnel is not None:
            await self._pass_on(exchange.tunnel)
            return
        elif not exchange.keeps_alive or (self._has_ended and not self._pending):
            self._hang_up(exchange)
        elif self._pending:
            self._begin(self._pending.popleft())
        self.steer_reading()

    def _say_farewell(self, exchange: Exchange) -> None:
        """The server ends before this request was answered. There is no time to wait for anything."""
        response = self._server.farewell()
        head = response_head(response, keeps_alive=False, is_chunked=False)
        self._out.write(head if exchange.request.method == "HEAD" else head + response.content)
        self._is_deaf = True
        if self._transport is not None:
            self._transport.close()

    def release(self) -> asyncio.Transport | None:
        """Give the connection to another protocol; None: the peer is gone."""
        transport, self._transport = self._transport, None
        self._out.transport = None
        self._server.closed(self)
        return None if transport is None or transport.is_closing() else transport

    async def _secure(self, context: ssl.SSLContext) -> None:
        """The peer has asked for one of our own hosts: it speaks TLS from now on, with another protocol of ours."""
        transport = self.release()
        if transport is None:
            return
        try:
            await self._server.secure(transport, context)
        except (OSError, EOFError) as error:  # ssl.SSLError is one: the peer does not trust us, or is no TLS client
            _log.debug("no TLS with %s: %s", self._peer, error)

    async def _pass_on(self, tunnel: Tunnel) -> None:
        """The peer speaks another protocol from now on, with somebody else."""
        is_early = self._head is not None or bool(self._pending)  # it did not wait for our consent
        transport = self.release()
        if transport is None or is_early:
            tunnel.close()
            if transport is not None:
                transport.abort()
            return
        await tunnel.run(transport)

    async def _answer(self, exchange: Exchange) -> None:
        response = exchange.answer or await self._server.handle(exchange.request)
        try:
            await self._send(exchange, response)
        finally:
            response.close()

    async def _send(self, exchange: Exchange, response: Response) -> None:
        if response.tls is not None:
            exchange.tls = response.tls
            self._out.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._out.drained.wait()
            return
        if response.tunnel is not None:
            exchange.tunnel = response.tunnel
            if self._transport is not None:
                self._transport.pause_reading()  # what follows is for somebody else
            self._out.write(response_head(response, keeps_alive=True, is_chunked=False))
            await self._out.drained.wait()
            return
        if not response.is_duplex:
            await self._drain_body(exchange.body)
        if response.closes or self._server.is_stopping or not exchange.body.is_complete:
            exchange.keeps_alive = False
        is_unknown = response.stream is not None and response.stream_bytes is None
        is_chunked = is_unknown and not exchange.is_http10
        if is_unknown and exchange.is_http10:
            exchange.keeps_alive = False
        has_content = exchange.request.method != "HEAD" and response.status not in NO_CONTENT
        head = response_head(response, keeps_alive=exchange.keeps_alive, is_chunked=is_chunked)
        await self._out.send(exchange, response, head, is_chunked=is_chunked, has_content=has_content)
        if response.is_duplex and not exchange.body.is_complete:
            exchange.body.discard()

    async def _drain_body(self, body: StreamBody) -> None:
        """The handler is done. If little is left of the body, take it, so that the connection can go on."""
        if body.is_complete:
            return
        body.discard()
        if body.is_untold or (body.length or 0) > _DRAIN_MAX_BYTES:
            return
        with anyio.move_on_after(_DRAIN_S):
            await body.ended()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a request that cannot be served once those before it are answered, and hang up."""
        self._is_deaf = True
        self._head = None
        incoming, self._incoming = self._incoming, None
        if incoming is not None:  # the body of a request in work is broken: its own answer says so
            incoming.body.lose()
            incoming.keeps_alive = False
            return
        last = self._pending[-1] if self._pending else self._active
        if last is not None and not last.keeps_alive:
            return  # these bytes came after the last request of the connection
        body = StreamBody(self, length=None, expects_continue=True)
        answer = refusal_response(refusal.status, refusal.message)
        request = Request(method="GET", target="")
        self._enqueue(Exchange(request, body, keeps_alive=False, is_http10=False, answer=answer))

    def _hang_up(self, exchange: Exchange) -> None:
        """All answers are sent. If the peer may be sending still, say good-bye before the door is shut."""
        self._is_deaf = True
        if self._transport is None or self._transport.is_closing():
            return
        if exchange.body.is_complete or self._has_ended or not self._transport.can_write_eof():  # TLS cannot
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the peer has hung up meanwhile
            self.abort()
        else:
            self._loop.call_later(_LINGER_S, self.abort)

    # -- the socket ---------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send, unless the peer is gone."""
        self._out.write(data)

    def steer_reading(self) -> None:
        """Take bytes from the socket, unless somebody has to catch up first."""
        if self._transport is None or self._transport.is_closing():
            return
        wanted = self._is_deaf or not (self._pending or (self._incoming is not None and self._incoming.body.is_full))
        if wanted and not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()
        elif not wanted and self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    @property
    def idle_since_s(self) -> float | None:
        """Since when nothing is in work or on its way, on the loop's clock; None if something is."""
        return None if self._active is not None else self._heard_s

    def check_time(self, now_s: float) -> None:
        """Hang up on a peer that has been silent for too long. Called by the server now and then."""
        if self._out.is_stuck(now_s) or self._is_silent(now_s):
            if self._active is not None:
                self._active.scope.cancel()
            self.abort()

    def _is_silent(self, now_s: float) -> bool:
        """The peer sends nothing of what we wait for."""
        silent_s = now_s - self._heard_s
        if self._active is None:
            return silent_s > IDLE_TIMEOUT_S or (self._head is not None and now_s - self._head_s > HEAD_TIMEOUT_S)
        if self._has_ended:
            return silent_s > HALF_CLOSED_TIMEOUT_S
        return silent_s > STALL_TIMEOUT_S and self._is_reading and self._active.body.is_waited_for

    def abort(self) -> None:
        """Hang up at once, or as soon as it may be."""
        if not self._out.abort() and self._active is not None:
            self._active.scope.cancel()
