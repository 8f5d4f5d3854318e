"""What is spoken behind a TLS handshake: HTTP/1.1 is served here, HTTP/2 (gRPC) goes on to the gRPC port as it is."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

from hakobune.servers.http.exchanges import Serving
from hakobune.servers.http.protocol import HttpConnection


class LeadingServing(Serving, Protocol):
    """A server that knows the ways to where HTTP/2 is spoken."""

    def lead(self) -> asyncio.Protocol | None:
        """The protocol of a peer that speaks HTTP/2; None: nobody here does."""
        ...


class Secured(asyncio.Protocol):
    """Decides, when the handshake is over, who speaks with the peer."""

    def __init__(self, server: LeadingServing) -> None:
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
        near: asyncio.Protocol | None = None
        if connection is not None and connection.selected_alpn_protocol() == "h2":
            near = self._server.lead()
        return near or HttpConnection(self._server)
