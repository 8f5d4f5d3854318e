"""Cloud Run Admin API v1: revisions. Those of services and of worker pools share one collection: labels tell them
apart."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hakobune.core.errors import NotFound
from hakobune.core.services.model import Resident, Revision
from hakobune.core.services.names import Kind, RevisionName
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, page_of
from hakobune.servers.query import only
from hakobune.servers.run_v1_requests import DELETES, LISTS, SCAN, is_dry, namespace_of, region_of, selector_of
from hakobune.servers.run_v1_residents import KNATIVE, REGIONAL, residents_named
from hakobune.servers.run_v2 import body_of
from hakobune.servers.run_v2_residents import resident_place
from hakobune.store.api import Page
from hakobune.wire import run_v1, run_v2
from hakobune.wire.run_v1_objects import SERVING_VERSION
from hakobune.wire.run_v1_revisions import POOL_LABEL, SERVICE_LABEL, revision_labels, revision_to_v1
from hakobune.wire.run_v1_selectors import Selector

_KINDS = (Kind.SERVICE, Kind.POOL)
_OWNER_LABELS = {Kind.SERVICE: SERVICE_LABEL, Kind.POOL: POOL_LABEL}


class RunV1Revisions:
    """Handlers over the room of services and worker pools."""

    def __init__(self, runtime: Runtime) -> None:
        self._room = runtime.services
        self._default_location = runtime.settings.location

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for base in (KNATIVE, REGIONAL):
            one = base + "/revisions/{revision}"
            table: list[tuple[str, str, str, Handler]] = [
                ("GET", f"{base}/revisions", LISTS, self.list_revisions),
                ("GET", one, "", self.get),
                ("DELETE", one, DELETES, self.delete),
            ]
            for method, pattern, query, handler in table:
                router.add(method, pattern, only(query, handler))

    async def list_revisions(self, request: Request) -> Response:
        """`GET …/revisions`: of services, then of worker pools, by their ids, newest first."""
        project, location = namespace_of(request), region_of(request)
        selector = selector_of(request)
        kind = f"v1/revisions/{project}/{location}"
        page = page_of(request, kind, size_field="limit", after_field="continue")
        found: list[Revision] = []
        async for revision in self._after(project, location, selector, page.after):
            if selector.matches(revision_labels(revision)):
                found.append(revision)
            if len(found) == page.limit:
                break
        shown, token = cut(found, page, kind, _place)
        items = [revision_to_v1(revision) for revision in shown]
        return json_response(run_v1.list_to_v1("Revision", items, token, api_version=SERVING_VERSION))

    async def _after(
        self, project: str, location: str | None, selector: Selector, place: str
    ) -> AsyncIterator[Revision]:
        """All revisions behind a place that may match the selector."""
        kind_of_last, _, rest = place.partition("|")
        resident_of_last, _, uid_of_last = rest.partition("|")
        for kind in _KINDS:
            if kind_of_last and _KINDS.index(kind) < _KINDS.index(Kind(kind_of_last)):
                continue
            owner = selector.value_of(_OWNER_LABELS[kind])
            if owner is None and any(label in selector.allowed for label in _OWNER_LABELS.values()):
                continue
            async for resident in self._residents(kind, project, location, owner):
                is_last = (kind.value, resident_place(resident)) == (kind_of_last, resident_of_last)
                if kind.value == kind_of_last and _order(resident_place(resident)) < _order(resident_of_last):
                    continue
                async for revision in self._revisions(resident, uid_of_last if is_last else ""):
                    yield revision

    async def _residents(
        self, kind: Kind, project: str, location: str | None, owner: str | None
    ) -> AsyncIterator[Resident]:
        if owner is not None:
            for resident in await residents_named(self._room, kind, project, location, owner):
                yield resident
            return
        after = ""
        while True:
            batch = await self._room.list_residents(kind, project, location, Page(limit=SCAN, after=after))
            for resident in batch:
                yield resident
            if len(batch) < SCAN:
                return
            after = resident_place(batch[-1])

    async def _revisions(self, resident: Resident, after: str) -> AsyncIterator[Revision]:
        while True:
            batch = await self._room.revisions(resident.name, Page(limit=SCAN, after=after))
            for revision in batch:
                yield revision
            if len(batch) < SCAN:
                return
            after = batch[-1].uid

    async def get(self, request: Request) -> Response:
        """`GET …/revisions/R`."""
        return json_response(revision_to_v1(await self._revision(request)))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/revisions/R`: none that serves."""
        run_v2.empty_request_from_json(await body_of(request))
        revision = await self._revision(request)
        await self._room.delete_revision(revision.name, validate_only=is_dry(request))
        return json_response(run_v1.status_success())

    async def _revision(self, request: Request) -> Revision:
        """The revision in the path. Its name begins with that of the service or the worker pool that it is of."""
        project, location, revision = namespace_of(request), region_of(request), request.parameters["revision"]
        parts = revision.split("-")
        for length in range(len(parts) - 1, 0, -1):
            for kind in _KINDS:
                for owner in await residents_named(self._room, kind, project, location, "-".join(parts[:length])):
                    try:
                        return await self._room.revision(RevisionName.make(owner.name, revision))
                    except NotFound:
                        continue
        region = location or self._default_location
        raise NotFound(
            f"Resource '{revision[:200]}' of kind 'REVISION' in region '{region}' in project '{project}' "
            "does not exist."
        )


def _order(place: str) -> list[str]:
    """Residents are listed by id, then by location."""
    return place.split("/")


def _place(revision: Revision) -> str:
    resident = revision.name.resident
    return f"{resident.kind.value}|{resident.id}/{resident.location}|{revision.uid}"
