"""Events on their way to the driver of an execution, and the box in which they wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.workflows.events import CancelRequested, Event
from hakobune.core.workflows.machine import Machine


@dataclass(slots=True, eq=False)
class Letter:
    """An event on its way to a driver. `check` may refuse it when it is looked at, before anything is written."""

    event: Event
    check: Callable[[Machine], None] | None = None
    refusal: HakobuneError | None = None
    is_settled: bool = False
    _has_settled: anyio.Event | None = None  # somebody waits: nobody does for the answer to a call

    def settle(self, refusal: HakobuneError | None = None) -> None:
        """It is durable, or refused. What was said first counts."""
        if not self.is_settled:
            self.refusal = refusal
            self.is_settled = True
            if self._has_settled is not None:
                self._has_settled.set()

    async def settled(self) -> None:
        """Return when the event is durable, or refused."""
        if not self.is_settled:
            self._has_settled = self._has_settled or anyio.Event()
            await self._has_settled.wait()


class Mailbox:
    """Events for one execution; they may arrive before its driver."""

    def __init__(self) -> None:
        self.letters: deque[Letter] = deque()
        self.arrived = anyio.Event()

    def put(self, letter: Letter) -> None:
        """Leave a letter."""
        self.letters.append(letter)
        self.arrived.set()

    def take(self) -> list[Letter]:
        """All letters that are there."""
        if self.arrived.is_set():
            self.arrived = anyio.Event()
        taken = list(self.letters)
        self.letters.clear()
        return taken

    @property
    def wants_cancel(self) -> bool:
        """Whether somebody wants the execution to end."""
        return any(isinstance(letter.event, CancelRequested) for letter in self.letters)

    def take_cancellations(self) -> list[Letter]:
        """The letters that want the execution to end."""
        taken = [letter for letter in self.letters if isinstance(letter.event, CancelRequested)]
        for letter in taken:
            self.letters.remove(letter)
        return taken

    def refuse(self, refusal: HakobuneError) -> None:
        """Nobody will take what is there."""
        for letter in self.take():
            letter.settle(refusal)
