"""Long-running operations: what a call that changes something answers, and what clients poll.

An operation of a run or a cancel has no state of its own: it is done when its execution has ended, in the same
instant. When the execution goes (delete, retention), its last picture is kept with the operation for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from hakobune.core.jobs.model import Execution, Job
from hakobune.core.names import OperationName, WorkflowName
from hakobune.core.services.model import Resident, Revision
from hakobune.core.services.names import ResidentName, RevisionName
from hakobune.core.triggers.model import Channel, Trigger
from hakobune.core.workflows.model import Workflow

LARGE_CHARS = 16_384  # ours


class OperationKind(StrEnum):
    """Which call began it."""

    CREATE_JOB = "create_job"
    UPDATE_JOB = "update_job"
    DELETE_JOB = "delete_job"
    RUN_JOB = "run_job"
    CANCEL_EXECUTION = "cancel_execution"
    DELETE_EXECUTION = "delete_execution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`resource` is the newest picture of what the operation is about; `error` is (google.rpc code, message)."""

    name: OperationName
    kind: OperationKind
    create_time_s: float
    done: bool
    resource: Job | Execution
    error: tuple[int, str] | None = None


def last_picture(execution: Execution) -> Execution:
    """What operations keep for ever of an execution that is gone: how it ended, and its declaration, but for commands,
    arguments and variables that are large (LARGE_CHARS): they may hold megabytes, and nobody runs them again."""
    task = execution.template
    texts = [text for container in task.containers for text in (*container.command, *container.args)]
    texts += [variable.value for container in task.containers for variable in container.env]
    if sum(map(len, texts)) <= LARGE_CHARS:
        return execution
    bare = tuple(replace(container, command=(), args=(), env=()) for container in task.containers)
    return replace(execution, template=replace(task, containers=bare))


class Verb(StrEnum):
    """What an operation about a workflow does, in the word of its metadata."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowOperation:
    """A change of a workflow. It is done when it is answered: definitions are compiled at once.

    `workflow` is the picture to answer with, None for a delete or an error; `error` is (google.rpc code, message).
    """

    name: OperationName
    verb: Verb
    target: WorkflowName
    create_time_s: float
    workflow: Workflow | None = None
    error: tuple[int, str] | None = None

    @property
    def done(self) -> bool:
        return True


class ResidentVerb(StrEnum):
    """What an operation about a service, a worker pool, or a revision of one does."""

    CREATE = "create_resident"
    UPDATE = "update_resident"
    DELETE = "delete_resident"
    DELETE_REVISION = "delete_revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentOperation:
    """A change of a service, a worker pool, or a revision. It is done in the turn in which its resource settles.

    `resource` is the newest picture until then, and the one that it settled with for ever after (deletes: the last
    one); `error` is (google.rpc code, message).
    """

    name: OperationName
    verb: ResidentVerb
    target: ResidentName | RevisionName
    create_time_s: float
    done: bool
    resource: Resident | Revision
    error: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventarcOperation:
    """A change of a trigger or a channel. It is done when it is answered.

    `trigger` or `channel` is the picture to answer with: that of a deleted one is the last one.
    """

    name: OperationName
    verb: Verb
    target: str
    create_time_s: float
    trigger: Trigger | None = None
    channel: Channel | None = None

    @property
    def done(self) -> bool:
        return True


AnyOperation = EventarcOperation | Operation | WorkflowOperation | ResidentOperation
