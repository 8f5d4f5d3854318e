"""Names of services, worker pools, and their revisions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.names import check_location, check_project

# Source: Cloud Run Admin API v2, `projects.locations.services.create`, `serviceId` ("must be fewer than 50
# characters"), and `workerPools.create`, `workerPoolId`.
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?\Z")
# A revision is a label of the DNS.
_REVISION_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class Kind(StrEnum):
    """The collection a name is in: what listens on a port, and what does not."""

    SERVICE = "services"
    POOL = "workerPools"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ResidentName:
    """`projects/P/locations/L/services/S` or `…/workerPools/W`."""

    kind: Kind
    project: str
    location: str
    id: str

    @classmethod
    def make(cls, kind: Kind, project: str, location: str, resident: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        if not _ID.match(resident):
            text = (
                f"{resident[:120]!r} is no id: write 1 to 49 lower-case letters, digits and hyphens, first a letter, "
                "last no hyphen."
            )
            raise InvalidArgument(text, violations=(FieldViolation(field=field, description=text),))
        return cls(
            kind=kind,
            project=check_project(project, field=field),
            location=check_location(location, field=field),
            id=resident,
        )

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"

    def revision(self, revision: str) -> RevisionName:
        """The name of one of its revisions."""
        return RevisionName(resident=self, revision=revision)

    def __str__(self) -> str:
        return f"{self.parent}/{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RevisionName:
    """`…/services/S/revisions/R` or `…/workerPools/W/revisions/R`."""

    resident: ResidentName
    revision: str

    @classmethod
    def make(cls, resident: ResidentName, revision: str, *, field: str = "name") -> Self:
        """Check the last part. Raises InvalidArgument."""
        if not _REVISION_ID.match(revision):
            text = f"{revision[:120]!r} is no revision id: write a DNS label of 1 to 63 characters."
            raise InvalidArgument(text, violations=(FieldViolation(field=field, description=text),))
        return cls(resident=resident, revision=revision)

    def __str__(self) -> str:
        return f"{self.resident}/revisions/{self.revision}"
