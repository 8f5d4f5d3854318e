"""The callback endpoints of a run, on a port of this machine, for as long as it lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import anyio

from hakobune.cli.local_run.loop import Loop, WrongMethod
from hakobune.core.errors import HakobuneError, NotFound
from hakobune.core.workflows.effects import CallbackRequest
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.runtime.clock import Clock
from hakobune.runtime.http_responses import canonical
from hakobune.servers.http.messages import HttpError, Request, Response, json_response
from hakobune.servers.http.router import MethodNotAllowed
from hakobune.servers.http.server import HttpServer
from hakobune.wire.errors import error_to_json

HOST = "127.0.0.1"
_GRACE_S = 1.0
_UNSEEN = frozenset({"authorization"})  # as the server: no business of the workflow


class CallbackServer:
    """Answers `…/callbacks/ID`. Who takes the requests is told later: the address must be known before the run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop: Loop | None = None

    def attach(self, loop: Loop) -> None:
        """The run whose callbacks these are."""
        self._loop = loop

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        """Listen on a free port while the block lasts; gives the address. Raises OSError."""
        server = HttpServer(self._handle, _failed)
        async with anyio.create_task_group() as group:
            await group.start(server.run)
            port = await server.listen(HOST, 0)
            try:
                yield f"http://{HOST}:{port}"
            finally:
                with anyio.CancelScope(shield=True):  # the answer to the last callback is on its way
                    await server.stop(_GRACE_S)
                group.cancel_scope.cancel()

    async def _handle(self, request: Request) -> Response:
        target = urlsplit(request.target)
        head, _, callback = target.path.rpartition("/")
        if self._loop is None or not head.endswith("/callbacks"):
            raise NotFound("Only the callbacks of one workflow are served here.")
        received = CallbackRequest(
            method=request.method,
            url=f"{target.path}?{target.query}" if target.query else target.path,
            query=tuple(parse_qsl(target.query, keep_blank_values=True)),
            headers=tuple((canonical(key), value) for key, value in request.headers.items() if key not in _UNSEEN),
            body=await request.content(HTTP_RESPONSE_BYTES),
            received_s=self._clock.now_s(),
        )
        try:
            self._loop.deliver(callback, received)
        except WrongMethod as wrong:
            raise MethodNotAllowed(wrong.message, wrong.allowed) from wrong
        return json_response({})


def _failed(error: HakobuneError) -> Response:
    status, body = error_to_json(error)
    return json_response(body, error.status if isinstance(error, HttpError) else status)
