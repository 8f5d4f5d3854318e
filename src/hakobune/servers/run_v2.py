"""Cloud Run Admin API v2: jobs, executions, tasks (https://cloud.google.com/run/docs/reference/rest)."""

from __future__ import annotations

from hakobune.core.errors import Aborted, FieldViolation, InvalidArgument
from hakobune.core.jobs.drafts import JobDraft, Overrides
from hakobune.core.jobs.model import Execution, Job, Task
from hakobune.core.names import (
    WILDCARD,
    ExecutionName,
    JobName,
    check_job_id,
    default_service_account,
    task_index,
)
from hakobune.core.operations import Operation
from hakobune.runtime.app import Runtime
from hakobune.runtime.jobs import missing
from hakobune.runtime.runs import Caller
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, idempotency_key, location_of, page_of, project_of
from hakobune.servers.query import flag, only
from hakobune.store.api import Page
from hakobune.wire import codec, run_v2, run_v2_masks
from hakobune.wire.operations import run_operation_to_json

_BATCH = 50  # executions read at a time for a list of tasks of many
_BASE = "/v2/projects/{project}/locations/{location}"
_JOB = _BASE + "/jobs/{job}"
_EXECUTION = _JOB + "/executions/{execution}"


def job_name(request: Request) -> JobName:
    """The job in the path."""
    found = request.parameters
    return JobName.make(found["project"], found["location"], found["job"])


def execution_name(request: Request) -> ExecutionName:
    """The execution in the path."""
    found = request.parameters
    return ExecutionName.make(found["project"], found["location"], found["job"], found["execution"])


async def body_of(request: Request) -> object:
    """The JSON of a request; an empty body is an empty object."""
    return codec.parse_json(await request.content())


# What one run changes of its job, its environment included, can make another program of it.
RUN_WITH_OVERRIDES = "run.jobs.runWithOverrides"


