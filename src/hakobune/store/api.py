"""What the house remembers, in domain words. One conformance suite (tests/store) runs against every implementation.

A store runs *units of work*: functions that get a transaction and return a value. Units that arrive while another
commit is on its way to the disk share the next one (group commit); a unit that raises changes nothing and does not
disturb its neighbours. When `write` returns, everything the unit did is as durable as the store was told to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from hakobune.core.jobs.decide import Decision, View
from hakobune.core.jobs.model import AttemptRecord, Execution, Job, Task
from hakobune.core.names import ExecutionName, JobName, OperationName
from hakobune.core.operations import Operation, OperationKind

T = TypeVar("T")


class Durability(StrEnum):
    """What an acknowledged change survives."""

    POWER = "power"  # a power cut
    PROCESS = "process"  # the death of every process, not a power cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A bounded slice of a list: what comes after the position `after`, at most `limit` items."""

    limit: int
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxCommand:
    """A committed, unanswered command. A write with an old epoch changes nothing."""

    id: int
    room: str
    subject: str  # what it is about: commands of one subject are performed in order
    kind: str
    payload: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """One instant at which a room wants to hear of a subject."""

    room: str
    subject: str
    due_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAttempt:
    """An attempt that the runtime believes to be with the engine."""

    execution_uid: str
    index: int
    number: int
    attempt_uid: str


class ChangeKind(StrEnum):
    """What a change is about."""

    JOB = "job"
    EXECUTION = "execution"
    TASK = "task"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The newest picture of a resource that changed. REMOVED has only a name."""

    seq: int
    kind: ChangeKind
    name: str
    job: Job | None = None
    execution: Execution | None = None
    task: Task | None = None


class EffectPhase(StrEnum):
    """How far an effect of an attempt has come."""

    STARTED = "started"
    APPLIED = "applied"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an attempt did to the world through our front door."""

    attempt_uid: str
    call: str  # identifies the call: its phases share it
    phase: EffectPhase
    target: str  # "POST /v2/projects/…"
    key: str  # idempotency key or precondition, if the call had one
    at_s: float


class JobsRead(Protocol):
    """Questions about jobs. Everything of one read sees one instant."""

    def find_job(self, name: JobName) -> Job | None: ...

    def list_jobs(self, project: str, location: str | None, page: Page) -> list[Job]:
        """By job id, then location. `after` is `job/location` of the last one seen."""
        ...

    def find_execution(self, name: ExecutionName) -> Execution | None: ...

    def find_execution_in_project(self, project: str, location: str | None, execution: str) -> Execution | None:
        """By the id alone, as the v1 API names executions. The job's id is not known there."""
        ...

    def execution_by_uid(self, uid: str) -> Execution | None: ...

    def list_executions(self, project: str, location: str | None, job: str | None, page: Page) -> list[Execution]:
        """Newest first. `after` is the uid of the last one seen."""
        ...

    def list_tasks(self, execution: Execution, page: Page) -> list[Task]:
        """By index; tasks that were never handed over included. `after` is the last index seen."""
        ...

    def find_task(self, execution: Execution, index: int) -> Task | None: ...

    def list_attempts(self, execution: Execution, index: int) -> list[AttemptRecord]:
        """All attempts of a task, oldest first."""
        ...

    def ended_attempts(self, execution_uid: str, index: int | None, page: Page) -> list[AttemptRecord]:
        """Ended attempts by index and number. `after` is the uid of the last one seen."""
        ...

    def held_attempts(self) -> list[HeldAttempt]:
        """All attempts believed to be with the engine."""
        ...

    def executions_under_way(self) -> list[str]:
        """Uids of executions that have not ended, oldest first."""
        ...

    def count_under_way(self, project: str, location: str) -> int: ...

    def totals(self) -> Mapping[str, int]:
        """Stored sums for the metrics page: executions by state, running attempts, waiting tasks."""
        ...


class JobsWrite(JobsRead, Protocol):
    """Changes of jobs."""

    def add_job(self, job: Job) -> None:
        """Raises AlreadyExists."""
        ...

    def replace_job(self, job: Job) -> None:
        """Store a new generation or state of the same uid."""
        ...

    def hide_job(self, job: Job) -> None:
        """From now on the name is free. Its row goes with its last execution (`purge`)."""
        ...

    def add_execution(self, execution: Execution, carried: Sequence[Task] = ()) -> None:
        """Store a new execution; `carried` tasks have a row from the start. Raises AlreadyExists."""
        ...

    def hide_execution(self, uid: str) -> None: ...

    def is_hidden(self, execution_uid: str) -> bool: ...

    def load_view(self, execution_uid: str, named: Sequence[int], now_s: float) -> View | None:
        """The bounded view for a decision, or None if the execution is gone."""
        ...

    def save(self, decision: Decision) -> None:
        """Store what a decision changed."""
        ...

    def purge_execution(self, uid: str) -> None:
        """Remove an execution with its tasks and attempts; its operations keep its last picture."""
        ...

    def surplus_executions(self, job_uid: str, keep: int) -> list[str]:
        """Uids of ended executions beyond the `keep` newest."""
        ...

    def running_executions_of(self, job_uid: str) -> list[str]: ...

    def executions_of(self, job_uid: str) -> list[str]: ...


