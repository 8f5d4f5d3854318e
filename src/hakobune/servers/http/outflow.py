"""What goes to the peer of one connection: heads, contents, streams, regions of files; no faster than it is taken."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing

from hakobune.core.errors import HakobuneError
from hakobune.servers.http.exchanges import Exchange
from hakobune.servers.http.files import FileCopier, pieces, unsent_bytes
from hakobune.servers.http.messages import AnswerCut, FileRegion, Response

STALL_TIMEOUT_S = 60.0  # ours: without a byte of the body that we wait for, or of the answer that the peer should take
_FILE_INLINE_BYTES = 32 * 1024  # a smaller region goes with the head

_log = logging.getLogger("hakobune.http")


class Outflow:
    """Writes to the peer while there is one. `writes` counts what was sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_tls = False
        self.writes = 0
        self.drained = asyncio.Event()
        self.drained.set()
        self._copier = FileCopier(loop)
        self._is_given_up = False  # the connection ends as soon as the copy has
        self._unsent = (0, 0)
        self._taken_s = 0.0  # when the peer last took something

    def begin(self, transport: asyncio.Transport) -> None:
        """There is a peer."""
        self.transport = transport
        self.is_tls = transport.get_extra_info("sslcontext") is not None
        # `drained` means: all is with the kernel. (asyncio's TLS takes 0 for a limit that nothing is ever below.)
        transport.set_write_buffer_limits(high=1 if self.is_tls else 0, low=0)

    def write(self, data: bytes) -> None:
        """Send, unless the peer is gone."""
        if self.transport is not None and not self.transport.is_closing():
            self.writes += 1
            self.transport.write(data)

    async def send(
        self, exchange: Exchange, response: Response, head: bytes, *, is_chunked: bool, has_content: bool
    ) -> None:
        """Head and content, until all is with the kernel."""
        if response.file is not None and has_content:
            await self._send_file(exchange, response.file, head)
        elif response.stream is None:
            self.write(head + response.content if has_content else head)
        else:
            self.write(head)
            await self._send_stream(exchange, response.stream, is_chunked=is_chunked, has_content=has_content)
        await self.drained.wait()

    async def _send_stream(
        self, exchange: Exchange, stream: AsyncGenerator[bytes, None], *, is_chunked: bool, has_content: bool
    ) -> None:
        async with aclosing(stream):
            if not has_content:
                return
            try:
                async for chunk in stream:
                    if chunk:
                        self.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
                        await self.drained.wait()
            except AnswerCut as error:
                _log.info("%s %s: %s", exchange.request.method, exchange.request.target[:200], error.message)
                self.abort()
                return
            except HakobuneError as error:
                _log.error("%s %s is cut: %s", exchange.request.method, exchange.request.target[:200], error.message)
                self.abort()
                return
            except Exception:  # noqa: BLE001 - the head is sent: only a cut connection can still say that it went wrong
                _log.exception("%s %s failed in the middle", exchange.request.method, exchange.request.target[:200])
                self.abort()
                return
        if is_chunked:
            self.write(b"0\r\n\r\n")

    async def _send_file(self, exchange: Exchange, region: FileRegion, head: bytes) -> None:
        """Head and region. When not all of it can be sent, the connection is cut: the head has said otherwise."""
        if region.size_bytes <= _FILE_INLINE_BYTES:
            content = os.pread(region.file.fileno(), region.size_bytes, region.offset)
            self.write(head + content)
            is_whole = len(content) == region.size_bytes
        else:
            self.write(head)
            await self.drained.wait()
            try:
                is_whole = await self._send_region(region)
            except ConnectionError:  # the peer has hung up
                exchange.scope.cancel()
                return
        if not is_whole:
            _log.error("%s %s: the file ends early", exchange.request.method, exchange.request.target[:200])
            exchange.scope.cancel()

    async def _send_region(self, region: FileRegion) -> bool:
        """Whether all was sent. Raises ConnectionError."""
        if self.is_tls:
            async with aclosing(pieces(region)) as found:
                async for piece in found:
                    self.write(piece)
                    await self.drained.wait()
                    region = region.after(len(piece))
            return not region.size_bytes
        try:
            while region.size_bytes:
                if self.transport is None or self.transport.is_closing():
                    raise ConnectionAbortedError
                sent = await self._copier.copy(self.transport, region)
                if not sent:
                    return False
                self.writes += 1
                region = region.after(sent)
        finally:
            if self._is_given_up:
                self.abort()
        return True

    def is_stuck(self, now_s: float) -> bool:
        """The peer takes nothing of the answer."""
        waiting = self._waiting_bytes()
        if not waiting or self._unsent != (self.writes, waiting):
            self._unsent = (self.writes, waiting)
            self._taken_s = now_s
        return now_s - self._taken_s > STALL_TIMEOUT_S

    def _waiting_bytes(self) -> int:
        """What waits for the peer: here, or while the kernel copies a file, with the kernel."""
        if self.transport is None:
            return 0
        if not self._copier.is_under_way:
            return self.transport.get_write_buffer_size()
        return unsent_bytes(self.transport)

    def abort(self) -> bool:
        """Hang up at once; False: the kernel copies a file. Then the copy must be given up first, and ends the
        connection: the socket must not be closed under it."""
        if self._copier.is_under_way:
            self._is_given_up = True
            return False
        if self.transport is not None:
            self.transport.abort()
        return True
