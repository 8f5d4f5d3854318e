"""Leaving in good order: SIGTERM comes, the item in hand is finished, the checkpoint saved, the process ends.

A runtime sends SIGTERM on cancel, on a timeout and before it stops, and SIGKILL 10 seconds later
(https://cloud.google.com/run/docs/container-contract#jobs-shutdown). Nothing here acts until `install()`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Never

EXIT_CODE = 128 + signal.SIGTERM  # 143, as a shell reports it

_Handler = Callable[[int, FrameType | None], object] | int | None


class _Shutdown:
    """The state of this process. A flag and a pipe: a handler must take no lock that the main thread may hold."""

    def __init__(self) -> None:
        self.is_stopping = False
        self.is_installed = False
        self.earlier: _Handler = None
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)

    def handle(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        with contextlib.suppress(BlockingIOError):  # full: whoever waits is awake already
            os.write(self.writer, b"\0")
        if callable(self.earlier):
            self.earlier(number, frame)


_state: _Shutdown | None = None


def install() -> bool:
    """Take note of SIGTERM from now on instead of dying of it. Whether it is in force.

    A handler that the program had installed is still called. Only the main thread may install handlers: elsewhere
    nothing changes and the answer is False. Calling it again changes nothing. Forked children have the earlier handler.
    """
    global _state  # noqa: PLW0603 - signal handlers belong to the process
    if threading.current_thread() is not threading.main_thread():
        return False
    if _state is None:
        _state = _Shutdown()
    if not _state.is_installed:
        _state.earlier = signal.signal(signal.SIGTERM, _state.handle)
        _state.is_installed = True
    return True


def uninstall() -> None:
    """Put the earlier handler back and forget what was seen. For programs that embed others, and tests."""
    global _state  # noqa: PLW0603
    if _state is None:
        return
    signal.signal(signal.SIGTERM, _state.earlier if _state.earlier is not None else signal.SIG_DFL)
    os.close(_state.reader)
    os.close(_state.writer)
    _state = None


def stopping() -> bool:
    """Whether SIGTERM has been seen. Always False before `install()`."""
    return _state is not None and _state.is_stopping


def wait(timeout_s: float | None = None) -> bool:
    """Wait until SIGTERM is seen, at most `timeout_s` seconds: a sleep that ends early. Whether it was seen.

    Raises RuntimeError before `install()` if there is no timeout: it would wait for ever.
    """
    if _state is None:
        if timeout_s is None:
            raise RuntimeError("shutdown.wait() without a timeout needs shutdown.install() first")
        threading.Event().wait(timeout_s)
        return False
    readable, _, _ = select.select([_state.reader], [], [], timeout_s)
    return bool(readable) or _state.is_stopping


def signal_descriptor() -> int:
    """A descriptor that becomes readable when SIGTERM is seen, and stays so: for event loops. Close it after use.

    Raises RuntimeError before `install()`.
    """
    if _state is None:
        raise RuntimeError("waiting for SIGTERM needs shutdown.install() first")
    return os.dup(_state.reader)


def leave() -> Never:
    """End the process with exit code 143, clean-up handlers included. The attempt counts as not done."""
    raise SystemExit(EXIT_CODE)


def leave_if_stopping() -> None:
    """`leave()` if SIGTERM has been seen."""
    if stopping():
        leave()


@contextmanager
def finish_item() -> Generator[None, None, None]:
    """A block that is not interrupted by SIGTERM: the process leaves (exit code 143) before it or after it."""
    leave_if_stopping()
    yield
    leave_if_stopping()


# A forked child (multiprocessing) must die of SIGTERM as its parent expects, or a pool could not stop its workers.
# The signal waits while that is arranged, or one that comes right after the fork would be taken for the parent's.
_forking = threading.local()


def _before_fork() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}) if _state is not None else None


def _after_in_parent() -> None:
    if _forking.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _after_in_child() -> None:
    uninstall()
    _after_in_parent()


os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
