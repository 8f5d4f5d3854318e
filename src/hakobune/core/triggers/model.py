"""Triggers and channels. Source: Eventarc API v1. Instants are seconds since the epoch, lengths seconds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Self

from hakobune.core.errors import Code, FieldViolation, InvalidArgument
from hakobune.core.names import LocationName, check_location, check_project, default_service_account
from hakobune.core.triggers.limits import ID_CHARACTERS

JSON_TYPE = "application/json"
PATH_PATTERN = "match-path-pattern"

_ID = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{ID_CHARACTERS - 2}}}[a-z0-9])?\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EventarcName:
    """`projects/P/locations/L/<collection>/ID`."""

    collection: ClassVar[str]
    id_field: ClassVar[str]

    project: str
    location: str
    id: str

    @classmethod
    def make(cls, project: str, location: str, name_id: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        check_project(project, field=field)
        check_location(location, field=field)
        if not _ID.match(name_id):
            text = (
                f"Ids of {cls.collection} have 1 to {ID_CHARACTERS} characters, only lower case letters, digits and "
                "hyphens, begin with a letter and end with a letter or digit"
            )
            raise InvalidArgument(
                f"{text}: {name_id[:120]!r}.", violations=[FieldViolation(field=field, description=text)]
            )
        return cls(project=project, location=location, id=name_id)

    @classmethod
    def parse(cls, text: str, *, field: str = "name") -> Self:
        """Parse a full name. Raises InvalidArgument."""
        parts = text.split("/")
        if len(parts) != 6 or parts[::2] != ["projects", "locations", cls.collection]:
            wanted = f"must be of the form projects/PROJECT/locations/LOCATION/{cls.collection}/ID"
            raise InvalidArgument(
                f"{field}: {wanted}, and is {text[:120]!r}.",
                violations=[FieldViolation(field=field, description=wanted)],
            )
        return cls.make(parts[1], parts[3], parts[5], field=field)

    @property
    def parent(self) -> LocationName:
        """The location that it is in."""
        return LocationName(project=self.project, location=self.location)

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/{self.collection}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TriggerName(EventarcName):
    """`projects/P/locations/L/triggers/T`."""

    collection: ClassVar[str] = "triggers"
    id_field: ClassVar[str] = "trigger_id"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ChannelName(EventarcName):
    """`projects/P/locations/L/channels/C`."""

    collection: ClassVar[str] = "channels"
    id_field: ClassVar[str] = "channel_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What an attribute of an event must be. `is_pattern`: the value is a path pattern."""

    attribute: str
    value: str
    is_pattern: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDestination:
    """A service of Cloud Run. `path` "": the root."""

    service: str
    region: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDestination:
    """A URL. `network_attachment` is kept and shown."""

    uri: str
    network_attachment: str = ""


class DestinationKind(StrEnum):
    """Who is told."""

    SERVICE = "service"
    WORKFLOW = "workflow"
    ENDPOINT = "endpoint"
    JOB = "job"  # ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Who is told: one of these is set. `workflow` and `job` are full names. (`job` is ours.)"""

    service: ServiceDestination | None = None
    workflow: str = ""
    endpoint: EndpointDestination | None = None
    job: str = ""

    @property
    def kind(self) -> DestinationKind:
        """Which one is set."""
        if self.service is not None:
            return DestinationKind.SERVICE
        if self.endpoint is not None:
            return DestinationKind.ENDPOINT
        return DestinationKind.WORKFLOW if self.workflow else DestinationKind.JOB

    def __str__(self) -> str:
        if self.service is not None:
            return f"service {self.service.service} in {self.service.region}"
        if self.endpoint is not None:
            return f"endpoint {self.endpoint.uri}"
        return f"workflow {self.workflow}" if self.workflow else f"job {self.job}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mischief:
    """How deliveries are disturbed on purpose, the same for the same seed. `duplicates`: so many more of each event.
    `delay_s`: each comes so much later. `reorder_s`: those of this length of time come in another order. Ours."""

    duplicates: int = 0
    delay_s: float = 0.0
    reorder_s: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger. `max_attempts` 0: until the event is too old. `owns_topic`: the topic goes with it. `is_strict`: a
    duplicate of an event starts a workflow or a job again, as Google's do; else it does not (ours). `revision` counts
    its changes."""

    name: TriggerName
    uid: str
    filters: tuple[Filter, ...]
    destination: Destination
    service_account: str = ""
    topic: str = ""
    subscription: str = ""
    owns_topic: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    channel: str = ""
    content_type: str = JSON_TYPE
    max_attempts: int = 0
    is_strict: bool = False
    mischief: Mischief = Mischief()
    create_s: float = 0.0
    update_s: float = 0.0
    revision: int = 1

    @property
    def event_type(self) -> str:
        """What its filter on `type` says."""
        return next((one.value for one in self.filters if one.attribute == "type"), "")

    @property
    def account(self) -> str:
        """Whose tokens its calls carry; "" for none. An execution is always started by somebody."""
        starts = self.destination.kind in (DestinationKind.WORKFLOW, DestinationKind.JOB)
        return self.service_account or (default_service_account(self.name.project) if starts else "")

    @property
    def etag(self) -> str:
        """Changes with each change."""
        return _etag(self.uid, self.revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where custom events are published. `provider` and `crypto_key_name` are kept and shown."""

    name: ChannelName
    uid: str
    provider: str = ""
    crypto_key_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    create_s: float = 0.0
    update_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Why a trigger does not do what it should."""

    reason: str
    code: Code
    message: str


def _etag(uid: str, revision: int) -> str:
    return hashlib.sha256(f"{uid}/{revision}".encode()).hexdigest()[:24]
