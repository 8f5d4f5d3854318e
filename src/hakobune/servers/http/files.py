"""Regions of files on their way to a socket: copied by the kernel, or read in pieces where they must be encrypted.

A region is sent in pieces whose size follows the peer's speed: between two of them somebody else may be served, or the
peer be given up.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import sys
import termios
from collections.abc import AsyncGenerator
from typing import cast

import anyio.to_thread

from hakobune.servers.http.messages import FileRegion

_PIECE_MIN_BYTES, _PIECE_MAX_BYTES = 256 * 1024, 16 * 1024 * 1024
_QUICK_S = 0.5  # a peer that takes a piece in less gets a larger one


class FileCopier:
    """Copies from files to one connection. While a copy is under way, the socket must not be closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._piece_bytes = _PIECE_MIN_BYTES
        self.is_under_way = False

    async def copy(self, transport: asyncio.Transport, region: FileRegion) -> int:
        """Copy the next piece of a region; returns how much of it, 0 if the file ends early. Raises OSError."""
        begin_s = self._loop.time()
        wanted = min(self._piece_bytes, region.size_bytes)
        self.is_under_way = True
        try:
            sent = await self._loop.sendfile(transport, region.file, region.offset, wanted)
        finally:
            self.is_under_way = False
        is_quick = self._loop.time() - begin_s < _QUICK_S
        grown = self._piece_bytes * 2 if is_quick else self._piece_bytes // 2
        self._piece_bytes = min(max(grown, _PIECE_MIN_BYTES), _PIECE_MAX_BYTES)
        return sent


async def pieces(region: FileRegion) -> AsyncGenerator[bytes, None]:
    """The bytes of a region, read in a thread; fewer if the file ends early."""
    while region.size_bytes:
        wanted = min(_PIECE_MIN_BYTES, region.size_bytes)
        piece = await anyio.to_thread.run_sync(os.pread, region.file.fileno(), wanted, region.offset)
        if not piece:
            return
        yield piece
        region = region.after(len(piece))


def unsent_bytes(transport: asyncio.Transport) -> int:
    """What the kernel has of a connection and the peer has not taken yet. Source: tcp(7), SIOCOUTQ."""
    peer = cast("socket.socket", transport.get_extra_info("socket"))
    return int.from_bytes(fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
