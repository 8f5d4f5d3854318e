"""New executions of jobs: their names, their first rows, the operation that callers poll."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hakobune.core.errors import ResourceExhausted
from hakobune.core.jobs import limits
from hakobune.core.jobs.model import Execution, ExecutionTemplate, Job, Task
from hakobune.core.jobs.policy import policy_from_annotations
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.names import ExecutionName, JobName, OperationName
from hakobune.core.operations import Operation, OperationKind
from hakobune.runtime import executions
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.wheel import Turn

_ID_TRIES = 20  # five random characters: a collision is rare, twenty in a row are not chance
_BEGUN_KEPT = 64  # executions begun a moment ago, in memory: their first START needs no read


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: the account of the token, or the default account."""

    account: str


class Runs:
    """Begins executions, within a turn of the caller's."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._begun: OrderedDict[str, Execution] = (
            OrderedDict()
        )  # by uid; one that was never committed is not asked for

    def operation_name(self, name: JobName) -> OperationName:
        """A name for a new operation about a job."""
        return OperationName(project=name.project, location=name.location, operation=self._identifiers.uid())

    def free_name(self, turn: Turn, name: JobName) -> ExecutionName:
        """A name for a new execution. Raises ResourceExhausted."""
        for _ in range(_ID_TRIES):
            candidate = name.execution(f"{name.job}-{self._identifiers.suffix()}")
            if turn.tx.jobs.find_execution(candidate) is None:
                return candidate
        raise ResourceExhausted(f"No free execution id was found for job '{name.job}'.")

    def check_room(self, turn: Turn, name: JobName) -> None:
        """Raises ResourceExhausted if as many executions as may run are running."""
        if turn.tx.jobs.count_under_way(name.project, name.location) >= limits.RUNNING_EXECUTIONS_MAX:
            raise ResourceExhausted(
                f"Too many executions are running in region '{name.location}' of project '{name.project}': "
                f"the limit is {limits.RUNNING_EXECUTIONS_MAX}. Wait until one completes."
            )

    def execution(
        self, job: Job, name: ExecutionName, template: ExecutionTemplate, caller: Caller, now_s: float
    ) -> Execution:
        """An execution as it begins. It is not stored."""
        return Execution(
            name=name,
            uid=self._identifiers.uid(),
            job_uid=job.uid,
            job_generation=job.generation,
            etag="",
            labels=template.labels,
            annotations=template.annotations,
            creator=caller.account,
            launch_stage=job.launch_stage,
            task_count=template.task_count,
            parallelism=min(template.parallelism or template.task_count, template.task_count),
            template=template.template,
            policy=policy_from_annotations(template.annotations),
            state=ExecutionState.RUNNING,
            create_time_s=now_s,
            start_time_s=now_s,
            update_time_s=now_s,
        )

    def begin(self, turn: Turn, execution: Execution, carried: Sequence[Task] = ()) -> Operation:
        """Store an execution and hand over its first attempts; returns its operation."""
        name = self.operation_name(execution.name.job_name)
        execution = replace(execution, operation_id=name.operation)
        executions.begin(turn, execution, carried)
        self._begun[execution.uid] = execution
        if len(self._begun) > _BEGUN_KEPT:
            self._begun.popitem(last=False)
        turn.tx.operations.add_operation(name, OperationKind.RUN_JOB, execution.uid, turn.now_s)
        found = turn.tx.operations.find_run_operation(name)
        assert found is not None  # stored above
        return found

    def just_begun(self, execution_uid: str) -> Execution | None:
        """The declaration of an execution that was begun a moment ago. Tells it once."""
        return self._begun.pop(execution_uid, None)

    def wants_token_run(self, turn: Turn, job: Job) -> bool:
        """Whether the declaration names an execution by a token for the first time."""
        token = _token(job)
        return bool(token) and turn.tx.meta(executions.token_key(job.uid)) != token

    def begin_by_token(self, turn: Turn, job: Job, caller: Caller) -> None:
        """Begin the execution that a token of the declaration names: once per token, also if it was deleted since."""
        if not self.wants_token_run(turn, job):
            return
        token = _token(job)
        turn.tx.set_meta(executions.token_key(job.uid), token)
        name = job.name.execution(f"{job.name.job}-{token}")
        if turn.tx.jobs.find_execution(name) is None:
            self.begin(turn, self.execution(job, name, job.template, caller, turn.now_s))


def _token(job: Job) -> str:
    return job.start_execution_token or job.run_execution_token
