"""The log of a simulated house: entries in memory, on a disk that may refuse, crash half way, or lose its answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import anyio

from hakobune.core.errors import ResourceExhausted
from hakobune.core.logs.entries import LogEntry
from hakobune.runtime.clock import Clock
from hakobune.runtime.log_walk import JOIN_S
from hakobune.runtime.logs import LogsRoom, Shelf
from hakobune.store.api import Store
from hakobune.testing.faults import Crash, Life, Luck


class LogDisk:
    """What outlives a runtime: entries and when they arrived, by shelf."""

    def __init__(self) -> None:
        self.kept: dict[Shelf, list[tuple[float, LogEntry]]] = {shelf: [] for shelf in Shelf}


class SimulatedLogs(LogsRoom):
    """The writing half of the logs room, of one life of a runtime."""

    def __init__(self, store: Store, clock: Clock, disk: LogDisk, life: Life, luck: Luck) -> None:
        super().__init__(store, Path("/nonexistent/hakobune-simulation/logs"), clock)
        self._now_s = clock.now_s
        self._disk = disk
        self._life = life
        self._luck = luck

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        """Keep entries, once each. Raises ResourceExhausted; some may be kept all the same."""
        await anyio.sleep(self._life.disk_delay_s())
        self._life.check()
        now_s, kept = self._now_s(), self._disk.kept[shelf]
        known = set[str]() if since_s is None else {entry.insert_id for at_s, entry in kept if at_s >= since_s - JOIN_S}
        faults = self._luck.faults
        for entry in entries:
            if self._luck.happens(faults.crash_at_commit / 4):
                self._luck.crashes += 1
                self._life.end()
                raise Crash
            if self._luck.happens(faults.full_disk / 4):
                raise ResourceExhausted("The entries could not be kept: the disk is full.")
            if entry.insert_id not in known:
                kept.append((now_s, entry))
                known.add(entry.insert_id)
