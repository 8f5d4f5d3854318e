"""What HTTP costs an object: a download beside `sendfile` alone, an upload beside `hashlib.md5` alone, over loopback;
how much memory the control plane takes while 10 GiB go up and down; and how long it takes to move those 10 GiB.

Bytes are sent and thrown away by this process, with bare sockets: no client library stands in between. Both sides
alternate, so they have the same machine. The content lies in the page cache, as it does for whoever has just made it.

The MD5 of an upload is one thread, and no upload can be faster. How long that thread was ready to run while no
processor was free, the kernel tells: on a busy machine the upload is shown without those waits, too, beside the
processor time of MD5 alone.
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
from bench.processes import busiest_since, thread_times
from bench.report import POWER, Report, at_least, at_most, middle

DOWN_BYTES = 1024**3
BIG_BYTES = 10 * 1024**3
MOVES = 200
PIECE_BYTES = 1024 * 1024
ROUNDS = 7
BUCKET, OTHER_BUCKET = "bench-bucket", "bench-other"


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


def _md5_alone(size: int) -> tuple[float, float]:
    """(MB/s, MB for each second of processor)."""
    piece = os.urandom(PIECE_BYTES)
    started_s, started_cpu_s = time.perf_counter(), time.thread_time()
    md5 = hashlib.md5(usedforsecurity=False)
    for _ in range(size // PIECE_BYTES):
        md5.update(piece)
    md5.hexdigest()
    cpu_s = time.thread_time() - started_cpu_s
    return size / 1e6 / (time.perf_counter() - started_s), size / 1e6 / cpu_s


def _timed_upload(house: House, name: str, size: int) -> tuple[float, float, float]:
    """(MB/s, MB/s without the waits of the MD5 for a processor, seconds of processors in the control plane)."""
    before, started_cpu_s = thread_times(house.pid), house.control_plane_cpu_s()
    rate = _upload(house, name, size)
    waiting_s = busiest_since(before, thread_times(house.pid)).waiting_s
    cpu_s = house.control_plane_cpu_s() - started_cpu_s
    return rate, size / 1e6 / (size / 1e6 / rate - waiting_s), cpu_s


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
    found: dict[str, list[float]] = {}
    with House(directory / "data") as house:
        house.start()
        for bucket in (BUCKET, OTHER_BUCKET):
            house.call("POST", "/storage/v1/b?project=bench-project", {"name": bucket})
        _upload(house, "down", size)
        for _ in range(rounds):
            found.setdefault("sendfile alone", []).append(_sendfile_alone(plain, size))
            found.setdefault("download", []).append(_download(house, "down", size))
        for number in range(rounds):
            md5, md5_cpu = _md5_alone(size)
            upload, upload_unhindered, upload_cpu_s = _timed_upload(house, f"up{number % 2}", size)
            for title, value in (
                ("hashlib.md5 alone", md5),
                ("hashlib.md5 alone, by its processor time", md5_cpu),
                ("upload", upload),
                ("upload, without its MD5's waits for a processor", upload_unhindered),
            ):
                found.setdefault(title, []).append(value)
            found.setdefault("cpu", []).append(upload_cpu_s)
        cpu_s = found.pop("cpu")
        for title, values in found.items():
            report.sample(f"{title}, {size // 1024**2} MiB", values, "MB/s")
        report.sample(f"upload, {size // 1024**2} MiB: processors", cpu_s, "s")
        for mine, theirs, bound in (
            ("download", "sendfile alone", 0.7),
            ("upload", "hashlib.md5 alone", 0.8),
            ("upload, without its MD5's waits for a processor", "hashlib.md5 alone, by its processor time", 0.8),
        ):
            ratios = [ours / other for ours, other in zip(found[mine], found[theirs], strict=True)]
            report.figure(mine, middle(ratios), f"x {theirs}", target=at_least(bound, "(issue 4, section 5)"))
        big_bytes = BIG_BYTES // (8 if is_quick else 1)
        _memory(report, house, big_bytes)
        _moves(report, house, big_bytes, MOVES // (8 if is_quick else 1))
    return report


def _moves(report: Report, house: House, size: int, count: int) -> None:
    """There and back between two buckets: our own method, then Google's rewrite and delete. Beside them the shortest
    change of a bucket there is: what HTTP and a commit take."""
    samples: dict[str, list[float]] = {"a bucket's label": [], f"move of {size // 1024**2} MiB": []}
    samples[f"rewrite and delete of {size // 1024**2} MiB"] = []
    cpu_s = dict.fromkeys(samples, 0.0)
    label, move, rewrite = samples
    source, target = (BUCKET, "big"), (OTHER_BUCKET, "moved")
    for number in range(count):
        for title, times in samples.items():
            (bucket, name), (other, other_name) = source, target
            started_s, started_cpu_s = time.perf_counter(), house.control_plane_cpu_s()
            if title == label:
                house.sure("PATCH", f"/storage/v1/b/{bucket}", {"labels": {"number": str(number)}})
            elif title == move:
                house.sure("POST", f"/hakobune/v1/b/{bucket}/o/{name}/moveTo/b/{other}/o/{other_name}")
            else:
                answer = house.sure("POST", f"/storage/v1/b/{bucket}/o/{name}/rewriteTo/b/{other}/o/{other_name}")
                assert answer["done"], answer
                status, _ = house.call("DELETE", f"/storage/v1/b/{bucket}/o/{name}")
                assert status == 204, status
            times.append((time.perf_counter() - started_s) * 1e3)
            cpu_s[title] += house.control_plane_cpu_s() - started_cpu_s
            if title != label:
                source, target = target, source
    for title, times in samples.items():
        report.sample(f"{title}, over HTTP", times, "ms")
        report.figure(f"{title}: processors of the control plane", cpu_s[title] / count * 1e3, "ms each")
    report.figure(move, middle(samples[move]), "ms", target=at_most(5, "(issue 4, section 5)"))
    report.figure(rewrite, middle(samples[rewrite]), "ms")


def _memory(report: Report, house: House, size: int) -> None:
    pid = house.pid
    with _Memory(pid) as memory:
        before_mib = memory.now_mib()
        _upload(house, "big", size)
        _download(house, "big", size)
    grown_mib = memory.most_mib - before_mib
    title = f"memory above idle, {size // 1024**2} MiB up and down"
    report.figure(title, grown_mib, "MiB", target=at_most(64, "MiB (issue 4, section 1)"))
