"""Where blocking work goes: worker threads, a few at a time, apart for what may pile up. In a simulation it runs
inline, so that a seed repeats."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import ParamSpec, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")

_AT_ONCE = 4


class Threads(Protocol):
    """Runs a blocking function without stopping the loop."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    def apart(self, at_once: int) -> Threads:
        """So many threads for one kind of work alone: what fills these keeps no other work waiting."""
        ...


class WorkerThreads:
    """Real threads."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._limiter = anyio.CapacityLimiter(at_once)

    def apart(self, at_once: int) -> WorkerThreads:
        """Others."""
        return WorkerThreads(at_once)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In a worker thread."""
        return await anyio.to_thread.run_sync(lambda: work(*args, **kwargs), limiter=self._limiter)


async def run_stoppable(threads: Threads, work: Callable[[A, Event], T], argument: A) -> T:
    """What `work(argument, stopped)` returns. A thread cannot be cancelled: when we are, `stopped` is set, and the work
    should end soon. Raises what it raises."""
    stopped = Event()

    async def watch() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    found: list[T] = []
    problem: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            found.append(await threads.run(work, argument, stopped))
        except Exception as error:  # noqa: BLE001 - raised below: what crosses a task group comes out as a group
            problem = error
        group.cancel_scope.cancel()
    if problem is not None:
        raise problem
    return found[0]


class InlineThreads:
    """No threads."""

    def apart(self, at_once: int) -> InlineThreads:
        """None either."""
        del at_once
        return self

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """At once, then let others run."""
        result = work(*args, **kwargs)
        await anyio.lowlevel.checkpoint()
        return result
