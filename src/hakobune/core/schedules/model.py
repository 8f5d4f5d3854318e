"""Schedules, their targets, and the runs that they start.

Source: Cloud Scheduler API v1 (there a schedule is called a job). Instants are seconds since the epoch, lengths
seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from hakobune.core.errors import Code, FieldViolation, InvalidArgument
from hakobune.core.names import LocationName, check_location, check_project
from hakobune.core.schedules.limits import (
    ATTEMPT_DEADLINE_DEFAULT_S,
    DOUBLINGS_DEFAULT,
    JOB_ID_CHARACTERS,
    MAX_BACKOFF_DEFAULT_S,
    MIN_BACKOFF_DEFAULT_S,
)

_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{JOB_ID_CHARACTERS}}}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ScheduleName:
    """`projects/P/locations/L/jobs/J`."""

    project: str
    location: str
    job: str

    @classmethod
    def make(cls, project: str, location: str, job: str, *, field: str = "name") -> Self:
        """Check all parts. Raises InvalidArgument."""
        check_project(project, field=field)
        check_location(location, field=field)
        if not _ID.match(job):
            text = f"Job ids have 1 to {JOB_ID_CHARACTERS} characters, only letters, digits, hyphens and underscores"
            raise InvalidArgument(f"{text}: {job[:120]!r}.", violations=[FieldViolation(field=field, description=text)])
        return cls(project=project, location=location, job=job)

    @property
    def parent(self) -> LocationName:
        """The location that the schedule is in."""
        return LocationName(project=self.project, location=self.location)

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/jobs/{self.job}"


class ScheduleState(StrEnum):
    """Whether due times start runs."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"


class HttpMethod(StrEnum):
    """How an HTTP target is called."""

    POST = "POST"
    GET = "GET"
    HEAD = "HEAD"
    PUT = "PUT"
    DELETE = "DELETE"
    PATCH = "PATCH"
    OPTIONS = "OPTIONS"


METHODS_WITH_BODY = frozenset({HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthToken:
    """Requests carry an access token of this account. `scope` "": all of Google Cloud."""

    service_account_email: str
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcToken:
    """Requests carry an ID token of this account. `audience` "": the target's URI."""

    service_account_email: str
    audience: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """A request to a URI."""

    uri: str
    method: HttpMethod = HttpMethod.POST
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    oauth: OAuthToken | None = None
    oidc: OidcToken | None = None  # only one of the two

    @property
    def size_bytes(self) -> int:
        """Of body and headers."""
        return len(self.body) + _size_bytes(self.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class PubsubTarget:
    """A message to a topic (its full name)."""

    topic: str
    data: bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def size_bytes(self) -> int:
        """Of data and attributes."""
        return len(self.data) + _size_bytes(self.attributes)


def _size_bytes(texts: Mapping[str, str]) -> int:
    return sum(len(part.encode("utf-8", "surrogatepass")) for pair in texts.items() for part in pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """What follows a failed attempt. `max_retry_duration_s` 0: no bound in time."""

    retry_count: int = 0
    max_retry_duration_s: float = 0.0
    min_backoff_s: float = MIN_BACKOFF_DEFAULT_S
    max_backoff_s: float = MAX_BACKOFF_DEFAULT_S
    max_doublings: int = DOUBLINGS_DEFAULT


class CatchUp(StrEnum):
    """What becomes of due times that passed while the runtime was down. Ours."""

    LATEST = "LATEST"
    NONE = "NONE"


class Overlap(StrEnum):
    """What a due time does while the execution that the one before started is still under way. Ours."""

    ALLOW = "ALLOW"
    FORBID = "FORBID"  # it is left out
    QUEUE = "QUEUE"  # it waits; what falls due while one waits is left out
    REPLACE = "REPLACE"  # the execution is cancelled first, and it waits until that has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """Settings that Cloud Scheduler does not have. `catch_up_window_s` None: however late."""

    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window_s: float | None = None
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended. `execution` names what it started, where an answer of ours says so."""

    code: Code
    message: str = ""
    execution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule. `next_s`: its next due time, None if there is none. `waiting_s`: one that has passed, and waits for
    the run before it to end. `missed_s`: so does the latest that passed while the runtime was down. `executions`: what
    its runs started and may still be under way, oldest first."""

    name: ScheduleName
    uid: str
    schedule: str
    time_zone: str
    http: HttpTarget | None = None
    pubsub: PubsubTarget | None = None  # only one of the two
    description: str = ""
    retry: RetryConfig = RetryConfig()
    attempt_deadline_s: float = ATTEMPT_DEADLINE_DEFAULT_S
    extension: Extension = Extension()
    state: ScheduleState = ScheduleState.ENABLED
    user_update_s: float = 0.0
    last_attempt_s: float | None = None
    outcome: Outcome | None = None
    next_s: float | None = None
    waiting_s: float | None = None
    missed_s: float | None = None
    executions: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of what it sends: the rest has narrow bounds."""
        return sum(target.size_bytes for target in (self.http, self.pubsub) if target is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One due time, or one forced run, until its last attempt has ended.

    `slot_s` is what its requests tell as their time. `attempts`: those that have ended. `begun_s`: when the first one
    began. `retry_s`: when the next one is due, None while one is under way. `is_held`: until then it waits for the
    execution that a run before it started.
    """

    uid: str
    schedule_uid: str
    slot_s: float
    is_forced: bool
    begun_s: float
    attempts: int = 0
    retry_s: float | None = None
    is_held: bool = False
