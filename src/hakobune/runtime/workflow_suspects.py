"""Executions that may have ended the last runtime while they were loaded: out of memory, say, or a bug of a library.

A process that dies leaves no word. So a start counts which commands it takes over, in the commit that takes them over,
and what was loaded is noted with any later commit: an execution pays nothing. One that a second start finds as it was
may be to blame, with all that waited behind it. These are loaded one at a time, each with a durable word before and
after. Who was alone at too many deaths is not loaded again: it fails, and all others go on. What may have ended it
later is the business of `workflow_watch`. (docs/decisions/0018)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import anyio

from hakobune.core.workflows.events import CallId
from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.model import ExecutionError
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_driver import ended_by
from hakobune.runtime.workflow_watch import Watch
from hakobune.store.api import OutboxCommand

_FINE: Final = 1  # starts: after a crash, everything that was under way is taken over once
# Our own: whoever kills the runtime again and again does not meet the same execution alone so often.
_DEATHS_MAX: Final = 5


class Suspects:
    """Lets executions into memory, one at a time those that may end the runtime."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._one = anyio.Lock()

    @asynccontextmanager
    async def loading(self, command: OutboxCommand) -> AsyncGenerator[None]:
        """The execution of this command is loaded inside."""
        if command.starts <= _FINE:
            try:
                yield
            finally:
                self._wheel.begun(command)
            return
        async with self._one:
            await self._wheel.begin_alone(command)
            try:
                yield
            finally:
                self._wheel.begun(command)
            await self._wheel.flush()

    def watch(self, command: OutboxCommand, calls: Iterable[CallId]) -> Watch:
        """Of an execution that is loaded, with these calls open."""
        return Watch(self._wheel, self._one, command, calls)


def verdict(command: OutboxCommand) -> ExecutionError | None:
    """The end of an execution that must not be loaded any more; None if it may be."""
    if command.deaths < _DEATHS_MAX:
        return None
    return ended_by(
        resource_limit(
            f"the runtime has died {command.deaths} times while it loaded this execution, or worked on an answer for "
            "it: it may need more memory than this machine has"
        )
    )
