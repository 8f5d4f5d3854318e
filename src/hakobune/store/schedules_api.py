"""What the house remembers of schedules and their runs, in domain words: a part of the store's interface
(`store/api.py`)."""

from __future__ import annotations

from typing import Protocol

from hakobune.core.schedules.model import Run, Schedule, ScheduleName
from hakobune.store.records import Page


class SchedulesRead(Protocol):
    """Questions about schedules."""

    def find_schedule(self, name: ScheduleName) -> Schedule | None:
        """The schedule of this name."""
        ...

    def schedule_by_uid(self, uid: str) -> Schedule | None:
        """None: it was deleted."""
        ...

    def list_schedules(self, project: str, location: str | None, page: Page) -> list[Schedule]:
        """By job id, then location. `after` is `job/location` of the last one seen."""
        ...

    def find_run(self, uid: str) -> Run | None:
        """A run that has not ended."""
        ...

    def open_run(self, schedule_uid: str) -> Run | None:
        """The run of a due time that has not ended; forced ones are not meant."""
        ...

    def runs_of(self, schedule_uid: str) -> list[Run]:
        """All that have not ended, oldest first."""
        ...


class SchedulesWrite(SchedulesRead, Protocol):
    """Changes of schedules."""

    def add_schedule(self, schedule: Schedule) -> None:
        """Raises AlreadyExists."""
        ...

    def save_schedule(self, schedule: Schedule) -> None:
        """Replace what is stored under this uid."""
        ...

    def remove_schedule(self, uid: str) -> None:
        """Remove a schedule with its runs."""
        ...

    def save_run(self, run: Run) -> None:
        """Add a run, or replace it."""
        ...

    def remove_run(self, uid: str) -> None:
        """A run has ended."""
        ...
