"""The services of the gRPC port, as one handler that leads through the front door.

gRPC cancels the coroutine of a call whose client has left, and no shield of ours holds against that: a commit would be
cut off from what must follow it. So a call is performed by a task of our own, and its coroutine only waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio
import grpc
import grpc.aio
from anyio.abc import TaskGroup

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.servers.front import error_response
from hakobune.servers.grpc.methods import METHODS, Method
from hakobune.servers.grpc.transcoding import message_of, request_of, status_of
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import Handler

_DETAILS_KEY = "grpc-status-details-bin"
_OK = 200

Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(slots=True)
class _Call:
    """One call on its way. Without a response, when it is over, the runtime is stopping."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    is_over: anyio.Event = field(default_factory=anyio.Event)
    response: Response | None = None


class Services(grpc.GenericRpcHandler):
    """Finds the methods that we have. `handle` answers REST calls and never raises; `group` performs them."""

    def __init__(self, handle: Handler, group: TaskGroup) -> None:
        self._handle = handle
        self._group = group

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method, None if it is none of ours."""
        method = METHODS.get(handler_call_details.method)
        if method is None:
            return None

        async def answer(content: bytes, context: Context) -> bytes:
            return await self._answer(method, content, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    async def _answer(self, method: Method, content: bytes, context: Context) -> bytes:
        try:
            request = request_of(method, content, _texts(context.invocation_metadata()), context.peer())
            response = await self._answered(request)
            if response.status == _OK:
                return message_of(method, response)
        except HakobuneError as error:
            response = error_response(error)
        return await _refuse(response, context)

    async def _answered(self, request: Request) -> Response:
        """The answer to a REST call. When the client leaves, the call is cancelled where it may be. Raises
        Unavailable."""
        call = _Call()
        self._group.start_soon(self._perform, request, call)
        try:
            await call.is_over.wait()
        finally:
            if not call.is_over.is_set():
                call.scope.cancel()
        if call.response is None:
            raise Unavailable("The runtime is stopping: try again when it has started.")
        return call.response

    async def _perform(self, request: Request, call: _Call) -> None:
        try:
            with call.scope:
                call.response = await self._handle(request)
        finally:
            call.is_over.set()


async def _refuse(response: Response, context: Context) -> bytes:
    code, text, details = status_of(response)
    await context.abort(grpc.StatusCode[code.name], text, trailing_metadata=((_DETAILS_KEY, details),))


def _texts(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    return {name: value for name, value in metadata or () if isinstance(value, str)}
