"""Cloud Scheduler API v1 (https://cloud.google.com/scheduler/docs/reference/rest)."""

from __future__ import annotations

from collections.abc import Awaitable

from hakobune.core import paging
from hakobune.core.schedules.limits import PAGE_ITEMS
from hakobune.core.schedules.model import Schedule, ScheduleName
from hakobune.core.schedules.states import Switch
from hakobune.runtime.app import Runtime
from hakobune.runtime.schedules import place_of
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.iam_deputies import Deputies, MayUse
from hakobune.servers.parents import location_of, page_of, project_of
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2 import empty_request_from_json
from hakobune.wire.scheduler_v1 import job_patch_from_json, job_to_json, new_job_from_json


def schedule_name(request: Request) -> ScheduleName:
    """The job in the path. Raises InvalidArgument."""
    found = request.parameters
    return ScheduleName.make(found["project"], found["location"], found["job"])


class SchedulerV1:
    """Handlers over the schedules room."""

    def __init__(self, runtime: Runtime) -> None:
        self._schedules = runtime.schedules
        self._deputies = Deputies(runtime.guard, runtime.store)

    def routes(self, router: Router) -> None:
        """Register all paths."""
        jobs = "/v1/projects/{project}/locations/{location}/jobs"
        job = jobs + "/{job}"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", jobs, "", self.create),
            ("GET", jobs, "pageSize pageToken", self.list_all),
            ("GET", job, "", self.get),
            ("PATCH", job, "updateMask", self.patch),
            ("DELETE", job, "", self.delete),
            ("POST", job + ":pause", "", self.pause),
            ("POST", job + ":resume", "", self.resume),
            ("POST", job + ":run", "", self.run),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`POST …/jobs`."""
        found = request.parameters
        wanted = new_job_from_json(await body_of(request), found["project"], found["location"])
        name = wanted.name or self._free_name(request)

        def create(may_use: MayUse) -> Awaitable[Schedule]:
            return self._schedules.create(name, lambda uid, at: _used(wanted.make(uid, at), may_use))

        return self._shown(await self._deputies.settle(request.account, name.project, create))

    def _free_name(self, request: Request) -> ScheduleName:
        found = request.parameters
        return ScheduleName.make(found["project"], found["location"], self._schedules.new_id())

    async def get(self, request: Request) -> Response:
        """`GET …/jobs/J`."""
        schedule, next_s = await self._schedules.get(schedule_name(request))
        return json_response(job_to_json(schedule, next_s))

    async def list_all(self, request: Request) -> Response:
        """`GET …/jobs`, by id. `-` stands for all locations."""
        project, location = project_of(request), location_of(request)
        kind = f"schedules/{project}/{location}"
        page = page_of(request, kind, default=PAGE_ITEMS, most=PAGE_ITEMS)
        found, has_more = await self._schedules.list_schedules(project, location, page)
        token = paging.encode(kind, place_of(found[-1][0])) if has_more else ""
        return json_response(list_to_json("jobs", [job_to_json(schedule, next_s) for schedule, next_s in found], token))

    async def patch(self, request: Request) -> Response:
        """`PATCH …/jobs/J`: the fields that `updateMask` names, without it all that are given."""
        name = schedule_name(request)
        change = job_patch_from_json(await body_of(request), name, request.query_fields().get("updateMask"))

        def patch(may_use: MayUse) -> Awaitable[Schedule]:
            return self._schedules.patch(name, lambda schedule: _used(change(schedule), may_use))

        return self._shown(await self._deputies.settle(request.account, name.project, patch))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/jobs/J`."""
        empty_request_from_json(await body_of(request))
        await self._schedules.delete(schedule_name(request))
        return json_response({})

    async def pause(self, request: Request) -> Response:
        """`POST …/jobs/J:pause`."""
        return await self._switch(request, Switch.PAUSE)

    async def resume(self, request: Request) -> Response:
        """`POST …/jobs/J:resume`."""
        return await self._switch(request, Switch.RESUME)

    async def _switch(self, request: Request, switch: Switch) -> Response:
        empty_request_from_json(await body_of(request))
        return self._shown(await self._schedules.switch(schedule_name(request), switch))

    async def run(self, request: Request) -> Response:
        """`POST …/jobs/J:run`: at once, whatever its state."""
        empty_request_from_json(await body_of(request))
        return self._shown(await self._schedules.run(schedule_name(request)))

    def _shown(self, schedule: Schedule) -> Response:
        return json_response(job_to_json(schedule, schedule.next_s))


def _used(schedule: Schedule, may_use: MayUse) -> Schedule:
    """The schedule, if its requests may carry the tokens that it names."""
    token = None if schedule.http is None else schedule.http.oauth or schedule.http.oidc
    may_use("" if token is None else token.service_account_email)
    return schedule
