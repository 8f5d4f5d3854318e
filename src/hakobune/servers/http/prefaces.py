"""Which protocol a peer speaks, by its first bytes, where both are taken on one port: that of a slot, since an attempt
has one for all of our APIs, so that clients of both kinds, led by its environment, are known as that attempt's; and
that of a service, whose instances may speak HTTP/2."""

from __future__ import annotations

import asyncio

from hakobune.servers.http.protocol import HttpConnection
from hakobune.servers.http.secured import LeadingServing

# Source: RFC 9113, section 3.4. No method of HTTP/1.1 begins with PRI.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Undecided(asyncio.Protocol):
    """Waits for the first bytes, and then hands the connection over. Until then it is one of HTTP/1.1, with all of its
    bounds."""

    def __init__(self, server: LeadingServing) -> None:
        self._server = server
        self._http = HttpConnection(server)
        self._transport: asyncio.Transport | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """The first bytes, perhaps not enough of them."""
        assert self._transport is not None
        self._early += data
        if PREFACE.startswith(self._early[: len(PREFACE)]):
            if len(self._early) >= len(PREFACE):
                self._lead_on()
            return
        self._transport.set_protocol(self._http)
        self._http.data_received(self._early)

    def _lead_on(self) -> None:
        transport = self._http.release()
        if transport is None:
            return
        near = self._server.lead()
        if near is None:
            transport.abort()
            return
        transport.set_protocol(near)
        near.connection_made(transport)
        near.data_received(self._early)

    def eof_received(self) -> bool:
        """The peer sends no more."""
        return self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone, or it was hung up on."""
        self._http.connection_lost(exc)
