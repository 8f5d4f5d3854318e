"""Taking a port of this machine, with patience for the one who had it last."""

from __future__ import annotations

import errno
import socket

import anyio

PATIENT_TRIES = 40  # a runtime that was just killed may hold its ports for a moment
_WAIT_S = 0.05


async def listening(host: str, port: int, *, backlog: int, tries: int = PATIENT_TRIES) -> socket.socket:
    """A socket that listens on `host:port` (0: a free one). Raises OSError, which names the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(tries):
        # The protocol is said, so that asyncio knows it: small answers on its connections are sent at once.
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setblocking(False)
        try:
            opened.bind((host, port))
            opened.listen(backlog)
        except OSError as error:
            opened.close()
            if error.errno != errno.EADDRINUSE or attempt == tries - 1 or port == 0:
                raise OSError(error.errno, f"port {port} of {host}: {error.strerror or error}") from error
            await anyio.sleep(_WAIT_S)
        else:
            return opened
    raise AssertionError("unreachable: the last try returns or raises")
