"""Free ports of this machine for instances: below those that the kernel gives to outgoing connections, so that what is
free when it is drawn is still free when the program listens."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Collection

from hakobune.core.errors import ResourceExhausted

_FIRST, _BEYOND = 20_000, 32_000  # ip_local_port_range begins at 32768


class FreePorts:
    """Draws ports in a round, so that one that was just given back rests."""

    def __init__(self) -> None:
        self._next = _FIRST + secrets.randbelow(_BEYOND - _FIRST)

    def draw(self, count: int, taken: Collection[int]) -> list[int]:
        """So many ports that nobody listens on, none of them `taken`. Raises ResourceExhausted."""
        found: list[int] = []
        for _ in range(_BEYOND - _FIRST):
            if len(found) == count:
                return found
            port = self._next
            self._next = port + 1 if port + 1 < _BEYOND else _FIRST
            try:
                is_free = port not in taken and _is_free(port)
            except OSError as error:
                raise ResourceExhausted(f"No port can be looked for: {error.strerror}.") from error
            if is_free:
                found.append(port)
        raise ResourceExhausted("There is no free port for another instance.")


def _is_free(port: int) -> bool:
    """As a program that listens on all addresses would find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - bound for a moment, not listened on
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return False
    return True
