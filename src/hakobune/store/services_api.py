"""What the house remembers of services, worker pools, their revisions and instances, in domain words: a part of the
store's interface (`store/api.py`)."""

from __future__ import annotations

from typing import Protocol

from hakobune.core.services.model import Instance, Resident, Revision
from hakobune.core.services.names import Kind, ResidentName
from hakobune.store.records import Page


class ServicesRead(Protocol):
    """Questions about residents."""

    def find_resident(self, name: ResidentName) -> Resident | None:
        """The resident of this name."""
        ...

    def resident_by_uid(self, uid: str) -> Resident | None:
        """None: it was deleted."""
        ...

    def list_residents(self, kind: Kind, project: str, location: str | None, page: Page) -> list[Resident]:
        """By id, then location. `after` is `id/location` of the last one seen."""
        ...

    def resident_uids(self) -> list[str]:
        """Of all projects."""
        ...

    def find_revision(self, resident_uid: str, revision: str) -> Revision | None:
        """The revision of this id."""
        ...

    def revision_by_uid(self, uid: str) -> Revision | None:
        """None: it was deleted."""
        ...

    def revisions_of(self, resident_uid: str, page: Page) -> list[Revision]:
        """Newest first. `after` is the uid of the last one seen."""
        ...

    def live_revisions(self, resident_uid: str) -> list[Revision]:
        """Those that are being deployed, are ready, or have instances, newest first."""
        ...

    def revisions_in(self, kind: Kind, project: str, location: str, page: Page) -> list[Revision]:
        """Of all residents of a place, newest first. `after` is the uid of the last one seen."""
        ...

    def revisions_of_all(self, project: str) -> list[Revision]:
        """Of all residents of a project."""
        ...

    def find_instance(self, uid: str) -> Instance | None:
        """None: it has ended."""
        ...

    def instances(self) -> list[Instance]:
        """Of all residents, also of those that were deleted."""
        ...

    def instances_of(self, resident_uid: str) -> list[Instance]:
        """Oldest first."""
        ...


class ServicesWrite(ServicesRead, Protocol):
    """Changes of residents."""

    def add_resident(self, resident: Resident) -> None:
        """Raises AlreadyExists."""
        ...

    def save_resident(self, resident: Resident) -> None:
        """Replace what is stored under this uid."""
        ...

    def remove_resident(self, uid: str) -> None:
        """Remove a resident with its policy. Its revisions and instances are removed one by one."""
        ...

    def add_revision(self, revision: Revision) -> None:
        """Raises AlreadyExists."""
        ...

    def save_revision(self, revision: Revision) -> None:
        """Replace what is stored under this uid."""
        ...

    def remove_revision(self, uid: str) -> None:
        """It is gone."""
        ...

    def count_start(self, revision_uid: str) -> int:
        """The number of a new instance of a revision, from 1: no other one ever has it."""
        ...

    def save_instance(self, instance: Instance) -> None:
        """Add an instance, or replace it."""
        ...

    def remove_instance(self, uid: str) -> None:
        """It has ended."""
        ...
