"""What the house remembers, in domain words. One conformance suite (tests/store) runs against every implementation.

A store runs *units of work*: functions that get a transaction and return a value. Units that arrive while another
commit is on its way to the disk share the next one (group commit); a unit that raises changes nothing and does not
disturb its neighbours. When `write` returns, everything the unit did is as durable as the store was told to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from hakobune.store.identity_api import IdentityRead, IdentityWrite
from hakobune.store.jobs_api import JobsRead, JobsWrite, OperationsRead, OperationsWrite
from hakobune.store.objects_api import ObjectsRead, ObjectsWrite
from hakobune.store.outbox_api import EffectsWrite, OutboxWrite, TimersWrite
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
from hakobune.store.services_api import ServicesRead, ServicesWrite
from hakobune.store.triggers_api import TriggersRead, TriggersWrite
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
    def services(self) -> ServicesRead:
        """Services and worker pools."""
        ...

    @property
    def triggers(self) -> TriggersRead:
        """The triggers room."""
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
    def services(self) -> ServicesWrite:
        """Services and worker pools."""
        ...

    @property
    def triggers(self) -> TriggersWrite:
        """The triggers room."""
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
        """Keep a picture of a project: jobs, workflows, objects, messages, with what they came to. Contents of objects
        stay for as long as a snapshot names them. Raises AlreadyExists."""
        ...

    def fork(self, snapshot: str, project: str) -> None:
        """Make an empty project equal to a snapshot. Raises NotFound, AlreadyExists (the project is not empty)."""
        ...

    def forget_snapshot(self, snapshot: str) -> None:
        """Drop a snapshot, and what only it named; its forks keep what they have. Raises NotFound."""
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
