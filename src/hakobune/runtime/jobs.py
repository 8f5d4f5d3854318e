"""The jobs room: what callers may ask. How its commands are carried out: `job_commands`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from hakobune.core.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from hakobune.core.jobs import limits
from hakobune.core.jobs.decide import CancelRequested
from hakobune.core.jobs.drafts import JobDraft, Overrides, with_default_memory_kept
from hakobune.core.jobs.model import AttemptRecord, Cause, Execution, ExecutionTemplate, Job, Task
from hakobune.core.jobs.overrides import apply_overrides
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES, TaskState
from hakobune.core.names import ExecutionName, JobName, OperationName
from hakobune.core.operations import Operation, OperationKind
from hakobune.runtime import executions
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.programs import Programs
from hakobune.runtime.runs import Caller, Runs
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Effect, Page


def missing(kind: str, name: JobName | ExecutionName, child: str = "") -> NotFound:
    """The service's own text for what does not exist."""
    last = child or (name.execution if isinstance(name, ExecutionName) else name.job)
    return NotFound(
        f"Resource '{last}' of kind '{kind}' in region '{name.location}' in project '{name.project}' does not exist."
    )


class JobsRoom:
    """Jobs, executions and tasks of all projects."""

    def __init__(self, wheel: Wheel, programs: Programs, runs: Runs, identifiers: Identifiers) -> None:
        self._wheel = wheel
        self._programs = programs
        self._runs = runs
        self._identifiers = identifiers

    # -- jobs ---------------------------------------------------------------------------------------------------

    async def create(self, name: JobName, draft: JobDraft, caller: Caller, *, validate_only: bool = False) -> Operation:
        """Declare a new job. Raises AlreadyExists, InvalidArgument, FailedPrecondition (its image is not mapped)."""
        self._programs.check(draft)

        def unit(turn: Turn) -> Operation:
            if turn.tx.jobs.find_job(name) is not None:
                raise AlreadyExists(f"Resource '{name.job}' already exists.")
            job = self._declared(name, draft, caller, turn.now_s, None)
            if validate_only:
                return self._unkept(OperationKind.CREATE_JOB, job, turn.now_s)
            self._check_room(turn, job)
            turn.tx.jobs.add_job(job)
            return self._stored(turn, OperationKind.CREATE_JOB, job, caller)

        return await self._wheel.turn(unit)

    async def update(
        self,
        name: JobName,
        declare: Callable[[Job | None], JobDraft],
        caller: Caller,
        *,
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> Operation:
        """Replace what is declared by what `declare` makes of it: in one turn, so that nobody changes the job in
        between. Executions under way keep what they began with. Raises NotFound, Aborted (the draft's etag is not the
        job's), and what `declare` raises."""

        def unit(turn: Turn) -> Operation:
            old = turn.tx.jobs.find_job(name)
            if old is None and not allow_missing:
                raise missing("JOB", name)
            draft = declare(old)
            self._programs.check(draft)
            if old is not None and draft.etag and draft.etag != old.etag:
                raise Aborted(
                    f"Job '{name.job}' was changed since it was read (etag {draft.etag[:80]}): read it again."
                )
            job = self._declared(name, draft, caller, turn.now_s, old)
            kind = OperationKind.CREATE_JOB if old is None else OperationKind.UPDATE_JOB
            if validate_only:
                return self._unkept(kind, job, turn.now_s)
            self._check_room(turn, job)
            if old is None:
                turn.tx.jobs.add_job(job)
            else:
                _close_superseded(turn, old)
                turn.tx.jobs.replace_job(job)
            return self._stored(turn, kind, job, caller)

        return await self._wheel.turn(unit)

    def _declared(self, name: JobName, draft: JobDraft, caller: Caller, now_s: float, old: Job | None) -> Job:
        if old is not None:
            draft = with_default_memory_kept(draft, old.template)
        generation = 1 if old is None else old.generation + int(_declaration(old) != _declaration(draft))
        return Job(
            name=name,
            uid=self._identifiers.uid() if old is None else old.uid,
            generation=generation,
            etag=f'"{self._identifiers.uid()[:13]}"',
            labels=draft.labels,
            annotations=draft.annotations,
            create_time_s=now_s if old is None else old.create_time_s,
            update_time_s=now_s,
            creator=caller.account if old is None else old.creator,
            last_modifier=caller.account,
            client=draft.client,
            client_version=draft.client_version,
            launch_stage=draft.launch_stage,
            template=draft.template,
            start_execution_token=draft.start_execution_token,
            run_execution_token=draft.run_execution_token,
            is_reconciling=self._programs.needs_preparing(draft.template),
            execution_count=0 if old is None else old.execution_count,
            latest_execution=None if old is None else old.latest_execution,
            other=draft.other,
        )

    def _check_room(self, turn: Turn, job: Job) -> None:
        """A declaration that begins an execution must have room for it now: once accepted, it is begun."""
        if self._runs.wants_token_run(turn, job):
            self._runs.check_room(turn, job.name)

    def _stored(self, turn: Turn, kind: OperationKind, job: Job, caller: Caller) -> Operation:
        """What follows a stored job: its operation, its source, and the execution that a token asks for."""
        operation = self._runs.operation_name(job.name)
        if job.is_reconciling:
            turn.emit(executions.ROOM, job.uid, executions.PREPARE, job.etag)
            turn.tx.operations.add_operation(operation, kind, job.uid, turn.now_s)
        else:
            turn.tx.operations.close_operation(operation, kind, job, turn.now_s)
            self._runs.begin_by_token(turn, job, caller)
        found = turn.tx.operations.find_run_operation(operation)
        assert found is not None  # stored above
        return found

    def _unkept(self, kind: OperationKind, resource: Job | Execution, now_s: float) -> Operation:
        """The answer to `validateOnly`: an operation that cannot be fetched later."""
        name = resource.name if isinstance(resource, Job) else resource.name.job_name
        unkept = self._runs.operation_name(name)
        return Operation(name=unkept, kind=kind, create_time_s=now_s, done=True, resource=resource)

    async def get(self, name: JobName) -> Job:
        """Raises NotFound."""
        job = await self._wheel.store.read(lambda tx: tx.jobs.find_job(name))
        if job is None:
            raise missing("JOB", name)
        return job

    async def list_jobs(self, project: str, location: str | None, page: Page) -> list[Job]:
        """Jobs by id."""
        return await self._wheel.store.read(lambda tx: tx.jobs.list_jobs(project, location, page))

    async def named(self, project: str, job: str) -> list[Job]:
        """Jobs of one id in all locations."""
        page = Page(limit=limits.REGIONS_MAX, after=f"{job}/")
        found = await self._wheel.store.read(lambda tx: tx.jobs.list_jobs(project, None, page))
        return [item for item in found if item.name.job == job]

    async def delete(self, name: JobName, *, validate_only: bool = False) -> Operation:
        """Remove a job: running executions are stopped; job, executions and tasks are gone at once for callers."""

        def unit(turn: Turn) -> Operation:
            job = turn.tx.jobs.find_job(name)
            if job is None:
                raise missing("JOB", name)
            if validate_only:
                return self._unkept(OperationKind.DELETE_JOB, job, turn.now_s)
            turn.tx.operations.keep_picture(job)
            for uid in turn.tx.jobs.executions_of(job.uid):
                _remove(turn, uid)
            turn.tx.jobs.hide_job(job)
            if turn.tx.jobs.job_by_uid(job.uid) is None:
                executions.forget_job(turn, job.uid)
            operation = self._runs.operation_name(name)
            turn.tx.operations.close_operation(operation, OperationKind.DELETE_JOB, job, turn.now_s)
            found = turn.tx.operations.find_run_operation(operation)
            assert found is not None  # stored above
            return found

        return await self._wheel.turn(unit)

    # -- executions ---------------------------------------------------------------------------------------------

    async def run(
        self,
        name: JobName,
        overrides: Overrides,
        caller: Caller,
        *,
        key: str = "",
        validate_only: bool = False,
    ) -> Operation:
        """Begin an execution. With an idempotency `key` the same request gets the same execution every time.
        Raises NotFound, InvalidArgument (an override, or a key used for another request), ResourceExhausted."""
        digest = hashlib.sha256(repr((str(name), overrides)).encode()).hexdigest()

        def unit(turn: Turn) -> Operation:
            job = turn.tx.jobs.find_job(name)
            if job is None:
                raise missing("JOB", name)
            if key and (kept := turn.tx.operations.find_keyed(job.uid, key)) is not None:
                return _keyed(turn, name, kept, digest, key)
            if job.is_reconciling:
                raise FailedPrecondition(f"Job '{name.job}' is still being prepared: wait for its operation.")
            if job.ready_error:
                raise FailedPrecondition(f"Job '{name.job}' is not ready to be run: {job.ready_error}")
            template = apply_overrides(job.template, overrides)
            execution = self._runs.execution(job, self._runs.free_name(turn, name), template, caller, turn.now_s)
            if validate_only:
                return self._unkept(OperationKind.RUN_JOB, execution, turn.now_s)
            self._runs.check_room(turn, name)
            operation = self._runs.begin(turn, execution)
            if key:
                turn.tx.operations.keep_key(job.uid, key, digest, operation.name.operation)
            return operation

        return await self._wheel.turn(unit)

    async def rerun(self, name: ExecutionName, caller: Caller) -> Operation:
        """Begin an execution that runs only the tasks that did not succeed in an ended one, under the same indexes
        and the same count; what succeeded is carried over. Raises NotFound, FailedPrecondition."""

        def unit(turn: Turn) -> Operation:
            old = turn.tx.jobs.find_execution(name)
            if old is None:
                raise missing("EXECUTION", name)
            job = turn.tx.jobs.find_job(name.job_name)
            if job is None:
                raise missing("JOB", name.job_name)
            if old.state not in FINAL_EXECUTION_STATES:
                raise FailedPrecondition(f"Execution '{name.execution}' has not ended: there is nothing to re-run yet.")
            if old.counts.succeeded == old.task_count:
                raise FailedPrecondition(f"All tasks of execution '{name.execution}' succeeded: nothing to re-run.")
            template = ExecutionTemplate(
                labels=old.labels,
                annotations=old.annotations,
                parallelism=old.parallelism,
                task_count=old.task_count,
                template=old.template,
            )
            self._runs.check_room(turn, name.job_name)
            new_name = self._runs.free_name(turn, name.job_name)
            execution = self._runs.execution(job, new_name, template, caller, turn.now_s)
            tasks = turn.tx.jobs.list_tasks(old, Page(limit=old.task_count))
            carried = [_carried(task) for task in tasks]
            retried = sum(task.retried > 0 for task in carried)
            counts = replace(execution.counts, succeeded=old.counts.succeeded, retried=retried)
            execution = replace(execution, rerun_of=name.execution, counts=counts, job_generation=old.job_generation)
            return self._runs.begin(turn, execution, carried)

        return await self._wheel.turn(unit)

    async def get_execution(self, name: ExecutionName) -> Execution:
        """Raises NotFound."""
        execution = await self._wheel.store.read(lambda tx: tx.jobs.find_execution(name))
        if execution is None:
            raise missing("EXECUTION", name)
        return execution

    async def find_execution(self, project: str, location: str | None, execution: str) -> Execution | None:
        """By the execution's id alone."""
        return await self._wheel.store.read(lambda tx: tx.jobs.find_execution_in_project(project, location, execution))

    async def list_executions(self, project: str, location: str | None, job: str | None, page: Page) -> list[Execution]:
        """Executions, newest first; of one job, or of all (None)."""
        return await self._wheel.store.read(lambda tx: tx.jobs.list_executions(project, location, job, page))

    async def cancel(self, name: ExecutionName, *, validate_only: bool = False) -> Operation:
        """Stop what runs, drop what waits. Raises NotFound, FailedPrecondition (it has ended)."""

        def unit(turn: Turn) -> Operation:
            execution = turn.tx.jobs.find_execution(name)
            if execution is None:
                raise missing("EXECUTION", name)
            if execution.state in FINAL_EXECUTION_STATES:
                raise FailedPrecondition(f"Execution '{name.execution}' cannot be cancelled because it is not running.")
            if validate_only:
                return self._unkept(OperationKind.CANCEL_EXECUTION, execution, turn.now_s)
            operation = self._runs.operation_name(name.job_name)
            turn.tx.operations.add_operation(operation, OperationKind.CANCEL_EXECUTION, execution.uid, turn.now_s)
            executions.apply(turn, execution.uid, CancelRequested(reason="user"))
            found = turn.tx.operations.find_run_operation(operation)
            assert found is not None  # stored above
            return found

        return await self._wheel.turn(unit)

    async def delete_execution(self, name: ExecutionName, *, validate_only: bool = False) -> Operation:
        """Cancel an execution if it runs, and remove it. Raises NotFound."""

        def unit(turn: Turn) -> Operation:
            execution = turn.tx.jobs.find_execution(name)
            if execution is None:
                raise missing("EXECUTION", name)
            if validate_only:
                return self._unkept(OperationKind.DELETE_EXECUTION, execution, turn.now_s)
            operation = self._runs.operation_name(name.job_name)
            turn.tx.operations.add_operation(operation, OperationKind.DELETE_EXECUTION, execution.uid, turn.now_s)
            _remove(turn, execution.uid)
            found = turn.tx.operations.find_run_operation(operation)
            assert found is not None  # stored above
            return found

        return await self._wheel.turn(unit)

    async def list_tasks(self, execution: Execution, page: Page) -> list[Task]:
        """Tasks by index, those that wait included."""
        return await self._wheel.store.read(lambda tx: tx.jobs.list_tasks(execution, page))

    async def get_task(self, execution: Execution, index: int) -> Task:
        """Raises NotFound."""
        task = await self._wheel.store.read(lambda tx: tx.jobs.find_task(execution, index))
        if task is None:
            raise missing("TASK", execution.name, f"{execution.name.execution}-task{index}")
        return task

    async def list_attempts(self, execution: Execution, index: int) -> list[AttemptRecord]:
        """All attempts of a task, oldest first, the running one included."""
        return await self._wheel.store.read(lambda tx: tx.jobs.list_attempts(execution, index))

    async def effects_of(self, attempt_uid: str) -> list[Effect]:
        """What an attempt did through our servers."""
        return await self._wheel.store.read(lambda tx: tx.effects_of(attempt_uid))


def _declaration(job: Job | JobDraft) -> tuple[object, ...]:
    """What makes a new generation when it changes."""
    return (job.template, job.launch_stage, job.start_execution_token, job.run_execution_token, job.other)


def _close_superseded(turn: Turn, old: Job) -> None:
    """A declaration that is replaced while it is prepared never becomes ready: its operation says so for good."""
    if old.is_reconciling:
        ended = replace(old, is_reconciling=False, ready_error="A later declaration replaced it before it was ready.")
        turn.tx.operations.keep_picture(ended)


def _carried(task: Task) -> Task:
    """A task of an ended execution as the re-run begins with it."""
    if task.state is TaskState.SUCCEEDED:
        return replace(task, attempt_uid="")
    return Task(index=task.index, state=TaskState.PENDING, attempt=task.attempt, cause=Cause.RERUN)


def _remove(turn: Turn, execution_uid: str) -> None:
    """Hide an execution from callers; stop it if it runs, else purge it."""
    execution = turn.tx.jobs.execution_by_uid(execution_uid)
    assert execution is not None  # its uid was read in this turn
    turn.tx.jobs.hide_execution(execution_uid)
    if execution.state in FINAL_EXECUTION_STATES:
        executions.purge(turn, execution_uid)
    else:
        executions.apply(turn, execution_uid, CancelRequested(reason="deleted"))


def _keyed(turn: Turn, name: JobName, kept: tuple[str, str], digest: str, key: str) -> Operation:
    """The operation that the first request with this key began."""
    if kept[0] != digest:
        raise InvalidArgument(f"The idempotency key {key!r} was used for another request.")
    operation = turn.tx.operations.find_run_operation(
        OperationName(project=name.project, location=name.location, operation=kept[1])
    )
    if operation is None:
        raise NotFound(f"The operation of idempotency key {key!r} was deleted.")
    return operation
