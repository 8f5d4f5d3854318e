"""Entries that nobody waits for, on their way to the log: many are written at once. A crash cuts off the last of
them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.logs.entries import LogEntry
from hakobune.runtime.logs import Shelf

GATHER_S = 0.1  # so long entries are gathered for one write

_log = logging.getLogger("hakobune.logs")


class Entries(Protocol):
    """Where entries are kept."""

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        """Keep entries. Raises HakobuneError."""
        ...


class Gathering:
    """Gathers entries about `what` for one shelf, at most so many for each write; the others are only counted.
    `told` makes the entry that says how many they are; without it the runtime's own log does."""

    def __init__(
        self,
        entries: Entries,
        what: str,
        *,
        at_most: int,
        shelf: Shelf = Shelf.PLATFORM,
        gather_s: float = GATHER_S,
        told: Callable[[int], Callable[[], LogEntry]] | None = None,
    ) -> None:
        self._entries = entries
        self._what = what
        self._at_most = at_most
        self._shelf = shelf
        self._gather_s = gather_s
        self._told = told
        self._waiting: list[Callable[[], LogEntry]] = []
        self._left_out = 0  # since the last write
        self._has_some = anyio.Event()

    @property
    def is_full(self) -> bool:
        """Whether what comes now is only counted."""
        return len(self._waiting) >= self._at_most

    def take(self, make: Callable[[], LogEntry]) -> None:
        """An entry, made when it is written."""
        if self.is_full:
            self.leave_out()
            return
        self._waiting.append(make)
        self._has_some.set()

    def leave_out(self) -> None:
        """An entry that nobody needs to make."""
        self._left_out += 1

    async def run(self) -> None:
        """Write what is gathered, until cancelled."""
        while True:
            await self._has_some.wait()
            await anyio.sleep(self._gather_s)
            makes, self._waiting = self._waiting, []
            left_out, self._left_out = self._left_out, 0
            self._has_some = anyio.Event()
            if left_out and self._told is not None:
                makes.append(self._told(left_out))
            elif left_out:
                _log.warning(
                    "entries of %d %s are lost: the log is written more slowly than they come", left_out, self._what
                )
            try:
                await self._entries.write_entries((make() for make in makes), shelf=self._shelf)
            except HakobuneError as error:
                _log.warning("entries of %d %s are lost: %s", len(makes), self._what, error.message)
