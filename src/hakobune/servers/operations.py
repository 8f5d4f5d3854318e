"""Long-running operations of all services: those of one project and location share a collection, under each version."""

from __future__ import annotations

from hakobune.core.errors import InvalidArgument
from hakobune.core.names import OperationName
from hakobune.core.operations import AnyOperation
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, location_of, page_of, project_of, version_of
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.wire.operations import any_operation_to_json
from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2 import empty_request_from_json, wait_timeout_from_json

_WAIT_DEFAULT_S = 60.0
_WAIT_MAX_S = 300.0


class Operations:
    """Handlers over the operations room."""

    def __init__(self, runtime: Runtime) -> None:
        self._operations = runtime.operations

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for version in ("v1", "v1beta", "v2"):
            base = f"/{version}/projects/{{project}}/locations/{{location}}/operations"
            one = base + "/{operation}"
            table: list[tuple[str, str, str, Handler]] = [
                ("GET", base, "filter pageSize pageToken returnPartialSuccess", self.list_all),
                ("GET", one, "", self.get),
                ("DELETE", one, "", self.delete),
                ("POST", one + ":wait", "", self.wait),
            ]
            for method, pattern, query, handler in table:
                router.add(method, pattern, only(query, handler))

    async def get(self, request: Request) -> Response:
        """`GET …/operations/O`."""
        return operation_response(request, await self._operations.get(_name(request)))

    async def list_all(self, request: Request) -> Response:
        """`GET …/operations`, newest first."""
        project, location = project_of(request), location_of(request)
        if location is None:
            raise InvalidArgument("Operations are listed per location.")
        if request.query_fields().get("filter"):
            raise InvalidArgument("Operations cannot be filtered here: leave 'filter' out.")
        kind = f"operations/{project}/{location}"
        page = page_of(request, kind)
        found, token = cut(await self._operations.list_all(project, location, page), page, kind, _place)
        version = version_of(request)
        items = [any_operation_to_json(operation, version) for operation in found]
        return json_response(list_to_json("operations", items, token))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/operations/O`: the runtime forgets it; what it is about goes on."""
        empty_request_from_json(await body_of(request))
        await self._operations.delete(_name(request))
        return json_response({})

    async def wait(self, request: Request) -> Response:
        """`POST …/operations/O:wait`: answers when it is done, or after the timeout."""
        timeout = wait_timeout_from_json(await body_of(request), str(_name(request)))
        timeout_s = _WAIT_DEFAULT_S if timeout is None else min(timeout, _WAIT_MAX_S)
        return operation_response(request, await self._operations.wait(_name(request), timeout_s))


def operation_response(request: Request, operation: AnyOperation) -> Response:
    """An operation, in the words of the version that was asked."""
    return json_response(any_operation_to_json(operation, version_of(request)))


def _name(request: Request) -> OperationName:
    found = request.parameters
    return OperationName.make(found["project"], found["location"], found["operation"])


def _place(operation: AnyOperation) -> str:
    return operation.name.operation
