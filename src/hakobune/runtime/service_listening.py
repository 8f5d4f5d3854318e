"""Where the processes of an instance listen, as the kernel tells it (Linux: /proc). Only for texts: what cannot be read
is left out."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from hakobune.engines.process.strays import marked
from hakobune.engines.process.wireformat import ATTEMPT_MARK

_PROC = Path("/proc")
_LISTEN = "0A"  # linux/net/tcp_states.h
_TABLES = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6))
_ADDRESSES_MAX = 8  # ours: more than a person wants to read


def listening_addresses(attempt_uid: str) -> list[str]:
    """`127.0.0.1:9000`, `[::1]:9000`: TCP alone, each once."""
    if not _PROC.joinpath("self").exists():
        return []  # not Linux
    found: dict[str, None] = {}
    for pid in marked(f"{ATTEMPT_MARK}={attempt_uid}".encode()):
        sockets = set(_sockets(pid))
        if sockets:
            found.update(dict.fromkeys(_listening(pid, sockets)))
    return list(found)[:_ADDRESSES_MAX]


def _sockets(pid: int) -> Iterator[str]:
    """Inodes of the sockets that a process holds."""
    try:
        for name in os.listdir(_PROC / str(pid) / "fd"):
            link = os.readlink(_PROC / str(pid) / "fd" / name)
            if link.startswith("socket:["):
                yield link[len("socket:[") : -1]
    except OSError:
        return  # it is gone, or not ours to look at


def _listening(pid: int, sockets: set[str]) -> Iterator[str]:
    for name, family in _TABLES:
        try:
            lines = (_PROC / str(pid) / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()  # proc(5): sl local_address rem_address st … inode
            if len(fields) > 9 and fields[3] == _LISTEN and fields[9] in sockets:
                yield _address(fields[1], family)


def _address(text: str, family: socket.AddressFamily) -> str:
    """From `0100007F:2328`: 32-bit words in the order of the machine, the port in hexadecimal."""
    host, _, port = text.partition(":")
    words = (int(host[start : start + 8], 16) for start in range(0, len(host), 8))
    shown = socket.inet_ntop(family, b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    return f"{shown if family is socket.AF_INET else f'[{shown}]'}:{int(port, 16)}"
