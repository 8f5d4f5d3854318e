"""Ways on to the gRPC port, for HTTP/2 that comes to a listener of HTTP: behind TLS, or to the listener of a slot.

Bytes pass as they are, no faster than they are taken. A handler of gRPC sees nothing of its caller but an address: so a
way that an attempt has opened is known here by its source port, which nobody else gets while a call that came on it may
still be looked at.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hakobune.core.errors import Unavailable

_WAITING_MAX_BYTES = 64 * 1024  # of a peer that sends before the way on is open: it is not read further
# A call may be begun when its client is gone already. Ours: gRPC hands it over within milliseconds.
_REMEMBERED_S = 2.0

Holder = Callable[[int], Awaitable[str | None]]  # slot -> uid of the attempt on it now
Start = Callable[[Callable[[], Awaitable[None]]], None]  # runs work in a server's task group; raises Unavailable


class Relays:
    """All ways of one runtime. `holder` says who sits on a slot."""

    def __init__(self, holder: Holder | None = None) -> None:
        self.address: tuple[str, int] | None = None  # where gRPC is spoken; None: nowhere
        self._holder = holder
        self._ways: dict[str, _Way] = {}  # those of slots, by the address that gRPC sees

    @property
    def are_attributed(self) -> bool:
        """Whether any call on the gRPC port may be one of an attempt."""
        return bool(self._ways)

    async def attempt_of(self, peer: str) -> str | None:
        """Uid of the attempt that calls, None if it is none or not known. `peer`: as gRPC writes it."""
        way = self._ways.get(peer)
        if way is None:
            return None
        if way.attempt_uid is None and self._holder is not None:
            way.attempt_uid = await self._holder(way.slot)
        return way.attempt_uid

    def lead(self, slot: int | None, start: Start) -> asyncio.Protocol | None:
        """The protocol of a peer that is to speak with the gRPC port from now on; None: gRPC is spoken nowhere, or the
        server ends."""
        address = self.address
        if address is None:
            return None
        near = End()
        try:
            start(lambda: self._join(near, address, slot))
        except Unavailable:
            return None
        return near

    async def _join(self, near: End, address: tuple[str, int], slot: int | None) -> None:
        """Open the way on, and let bytes pass until one end is gone."""
        far = End()
        near.other = far  # when the peer leaves meanwhile, the way on is given up, too
        far.join(near)
        try:
            if slot is None:
                await asyncio.get_running_loop().create_connection(lambda: far, *address)
            else:
                await self._open(near, far, address, slot)
        except OSError:
            near.abort()
            return
        except BaseException:  # the server ends
            near.abort()
            raise
        near.join(far)

    async def _open(self, near: End, far: End, address: tuple[str, int], slot: int) -> None:
        """A way whose calls are known as those of a slot. Raises OSError."""
        # Asked before the first byte goes on: an attempt may be over when its call is looked at.
        uid = None if self._holder is None else await self._holder(slot)
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # said, so that asyncio sends at once
        try:
            opened.setblocking(False)
            opened.bind(("", 0))  # a port that was bound is given to no other connection
            await loop.sock_connect(opened, address)
            way = _Way(slot, uid, near, opened.dup())
        except BaseException:
            opened.close()
            raise
        peer = _as_grpc_writes(opened)
        self._ways[peer] = way
        far.gone = lambda: self._gone(peer, way)
        await loop.create_connection(lambda: far, sock=opened)

    def _gone(self, peer: str, way: _Way) -> None:
        way.shut_down()
        asyncio.get_running_loop().call_later(_REMEMBERED_S, self._forget, peer)

    def _forget(self, peer: str) -> None:
        way = self._ways.pop(peer, None)
        if way is not None:
            way.port.close()

    def end(self, attempt_uid: str) -> None:
        """The attempt is over: whoever still speaks for it is cut off."""
        for way in self._ways.values():
            if way.attempt_uid == attempt_uid:
                way.near.abort()

    def close(self) -> None:
        """Cut all ways of attempts, and forget them."""
        for peer, way in tuple(self._ways.items()):
            way.near.abort()
            way.shut_down()
            self._forget(peer)


class _Way:
    """A way of a slot. `port` keeps its source port from others."""

    __slots__ = ("attempt_uid", "near", "port", "slot")

    def __init__(self, slot: int, attempt_uid: str | None, near: End, port: socket.socket) -> None:
        self.slot = slot
        self.attempt_uid = attempt_uid
        self.near = near
        self.port = port

    def shut_down(self) -> None:
        """Tell the gRPC port that nothing follows: to close the other descriptor of the socket does not."""
        with suppress(OSError):  # the other side has told us first
            self.port.shutdown(socket.SHUT_RDWR)


class End(asyncio.Protocol):
    """One end of a way. What comes here is written there, no faster than it is taken."""

    def __init__(self) -> None:
        self.other: End | None = None
        self.gone: Callable[[], None] | None = None  # is told of the end of this one
        self._transport: asyncio.Transport | None = None
        self._waiting = bytearray()
        self._is_joined = False
        self._is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """This end is open."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits()  # whoever had it before may have wanted others
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
        if len(self._waiting) > _WAITING_MAX_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def join(self, other: End) -> None:
        """The other end is open: what waited goes first."""
        self.other, self._is_joined = other, True
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if len(waiting) > _WAITING_MAX_BYTES and self.transport is not None:
            self.transport.resume_reading()  # first: the other end may have to pause it again
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
        if self.gone is not None:
            self.gone()
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


def _as_grpc_writes(opened: socket.socket) -> str:
    """Our own end of a connection, as the other one's `ServicerContext.peer()` says it."""
    host, port, *_ = opened.getsockname()
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"