class OperationsRead(Protocol):
    """Questions about operations."""

    def find_operation(self, name: OperationName) -> Operation | None: ...

    def list_operations(self, project: str, location: str, page: Page) -> list[Operation]:
        """Newest first. `after` is the id of the last one seen."""
        ...

    def find_keyed(self, scope: str, key: str) -> tuple[str, str] | None:
        """(digest of the request, operation id) of an idempotency key."""
        ...


class OperationsWrite(OperationsRead, Protocol):
    """Changes of operations."""

    def add_operation(self, name: OperationName, kind: OperationKind, target_uid: str, now_s: float) -> None:
        """An operation about a job or execution that can be asked."""
        ...

    def close_operation(self, name: OperationName, kind: OperationKind, resource: Job | Execution, now_s: float) -> None:
        """An operation that is done now, with its picture."""
        ...

    def delete_operation(self, name: OperationName) -> bool:
        """Forget an operation that is done. False if there is none."""
        ...

    def keep_key(self, scope: str, key: str, request_sha256: str, operation: str) -> None: ...


class OutboxWrite(Protocol):
    """Commands between commit and perform."""

    def add(self, room: str, subject: str, kind: str, payload: str, *, owner: str, expires_s: float) -> OutboxCommand:
        """Store a command, already claimed by `owner`."""
        ...

    def claim(self, owner: str, *, now_s: float, expires_s: float, limit: int) -> list[OutboxCommand]:
        """Claim commands whose lease has run out, oldest first; the epoch rises."""
        ...

    def complete(self, commands: Sequence[OutboxCommand]) -> int:
        """Remove performed commands; returns how many still had this epoch."""
        ...

    def release(self, owner: str) -> int:
        """Give all leases of `owner` back."""
        ...

    def expire_all(self) -> None:
        """Expire every lease by hand: at a start nobody else can hold one."""
        ...

    def depth(self) -> int: ...


class TimersWrite(Protocol):
    """Instants at which rooms want to be woken."""

    def set(self, timer: Timer) -> None:
        """Set or move the one timer of a subject."""
        ...

    def clear(self, room: str, subject: str) -> None: ...

    def due(self, now_s: float, limit: int) -> list[Timer]: ...

    def next_due_s(self) -> float | None: ...


class EffectsWrite(Protocol):
    """The record of what attempts did."""

    def record(self, effect: Effect, keep: int) -> None:
        """Keep at most the `keep` newest of each attempt."""
        ...

    def of_attempt(self, attempt_uid: str) -> list[Effect]: ...


class ReadTx(Protocol):
    """A read of one instant."""

    @property
    def jobs(self) -> JobsRead: ...

    @property
    def operations(self) -> OperationsRead: ...

    @property
    def seq(self) -> int:
        """The number of the last commit that this read sees."""
        ...

    def changes(self, since: int, limit: int, project: str | None) -> list[Change]:
        """Resources that changed after commit `since`, by commit number; each once, in its newest picture."""
        ...

    def policy(self, resource: str) -> str | None:
        """The IAM policy document of a resource."""
        ...

    def effects_of(self, attempt_uid: str) -> list[Effect]: ...

    def digest(self, project: str) -> str:
        """SHA-256 of all that the project's resources are, times and uids left out."""
        ...

    def timers_due(self, now_s: float, limit: int) -> list[Timer]: ...

    def next_timer_s(self) -> float | None: ...

    def meta(self, key: str) -> str | None: ...


class WriteTx(Protocol):
    """One transaction."""

    @property
    def jobs(self) -> JobsWrite: ...

    @property
    def operations(self) -> OperationsWrite: ...

    @property
    def outbox(self) -> OutboxWrite: ...

    @property
    def timers(self) -> TimersWrite: ...

    @property
    def effects(self) -> EffectsWrite: ...

    @property
    def seq(self) -> int:
        """The number that this commit will have."""
        ...

    def set_policy(self, resource: str, document: str) -> None: ...

    def policy(self, resource: str) -> str | None: ...

    def set_meta(self, key: str, value: str) -> None: ...

    def meta(self, key: str) -> str | None: ...

    def snapshot(self, snapshot: str, project: str, now_s: float) -> None:
        """Keep a picture of a project's jobs, executions, tasks and attempts."""
        ...

    def fork(self, snapshot: str, project: str) -> None:
        """Make an empty project equal to a snapshot. Raises NotFound, AlreadyExists (the project is not empty)."""
        ...


class Store(Protocol):
    """A durable memory with one writer."""

    async def write(self, unit: Callable[[WriteTx], T]) -> T:
        """Run a unit of work and return its value once it is durable.
        Raises what the unit raises, and ResourceExhausted when the disk is full: then nothing happened."""
        ...

    async def read(self, unit: Callable[[ReadTx], T]) -> T:
        """Run a read on what is committed. Never waits for a writer."""
        ...

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        """Return the newest commit number as soon as it is above `since`, or after `timeout_s`."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """What a commit was: for interceptors and telemetry."""

    seq: int
    units: int
    elapsed_s: float


class CommitInterceptor(Protocol):
    """Sees every commit. The default does nothing; the simulator crashes here."""

    def before_commit(self, seq: int) -> None: ...

    def after_commit(self, info: CommitInfo) -> None: ...