class RunV2:
    """Handlers over the jobs room."""

    def __init__(self, runtime: Runtime) -> None:
        self._jobs = runtime.jobs
        self._guard = runtime.guard
        self._store = runtime.store

    def routes(self, router: Router) -> None:
        """Register all paths."""
        pages = "pageSize pageToken showDeleted"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", _BASE + "/jobs", "jobId validateOnly", self.create_job),
            ("GET", _BASE + "/jobs", pages, self.list_jobs),
            ("GET", _JOB, "", self.get_job),
            ("PATCH", _JOB, "allowMissing validateOnly updateMask", self.update_job),
            ("DELETE", _JOB, "etag validateOnly", self.delete_job),
            ("POST", _JOB + ":run", "", self.run_job),
            ("GET", _JOB + "/executions", pages, self.list_executions),
            ("GET", _EXECUTION, "", self.get_execution),
            ("DELETE", _EXECUTION, "etag validateOnly", self.delete_execution),
            ("POST", _EXECUTION + ":cancel", "", self.cancel_execution),
            ("POST", _EXECUTION + ":rerun", "", self.rerun_execution),
            ("GET", _EXECUTION + "/tasks", pages, self.list_tasks),
            ("GET", _EXECUTION + "/tasks/{task}", "", self.get_task),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    # -- jobs -----------------------------------------------------------------------------------------------------

    async def create_job(self, request: Request) -> Response:
        """`POST …/jobs?jobId=`."""
        job_id = request.query_fields().get("jobId", "")
        if not job_id:
            raise InvalidArgument(
                "Missing required query parameter 'jobId'.",
                violations=[FieldViolation(field="job_id", description="required")],
            )
        name = JobName.make(request.parameters["project"], request.parameters["location"], check_job_id(job_id))
        draft = run_v2.job_draft_from_json(
            await body_of(request), field="job", name=name, service_account=default_service_account(name.project)
        )
        caller = Caller(account=request.account)
        operation = await self._jobs.create(name, draft, caller, validate_only=flag(request, "validateOnly"))
        return _operation(operation)

    async def get_job(self, request: Request) -> Response:
        """`GET …/jobs/J`."""
        return json_response(run_v2.job_to_json(await self._jobs.get(job_name(request))))

    async def list_jobs(self, request: Request) -> Response:
        """`GET …/jobs`."""
        project, location = project_of(request), location_of(request)
        kind = f"jobs/{project}/{location}"
        page = page_of(request, kind)
        found, token = cut(await self._jobs.list_jobs(project, location, page), page, kind, _job_place)
        return json_response(run_v2.list_to_json("jobs", [run_v2.job_to_json(job) for job in found], token))

    async def update_job(self, request: Request) -> Response:
        """`PATCH …/jobs/J`: a full replacement, or with `updateMask` of the named fields alone; the etag is checked
        when it is given."""
        name = job_name(request)
        body = await body_of(request)
        mask = request.query_fields().get("updateMask", "")

        def declare(job: Job | None) -> JobDraft:
            tree = run_v2_masks.job_with_changes(job, body, mask) if mask else body
            account = default_service_account(name.project)
            return run_v2.job_draft_from_json(tree, field="job", name=name, service_account=account)

        operation = await self._jobs.update(
            name,
            declare,
            Caller(account=request.account),
            allow_missing=flag(request, "allowMissing"),
            validate_only=flag(request, "validateOnly"),
        )
        return _operation(operation)

    async def delete_job(self, request: Request) -> Response:
        """`DELETE …/jobs/J`."""
        run_v2.empty_request_from_json(await body_of(request))
        validate_only = flag(request, "validateOnly")
        return _operation(await self._jobs.delete(job_name(request), validate_only=validate_only))

    async def run_job(self, request: Request) -> Response:
        """`POST …/jobs/J:run`. An `Idempotency-Key` header makes the same request the same execution."""
        name = job_name(request)
        wanted = run_v2.run_request_from_json(await body_of(request), str(name))
        if wanted.overrides != Overrides():
            await self._guard.check(request.account, RUN_WITH_OVERRIDES, str(name))
        operation = await self._jobs.run(
            name,
            wanted.overrides,
            Caller(account=request.account),
            key=idempotency_key(request),
            validate_only=wanted.validate_only,
        )
        return _operation(operation)

    # -- executions -----------------------------------------------------------------------------------------------

    async def list_executions(self, request: Request) -> Response:
        """`GET …/jobs/J/executions`, newest first."""
        project, location, job = project_of(request), location_of(request), request.parameters["job"]
        wanted = None if job == WILDCARD else check_job_id(job, field="parent")
        kind = f"executions/{project}/{location}/{job}"
        page = page_of(request, kind)
        found = await self._jobs.list_executions(project, location, wanted, page)
        if not found and wanted is not None and location is not None:
            await self._jobs.get(JobName.make(project, location, wanted))
        shown, token = cut(found, page, kind, _execution_place)
        items = [run_v2.execution_to_json(execution) for execution in shown]
        return json_response(run_v2.list_to_json("executions", items, token))

    async def get_execution(self, request: Request) -> Response:
        """`GET …/executions/E`."""
        return json_response(run_v2.execution_to_json(await self._jobs.get_execution(execution_name(request))))

    async def delete_execution(self, request: Request) -> Response:
        """`DELETE …/executions/E`."""
        run_v2.empty_request_from_json(await body_of(request))
        validate_only = flag(request, "validateOnly")
        return _operation(await self._jobs.delete_execution(execution_name(request), validate_only=validate_only))

    async def cancel_execution(self, request: Request) -> Response:
        """`POST …/executions/E:cancel`."""
        name = execution_name(request)
        wanted = run_v2.cancel_request_from_json(await body_of(request), str(name))
        return _operation(await self._jobs.cancel(name, validate_only=wanted.validate_only))

    async def rerun_execution(self, request: Request) -> Response:
        """`POST …/executions/E:rerun`, an extension: a new execution of the tasks that did not succeed."""
        name = execution_name(request)
        run_v2.rerun_request_from_json(await body_of(request), str(name))
        return _operation(await self._jobs.rerun(name, Caller(account=request.account)))

    # -- tasks ----------------------------------------------------------------------------------------------------

    async def list_tasks(self, request: Request) -> Response:
        """`GET …/executions/E/tasks`, by index. `-` stands for all executions, and for all jobs."""
        kind = request.path
        page = page_of(request, kind)
        if WILDCARD in (request.parameters["job"], request.parameters["execution"]):
            found = await self._tasks_of_many(request, page)
        else:
            execution = await self._jobs.get_execution(execution_name(request))
            found = await self._some_tasks(execution, page)
        shown, token = cut(found, page, kind, lambda item: _task_place(item, request))
        items = [run_v2.task_to_json(execution, task) for execution, task in shown]
        return json_response(run_v2.list_to_json("tasks", items, token))

    async def _tasks_of_many(self, request: Request, page: Page) -> list[tuple[Execution, Task]]:
        """Tasks of the newest execution first; the page goes on in the middle of the one where the last page ended."""
        project, location = project_of(request), location_of(request)
        job, wanted = request.parameters["job"], request.parameters["execution"]
        job_id = None if job == WILDCARD else check_job_id(job, field="parent")
        found: list[tuple[Execution, Task]] = []
        before, _, index = page.after.partition("/")
        if before:
            last = await self._store.read(lambda tx: tx.jobs.execution_by_uid(before))
            if last is None:
                raise Aborted("The execution at which the last page ended is gone: list again from the beginning.")
            found += await self._some_tasks(last, Page(limit=page.limit, after=index))
        is_last = False
        while len(found) < page.limit and not is_last:
            batch = await self._jobs.list_executions(project, location, job_id, Page(limit=_BATCH, after=before))
            is_last = len(batch) < _BATCH
            for execution in batch:
                before = execution.uid
                if len(found) < page.limit and wanted in (WILDCARD, execution.name.execution):
                    found += await self._some_tasks(execution, Page(limit=page.limit - len(found)))
        return found

    async def _some_tasks(self, execution: Execution, page: Page) -> list[tuple[Execution, Task]]:
        return [(execution, task) for task in await self._jobs.list_tasks(execution, page)]

    async def get_task(self, request: Request) -> Response:
        """`GET …/tasks/T`."""
        name = execution_name(request)
        execution = await self._jobs.get_execution(name)
        index = task_index(name.execution, request.parameters["task"])
        if index is None or index >= execution.task_count:
            raise missing("TASK", name, request.parameters["task"])
        return json_response(run_v2.task_to_json(execution, await self._jobs.get_task(execution, index)))


def _operation(operation: Operation) -> Response:
    return json_response(run_operation_to_json(operation))


def _job_place(job: Job) -> str:
    return f"{job.name.job}/{job.name.location}"


def _execution_place(execution: Execution) -> str:
    return execution.uid


def _task_place(item: tuple[Execution, Task], request: Request) -> str:
    execution, task = item
    is_of_many = WILDCARD in (request.parameters["job"], request.parameters["execution"])
    return f"{execution.uid}/{task.index}" if is_of_many else str(task.index)
