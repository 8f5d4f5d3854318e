"""Builders for the store's tests: each names only what its case is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.containers import Container, EnvVar
from hakobune.core.jobs.decide import (
    AttemptEnded,
    AttemptStarted,
    Created,
    Decision,
    Event,
    Reported,
    StartAttempts,
    decide,
)
from hakobune.core.jobs.model import AttemptResult, Execution, ExecutionTemplate, Job, Policy, ResultKind, TaskTemplate
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.names import JobName, OperationName
from hakobune.store.api import WriteTx

NOW_S = 1_760_000_000.25
SUCCESS = AttemptResult(kind=ResultKind.SUCCESS, exit_code=0)
FAILURE = AttemptResult(kind=ResultKind.EXIT, exit_code=3)


def a_name(job: str = "encode", *, project: str = "p", location: str = "tokyo") -> JobName:
    return JobName(project=project, location=location, job=job)


def an_operation(operation: str, *, project: str = "p", location: str = "tokyo") -> OperationName:
    return OperationName(project=project, location=location, operation=operation)


def a_template(*, retries: int = 0) -> TaskTemplate:
    container = Container(image="local", command=("/bin/true",), env=(EnvVar(name="WORD", value="早い"),))
    return TaskTemplate(containers=(container,), max_retries=retries)


def a_job(job: str = "encode", *, project: str = "p", location: str = "tokyo", uid: str = "") -> Job:
    return Job(
        name=a_name(job, project=project, location=location),
        uid=uid or f"job-{project}-{location}-{job}",
        generation=1,
        etag='"1"',
        labels={"team": "video"},
        create_time_s=NOW_S,
        update_time_s=NOW_S,
        template=ExecutionTemplate(template=a_template()),
    )


def an_execution(
    job: Job,
    suffix: str = "aaaaa",
    *,
    tasks: int = 1,
    parallelism: int = 0,
    retries: int = 0,
    backoff_s: float = 0.0,
    at_s: float = NOW_S,
) -> Execution:
    return Execution(
        name=job.name.execution(f"{job.name.job}-{suffix}"),
        uid=f"{job.uid}-{suffix}",
        job_uid=job.uid,
        job_generation=job.generation,
        etag="",
        task_count=tasks,
        parallelism=parallelism or tasks,
        template=a_template(retries=retries),
        policy=Policy(backoff_s=backoff_s),
        state=ExecutionState.RUNNING,
        create_time_s=at_s,
        start_time_s=at_s,
        update_time_s=at_s,
        operation_id=f"run-{suffix}",
    )


def happen(tx: WriteTx, uid: str, event: Event, named: Sequence[int] = (), now_s: float = NOW_S) -> Decision:
    """One turn of an execution: load the view, decide, save."""
    view = tx.jobs.load_view(uid, named, now_s)
    assert view is not None
    decision = decide(view, event, now_s)
    tx.jobs.save(decision)
    return decision


def begin(tx: WriteTx, execution: Execution) -> list[str]:
    """Store an execution and hand over what may start; the attempt uids."""
    tx.jobs.add_execution(execution)
    return handed_over(happen(tx, execution.uid, Created(), now_s=execution.create_time_s))


def handed_over(decision: Decision) -> list[str]:
    return [
        uid for command in decision.commands if isinstance(command, StartAttempts) for uid, _, _ in command.attempts
    ]


def index_of(attempt_uid: str) -> int:
    return int(attempt_uid.rsplit(".", 2)[1])


def start(tx: WriteTx, attempts: Sequence[str], at_s: float = NOW_S + 1) -> Decision:
    """The engine says that these attempts run."""
    reports = tuple(AttemptStarted(index=index_of(uid), attempt_uid=uid, at_s=at_s) for uid in attempts)
    return _report(tx, attempts, reports, at_s)


def end(tx: WriteTx, attempts: Sequence[str], result: AttemptResult = SUCCESS, at_s: float = NOW_S + 2) -> Decision:
    """The engine says that these attempts, which ran, have ended."""
    reports = tuple(
        AttemptEnded(
            index=index_of(uid),
            attempt_uid=uid,
            at_s=at_s,
            result=result,
            started_at_s=at_s - 1,
            max_rss_bytes=4096,
            cpu_s=0.5,
        )
        for uid in attempts
    )
    return _report(tx, attempts, reports, at_s)


def _report(
    tx: WriteTx, attempts: Sequence[str], reports: tuple[AttemptStarted | AttemptEnded, ...], at_s: float
) -> Decision:
    uid = attempts[0].rsplit(".", 2)[0]
    return happen(tx, uid, Reported(reports=reports), [index_of(attempt) for attempt in attempts], at_s)


def a_finished_execution(tx: WriteTx, job: Job, suffix: str, *, tasks: int = 1, at_s: float = NOW_S) -> Execution:
    """An execution whose tasks have all succeeded."""
    execution = an_execution(job, suffix, tasks=tasks, at_s=at_s)
    end(tx, begin(tx, execution), at_s=at_s + 2)
    found = tx.jobs.execution_by_uid(execution.uid)
    assert found is not None
    assert found.state is ExecutionState.SUCCEEDED
    return found


def without_counts(job: Job) -> Job:
    """A job as it was declared, without what its executions add."""
    return replace(job, execution_count=0, latest_execution=None)
