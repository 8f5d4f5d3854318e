"""Schedules and their runs in SQLite."""

from __future__ import annotations

import sqlite3

from hakobune.core.errors import AlreadyExists
from hakobune.core.schedules.model import Run, Schedule, ScheduleName
from hakobune.store.documents import to_document
from hakobune.store.records import Page
from hakobune.store.sqlite.document_rows import DocumentRows


class SqliteSchedulesRead(DocumentRows):
    """Questions about schedules."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, "schedules")

    def find_schedule(self, name: ScheduleName) -> Schedule | None:
        return self._one(Schedule, "find", project=name.project, location=name.location, job=name.job)

    def schedule_by_uid(self, uid: str) -> Schedule | None:
        return self._one(Schedule, "by_uid", uid=uid)

    def list_schedules(self, project: str, location: str | None, page: Page) -> list[Schedule]:
        return self._page(Schedule, "list", location, page, project=project)

    def find_run(self, uid: str) -> Run | None:
        return self._one(Run, "find_run", uid=uid)

    def open_run(self, schedule_uid: str) -> Run | None:
        return self._one(Run, "open_run", schedule_uid=schedule_uid)

    def runs_of(self, schedule_uid: str) -> list[Run]:
        return self._all(Run, "runs_of", schedule_uid=schedule_uid)


class SqliteSchedulesWrite(SqliteSchedulesRead):
    """Changes of schedules."""

    def add_schedule(self, schedule: Schedule) -> None:
        name = schedule.name
        if self.find_schedule(name) is not None:
            raise AlreadyExists(f"Job {name} already exists.")
        self._do(
            "add",
            uid=schedule.uid,
            project=name.project,
            location=name.location,
            job=name.job,
            doc=to_document(schedule),
        )

    def save_schedule(self, schedule: Schedule) -> None:
        self._do("save", uid=schedule.uid, doc=to_document(schedule))

    def remove_schedule(self, uid: str) -> None:
        self._do("delete_runs", schedule_uid=uid)
        self._do("delete", uid=uid)

    def save_run(self, run: Run) -> None:
        self._do("save_run", uid=run.uid, schedule_uid=run.schedule_uid, is_forced=run.is_forced, doc=to_document(run))

    def remove_run(self, uid: str) -> None:
        self._do("delete_run", uid=uid)
