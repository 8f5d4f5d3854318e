"""Workflows, their revisions, and their executions: what is stored and shown.

Source: Workflows API v1 and Workflow Executions API v1, resources Workflow and Execution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hakobune.core.names import WorkflowExecutionName, WorkflowName
from hakobune.core.workflows.positions import Position


class CallLogLevel(StrEnum):
    """Which calls are logged; the execution's level wins over the workflow's unless it is unspecified."""

    UNSPECIFIED = "CALL_LOG_LEVEL_UNSPECIFIED"
    ALL_CALLS = "LOG_ALL_CALLS"
    ERRORS_ONLY = "LOG_ERRORS_ONLY"
    NONE = "LOG_NONE"


class HistoryLevel(StrEnum):
    """How much of the steps the history tells."""

    UNSPECIFIED = "EXECUTION_HISTORY_LEVEL_UNSPECIFIED"
    BASIC = "EXECUTION_HISTORY_BASIC"
    DETAILED = "EXECUTION_HISTORY_DETAILED"


class ExecutionState(StrEnum):
    """Where an execution stands."""

    QUEUED = "QUEUED"
    ACTIVE = "ACTIVE"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNAVAILABLE = "UNAVAILABLE"


FINAL_STATES = frozenset({ExecutionState.SUCCEEDED, ExecutionState.FAILED, ExecutionState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What an execution is pinned to. `id` is `000001-a4d`: ordinal and three hexadecimal digits."""

    id: str
    ordinal: int
    create_s: float
    source_contents: str
    service_account: str  # as shown: projects/P/serviceAccounts/A
    user_env_vars: Mapping[str, str] = field(default_factory=dict[str, str])
    crypto_key_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A deployed workflow with its latest revision. `description`, `labels` and the two levels are workflow-wide."""

    name: WorkflowName
    uid: str
    create_s: float
    update_s: float
    revision: Revision
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    call_log_level: CallLogLevel = CallLogLevel.UNSPECIFIED
    history_level: HistoryLevel = HistoryLevel.UNSPECIFIED
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFrame:
    """One line of a stack trace, innermost first."""

    step: str
    routine: str
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionError:
    """Why an execution failed: `payload` is the error value as JSON text, `context` is for people."""

    payload: str
    context: str
    stack_trace: tuple[StackFrame, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentStep:
    """A step being executed, or the last one executed."""

    routine: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCounts:
    """Executed steps by billing kind. Source: Workflows pricing page (internal and external steps)."""

    internal: int = 0
    external: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowExecution:
    """One run of a workflow. `argument` and `result` are JSON text."""

    name: WorkflowExecutionName
    uid: str
    workflow_uid: str
    revision_id: str
    state: ExecutionState
    create_s: float
    start_s: float | None = None
    end_s: float | None = None
    argument: str | None = None
    result: str | None = None
    error: ExecutionError | None = None
    call_log_level: CallLogLevel = CallLogLevel.UNSPECIFIED
    history_level: HistoryLevel = HistoryLevel.UNSPECIFIED
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    disable_buffering: bool = False
    service_account: str = ""  # its revision's, an e-mail address: who makes its calls
    current_steps: tuple[CurrentStep, ...] = ()
    steps: StepCounts = field(default_factory=StepCounts)
    is_history_deleted: bool = False
    state_detail: str = ""  # why it is UNAVAILABLE
