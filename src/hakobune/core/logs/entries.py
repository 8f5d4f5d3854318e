"""The log entry: what every line, platform message and custom log becomes.

Fields and meanings follow LogEntry of the Cloud Logging API v2
(https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry). JSON within it is canonical (camelCase).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

from hakobune.core.instants import timestamp_to_text


class Severity(StrEnum):
    """Severities by name; `number` orders them."""

    DEFAULT = "DEFAULT"
    DEBUG = "DEBUG"
    INFO = "INFO"
    NOTICE = "NOTICE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"
    ALERT = "ALERT"
    EMERGENCY = "EMERGENCY"

    @property
    def number(self) -> int:
        """0, 100, … 800: google.logging.type.LogSeverity."""
        return _NUMBERS[self]


_NUMBERS: dict[Severity, int] = {severity: 100 * place for place, severity in enumerate(Severity)}


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What wrote the entry: `cloud_run_job` with project_id, location, job_name."""

    type: str
    labels: Mapping[str, str] = field(default_factory=_no_texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOperation:
    """A longer action that several entries tell of."""

    id: str = ""
    producer: str = ""
    first: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLocation:
    """Where in the program the entry was written."""

    file: str = ""
    line: int = 0
    function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which piece of a line that is too long for one entry. How many there are is not known while it is read."""

    uid: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry. `timestamp_text` is the time as its writer gave it, to the nanosecond; "" means it is `timestamp_s`.

    At most one of the payloads is set. Instants are seconds since the epoch.
    """

    insert_id: str
    log_name: str  # projects/P/logs/ID, ID percent-encoded
    timestamp_s: float
    timestamp_text: str = ""
    receive_s: float
    severity: Severity = Severity.DEFAULT
    text_payload: str | None = None
    json_payload: Mapping[str, object] | None = None
    resource: Resource
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    http_request: Mapping[str, object] | None = None
    operation: EntryOperation | None = None
    source_location: SourceLocation | None = None
    span_id: str = ""
    trace: str = ""
    trace_sampled: bool = False
    split: Split | None = None

    @property
    def timestamp(self) -> str:
        """The time as text."""
        return self.timestamp_text or timestamp_to_text(self.timestamp_s)


STDOUT = "run.googleapis.com/stdout"
STDERR = "run.googleapis.com/stderr"
SYSTEM = "run.googleapis.com/varlog/system"

EXECUTION_LABEL = "run.googleapis.com/execution_name"
TASK_LABEL = "run.googleapis.com/task_index"
ATTEMPT_LABEL = "run.googleapis.com/task_attempt"
INSTANCE_LABEL = "instanceId"
JOB_RESOURCE = "cloud_run_job"


def log_name(project: str, log_id: str) -> str:
    """`projects/P/logs/run.googleapis.com%2Fstdout`."""
    return f"projects/{project}/logs/{quote(log_id, safe='-_.~')}"


def job_resource(project: str, location: str, job: str) -> Resource:
    """The resource of everything that an execution of this job writes."""
    return Resource(type=JOB_RESOURCE, labels={"project_id": project, "location": location, "job_name": job})


def job_labels(execution: str, execution_uid: str, index: int, number: int) -> dict[str, str]:
    """Labels of everything that one attempt writes. The instance id is ours: a digest, the same for ever."""
    instance = hashlib.sha256(f"{execution_uid}.{index}.{number}".encode()).hexdigest()
    return {
        INSTANCE_LABEL: f"00{instance[:62]}",
        EXECUTION_LABEL: execution,
        TASK_LABEL: str(index),
        ATTEMPT_LABEL: str(number),
    }


def insert_id(instant_s: float, place: str) -> str:
    """An id that is the same whenever this place is read, sorts by time, and is unique: 8 hexadecimal digits of
    seconds and 8 of microseconds, as the real ones have, and 12 of a digest of the place."""
    micros = round(instant_s * 1e6)
    digest = hashlib.blake2b(place.encode(), digest_size=6).hexdigest()
    return f"{micros // 1_000_000:08x}{micros % 1_000_000:08x}{digest}"


def utc_text(text: str, instant_s: float) -> str:
    """The timestamp `text`, which means `instant_s`, in UTC with the digits that it has. Raises ValueError."""
    _, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    return nanos_to_text(round(instant_s - float(f"0.{digits or 0}")), int(f"{digits:0<9}"))


def nanos_to_text(seconds: int, nanos: int) -> str:
    """A timestamp with all nine digits where they say something. Raises ValueError, OverflowError."""
    if not 0 <= nanos < 1_000_000_000:
        raise ValueError(f"not nanoseconds of a second: {nanos}")
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{nanos:09d}"
    return f"{whole}.{digits if digits[6:] != '000' else digits[:6]}Z"
