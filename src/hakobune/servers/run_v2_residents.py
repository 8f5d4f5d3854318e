"""Cloud Run Admin API v2: services, worker pools, and their revisions
(https://cloud.google.com/run/docs/reference/rest)."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.names import WILDCARD, default_service_account
from hakobune.core.operations import ResidentOperation
from hakobune.core.services.model import Resident, ResidentDraft, Revision
from hakobune.core.services.names import Kind, ResidentName, RevisionName
from hakobune.runtime.app import Runtime
from hakobune.runtime.runs import Caller
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.iam_deputies import Deputies, MayUse
from hakobune.servers.parents import cut, location_of, page_of, project_of
from hakobune.servers.query import flag, only
from hakobune.servers.run_v2 import body_of
from hakobune.wire.operations import resident_operation_to_json
from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2 import empty_request_from_json
from hakobune.wire.run_v2_residents import (
    draft_after,
    resident_draft_from_json,
    resident_to_json,
    resident_with_changes,
)
from hakobune.wire.run_v2_revisions import revision_to_json

_BASE = "/v2/projects/{project}/locations/{location}"


@dataclass(frozen=True, slots=True)
class _Collection:
    """What the paths and the fields of a kind are called."""

    kind: Kind
    id_field: str  # in the query of a create
    id_violation: str

    @property
    def path(self) -> str:
        return f"{_BASE}/{self.kind}"

    def name(self, request: Request, resident: str | None = None) -> ResidentName:
        """The resident in the path, or of the given id. Raises InvalidArgument."""
        found = request.parameters
        return ResidentName.make(
            self.kind, found["project"], found["location"], found["resident"] if resident is None else resident
        )

    def revision(self, request: Request) -> RevisionName:
        """The revision in the path. Raises InvalidArgument."""
        return RevisionName.make(self.name(request), request.parameters["revision"])


_COLLECTIONS = (
    _Collection(Kind.SERVICE, "serviceId", "service_id"),
    _Collection(Kind.POOL, "workerPoolId", "worker_pool_id"),
)


class RunV2Residents:
    """Handlers over the room of services and worker pools."""

    def __init__(self, runtime: Runtime) -> None:
        self._room = runtime.services
        self._deputies = Deputies(runtime.guard, runtime.store)

    def routes(self, router: Router) -> None:
        """Register all paths."""
        pages = "pageSize pageToken showDeleted"
        changes = "allowMissing validateOnly updateMask forceNewRevision"
        for of in _COLLECTIONS:
            one = of.path + "/{resident}"
            table: list[tuple[str, str, str, Handler]] = [
                ("POST", of.path, f"{of.id_field} validateOnly", partial(self.create, of)),
                ("GET", of.path, pages, partial(self.list_residents, of)),
                ("GET", one, "", partial(self.get, of)),
                ("PATCH", one, changes, partial(self.update, of)),
                ("DELETE", one, "etag validateOnly", partial(self.delete, of)),
                ("GET", one + "/revisions", pages, partial(self.list_revisions, of)),
                ("GET", one + "/revisions/{revision}", "", partial(self.get_revision, of)),
                ("DELETE", one + "/revisions/{revision}", "etag validateOnly", partial(self.delete_revision, of)),
            ]
            for method, pattern, query, handler in table:
                router.add(method, pattern, only(query, handler))

    # -- services and worker pools ----------------------------------------------------------------------------------

    async def create(self, of: _Collection, request: Request) -> Response:
        """`POST …/services?serviceId=`, `POST …/workerPools?workerPoolId=`."""
        resident = request.query_fields().get(of.id_field, "")
        if not resident:
            raise InvalidArgument(
                f"Missing required query parameter '{of.id_field}'.",
                violations=[FieldViolation(field=of.id_violation, description="required")],
            )
        name = of.name(request, resident)
        draft = _draft(name, await body_of(request))
        await self._deputies.check(request.account, draft.template.service_account, name.project)
        caller = Caller(account=request.account)
        return _operation(await self._room.create(name, draft, caller, validate_only=flag(request, "validateOnly")))

    async def get(self, of: _Collection, request: Request) -> Response:
        """`GET …/services/S`."""
        return json_response(resident_to_json(await self._room.get(of.name(request))))

    async def list_residents(self, of: _Collection, request: Request) -> Response:
        """`GET …/services`, by id. `-` stands for all locations."""
        project, location = project_of(request), location_of(request)
        kind = f"{of.kind}/{project}/{location}"
        page = page_of(request, kind)
        found, token = cut(
            await self._room.list_residents(of.kind, project, location, page), page, kind, resident_place
        )
        return json_response(list_to_json(of.kind.value, [resident_to_json(item) for item in found], token))

    async def update(self, of: _Collection, request: Request) -> Response:
        """`PATCH …/services/S`: a full replacement, or with `updateMask` of the named fields alone; the etag is checked
        when it is given."""
        name = of.name(request)
        body = await body_of(request)
        mask = request.query_fields().get("updateMask", "")

        def declare(may_use: MayUse, resident: Resident | None) -> ResidentDraft:
            tree = resident_with_changes(name, resident, body, mask) if mask else body
            draft = draft_after(resident, _draft(name, tree))
            may_use(draft.template.service_account)
            return draft

        def update(may_use: MayUse) -> Awaitable[ResidentOperation]:
            return self._room.update(
                name,
                partial(declare, may_use),
                Caller(account=request.account),
                allow_missing=flag(request, "allowMissing"),
                validate_only=flag(request, "validateOnly"),
                force_new_revision=flag(request, "forceNewRevision"),
            )

        return _operation(await self._deputies.settle(request.account, name.project, update))

    async def delete(self, of: _Collection, request: Request) -> Response:
        """`DELETE …/services/S`."""
        empty_request_from_json(await body_of(request))
        etag, validate_only = request.query_fields().get("etag", ""), flag(request, "validateOnly")
        return _operation(await self._room.delete(of.name(request), etag=etag, validate_only=validate_only))

    # -- revisions --------------------------------------------------------------------------------------------------

    async def list_revisions(self, of: _Collection, request: Request) -> Response:
        """`GET …/services/S/revisions`, newest first. `-` stands for all services of the location."""
        found = request.parameters
        if found["resident"] == WILDCARD:
            location = location_of(request) or WILDCARD
            name = ResidentName(kind=of.kind, project=project_of(request), location=location, id=WILDCARD)
        else:
            name = of.name(request)
        kind = f"revisions/{name}"
        page = page_of(request, kind)
        shown, token = cut(await self._room.revisions(name, page), page, kind, _revision_place)
        if not shown and name.id != WILDCARD:
            await self._room.get(name)
        return json_response(list_to_json("revisions", [revision_to_json(item) for item in shown], token))

    async def get_revision(self, of: _Collection, request: Request) -> Response:
        """`GET …/revisions/R`."""
        return json_response(revision_to_json(await self._room.revision(of.revision(request))))

    async def delete_revision(self, of: _Collection, request: Request) -> Response:
        """`DELETE …/revisions/R`: none that serves."""
        empty_request_from_json(await body_of(request))
        etag, validate_only = request.query_fields().get("etag", ""), flag(request, "validateOnly")
        name = of.revision(request)
        return _operation(await self._room.delete_revision(name, etag=etag, validate_only=validate_only))


def _draft(name: ResidentName, body: object) -> ResidentDraft:
    return resident_draft_from_json(name, body, service_account=default_service_account(name.project))


def _operation(operation: ResidentOperation) -> Response:
    return json_response(resident_operation_to_json(operation))


def resident_place(resident: Resident) -> str:
    """Where a resident stands in a list."""
    return f"{resident.name.id}/{resident.name.location}"


def _revision_place(revision: Revision) -> str:
    return revision.uid
