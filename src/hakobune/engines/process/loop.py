"""The supervisor's one wait: descriptors that became ready, each with the function to call."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

_EVENTS_MAX = 256


class Loop:
    """Epoll, level-triggered. A function may be called though its descriptor is not ready: descriptors are
    non-blocking, and functions expect it."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `fd` may be read from, or its other end is gone."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def want_to_write(self, fd: int, *, is_wanted: bool) -> None:
        """Call the callback of `fd` also when it may be written to."""
        self._epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT if is_wanted else select.EPOLLIN)

    def close(self, fd: int) -> None:
        """Forget a watched descriptor and close it (which takes it out of the epoll set: nobody else has it)."""
        del self._callbacks[fd]
        os.close(fd)

    def run_once(self, timeout_s: float) -> None:
        """Wait for `timeout_s` at most, and call what is ready."""
        for fd, _ in self._epoll.poll(timeout_s, _EVENTS_MAX):
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback()
