"""Where blocking work goes: worker threads, a few at a time. In a simulation it runs inline, so that a seed repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

T = TypeVar("T")
P = ParamSpec("P")

_AT_ONCE = 4


class Threads(Protocol):
    """Runs a blocking function without stopping the loop."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


class WorkerThreads:
    """Real threads."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In a worker thread."""
        return await anyio.to_thread.run_sync(lambda: work(*args, **kwargs), limiter=self._limiter)


class InlineThreads:
    """No threads."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """At once, then let others run."""
        result = work(*args, **kwargs)
        await anyio.lowlevel.checkpoint()
        return result
