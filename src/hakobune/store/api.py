"""What the house remembers, in domain words. One conformance suite (tests/store) runs against every implementation.

A store runs *units of work*: functions that get a transaction and return a value. Units that arrive while another
commit is on its way to the disk share the next one (group commit); a unit that raises changes nothing and does not
disturb its neighbours. When `write` returns, everything the unit did is as durable as the store was told to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from hakobune.core.jobs.decide import Decision, View
from hakobune.core.jobs.model import AttemptRecord, Execution, Job, Task
from hakobune.core.names import ExecutionName, JobName, OperationName
from hakobune.core.operations import AnyOperation, Operation, OperationKind, WorkflowOperation
from hakobune.store.identity_api import IdentityRead, IdentityWrite
from hakobune.store.objects_api import ObjectsRead, ObjectsWrite
from hakobune.store.pubsub_api import MessagesWrite, PubsubRead, PubsubWrite
from hakobune.store.records import (
    Change,
    ChangeKind,
    CommitInfo,
    Durability,
    Effect,
    EffectPhase,
    HeldAttempt,
    OutboxCommand,
    Page,
    Timer,
)
from hakobune.store.schedules_api import SchedulesRead, SchedulesWrite
from hakobune.store.workflows_api import WorkflowsRead, WorkflowsWrite

__all__ = [
    "Change",
    "ChangeKind",
    "CommitInfo",
    "CommitInterceptor",
    "Durability",
    "Effect",
    "EffectPhase",
    "EffectsWrite",
    "HeldAttempt",
    "JobsRead",
    "JobsWrite",
    "OperationsRead",
    "OperationsWrite",
    "OutboxCommand",
    "OutboxWrite",
    "Page",
    "ReadTx",
    "Store",
    "Timer",
    "TimersWrite",
    "WriteTx",
]

T = TypeVar("T")


class JobsRead(Protocol):
    """Questions about jobs. Everything of one read sees one instant."""

    def find_job(self, name: JobName) -> Job | None:
        """The job of this name, if it is not deleted."""
        ...

    def job_by_uid(self, uid: str) -> Job | None:
        """Also one that was deleted and still has executions."""
        ...

    def list_jobs(self, project: str, location: str | None, page: Page) -> list[Job]:
        """By job id, then location. `after` is `job/location` of the last one seen."""
        ...

    def find_execution(self, name: ExecutionName) -> Execution | None:
        """The execution of this name, if it is not deleted."""
        ...

    def find_execution_in_project(self, project: str, location: str | None, execution: str) -> Execution | None:
        """By the id alone, as the v1 API names executions. The job's id is not known there."""
        ...

    def execution_by_uid(self, uid: str) -> Execution | None:
        """Also one that was deleted and has not ended yet."""
        ...

    def list_executions(self, project: str, location: str | None, job: str | None, page: Page) -> list[Execution]:
        """Newest first. `after` is the uid of the last one seen."""
        ...

    def list_tasks(self, execution: Execution, page: Page) -> list[Task]:
        """By index; tasks that were never handed over included. `after` is the last index seen."""
        ...

    def find_task(self, execution: Execution, index: int) -> Task | None:
        """None if the execution has no such index."""
        ...

    def list_attempts(self, execution: Execution, index: int) -> list[AttemptRecord]:
        """All attempts of a task, oldest first; the last one may be with the engine still."""
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

    def count_under_way(self, project: str, location: str) -> int:
        """Executions that have not ended."""
        ...

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

    def hide_execution(self, uid: str) -> None:
        """From now on callers do not see it. A second call does nothing."""
        ...

    def is_hidden(self, execution_uid: str) -> bool:
        """Whether it was hidden, or is gone."""
        ...

    def load_view(self, execution_uid: str, named: Sequence[int], now_s: float) -> View | None:
        """The bounded view for a decision, or None if the execution is gone."""
        ...

    def save(self, decision: Decision) -> None:
        """Store what a decision changed."""
        ...

    def purge_execution(self, uid: str) -> None:
        """Remove an execution with its tasks, attempts and effects; its operations keep the last picture of it that
        `keep_picture` gave them."""
        ...

    def surplus_executions(self, job_uid: str, keep: int) -> list[str]:
        """Uids of ended executions beyond the `keep` newest ended ones."""
        ...

    def executions_of(self, job_uid: str) -> list[str]:
        """Uids of all executions, hidden ones included, oldest first."""
        ...


