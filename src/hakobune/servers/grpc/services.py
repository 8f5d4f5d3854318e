"""The services of the gRPC port, as one handler that leads through the front door."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
import grpc.aio

from hakobune.core.errors import HakobuneError
from hakobune.servers.front import FrontDoor, error_response
from hakobune.servers.grpc.methods import METHODS, Method
from hakobune.servers.grpc.transcoding import message_of, request_of, status_of
from hakobune.servers.http.messages import Response

_DETAILS_KEY = "grpc-status-details-bin"
_OK = 200

Context = grpc.aio.ServicerContext[bytes, bytes]


class Services(grpc.GenericRpcHandler):
    """Finds the methods that we have."""

    def __init__(self, front: FrontDoor) -> None:
        self._front = front

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
            response = await self._front.handle(request)
            if response.status == _OK:
                return message_of(method, response)
        except HakobuneError as error:
            response = error_response(error)
        return await _refuse(response, context)


async def _refuse(response: Response, context: Context) -> bytes:
    code, text, details = status_of(response)
    await context.abort(grpc.StatusCode[code.name], text, trailing_metadata=((_DETAILS_KEY, details),))


def _texts(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    return {name: value for name, value in metadata or () if isinstance(value, str)}
