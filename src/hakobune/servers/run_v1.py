"""Cloud Run Admin API v1, the Knative-shaped one that gcloud speaks: jobs, executions, tasks.

The region of a call stands in front of the host (`us-central1-run.googleapis.com`); without one, lists go over all
regions, and new jobs get the default region of this runtime.
"""

from __future__ import annotations

from hakobune.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from hakobune.core.jobs.drafts import Overrides
from hakobune.core.jobs.model import Execution, Job, Task
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES
from hakobune.core.names import JobName, default_service_account, task_index
from hakobune.core.operations import Operation
from hakobune.runtime.app import Runtime
from hakobune.runtime.runs import Caller
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, idempotency_key, page_of
from hakobune.servers.query import only
from hakobune.servers.run_v1_requests import DELETES, LISTS, SCAN, is_dry, namespace_of, region_of, selector_of
from hakobune.servers.run_v2 import RUN_WITH_OVERRIDES, body_of
from hakobune.store.api import Page
from hakobune.wire import run_v1, run_v2

_BASE = "/apis/run.googleapis.com/v1/namespaces/{project}"


class RunV1:
    """Handlers over the jobs room."""

    def __init__(self, runtime: Runtime) -> None:
        self._jobs = runtime.jobs
        self._guard = runtime.guard
        self._default_location = runtime.settings.location

    def routes(self, router: Router) -> None:
        """Register all paths."""
        table: list[tuple[str, str, str, Handler]] = [
            ("GET", "/jobs", LISTS, self.list_jobs),
            ("POST", "/jobs", "dryRun", self.create_job),
            ("GET", "/jobs/{job}", "", self.get_job),
            ("PUT", "/jobs/{job}", "dryRun", self.replace_job),
            ("DELETE", "/jobs/{job}", DELETES, self.delete_job),
            ("POST", "/jobs/{job}:run", "", self.run_job),
            ("GET", "/executions", LISTS, self.list_executions),
            ("GET", "/executions/{execution}", "", self.get_execution),
            ("DELETE", "/executions/{execution}", DELETES, self.delete_execution),
            ("POST", "/executions/{execution}:cancel", "", self.cancel_execution),
            ("GET", "/tasks", LISTS, self.list_tasks),
            ("GET", "/tasks/{task}", "", self.get_task),
        ]
        for method, pattern, query, handler in table:
            router.add(method, _BASE + pattern, only(query, handler))

    # -- finding --------------------------------------------------------------------------------------------------

    async def _job(self, request: Request) -> Job:
        """The job in the path; without a region, the one job of that id in any region."""
        project, location, job = namespace_of(request), region_of(request), request.parameters["job"]
        if location is not None:
            return await self._jobs.get(JobName.make(project, location, job))
        name = JobName.make(project, self._default_location, job)
        found = await self._jobs.named(project, job)
        if not found:
            return await self._jobs.get(name)
        if len(found) > 1:
            regions = ", ".join(item.name.location for item in found)
            raise InvalidArgument(f"Job '{job}' exists in {regions}: name a region.")
        return found[0]

    async def _execution(self, request: Request) -> Execution:
        project, execution = namespace_of(request), request.parameters["execution"]
        location = region_of(request)
        found = await self._jobs.find_execution(project, location, execution)
        if found is None:
            raise _missing("EXECUTION", execution, project, location or self._default_location)
        return found

    # -- jobs -----------------------------------------------------------------------------------------------------

    async def list_jobs(self, request: Request) -> Response:
        """`GET …/jobs`."""
        project, location = namespace_of(request), region_of(request)
        selector = selector_of(request)
        kind = f"v1/jobs/{project}/{location}"
        page = page_of(request, kind, size_field="limit", after_field="continue")
        found: list[Job] = []
        after = page.after
        while len(found) < page.limit:
            batch = await self._jobs.list_jobs(project, location, Page(limit=SCAN, after=after))
            found += [job for job in batch if selector.matches(run_v1.job_labels(job))]
            if len(batch) < SCAN:
                break
            after = f"{batch[-1].name.job}/{batch[-1].name.location}"
        shown, token = cut(found[: page.limit], page, kind, lambda job: f"{job.name.job}/{job.name.location}")
        return json_response(run_v1.list_to_v1("Job", [run_v1.job_to_v1(job) for job in shown], token))

    async def create_job(self, request: Request) -> Response:
        """`POST …/jobs`."""
        project = namespace_of(request)
        job_id, draft = run_v1.job_draft_from_v1(
            await body_of(request), namespace=project, service_account=default_service_account(project)
        )
        name = JobName.make(project, region_of(request) or self._default_location, job_id, field="metadata.name")
        try:
            operation = await self._jobs.create(
                name, draft, Caller(account=request.account), validate_only=is_dry(request)
            )
        except AlreadyExists as error:
            raise AlreadyExists(f"Resource '{job_id}' already exists.") from error
        except InvalidArgument as error:
            raise run_v1.error_in_v1(error) from error
        return json_response(run_v1.job_to_v1(_job_of(operation)))

    async def get_job(self, request: Request) -> Response:
        """`GET …/jobs/J`."""
        return json_response(run_v1.job_to_v1(await self._job(request)))

    async def replace_job(self, request: Request) -> Response:
        """`PUT …/jobs/J`."""
        project = namespace_of(request)
        job_id, draft = run_v1.job_draft_from_v1(
            await body_of(request), namespace=project, service_account=default_service_account(project)
        )
        if job_id != request.parameters["job"]:
            raise InvalidArgument(f"metadata.name {job_id!r} is not the job of the URL.")
        job = await self._job(request)
        try:
            operation = await self._jobs.update(
                job.name, lambda _: draft, Caller(account=request.account), validate_only=is_dry(request)
            )
        except InvalidArgument as error:
            raise run_v1.error_in_v1(error) from error
        return json_response(run_v1.job_to_v1(_job_of(operation)))

    async def delete_job(self, request: Request) -> Response:
        """`DELETE …/jobs/J`."""
        run_v2.empty_request_from_json(await body_of(request))
        job = await self._job(request)
        await self._jobs.delete(job.name, validate_only=is_dry(request))
        return json_response(run_v1.status_success())

    async def run_job(self, request: Request) -> Response:
        """`POST …/jobs/J:run` answers the execution."""
        overrides = run_v1.overrides_from_v1(await body_of(request))
        job = await self._job(request)
        if overrides != Overrides():
            await self._guard.check(request.account, RUN_WITH_OVERRIDES, str(job.name))
        operation = await self._jobs.run(
            job.name, overrides, Caller(account=request.account), key=idempotency_key(request)
        )
        return json_response(run_v1.execution_to_v1(_execution_of(operation)))

    # -- executions -----------------------------------------------------------------------------------------------

    async def list_executions(self, request: Request) -> Response:
        """`GET …/executions`, newest first, by label."""
        project, location = namespace_of(request), region_of(request)
        selector = selector_of(request)
        kind = f"v1/executions/{project}/{location}"
        page = page_of(request, kind, size_field="limit", after_field="continue")
        job = selector.value_of("run.googleapis.com/job")
        found: list[Execution] = []
        after = page.after
        while len(found) < page.limit:
            batch = await self._jobs.list_executions(project, location, job, Page(limit=SCAN, after=after))
            found += [execution for execution in batch if selector.matches(run_v1.execution_labels(execution))]
            if len(batch) < SCAN:
                break
            after = batch[-1].uid
        shown, token = cut(found[: page.limit], page, kind, lambda execution: execution.uid)
        items = [run_v1.execution_to_v1(execution) for execution in shown]
        return json_response(run_v1.list_to_v1("Execution", items, token))

    async def get_execution(self, request: Request) -> Response:
        """`GET …/executions/E`."""
        return json_response(run_v1.execution_to_v1(await self._execution(request)))

    async def delete_execution(self, request: Request) -> Response:
        """`DELETE …/executions/E`."""
        run_v2.empty_request_from_json(await body_of(request))
        execution = await self._execution(request)
        await self._jobs.delete_execution(execution.name, validate_only=is_dry(request))
        return json_response(run_v1.status_success())

    async def cancel_execution(self, request: Request) -> Response:
        """`POST …/executions/E:cancel`."""
        run_v2.empty_request_from_json(await body_of(request))
        execution = await self._execution(request)
        if execution.state in FINAL_EXECUTION_STATES:
            raise FailedPrecondition(
                f"Execution '{execution.name.execution}' cannot be cancelled because it is not running."
            )
        operation = await self._jobs.cancel(execution.name)
        return json_response(run_v1.execution_to_v1(_execution_of(operation)))

    # -- tasks ----------------------------------------------------------------------------------------------------

    async def list_tasks(self, request: Request) -> Response:
        """`GET …/tasks` of the execution that the selector names, by state if it says so."""
        project, location = namespace_of(request), region_of(request)
        selector = selector_of(request)
        name = selector.value_of("run.googleapis.com/execution")
        if name is None:
            raise InvalidArgument("Tasks of which execution? labelSelector=run.googleapis.com/execution = EXECUTION")
        execution = await self._jobs.find_execution(project, location, name)
        if execution is None:
            raise _missing("EXECUTION", name, project, location or self._default_location)
        kind = f"v1/tasks/{execution.uid}"
        page = page_of(request, kind, size_field="limit", after_field="continue")
        found: list[Task] = []
        after = page.after
        while len(found) < page.limit:
            batch = await self._jobs.list_tasks(execution, Page(limit=SCAN, after=after))
            found += [task for task in batch if selector.matches(run_v1.task_labels(execution, task))]
            if len(batch) < SCAN:
                break
            after = str(batch[-1].index)
        shown, token = cut(found[: page.limit], page, kind, lambda task: str(task.index))
        items = [run_v1.task_to_v1(execution, task) for task in shown]
        return json_response(run_v1.list_to_v1("Task", items, token))

    async def get_task(self, request: Request) -> Response:
        """`GET …/tasks/T`."""
        project, location, task_id = namespace_of(request), region_of(request), request.parameters["task"]
        name = task_id.rpartition("-task")[0]
        execution = await self._jobs.find_execution(project, location, name) if name else None
        index = None if execution is None else task_index(name, task_id)
        if execution is None or index is None or index >= execution.task_count:
            raise _missing("TASK", task_id, project, location or self._default_location)
        return json_response(run_v1.task_to_v1(execution, await self._jobs.get_task(execution, index)))


def _missing(kind: str, name: str, project: str, location: str) -> NotFound:
    return NotFound(
        f"Resource '{name[:200]}' of kind '{kind}' in region '{location}' in project '{project}' does not exist."
    )


def _job_of(operation: Operation) -> Job:
    assert isinstance(operation.resource, Job)  # it is an operation on a job
    return operation.resource


def _execution_of(operation: Operation) -> Execution:
    assert isinstance(operation.resource, Execution)  # it is an operation on an execution
    return operation.resource
