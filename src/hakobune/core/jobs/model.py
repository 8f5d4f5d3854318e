"""The nouns of jobs: what a user declares (Job, templates, containers) and what one run leaves behind.

`other` maps hold fields that we accept, keep and give back but do not act on, as canonical v2 JSON (camelCase).
Units: `*_s` seconds (instants: since the epoch), `*_bytes` bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hakobune.core.containers import Container
from hakobune.core.jobs import limits
from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.core.names import ExecutionName, JobName


def _no_json() -> dict[str, object]:
    return {}


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTemplate:
    """How one task runs."""

    containers: tuple[Container, ...]
    max_retries: int = limits.RETRIES_DEFAULT
    timeout_s: float = limits.TIMEOUT_DEFAULT_S
    service_account: str = ""
    execution_environment: str = "EXECUTION_ENVIRONMENT_GEN2"
    volumes: tuple[Mapping[str, object], ...] = ()
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionTemplate:
    """How one execution runs. `parallelism` 0 means: as many as possible."""

    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    parallelism: int = 0
    task_count: int = 1
    template: TaskTemplate
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReference:
    """The newest execution, as a job shows it."""

    execution: str
    create_time_s: float
    completion_time_s: float | None
    state: ExecutionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A declared job. `generation` rises with every change of what is declared."""

    name: JobName
    uid: str
    generation: int
    etag: str
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    create_time_s: float
    update_time_s: float
    creator: str = ""
    last_modifier: str = ""
    client: str = ""
    client_version: str = ""
    launch_stage: str = ""  # "" = GA
    template: ExecutionTemplate
    start_execution_token: str = ""
    run_execution_token: str = ""
    is_reconciling: bool = False  # its source is being prepared
    ready_error: str = ""  # why it cannot be run
    execution_count: int = 0
    latest_execution: ExecutionReference | None = None
    other: Mapping[str, object] = field(default_factory=_no_json)


class ResultKind(StrEnum):
    """How an attempt ended, in the words of the user's world."""

    SUCCESS = "success"
    EXIT = "exit"  # a code other than 0
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    START_FAILED = "start_failed"  # the program cannot be started as declared
    LOST = "lost"  # the platform's fault; uses no retry


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The outcome of one attempt. `detail` adds to the standard message where we know more."""

    kind: ResultKind
    exit_code: int | None = None
    signal: int | None = None
    detail: str = ""


class Cause(StrEnum):
    """Why an attempt exists: every system is asked "why did this run?"."""

    FIRST = "first"
    RETRY = "retry"
    LOST = "lost"
    RERUN = "rerun"  # a re-run of failed tasks on request


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One index of an execution. `attempt` is the number of the newest attempt, -1 before the first.

    `retried` counts the user's failures that led to another attempt, `lost` the attempts that the platform lost.
    The attempt number always rises, but for an attempt that was taken back before it ever started.
    """

    index: int
    state: TaskState
    attempt: int = -1
    attempt_uid: str = ""  # the one that the engine holds; "" while none
    attempt_create_s: float | None = None  # when that one was handed over; None while none
    attempt_start_s: float | None = None  # when its process began; None until then
    retried: int = 0
    lost: int = 0
    not_before_s: float | None = None  # backoff
    is_running: bool = False  # the engine has said that the process exists
    handed_over: int = 0  # times that an attempt was given to the engine; makes attempt uids unique
    cause: Cause = Cause.FIRST  # of the next or present attempt
    start_time_s: float | None = None  # of the first attempt
    completion_time_s: float | None = None
    result: AttemptResult | None = None  # of the last ended attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One try of a task. Kept for good once it has ended; before, it follows from its task."""

    uid: str
    index: int
    number: int
    cause: Cause
    create_time_s: float
    start_time_s: float | None = None
    end_time_s: float | None = None
    result: AttemptResult | None = None
    max_rss_bytes: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Extensions beyond Cloud Run, from `hakobune.dev/…` annotations of the execution template."""

    backoff_s: float = 0.0  # before the second attempt; doubles, at most limits.BACKOFF_MAX_S
    max_failed_tasks: int | None = None  # more failed tasks than this cancel the rest
    warm_modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Stored with the execution, never computed per request. `retried` counts tasks, not retries."""

    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    attempts_ended: int = 0  # ours: all attempts

    @property
    def ended(self) -> int:
        """Tasks that have reached a final state."""
        return self.succeeded + self.failed + self.cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run of a job. The template is a copy: later changes of the job do not touch it."""

    name: ExecutionName
    uid: str
    job_uid: str
    job_generation: int
    generation: int = 1
    etag: str
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    creator: str = ""
    launch_stage: str = ""
    task_count: int
    parallelism: int  # effective, 1..task_count
    template: TaskTemplate
    policy: Policy = Policy()
    state: ExecutionState
    counts: Counts = Counts()
    create_time_s: float
    start_time_s: float | None = None  # containers may start
    first_start_time_s: float | None = None  # the first process exists: condition Started
    completion_time_s: float | None = None
    update_time_s: float
    failure_index: int | None = None  # the first task that failed for good
    failure: AttemptResult | None = None
    cancel_reason: str = ""  # "" or why the rest was cancelled: "user", "deleted", "max_failed_tasks"
    operation_id: str = ""  # of the `:run` call
    rerun_of: str = ""  # execution id, when this one re-runs failed tasks