class OperationsRead(Protocol):
    """Questions about operations."""

    def find_operation(self, name: OperationName) -> AnyOperation | None:
        """The operation, with the newest picture of what it is about."""
        ...

    def find_run_operation(self, name: OperationName) -> Operation | None:
        """The operation, if it is about a job or its execution."""
        ...

    def list_operations(self, project: str, location: str, page: Page) -> list[AnyOperation]:
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

    def close_operation(
        self, name: OperationName, kind: OperationKind, resource: Job | Execution, now_s: float
    ) -> None:
        """An operation that is done now, with its picture."""
        ...

    def add_workflow_operation(self, operation: WorkflowOperation) -> None:
        """An operation about a workflow, done from the start."""
        ...

    def keep_picture(self, resource: Job | Execution) -> None:
        """The resource goes: its operations keep this last picture of it for ever."""
        ...

    def delete_operation(self, name: OperationName) -> bool:
        """Forget an operation that is done. False if there is none."""
        ...

    def keep_key(self, scope: str, key: str, request_sha256: str, operation: str) -> None:
        """Bind an idempotency key to an operation. `scope` is the uid of the job that the key belongs to: its keys go
        with it. Raises AlreadyExists."""
        ...

    def forget_keys_of(self, scope: str, operation: str) -> None:
        """The execution of this operation has grown too old to be kept, and so have its keys."""
        ...


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
        """Give all leases of `owner` back at an orderly stop: what was begun ends in order."""
        ...

    def take_over(self) -> None:
        """At a start, when nobody else can hold a lease: expire all of them. Of each command, one more start is
        counted."""
        ...

    def begin_alone(self, command: OutboxCommand) -> None:
        """The command is about to be begun, and no other of its kind: if the runtime ends now, that counts as a death,
        until `begun`."""
        ...

    def begun(self, commands: Sequence[OutboxCommand]) -> None:
        """These are under way: neither the starts nor the deaths before tell anything of them any more."""
        ...

    def depth(self) -> int:
        """Commands that are not answered."""
        ...


class TimersWrite(Protocol):
    """Instants at which rooms want to be woken."""

    def set(self, timer: Timer) -> None:
        """Set or move the one timer of a subject."""
        ...

    def clear(self, room: str, subject: str) -> None:
        """Drop the timer of a subject, if there is one."""
        ...

    def due(self, now_s: float, limit: int) -> list[Timer]:
        """Timers whose instant has come, earliest first. They stay until they are moved or cleared."""
        ...

    def next_due_s(self) -> float | None:
        """The earliest instant, or None if no timer is set."""
        ...


class EffectsWrite(Protocol):
    """The record of what attempts did."""

    def record(self, effect: Effect, keep: int) -> None:
        """Keep at most the `keep` newest of each attempt."""
        ...

    def of_attempt(self, attempt_uid: str) -> list[Effect]:
        """Oldest first."""
        ...


class ReadTx(Protocol):
    """A read of one instant."""

    @property
    def jobs(self) -> JobsRead:
        """The jobs room."""
        ...

    @property
    def workflows(self) -> WorkflowsRead:
        """The workflows room."""
        ...

    @property
    def identity(self) -> IdentityRead:
        """Service accounts and secrets."""
        ...

    @property
    def schedules(self) -> SchedulesRead:
        """The schedules room."""
        ...

    @property
    def objects(self) -> ObjectsRead:
        """The objects room."""
        ...

    @property
    def pubsub(self) -> PubsubRead:
        """Topics and subscriptions."""
        ...

    @property
    def operations(self) -> OperationsRead:
        """Operations and idempotency keys."""
        ...

    @property
    def seq(self) -> int:
        """The number of the last commit that this read sees."""
        ...

    def changes(
        self, since: int, limit: int, project: str | None, kinds: frozenset[ChangeKind] | None = None
    ) -> list[Change]:
        """Resources that changed after commit `since`, by commit number; each once, in its newest picture. Only of
        these kinds (None: all); the others cost nothing.

        At most `limit`, but a commit is never cut in two: go on from the last number seen. Tasks go with their
        execution; only jobs and executions are told as REMOVED. Raises OutOfRange when removals are asked for and
        `since` lies before what is kept of them: list again, and go on from the `seq` of that read."""
        ...

    def policy(self, resource: str) -> str | None:
        """The IAM policy document of a resource."""
        ...

    def effects_of(self, attempt_uid: str) -> list[Effect]:
        """What an attempt did, oldest first."""
        ...

    def digest(self, project: str) -> str:
        """SHA-256 (hex) of all that the project's resources are: instants, uids and attempts are left out."""
        ...

    def timers_due(self, now_s: float, limit: int) -> list[Timer]:
        """Timers whose instant has come, earliest first."""
        ...

    def next_timer_s(self) -> float | None:
        """The earliest instant of a timer, or None."""
        ...

    def meta(self, key: str) -> str | None:
        """A small fact, or None."""
        ...

    def metas(self, prefix: str) -> Mapping[str, str]:
        """All small facts whose key begins so."""
        ...


