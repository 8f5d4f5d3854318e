"""Writes what is told of the attempts of schedules: many entries at once, and nobody waits for them.

What a crash cuts off is not written again: the attempt is made again, and that is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.logs.entries import LogEntry
from hakobune.core.logs.schedules import attempt_finished, attempt_started
from hakobune.core.schedules.model import Outcome, Run, Schedule
from hakobune.runtime.logs import Shelf

_WAITING_MAX = 20_000  # entries that wait to be written; what comes beyond them is dropped
_GATHER_S = 0.1  # so long entries are gathered for one write

_log = logging.getLogger("hakobune.schedules")


class Entries(Protocol):
    """Where entries are kept."""

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        """Keep entries. Raises HakobuneError."""
        ...


class ScheduleLog:
    """Entries of attempts, on their way to the log."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._waiting: list[Callable[[], LogEntry]] = []
        self._has_some = anyio.Event()
        self._is_dropping = False

    def started(self, schedule: Schedule, run: Run, at_s: float) -> None:
        """An attempt of a run begins."""
        self._take(partial(attempt_started, schedule, run, at_s))

    def finished(self, schedule: Schedule, run: Run, outcome: Outcome, at_s: float) -> None:
        """An attempt of a run has ended."""
        self._take(partial(attempt_finished, schedule, run, outcome, at_s))

    def _take(self, make: Callable[[], LogEntry]) -> None:
        if len(self._waiting) < _WAITING_MAX:
            self._waiting.append(make)
            self._has_some.set()
        elif not self._is_dropping:
            self._is_dropping = True
            _log.warning("entries of attempts are lost: the log is written more slowly than they come")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._has_some.wait()
            await anyio.sleep(_GATHER_S)
            makes, self._waiting = self._waiting, []
            self._has_some = anyio.Event()
            self._is_dropping = False
            try:
                await self._entries.write_entries((make() for make in makes), shelf=Shelf.PLATFORM)
            except HakobuneError as error:
                _log.warning("entries of %d attempts are lost: %s", len(makes), error.message)
