"""Cloud Run Admin API v1, the Knative-shaped one that gcloud speaks: services and worker pools.

The region of a call stands in front of the host or in the path; without one, lists go over all regions, and new
services get the default region of this runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hakobune.core.errors import AlreadyExists, InvalidArgument
from hakobune.core.jobs.limits import REGIONS_MAX
from hakobune.core.names import default_service_account
from hakobune.core.operations import ResidentOperation
from hakobune.core.services.model import Resident, ResidentDraft
from hakobune.core.services.names import Kind, ResidentName
from hakobune.runtime.app import Runtime
from hakobune.runtime.runs import Caller
from hakobune.runtime.services import ServicesRoom
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.iam_deputies import Deputies
from hakobune.servers.parents import cut, page_of
from hakobune.servers.query import only
from hakobune.servers.run_v1_requests import DELETES, LISTS, SCAN, is_dry, namespace_of, region_of, selector_of
from hakobune.servers.run_v2 import body_of
from hakobune.servers.run_v2_residents import resident_place
from hakobune.store.api import Page
from hakobune.wire import run_v1, run_v2
from hakobune.wire.run_v1_residents import (
    OBJECTS,
    VERSIONS,
    resident_draft_from_v1,
    resident_labels,
    resident_to_v1,
    resident_v1_path,
)
from hakobune.wire.run_v1_revisions import configuration_to_v1, route_to_v1
from hakobune.wire.run_v2_residents import draft_after
from hakobune.wire.schema import Json

KNATIVE = "/apis/serving.knative.dev/v1/namespaces/{project}"
REGIONAL = "/v1/projects/{project}/locations/{location}"
_PATHS = (
    (Kind.SERVICE, f"{KNATIVE}/services"),
    (Kind.SERVICE, f"{REGIONAL}/services"),
    (Kind.POOL, "/apis/run.googleapis.com/v1/namespaces/{project}/workerpools"),
)
_PARTS: tuple[tuple[str, str, Callable[[Resident], Json]], ...] = (
    ("configurations", "Configuration", configuration_to_v1),
    ("routes", "Route", route_to_v1),
)


class RunV1Residents:
    """Handlers over the room of services and worker pools."""

    def __init__(self, runtime: Runtime) -> None:
        self._room = runtime.services
        self._deputies = Deputies(runtime.guard, runtime.store)
        self._default_location = runtime.settings.location

    def routes(self, router: Router) -> None:
        """Register all paths."""
        table: list[tuple[str, str, str, Handler]] = []
        for kind, path in _PATHS:
            one = path + "/{resident}"
            table += [
                ("GET", path, LISTS, partial(self.list_residents, kind)),
                ("POST", path, "dryRun", partial(self.create, kind)),
                ("GET", one, "", partial(self.get, kind)),
                ("PUT", one, "dryRun", partial(self.replace, kind)),
                ("DELETE", one, DELETES, partial(self.delete, kind)),
            ]
        for base in (KNATIVE, REGIONAL):
            for plural, noun, shown in _PARTS:
                table += [
                    ("GET", f"{base}/{plural}", LISTS, partial(self.list_parts, noun, shown)),
                    ("GET", f"{base}/{plural}/{{resident}}", "", partial(self.get_part, shown)),
                ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def _resident(self, kind: Kind, request: Request) -> Resident:
        """The resident in the path; without a region, the one of that id in any region."""
        project, location, resident = namespace_of(request), region_of(request), request.parameters["resident"]
        name = ResidentName.make(kind, project, location or self._default_location, resident)
        if location is not None:
            return await self._room.get(name)
        found = await residents_named(self._room, kind, project, None, resident)
        if not found:
            return await self._room.get(name)
        if len(found) > 1:
            regions = ", ".join(item.name.location for item in found)
            raise InvalidArgument(f"{OBJECTS[kind]} '{resident}' exists in {regions}: name a region.")
        return found[0]

    async def list_residents(self, kind: Kind, request: Request) -> Response:
        """`GET …/services`, `GET …/workerpools`."""
        return await self._list(kind, OBJECTS[kind], resident_to_v1, request)

    async def list_parts(self, noun: str, shown: Callable[[Resident], Json], request: Request) -> Response:
        """`GET …/configurations`, `GET …/routes`."""
        return await self._list(Kind.SERVICE, noun, shown, request)

    async def _list(self, kind: Kind, noun: str, shown: Callable[[Resident], Json], request: Request) -> Response:
        project, location = namespace_of(request), region_of(request)
        selector = selector_of(request)
        token_kind = f"v1/{noun}/{project}/{location}"
        page = page_of(request, token_kind, size_field="limit", after_field="continue")
        found: list[Resident] = []
        after = page.after
        while len(found) < page.limit:
            batch = await self._room.list_residents(kind, project, location, Page(limit=SCAN, after=after))
            found += [item for item in batch if selector.matches(resident_labels(item))]
            if len(batch) < SCAN:
                break
            after = resident_place(batch[-1])
        items, token = cut(found[: page.limit], page, token_kind, resident_place)
        return json_response(
            run_v1.list_to_v1(noun, [shown(item) for item in items], token, api_version=VERSIONS[kind])
        )

    async def get(self, kind: Kind, request: Request) -> Response:
        """`GET …/services/S`."""
        return json_response(resident_to_v1(await self._resident(kind, request)))

    async def get_part(self, shown: Callable[[Resident], Json], request: Request) -> Response:
        """`GET …/configurations/S`, `GET …/routes/S`."""
        return json_response(shown(await self._resident(Kind.SERVICE, request)))

    async def create(self, kind: Kind, request: Request) -> Response:
        """`POST …/services`."""
        resident, draft = await _declared(kind, request)
        location = region_of(request) or self._default_location
        name = ResidentName.make(kind, namespace_of(request), location, resident, field="metadata.name")
        await self._deputies.check(request.account, draft.template.service_account, name.project)
        caller = Caller(account=request.account)
        try:
            operation = await self._room.create(name, draft, caller, validate_only=is_dry(request))
        except AlreadyExists as error:
            raise AlreadyExists(f"Resource '{resident}' already exists.") from error
        except InvalidArgument as error:
            raise run_v1.error_in_v1(error, resident_v1_path) from error
        return json_response(resident_to_v1(_resident_of(operation)))

    async def replace(self, kind: Kind, request: Request) -> Response:
        """`PUT …/services/S`."""
        resident, draft = await _declared(kind, request)
        if resident != request.parameters["resident"]:
            raise InvalidArgument(f"metadata.name {resident!r} is not what the URL names.")
        held = await self._resident(kind, request)
        await self._deputies.check(request.account, draft.template.service_account, held.name.project)
        caller = Caller(account=request.account)
        try:
            operation = await self._room.update(
                held.name, lambda now: draft_after(now, draft), caller, validate_only=is_dry(request)
            )
        except InvalidArgument as error:
            raise run_v1.error_in_v1(error, resident_v1_path) from error
        return json_response(resident_to_v1(_resident_of(operation)))

    async def delete(self, kind: Kind, request: Request) -> Response:
        """`DELETE …/services/S`."""
        run_v2.empty_request_from_json(await body_of(request))
        held = await self._resident(kind, request)
        await self._room.delete(held.name, validate_only=is_dry(request))
        return json_response(run_v1.status_success())


async def residents_named(
    room: ServicesRoom, kind: Kind, project: str, location: str | None, resident: str
) -> list[Resident]:
    """The residents of an id, in all regions or in one."""
    batch = await room.list_residents(kind, project, None, Page(limit=REGIONS_MAX, after=f"{resident}/"))
    return [item for item in batch if item.name.id == resident and location in (None, item.name.location)]


async def _declared(kind: Kind, request: Request) -> tuple[str, ResidentDraft]:
    project = namespace_of(request)
    return resident_draft_from_v1(
        kind, await body_of(request), namespace=project, service_account=default_service_account(project)
    )


def _resident_of(operation: ResidentOperation) -> Resident:
    assert isinstance(operation.resource, Resident)  # it is an operation on a service or a worker pool
    return operation.resource
