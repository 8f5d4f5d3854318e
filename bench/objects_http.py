"""What HTTP costs an object: a download beside `sendfile` alone, an upload beside `hashlib.md5` alone, over loopback;
and how much memory the control plane takes while 2 GiB go up and down.

Bytes are sent and thrown away by this process, with bare sockets: no client library stands in between. Both sides
alternate, so they have the same machine. The content lies in the page cache, as it does for whoever has just made it.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from pathlib import Path
from typing import Self

from bench.house import House
from bench.report import POWER, Report, at_least, at_most, middle

DOWN_BYTES = 1024**3
BIG_BYTES = 2 * 1024**3
PIECE_BYTES = 1024 * 1024
ROUNDS = 7
BUCKET = "bench-bucket"


def _drain(source: socket.socket, size: int) -> None:
    """Take bytes and forget them: the kernel need not copy them to us."""
    left = size
    while left:
        count = source.recv_into(_SINK, min(left, PIECE_BYTES), socket.MSG_TRUNC)
        if not count:
            raise ConnectionError(f"{left} bytes are missing")
        left -= count


_SINK = bytearray(PIECE_BYTES)


def _sendfile_alone(path: Path, size: int) -> float:
    """MB/s of a thread that sends a file to another, with a system call and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server, open(path, "rb") as file:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                sent = 0
                while sent < size:
                    sent += os.sendfile(peer.fileno(), file.fileno(), sent, size - sent)

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(server.getsockname()) as client:
            started_s = time.perf_counter()
            _drain(client, size)
            wall_s = time.perf_counter() - started_s
        thread.join()
    return size / 1e6 / wall_s


def _head(sock: socket.socket) -> bytes:
    """The head of an answer, and no byte more."""
    found = b""
    while not found.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            raise ConnectionError("no answer")
        found += byte
    return found


def _download(house: House, name: str, size: int) -> float:
    """MB/s."""
    with socket.create_connection(("127.0.0.1", house.port)) as sock:
        started_s = time.perf_counter()
        path = f"/download/storage/v1/b/{BUCKET}/o/{name}?alt=media"
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head = _head(sock)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        _drain(sock, size)
        return size / 1e6 / (time.perf_counter() - started_s)


def _upload(house: House, name: str, size: int) -> float:
    """MB/s, until the object is there."""
    piece = os.urandom(PIECE_BYTES)
    with socket.create_connection(("127.0.0.1", house.port)) as sock:
        started_s = time.perf_counter()
        path = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}"
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
        sock.sendall(head.encode())
        for _ in range(size // PIECE_BYTES):
            sock.sendall(piece)
        answer = _head(sock)
        if b" 200 " not in answer.split(b"\r\n")[0]:
            raise ConnectionError(answer.decode())
        return size / 1e6 / (time.perf_counter() - started_s)


def _md5_alone(size: int) -> float:
    """MB/s."""
    piece = os.urandom(PIECE_BYTES)
    started_s = time.perf_counter()
    md5 = hashlib.md5(usedforsecurity=False)
    for _ in range(size // PIECE_BYTES):
        md5.update(piece)
    md5.hexdigest()
    return size / 1e6 / (time.perf_counter() - started_s)


class _Memory:
    """Watches the resident memory of a process in a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most_mib = self.now_mib()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def now_mib(self) -> float:
        """VmRSS; proc(5)."""
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return int(fields["VmRSS"].split()[0]) / 1024

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.most_mib = max(self.most_mib, self.now_mib())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate with the rivals, then watch the memory."""
    report = Report("objects_http", directory, durability=f"{POWER}; content files synced", is_quick=is_quick)
    size = DOWN_BYTES // (8 if is_quick else 1)
    rounds = 2 if is_quick else ROUNDS
    plain = directory / "plain"
    with open(plain, "wb") as file:
        file.writelines(os.urandom(PIECE_BYTES) for _ in range(size // PIECE_BYTES))
    found: dict[str, list[float]] = {"sendfile alone": [], "download": [], "hashlib.md5 alone": [], "upload": []}
    with House(directory / "data") as house:
        house.start()
        house.call("POST", "/storage/v1/b?project=bench-project", {"name": BUCKET})
        _upload(house, "down", size)
        for number in range(rounds):
            found["sendfile alone"].append(_sendfile_alone(plain, size))
            found["download"].append(_download(house, "down", size))
            found["hashlib.md5 alone"].append(_md5_alone(size))
            found["upload"].append(_upload(house, f"up{number % 2}", size))
        for title, values in found.items():
            report.sample(f"{title}, {size // 1024**2} MiB", values, "MB/s")
        for mine, theirs, bound in (("download", "sendfile alone", 0.7), ("upload", "hashlib.md5 alone", 0.8)):
            ratios = [ours / other for ours, other in zip(found[mine], found[theirs], strict=True)]
            report.figure(mine, middle(ratios), f"x {theirs}", target=at_least(bound, "(issue 4, section 5)"))
        _memory(report, house, BIG_BYTES // (8 if is_quick else 1))
    return report


def _memory(report: Report, house: House, size: int) -> None:
    pid = house.pid
    with _Memory(pid) as memory:
        before_mib = memory.now_mib()
        _upload(house, "big", size)
        _download(house, "big", size)
    grown_mib = memory.most_mib - before_mib
    title = f"memory above idle, {size // 1024**2} MiB up and down"
    report.figure(title, grown_mib, "MiB", target=at_most(64, "MiB (issue 4, section 1)"))
