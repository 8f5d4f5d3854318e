"""What a decision about an execution is made of: what happened, what it may look at, what changes, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hakobune.core.jobs.model import AttemptRecord, AttemptResult, Execution, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """The engine says that the process of an attempt exists."""

    index: int
    attempt_uid: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """The engine says that an attempt is over. `started_at_s` is None if it never ran, or if nobody knows."""

    index: int
    attempt_uid: str
    at_s: float
    result: AttemptResult
    started_at_s: float | None = None
    may_have_run: bool = False  # nobody knows: the engine lost sight of it
    max_rss_bytes: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What an engine reported about attempts of this execution, in order."""

    reports: tuple[AttemptStarted | AttemptEnded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The execution was just stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """A timer fired: a backoff may be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Somebody wants the rest not to run."""

    reason: str  # "user" or "deleted"


Event = Created | Reported | Woken | CancelRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempts:
    """Hand these attempts to the engine: (attempt uid, task index, attempt number)."""

    attempts: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAttempts:
    """Stop all that the engine holds of this execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Send `Woken` at this instant."""

    at_s: float


Command = StartAttempts | StopAttempts | WakeAt


def _no_tasks() -> dict[int, Task]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a decision may look at: never 10,000 tasks, always enough."""

    execution: Execution
    in_flight: int  # tasks in state RUNNING: the engine owns an attempt
    first_unborn: int  # indexes from here up have no row
    pending_rows: int  # rows in state PENDING, those in backoff included
    ready: tuple[Task, ...] = ()  # PENDING rows that may start now, lowest index first, at most `window(execution)`
    next_ready_s: float | None = None  # when the first row in backoff may start
    named: Mapping[int, Task] = field(default_factory=_no_tasks)  # the tasks that the event speaks of


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What changes, and what must be done outside."""

    execution: Execution
    tasks: tuple[Task, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()  # ended now; one that never started leaves no record
    in_flight: int
    pending_rows: int
    first_unborn: int
    cancel_pending: bool = False  # every PENDING row becomes CANCELLED
    commands: tuple[Command, ...] = ()
