"""Names of topics, subscriptions, snapshots and schemas, parsed and printed in one place.

Source: the references of the resources: ids have 3 to 255 characters of `[A-Za-z0-9-_.~+%]`, begin with a letter and
not with `goog`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.names import check_project

DELETED_TOPIC = "_deleted-topic_"  # what a subscription shows whose topic is gone

_ID = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}\Z")
_RESERVED = "goog"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PubsubName:
    """`projects/P/<collection>/ID`."""

    collection: ClassVar[str]

    project: str
    id: str

    @classmethod
    def make(cls, project: str, name_id: str, *, field: str = "name") -> Self:
        """Check both parts. Raises InvalidArgument."""
        check_project(project, field=field)
        if not _ID.match(name_id) or name_id.lower().startswith(_RESERVED):
            text = (
                f"Invalid [{cls.collection}] name: ids have 3 to 255 letters, digits and characters of -_.~+%, begin "
                f"with a letter and not with {_RESERVED!r}"
            )
            raise InvalidArgument(
                f"{text}: {name_id[:120]!r}.", violations=[FieldViolation(field=field, description=text)]
            )
        return cls(project=project, id=name_id)

    @classmethod
    def parse(cls, text: str, *, field: str = "name") -> Self:
        """Parse a full name. Raises InvalidArgument."""
        parts = text.split("/")
        if len(parts) != 4 or parts[0] != "projects" or parts[2] != cls.collection:
            wanted = f"Invalid [{cls.collection}] name: expected projects/PROJECT/{cls.collection}/ID"
            raise InvalidArgument(
                f"{wanted}: {text[:120]!r}.", violations=[FieldViolation(field=field, description=wanted)]
            )
        return cls.make(parts[1], parts[3], field=field)

    def __str__(self) -> str:
        return f"projects/{self.project}/{self.collection}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TopicName(PubsubName):
    """`projects/P/topics/T`."""

    collection: ClassVar[str] = "topics"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SubscriptionName(PubsubName):
    """`projects/P/subscriptions/S`."""

    collection: ClassVar[str] = "subscriptions"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SnapshotName(PubsubName):
    """`projects/P/snapshots/N`."""

    collection: ClassVar[str] = "snapshots"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SchemaName(PubsubName):
    """`projects/P/schemas/S`."""

    collection: ClassVar[str] = "schemas"
