"""The small values that pass between a store and its callers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hakobune.core.jobs.model import Execution, Job, Task
from hakobune.core.workflows.model import Workflow, WorkflowExecution


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
    starts: int = 0  # that took it over since it was last known to be under way
    deaths: int = 0  # of the runtime, while this was begun or at work and no other of its kind
    crashes: int = 0  # starts that took it over since all was handled that was open when it was begun
    is_repeat: bool = False  # this runtime has tried it before; an epoch above 1 says that another one may have


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
    WORKFLOW = "workflow"
    WORKFLOW_EXECUTION = "workflow_execution"
    BUCKET = "bucket"
    OBJECT = "object"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The newest picture of a resource that changed. REMOVED, BUCKET, OBJECT, TOPIC and SUBSCRIPTION have only a name;
    an execution of a workflow comes without its argument, its result and the payload of its error."""

    seq: int
    kind: ChangeKind
    name: str
    job: Job | None = None
    execution: Execution | None = None
    task: Task | None = None
    workflow: Workflow | None = None
    workflow_execution: WorkflowExecution | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """What a commit was: for interceptors and telemetry."""

    seq: int
    units: int
    elapsed_s: float
