"""Answers that may have ended the last runtimes while they were worked on: one that no memory can take, say.

The answer that ends a runtime is never durable, so its call is among those that were open when the execution came into
memory again. Until all of those are answered, each start that takes the execution over is counted, in the commit that
takes it over: that costs nothing. From the second one on, each answer to such a call has a durable word before it,
and no other of its kind beside it. (docs/decisions/0018)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

import anyio

from hakobune.core.workflows.events import Answered, CallbackArrived, CallId, Event
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand

_FINE = 1  # starts: after a crash, everything that was under way is taken over once


class Watch:
    """The calls of an execution that were open when it came into memory after a crash."""

    def __init__(self, wheel: Wheel, alone: anyio.Lock, command: OutboxCommand, calls: Iterable[CallId]) -> None:
        """`alone` is held by whoever is at work with a durable word about it."""
        self._wheel = wheel
        self._alone = alone
        self._command = command
        self._open = frozenset(calls) if command.crashes else frozenset[CallId]()
        self._is_owing = False  # the durable word stands

    @property
    def is_on(self) -> bool:
        """Whether a call is open that was open then."""
        return bool(self._open)

    @asynccontextmanager
    async def working(self, events: Sequence[Event]) -> AsyncGenerator[None]:
        """These are worked on inside, and committed."""
        if self._command.crashes <= _FINE or not any(map(self._is_doubtful, events)):
            yield
            return
        async with self._alone:
            await self._wheel.begin_alone(self._command)
            self._is_owing = True
            yield
            if self._is_owing:  # nothing was committed
                await self._wheel.persist(lambda turn: turn.tx.outbox.outlived(self._command))
                self._is_owing = False

    def note(self, turn: Turn, waiting: Collection[CallId]) -> None:
        """Of the turn that commits them; these calls are open now."""
        if self._is_owing:
            turn.tx.outbox.outlived(self._command)
        if self._open.isdisjoint(waiting):
            turn.tx.outbox.unsuspected(self._command)

    def committed(self, waiting: Collection[CallId]) -> None:
        """That turn is durable."""
        self._is_owing = False
        self._open = self._open.intersection(waiting)

    def _is_doubtful(self, event: Event) -> bool:
        if isinstance(event, CallbackArrived):  # it ends one of these calls, or none that is open
            return bool(self._open)
        return isinstance(event, Answered) and event.call in self._open
