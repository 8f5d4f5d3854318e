"""What the platform says about instances that end by themselves, on its way to the log `varlog/system`. A crash may cut
off the last of it: the counts and the reason are kept with the instance."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.logs.entries import LogEntry
from hakobune.core.logs.residents import instance_ended
from hakobune.core.services import texts
from hakobune.core.services.model import Revision
from hakobune.engines.api import Ended, EndKind
from hakobune.runtime.attempts import Observer
from hakobune.runtime.logs import Shelf
from hakobune.runtime.service_lanes import revision_of_lane

_WAITING_MAX = 5_000  # entries that wait to be written; what comes beyond them is dropped
_GATHER_S = 0.1  # so long entries are gathered for one write
_SILENT = frozenset({EndKind.LOST, EndKind.STOPPED})  # we ended it

_log = logging.getLogger("hakobune.services")


class Entries(Protocol):
    """Where entries are kept."""

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        """Keep entries. Raises HakobuneError."""
        ...


class InstanceLog(Observer):
    """Hears of ends from the engine. `find` gives a revision by its uid."""

    def __init__(self, entries: Entries, find: Callable[[str], Revision | None]) -> None:
        self._entries = entries
        self._find = find
        self._waiting: list[Callable[[], LogEntry]] = []
        self._has_some = anyio.Event()

    def ended(self, report: Ended) -> None:
        """An instance is over."""
        revision_uid = revision_of_lane(report.lane_uid)
        revision = None if revision_uid is None else self._find(revision_uid)
        if revision is None or report.kind in _SILENT or len(self._waiting) >= _WAITING_MAX:
            return
        text = texts.ended(report.exit_code, report.signal, report.detail)
        is_good = report.exit_code == 0
        self._waiting.append(partial(instance_ended, revision, report.attempt_uid, report.at_s, text, is_good=is_good))
        self._has_some.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._has_some.wait()
            await anyio.sleep(_GATHER_S)
            makes, self._waiting = self._waiting, []
            self._has_some = anyio.Event()
            try:
                await self._entries.write_entries((make() for make in makes), shelf=Shelf.PLATFORM)
            except HakobuneError as error:
                _log.warning("entries of %d instances are lost: %s", len(makes), error.message)