class WriteTx(Protocol):
    """One transaction."""

    @property
    def jobs(self) -> JobsWrite:
        """The jobs room."""
        ...

    @property
    def workflows(self) -> WorkflowsWrite:
        """The workflows room."""
        ...

    @property
    def identity(self) -> IdentityWrite:
        """Service accounts and secrets."""
        ...

    @property
    def schedules(self) -> SchedulesWrite:
        """The schedules room."""
        ...

    @property
    def objects(self) -> ObjectsWrite:
        """The objects room."""
        ...

    @property
    def pubsub(self) -> PubsubWrite:
        """Topics and subscriptions."""
        ...

    @property
    def messages(self) -> MessagesWrite:
        """Messages of topics on their way."""
        ...

    @property
    def operations(self) -> OperationsWrite:
        """Operations and idempotency keys."""
        ...

    @property
    def outbox(self) -> OutboxWrite:
        """Commands that wait for their answer."""
        ...

    @property
    def timers(self) -> TimersWrite:
        """Instants that rooms wait for."""
        ...

    @property
    def effects(self) -> EffectsWrite:
        """What attempts did."""
        ...

    @property
    def seq(self) -> int:
        """The number that this commit will have."""
        ...

    def set_policy(self, resource: str, document: str) -> None:
        """Store the IAM policy document of a resource. It goes when the resource is hidden."""
        ...

    def policy(self, resource: str) -> str | None:
        """The IAM policy document of a resource, or None."""
        ...

    def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact."""
        ...

    def clear_meta(self, key: str) -> None:
        """Forget a small fact."""
        ...

    def meta(self, key: str) -> str | None:
        """A small fact, or None."""
        ...

    def metas(self, prefix: str) -> Mapping[str, str]:
        """All small facts whose key begins so."""
        ...

    def snapshot(self, snapshot: str, project: str, now_s: float) -> None:
        """Keep a picture of a project's jobs, executions, tasks and attempts."""
        ...

    def fork(self, snapshot: str, project: str) -> None:
        """Make an empty project equal to a snapshot. Raises NotFound, AlreadyExists (the project is not empty)."""
        ...


class Store(Protocol):
    """A durable memory with one writer."""

    @property
    def queue_depth(self) -> int:
        """Units of work that wait for the writer."""
        ...

    @property
    def under_way(self) -> int:
        """Reads and units of work that somebody waits for."""
        ...

    async def write(self, unit: Callable[[WriteTx], T]) -> T:
        """Run a unit of work and return its value once it is durable.
        Raises what the unit raises. ResourceExhausted (the disk is full) and Unavailable: nothing happened, try again.
        """
        ...

    async def read(self, unit: Callable[[ReadTx], T]) -> T:
        """Run a read on what is committed. Never waits for a writer."""
        ...

    async def wait_for_change(self, since: int, timeout_s: float) -> int:
        """Return the newest commit number as soon as it is above `since`, or after `timeout_s`."""
        ...

    async def close(self) -> None:
        """Commit what is queued, then stop."""
        ...


class CommitInterceptor(Protocol):
    """Sees every commit. The default does nothing; the simulator crashes here."""

    def before_commit(self, seq: int) -> None:
        """The units have run; nothing is durable. What is raised here undoes them all, and every caller gets it."""
        ...

    def after_commit(self, info: CommitInfo) -> None:
        """Durable, and no caller knows yet. What is raised here takes the place of every answer."""
        ...
