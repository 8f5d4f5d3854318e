"""Services, worker pools, their revisions and instances in SQLite."""

from __future__ import annotations

import sqlite3

from hakobune.core.errors import AlreadyExists
from hakobune.core.services.model import Instance, Resident, Revision, RevisionState
from hakobune.core.services.names import Kind, ResidentName
from hakobune.store.api import Page
from hakobune.store.documents import to_document
from hakobune.store.sqlite.document_rows import DocumentRows

_NEWEST = 1 << 62  # above every number


class SqliteServicesRead(DocumentRows):
    """Questions about residents."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, "services")

    def find_resident(self, name: ResidentName) -> Resident | None:
        return self._one(
            Resident, "find", kind=name.kind.value, project=name.project, location=name.location, id=name.id
        )

    def resident_by_uid(self, uid: str) -> Resident | None:
        return self._one(Resident, "by_uid", uid=uid)

    def list_residents(self, kind: Kind, project: str, location: str | None, page: Page) -> list[Resident]:
        return self._page(Resident, "list", location, page, kind=kind.value, project=project)

    def resident_uids(self) -> list[str]:
        return [row[0] for row in self._connection.execute(self._sql["uids"]).fetchall()]

    def find_revision(self, resident_uid: str, revision: str) -> Revision | None:
        return self._one(Revision, "find_revision", resident_uid=resident_uid, id=revision)

    def revision_by_uid(self, uid: str) -> Revision | None:
        return self._one(Revision, "revision_by_uid", uid=uid)

    def _position(self, uid: str, column: str) -> int:
        row = self._connection.execute(self._sql["revision_position"], {"uid": uid}).fetchone()
        return _NEWEST if row is None else int(row[column])

    def revisions_of(self, resident_uid: str, page: Page) -> list[Revision]:
        return self._all(
            Revision,
            "list_revisions",
            resident_uid=resident_uid,
            before=self._position(page.after, "number"),
            limit=page.limit,
        )

    def live_revisions(self, resident_uid: str) -> list[Revision]:
        return self._all(
            Revision,
            "live_revisions",
            resident_uid=resident_uid,
            first=RevisionState.DEPLOYING.value,
            second=RevisionState.READY.value,
        )

    def revisions_in(self, kind: Kind, project: str, location: str, page: Page) -> list[Revision]:
        return self._all(
            Revision,
            "list_revisions_everywhere",
            kind=kind.value,
            project=project,
            location=location,
            before=self._position(page.after, "position"),
            limit=page.limit,
        )

    def revisions_of_all(self, project: str) -> list[Revision]:
        return self._all(Revision, "revisions_of_project", project=project)

    def find_instance(self, uid: str) -> Instance | None:
        return self._one(Instance, "find_instance", uid=uid)

    def instances(self) -> list[Instance]:
        return self._all(Instance, "instances")

    def instances_of(self, resident_uid: str) -> list[Instance]:
        return self._all(Instance, "instances_of", resident_uid=resident_uid)


class SqliteServicesWrite(SqliteServicesRead):
    """Changes of residents."""

    def add_resident(self, resident: Resident) -> None:
        name = resident.name
        if self.find_resident(name) is not None:
            raise AlreadyExists(f"Resource '{name.id}' already exists.")
        self._do(
            "add",
            uid=resident.uid,
            kind=name.kind.value,
            project=name.project,
            location=name.location,
            id=name.id,
            doc=to_document(resident),
        )

    def save_resident(self, resident: Resident) -> None:
        self._do("save", uid=resident.uid, doc=to_document(resident))

    def remove_resident(self, uid: str) -> None:
        self._do("delete_resident_policy", uid=uid)
        self._do("delete", uid=uid)

    def add_revision(self, revision: Revision) -> None:
        name = revision.name
        if self.find_revision(revision.resident_uid, name.revision) is not None:
            raise AlreadyExists(f"Revision named '{name.revision}' with different configuration already exists.")
        self._do(
            "add_revision",
            uid=revision.uid,
            resident_uid=revision.resident_uid,
            kind=name.resident.kind.value,
            project=name.resident.project,
            location=name.resident.location,
            id=name.revision,
            number=revision.number,
            state=revision.state.value,
            doc=to_document(revision),
        )

    def save_revision(self, revision: Revision) -> None:
        self._do("save_revision", uid=revision.uid, state=revision.state.value, doc=to_document(revision))

    def remove_revision(self, uid: str) -> None:
        self._do("delete_revision", uid=uid)

    def count_start(self, revision_uid: str) -> int:
        row = self._connection.execute(self._sql["count_start"], {"uid": revision_uid}).fetchone()
        return int(row[0])

    def save_instance(self, instance: Instance) -> None:
        self._do(
            "save_instance",
            uid=instance.uid,
            resident_uid=instance.resident_uid,
            revision_uid=instance.revision_uid,
            doc=to_document(instance),
        )

    def remove_instance(self, uid: str) -> None:
        self._do("delete_instance", uid=uid)
