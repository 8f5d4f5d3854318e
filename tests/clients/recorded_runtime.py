"""`hakobune` as it is, and a line in a file for each call that comes to its front door: `recorded_runtime.py FILE …`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from client_checks import SET_UP

from hakobune.cli.main import main
from hakobune.servers.front import FrontDoor
from hakobune.servers.grpc.missing import MissingServices
from hakobune.servers.grpc.pubsub import PubsubCalls
from hakobune.servers.grpc.services import Services
from hakobune.servers.http.messages import Request, Response

_is_grpc = ContextVar("is_grpc", default=False)


def record(path: str) -> None:
    """Write what comes, before it is answered. gRPC calls are written as such, not as the REST calls that they mean."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(*facts: object) -> None:
        os.write(file, json.dumps(facts).encode() + b"\n")

    handle = FrontDoor.handle

    async def noted(self: FrontDoor, request: Request) -> Response:
        response = await handle(self, request)
        is_ours = not request.peer or request.headers.get("user-agent") == SET_UP or _is_grpc.get()
        if not is_ours:
            note(request.method, request.path, request.query, request.is_xml, response.status)
        return response

    begin = Services.__init__

    def begun(self: Services, handle: Callable[[Request], Any], *more: Any) -> None:
        async def marked(request: Request) -> Response:
            _is_grpc.set(True)
            return await handle(request)

        begin(self, marked, *more)

    FrontDoor.handle = noted
    Services.__init__ = begun
    for kind in (PubsubCalls, Services, MissingServices):
        kind.service = _noting(kind.service, 501 if kind is MissingServices else 200, note)


def _noting(find: Callable[..., Any], status: int, note: Callable[..., None]) -> Callable[..., Any]:
    def found(self: Any, details: Any) -> Any:
        handler = find(self, details)
        if handler is not None:
            note("gRPC", details.method, "", False, status)
        return handler

    return found


if __name__ == "__main__":
    record(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
