"""What is spoken behind a TLS handshake: HTTP/1.1 is served here, HTTP/2 (gRPC) goes on to the gRPC port as it is."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

from hakobune.servers.http.protocol import HttpConnection, Serving

_WAITING_MAX_BYTES = 256 * 1024  # of a peer that sends before the way on is open


class SecureServing(Serving, Protocol):
    """A server that knows where gRPC is spoken; None: nowhere."""

    @property
    def grpc_address(self) -> tuple[str, int] | None: ...


class Secured(asyncio.Protocol):
    """Decides, when the handshake is over, who speaks with the peer."""

    def __init__(self, server: SecureServing) -> None:
        self._server = server
        self._early = b""

    def data_received(self, data: bytes) -> None:
        """After CONNECT, asyncio hands over what came with the end of the handshake before it tells of that end."""
        self._early += data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is over."""
        assert isinstance(transport, asyncio.Transport)
        if transport.is_closing():  # the peer has left with the handshake
            return
        chosen = self._chosen(transport)
        transport.set_protocol(chosen)
        chosen.connection_made(transport)
        if self._early:
            chosen.data_received(self._early)

    def _chosen(self, transport: asyncio.Transport) -> asyncio.Protocol:
        connection = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
        address = self._server.grpc_address
        if connection is not None and connection.selected_alpn_protocol() == "h2" and address is not None:
            near = _End()
            self._server.start(lambda: _join(near, address))
            return near
        return HttpConnection(self._server)


async def _join(near: _End, address: tuple[str, int]) -> None:
    """Open the way on, and let bytes pass until one end is gone."""
    far = _End()
    near.other = far  # when the peer leaves meanwhile, the way on is given up, too
    far.join(near)
    try:
        await asyncio.get_running_loop().create_connection(lambda: far, *address)
    except OSError:
        near.abort()
        return
    near.join(far)


class _End(asyncio.Protocol):
    """One end of a relay. What comes here is written there, no faster than it is taken."""

    def __init__(self) -> None:
        self.other: _End | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting = bytearray()
        self._is_joined = False
        self._is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """This end is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._is_gone:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; those that come before the other end is open wait."""
        if self._is_joined:
            if self.other is not None and self.other.transport is not None:
                self.other.transport.write(data)
            return
        self._waiting += data
        if len(self._waiting) > _WAITING_MAX_BYTES:
            self.abort()

    def join(self, other: _End) -> None:
        """The other end is open: what waited goes first."""
        self.other, self._is_joined = other, True
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if waiting:
            self.data_received(waiting)

    def pause_writing(self) -> None:
        """This end takes no more for now."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """This end takes more again."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """This end is gone, and so is the other."""
        del exc
        self._transport, self._is_gone = None, True
        if self.other is not None:
            self.other.close()

    @property
    def transport(self) -> asyncio.Transport | None:
        """What this end writes to, None while it is not open."""
        return None if self._transport is None or self._transport.is_closing() else self._transport

    def close(self) -> None:
        """Hang up when all is sent."""
        self._is_gone = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._is_gone = True
        if self._transport is not None:
            self._transport.abort()
