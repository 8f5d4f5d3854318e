"""Locations, which all APIs have in common: every well-formed one can be used, a few are listed."""

from __future__ import annotations

from hakobune.core.errors import InvalidArgument
from hakobune.core.names import check_location
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.parents import cut, page_of, project_of
from hakobune.servers.query import only
from hakobune.wire.pages import list_to_json

# Those of the examples in Google's documentation; a list that has none of them leads clients to believe they are wrong.
_ALWAYS = frozenset({"asia-northeast1", "us-central1"})


class Locations:
    """Handlers of `projects.locations`."""

    def __init__(self, runtime: Runtime) -> None:
        self._workflows = runtime.workflows
        self._default = runtime.settings.location

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for version in ("v1", "v1beta", "v2"):
            base = f"/{version}/projects/{{project}}/locations"
            router.add("GET", base, only("filter pageSize pageToken extraLocationTypes", self.list_all))
            router.add("GET", base + "/{location}", only("", self.get))

    async def list_all(self, request: Request) -> Response:
        """`GET …/locations`: the default one, those in use, and a few well-known ones."""
        project = project_of(request)
        if request.query_fields().get("filter"):
            raise InvalidArgument("Locations cannot be filtered here: leave 'filter' out.")
        kind = f"locations/{project}"
        page = page_of(request, kind)
        in_use = await self._workflows.questions.locations(project)
        wanted = sorted(name for name in _ALWAYS.union(in_use, (self._default,)) if name > page.after)
        found, token = cut(wanted[: page.limit], page, kind, str)
        return json_response(list_to_json("locations", [_location(project, name) for name in found], token))

    async def get(self, request: Request) -> Response:
        """`GET …/locations/L`."""
        return json_response(_location(project_of(request), check_location(request.parameters["location"])))


def _location(project: str, location: str) -> dict[str, object]:
    return {"name": f"projects/{project}/locations/{location}", "locationId": location}
