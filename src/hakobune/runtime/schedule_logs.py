"""What is told of the attempts of schedules. What a crash cuts off is not written again: the attempt is made again, and
that is told."""

from __future__ import annotations

from functools import partial

from hakobune.core.logs.schedules import attempt_finished, attempt_started
from hakobune.core.schedules.model import Outcome, Run, Schedule
from hakobune.runtime.log_gathering import Entries, Gathering

_WAITING_MAX = 20_000  # entries that wait to be written; what comes beyond them is dropped


class ScheduleLog:
    """Entries of attempts, on their way to the log."""

    def __init__(self, entries: Entries) -> None:
        self._gathering = Gathering(entries, "attempts of schedules", at_most=_WAITING_MAX)

    def started(self, schedule: Schedule, run: Run, at_s: float) -> None:
        """An attempt of a run begins."""
        self._gathering.take(partial(attempt_started, schedule, run, at_s))

    def finished(self, schedule: Schedule, run: Run, outcome: Outcome, at_s: float) -> None:
        """An attempt of a run has ended."""
        self._gathering.take(partial(attempt_finished, schedule, run, outcome, at_s))

    async def run(self) -> None:
        """Until cancelled."""
        await self._gathering.run()
