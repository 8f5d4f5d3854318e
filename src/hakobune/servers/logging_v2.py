"""Cloud Logging API v2, the part that readers of task output use: entries:list, and entries:write."""

from __future__ import annotations

from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.run_v2 import body_of
from hakobune.wire import logging_v2


class LoggingV2:
    """Handlers over the logs room."""

    def __init__(self, runtime: Runtime) -> None:
        self._logs = runtime.logs

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("POST", "/v2/entries:list", self.list_entries)
        router.add("POST", "/v2/entries:write", self.write_entries)

    async def list_entries(self, request: Request) -> Response:
        """`POST /v2/entries:list`."""
        wanted = logging_v2.list_request_from_json(await body_of(request))
        entries, token = await self._logs.list_entries(wanted)
        return json_response(logging_v2.list_answer(entries, token))

    async def write_entries(self, request: Request) -> Response:
        """`POST /v2/entries:write`: stored when it is answered."""
        await self._logs.write_entries(logging_v2.write_request_from_json(await body_of(request)))
        return json_response({})
