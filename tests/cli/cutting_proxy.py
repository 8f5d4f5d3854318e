"""A network between a client and a server that breaks at given bytes: for tests of what goes on after a break."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Act = Callable[[bytes], bytes | None]
"""What becomes of bytes: others in their place, or None: the connection is cut."""


class CuttingProxy:
    """Forwards connections to a port of this machine. After so many bytes of content in one direction it does
    something once: by default it cuts the connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._counts = {"up": 0, "down": 0}
        self._plans: dict[str, list[tuple[int, Act]]] = {"up": [], "down": []}
        self._watched: list[tuple[bytes, Act]] = []
        self.happened = threading.Semaphore(0)
        self.stalled = threading.Event()  # set: what a stall holds goes on
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def at(self, direction: str, count: int, act: Act | None = None) -> None:
        """When `count` bytes went `up` or `down`: `act` says what becomes of the bytes of that moment. Default: cut."""
        self._plans[direction].append((count, act or _cut))

    def lose_answer_to(self, text: bytes) -> None:
        """The first request that contains `text` arrives, and its answer does not."""

        def act(data: bytes) -> bytes:
            self.at("down", 0)
            return data

        self._watched.append((text, act))

    def stall(self, data: bytes) -> bytes | None:
        """An act: hold the bytes until the test ends."""
        del data
        self.happened.release()
        self.stalled.wait(60)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stalled.set()
        # A closed listener does not wake `accept` on Linux; a shut down one does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            _close(one)
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                near.close()
                continue
            self._sockets += [near, far]
            self._start(self._forward, near, far, "up")
            self._start(self._forward, far, near, "down")

    def _forward(self, source: socket.socket, target: socket.socket, direction: str) -> None:
        try:
            while data := source.recv(65536):
                passed = self._passed(data, direction)
                if passed is None:
                    break
                target.sendall(passed)
        except OSError:
            pass  # the other side has gone: so do we
        finally:
            _close(source)
            _close(target)

    def _passed(self, data: bytes, direction: str) -> bytes | None:
        """The bytes to forward, or None to cut."""
        if direction == "up" and self._watched and self._watched[0][0] in data:
            return self._watched.pop(0)[1](data)
        with self._lock:
            self._counts[direction] += len(data)
            plan = self._plans[direction]
            if not plan or self._counts[direction] < plan[0][0]:
                return data
            _, act = plan.pop(0)
        return act(data)


def _cut(data: bytes) -> bytes | None:
    del data
    return None


def _close(one: socket.socket) -> None:
    with suppress(OSError):  # it was closed from the other side
        one.shutdown(socket.SHUT_RDWR)
    one.close()
