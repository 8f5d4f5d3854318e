"""A resident worker that says when it is at work, so that nobody stops it in the middle.

The platform names a file in HAKOBUNE_WORK_FILE. While at least one piece of work is in flight, this process holds an
exclusive lock (flock) on it: locked means busy. There is no protocol that could fail: the kernel frees the lock when
the process dies, however it dies. Without the variable nothing is done, so the same program runs anywhere.
"""

from __future__ import annotations

import fcntl
import functools
import inspect
import os
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

from hakobune.sdk import shutdown
from hakobune.sdk.shutdown import stopping

__all__ = ["WORK_FILE_VARIABLE", "Busy", "busy", "in_flight", "stopping", "until_stopping"]

P = ParamSpec("P")
R = TypeVar("R")

WORK_FILE_VARIABLE = "HAKOBUNE_WORK_FILE"


class _Work:
    """How many pieces of work this process has in flight, and the lock that says so."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: int | None = None  # a descriptor on which a thread waits for the lock
        self._descriptor: int | None = None  # the one that holds it
        self.count = 0

    def begin(self) -> None:
        with self._guard:
            if self.count == 0:
                self._take()
            self.count += 1

    def end(self) -> None:
        with self._guard:
            self.count -= 1
            if self.count == 0 and self._descriptor is not None:
                _release(self._descriptor)
                self._descriptor = None

    def forget(self) -> None:
        """In a forked child: the work is the parent's, and so is the lock. Closing our copies does not free it."""
        for descriptor in (self._descriptor, self._waiting):
            if descriptor is not None:
                os.close(descriptor)

    def _take(self) -> None:
        path = os.environ.get(WORK_FILE_VARIABLE)
        if not path or self._waiting is not None:
            return
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another process of this instance is at work, or the platform looks in this very moment. The work does
            # not wait for the lock; the lock comes to us as soon as the other one lets it go.
            self._waiting = descriptor
            threading.Thread(target=self._wait, args=(descriptor,), name="work file", daemon=True).start()
        except BaseException:
            os.close(descriptor)
            raise
        else:
            self._descriptor = descriptor

    def _wait(self, descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with self._guard:
            self._waiting = None
            if self.count:
                self._descriptor = descriptor
            else:
                _release(descriptor)


def _release(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing alone would leave it to a copy in a child that was just forked
    os.close(descriptor)


_work = _Work()


def _forget_work() -> None:
    global _work  # noqa: PLW0603 - the work belongs to the process
    _work.forget()
    _work = _Work()


os.register_at_fork(after_in_child=_forget_work)


class Busy:
    """One piece of work: a block (`with` or `async with`), or what a function does (as a decorator). May be nested and
    used by any number of threads and coroutines at once."""

    def __enter__(self) -> None:
        _work.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _work.end()

    async def __aenter__(self) -> None:
        _work.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _work.end()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, whose calls are work; of a coroutine function, until the coroutine has ended."""
        if inspect.iscoroutinefunction(function):
            awaited = cast("Callable[P, Awaitable[object]]", function)

            @functools.wraps(function)
            async def run_async(*args: P.args, **kwargs: P.kwargs) -> object:
                async with self:
                    return await awaited(*args, **kwargs)

            return cast("Callable[P, R]", run_async)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return run


def busy() -> Busy:
    """A block in which this instance is busy: `with worker.busy():`, `async with worker.busy():`, or `@worker.busy()`
    above a function. It begins when you take a message and ends when you have acknowledged it.

    Raises OSError if the file of HAKOBUNE_WORK_FILE cannot be opened.
    """
    return Busy()


def in_flight() -> int:
    """Pieces of work that this process has in flight."""
    return _work.count


async def until_stopping() -> None:
    """Return when SIGTERM is seen: `stopping()` for a coroutine. Raises RuntimeError before `shutdown.install()`."""
    import asyncio  # here, because a worker without coroutines need not wait for it

    loop = asyncio.get_running_loop()
    seen: asyncio.Future[None] = loop.create_future()
    descriptor = shutdown.signal_descriptor()

    def mark() -> None:
        if not seen.done():
            seen.set_result(None)

    try:
        loop.add_reader(descriptor, mark)
        try:
            await seen
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)
